// SPDX-License-Identifier: GPL-2.0
/*
 * device: what a guest is to open in place of a volume; hotplug scripts ask.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "commands.h"
#include "gate_above.h"
#include "journal.h"
#include "manifest.h"

static const struct dmm_option device_options[] = {
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

/* Is @dev a disk of this migration to here, which no gate stands before? */
static bool is_disk_of(const struct dmm_manifest *m, dev_t dev)
{
	struct stat st;
	u32 i;

	for (i = 0; i < m->nr_disks; i++) {
		if (m->disks[i].known && !stat(m->disks[i].path, &st) && S_ISBLK(st.st_mode) && st.st_rdev == dev)
			return true;
	}
	return false;
}

/* 0, or an exit code, reported: the volume belongs to a migration that only its gate may tell of. */
static int check_manifests(struct dmm_tool *t, const char *path, dev_t dev)
{
	dmm_autofree u8 (*ids)[DMM_ID_BYTES] = NULL;
	static const char dir[] = DMM_JOURNAL_DIR "/destination";
	char why[DMM_MANIFEST_WHY], hex[DMM_ID_HEX];
	struct dmm_manifest *m;
	unsigned int i, nr = 0;
	bool found;
	int ret;

	ret = dmm_manifest_list(dir, &ids, &nr);
	if (ret && ret != -ENOENT)
		return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_UNKNOWN, DMM_USE_UNKNOWN, "cannot read %s: %s", dir, strerror(-ret));
	for (i = 0; i < nr; i++) {
		dmm_id_format(ids[i], hex);
		ret = dmm_manifest_load(dir, ids[i], &m, why);
		if (ret == -ENOENT)
			continue;
		if (ret) {
			dmm_next(t, "dmmigrate recover %s", hex);
			return dmm_fail(t, DMM_EXIT_AMBIGUOUS, DMM_OWNER_UNKNOWN, DMM_USE_UNKNOWN, "%s", why);
		}
		found = is_disk_of(m, dev);
		free(m);
		if (!found)
			continue;
		dmm_next(t, "systemctl restart dmmigrate-boot dmmigrated, then dmmigrate recover %s", hex);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_UNKNOWN, DMM_USE_UNKNOWN,
				"%.200s belongs to migration %s, and its gate is not there", path, hex);
	}
	return 0;
}

static int cmd_device(struct dmm_tool *t)
{
	const char *path = t->args.operands[0];
	char node[DMM_GATE_NODE];
	struct stat st;
	int ret;

	snprintf(t->source, sizeof(t->source), "%s", path);
	if (stat(path, &st))
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_UNKNOWN, DMM_USE_UNKNOWN, "%.200s: %s", path, strerror(errno));
	if (S_ISBLK(st.st_mode)) {
		if (dmm_gate_above(st.st_rdev, node)) {
			path = node;
		} else {
			ret = check_manifests(t, path, st.st_rdev);
			if (ret)
				return ret;
		}
	}
	dmm_say(t, "%s", path);
	dmm_result_text(t, "device", path);
	return DMM_EXIT_OK;
}

const struct dmm_verb dmm_verb_device = {
	.name = "device",
	.operands = "PATH",
	.brief = "print what a guest is to open in place of a volume\n\n"
		 "The gate above it, for as long as it is of a migration to this host; else PATH itself.  A volume whose\n"
		 "gate should be there and is not is refused.",
	.options = device_options,
	.min_operands = 1,
	.max_operands = 1,
	.needs_root = true,
	.run = cmd_device,
};
