// SPDX-License-Identifier: GPL-2.0
/*
 * version: of the tool, the module, and what they speak.
 */
#include <errno.h>
#include <stdio.h>

#include "commands.h"
#include "dm.h"
#include "fullio.h"
#include "nl.h"
#include <dmmigrate/uapi.h>
#include <dmmigrate/wire.h>

static const struct dmm_option version_options[] = {
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

/* As root device-mapper and netlink are asked too; without, what sysfs says must do. */
static int cmd_version(struct dmm_tool *t)
{
	char module[64], target[48] = "";
	unsigned int v[3];
	bool loaded = dmm_read_text("/sys/module/dm_migrate/version", module, sizeof(module)) > 0;

	if (dmm_dm_has_target(DMM_TARGET_NAME, v) == 1)
		snprintf(target, sizeof(target), "%u.%u.%u", v[0], v[1], v[2]);
	dmm_say(t, "dmmigrate %s", DMM_TOOL_VERSION);
	dmm_say(t, "wire protocol %u", DMM_WIRE_VERSION);
	if (loaded)
		dmm_say(t, "module dm-migrate %s", module);
	else
		dmm_say(t, "module dm-migrate%s", *target ? "" : " not loaded");
	if (*target)
		dmm_say(t, "target migrate %s", target);
	dmm_result_text(t, "tool", DMM_TOOL_VERSION);
	dmm_result_u64(t, "wire", DMM_WIRE_VERSION);
	dmm_result_u64(t, "netlink_spoken", DMM_GENL_VERSION);
	dmm_result_text(t, "module", loaded ? module : NULL);
	dmm_result_text(t, "target", *target ? target : NULL);
	if (!dmm_tool_nl(t)) {
		dmm_say(t, "netlink family %s %u", DMM_GENL_NAME, dmm_nl_version(t->nl));
		dmm_result_u64(t, "netlink", dmm_nl_version(t->nl));
	} else {
		dmm_result_add(t, "netlink", NULL);
	}
	return DMM_EXIT_OK;
}

const struct dmm_verb dmm_verb_version = {
	.name = "version",
	.operands = "",
	.brief = "versions of the tool, the module and the protocols",
	.options = version_options,
	.run = cmd_version,
};
