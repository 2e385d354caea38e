// SPDX-License-Identifier: GPL-2.0
/*
 * By sysfs: anybody may ask.
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/sysmacros.h>

#include "dmtable.h"
#include "fullio.h"
#include "gate_above.h"
#include <dmmigrate/wire.h>

/* Is the device at @sysfs a gate? Its node. */
static bool is_gate(const char *sysfs, char node[DMM_GATE_NODE])
{
	char path[600], uuid[160], name[DMM_DM_NAME_BYTES];
	u8 id[DMM_ID_BYTES];

	snprintf(path, sizeof(path), "%.500s/dm/uuid", sysfs);
	if (dmm_read_text(path, uuid, sizeof(uuid)) <= 0 || dmm_gate_uuid_parse(uuid, id))
		return false;
	snprintf(path, sizeof(path), "%.500s/dm/name", sysfs);
	if (dmm_read_text(path, name, sizeof(name)) <= 0)
		return false;
	snprintf(node, DMM_GATE_NODE, "/dev/mapper/%s", name);
	return true;
}

bool dmm_gate_above(dev_t dev, char node[DMM_GATE_NODE])
{
	char dir[320], path[600];
	struct dirent *e;
	bool found;
	DIR *d;

	snprintf(dir, sizeof(dir), "/sys/dev/block/%u:%u", major(dev), minor(dev));
	if (is_gate(dir, node))
		return true;
	snprintf(dir, sizeof(dir), "/sys/dev/block/%u:%u/holders", major(dev), minor(dev));
	d = opendir(dir);
	for (found = false; d && !found && (e = readdir(d)); ) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%.300s/%.255s", dir, e->d_name);
		found = is_gate(path, node);
	}
	if (d)
		closedir(d);
	return found;
}
