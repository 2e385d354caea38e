// SPDX-License-Identifier: GPL-2.0
/*
 * Which device is above a disk, for the message.
 */
#include <stdio.h>
#include <string.h>

#include "dmtable.h"
#include "fullio.h"
#include "inuse_priv.h"
#include "parse.h"

int dmm_inuse_by_holder(const struct dmm_inuse_target *t, const char *holder, const char *part)
{
	char path[640], name[160], uuid[160], hex[DMM_ID_HEX], buf[96];
	u8 id[DMM_ID_BYTES];

	snprintf(path, sizeof(path), "%s/dm/name", holder);
	if (dmm_read_text(path, name, sizeof(name)) <= 0)
		snprintf(name, sizeof(name), "%.100s", strrchr(holder, '/') + 1);
	snprintf(path, sizeof(path), "%s/dm/uuid", holder);
	if (dmm_read_text(path, uuid, sizeof(uuid)) > 0 && !dmm_gate_uuid_parse(uuid, id)) {
		dmm_id_format(id, hex);
		return dmm_refuse(t->r, DMM_WERR_BUSY,
				  "%s is the destination of migration %s, by the gate %s: once that is over, "
				  "dmmigrate release %s on this host%s", dmm_short_path(t->path, buf), hex, name, hex,
				  dmm_inuse_or_else(t));
	}
	return dmm_refuse(t->r, DMM_WERR_BUSY, "%s is in use by device %s%s: remove that%s",
			  dmm_short_path(t->path, buf), name, part, dmm_inuse_or_else(t));
}
