// SPDX-License-Identifier: GPL-2.0
/*
 * Decoding and validating what is asked around the disks: their guest, its configuration, volumes that are made for them.
 */
#include <string.h>

#include <dmmigrate/uapi.h>

#include "core/env.h"
#include "core/handover.h"
#include "ctlmsg_priv.h"
#include "sr.h"

int dmm_guest_decode(const void *payload, struct dmm_guest_request *g, struct dmm_refusal *r)
{
	struct dmm_wire_guest w;
	u32 platform;

	memcpy(&w, payload, sizeof(w));
	platform = le32_to_cpu(w.platform);
	if (dmm_id_is_zero(w.migration))
		return dmm_malformed(r, "the migration's identifier is zero");
	if (!platform || platform >= __DMM_PLATFORM_MAX)
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "unknown platform %u of GUEST", platform);
	if (w.flags)
		return dmm_malformed(r, "unknown flags of GUEST");
	if (!w.name[0] || dmm_text_check(w.name, sizeof(w.name)))
		return dmm_malformed(r, "the guest's name is not text");
	memcpy(g->migration, w.migration, sizeof(g->migration));
	g->platform = platform;
	memcpy(g->name, w.name, sizeof(g->name));
	return 0;
}

/* What goes with the verb. */
static const char *guest_config_wrong(const struct dmm_wire_guest_config *w)
{
	static const u8 zeros[sizeof(w->text)];
	u32 verb = le32_to_cpu(w->verb), total = le32_to_cpu(w->total_bytes), offset = le32_to_cpu(w->offset_bytes);
	u32 bytes = le32_to_cpu(w->bytes);

	if (le32_to_cpu(w->role) != DMM_HO_SOURCE && le32_to_cpu(w->role) != DMM_HO_DEST)
		return "GUEST_CONFIG asks for a part that there is not";
	if (w->pad || le32_to_cpu(w->flags) & ~(verb == DMM_GUEST_CONFIG_STATUS ? 0 : DMM_GUEST_CONFIG_AUTOSTART))
		return "unknown flags of GUEST_CONFIG";
	if (dmm_id_is_zero(w->migration) != (verb == DMM_GUEST_CONFIG_CHECK))
		return "GUEST_CONFIG is of no migration, or CHECK of one";
	if (dmm_text_check(w->name, sizeof(w->name)) || !w->name[0] != (verb == DMM_GUEST_CONFIG_STATUS))
		return "the guest's name is not text";
	if (!total != (verb == DMM_GUEST_CONFIG_STATUS) || total > DMM_MAX_GUEST_CONFIG_BYTES)
		return "the configuration is empty or too long";
	if (verb != DMM_GUEST_CONFIG_STAGE && (bytes || offset))
		return "a piece of GUEST_CONFIG without STAGE";
	if (verb == DMM_GUEST_CONFIG_STAGE &&
	    (!bytes || bytes > sizeof(w->text) || offset > total || bytes > total - offset))
		return "a piece that lies outside of the configuration";
	if (memchr(w->text, '\0', bytes) || memcmp(w->text + bytes, zeros, sizeof(zeros) - bytes))
		return "the configuration is not text, or goes on behind its end";
	return NULL;
}

int dmm_guest_config_decode(const void *payload, struct dmm_guest_config_request *g, struct dmm_refusal *r)
{
	struct dmm_wire_guest_config w;
	const char *wrong;
	u32 platform, verb;

	memcpy(&w, payload, sizeof(w));
	platform = le32_to_cpu(w.platform);
	verb = le32_to_cpu(w.verb);
	if (!platform || platform >= __DMM_PLATFORM_MAX)
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "unknown platform %u of GUEST_CONFIG", platform);
	if (!verb || verb >= __DMM_GUEST_CONFIG_VERB_MAX)
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "unknown verb %u of GUEST_CONFIG", verb);
	wrong = guest_config_wrong(&w);
	if (wrong)
		return dmm_malformed(r, wrong);
	memcpy(g->migration, w.migration, sizeof(g->migration));
	g->verb = verb;
	g->role = le32_to_cpu(w.role);
	g->autostart = le32_to_cpu(w.flags) & DMM_GUEST_CONFIG_AUTOSTART;
	g->total_bytes = le32_to_cpu(w.total_bytes);
	g->offset_bytes = le32_to_cpu(w.offset_bytes);
	g->bytes = le32_to_cpu(w.bytes);
	memcpy(g->name, w.name, sizeof(g->name));
	memcpy(g->text, w.text, g->bytes);
	g->text[g->bytes] = '\0';
	return 0;
}

int dmm_identity_decode(const void *payload, char *path, struct dmm_refusal *r)
{
	struct dmm_wire_identity w;

	memcpy(&w, payload, sizeof(w));
	if (dmm_text_check(w.path, sizeof(w.path)))
		return dmm_malformed(r, "the path is not text");
	if (w.path[0] != '/')
		return dmm_refuse(r, DMM_WERR_NOTFOUND, "a disk is asked for by its absolute path");
	memcpy(path, w.path, sizeof(w.path));
	return 0;
}

int dmm_leftovers_request_decode(const void *payload, u8 migration[DMM_ID_BYTES], u32 *first, struct dmm_refusal *r)
{
	struct dmm_wire_leftovers w;

	memcpy(&w, payload, sizeof(w));
	if (w.flags)
		return dmm_malformed(r, "unknown flags of LEFTOVERS");
	if (le32_to_cpu(w.first) > DMM_MAX_LEFTOVERS)
		return dmm_malformed(r, "LEFTOVERS beyond their number");
	memcpy(migration, w.migration, DMM_ID_BYTES);
	*first = le32_to_cpu(w.first);
	return 0;
}

int dmm_volume_decode(const void *payload, struct dmm_volume_request *v, struct dmm_refusal *r)
{
	struct dmm_wire_volume w;
	int ret;

	memcpy(&w, payload, sizeof(w));
	ret = dmm_disk_name_check(&w.id, r);
	if (!ret)
		ret = dmm_group_disks_check(le32_to_cpu(w.group_disks), &w.id, r);
	if (ret)
		return ret;
	if (le32_to_cpu(w.flags) & ~DMM_VOLUME_CHECK)
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "unknown flags %#x of VOLUME: the source is newer than this receiver, "
				  "upgrade it", le32_to_cpu(w.flags));
	if (!w.size_bytes || le64_to_cpu(w.size_bytes) % DMM_SECTOR_BYTES ||
	    le64_to_cpu(w.size_bytes) > (~0ull >> 1) - DMM_MAX_EXTENT_BYTES)
		return dmm_refuse(r, DMM_WERR_RANGE, "a volume of %llu bytes: not a whole number of sectors, or too large",
				  le64_to_cpu(w.size_bytes));
	if (dmm_text_check(w.sr, sizeof(w.sr)) || !dmm_sr_name_ok((char *)w.sr))
		return dmm_malformed(r, "the storage repository's name");
	if (dmm_text_check(w.label, sizeof(w.label)) || !dmm_sr_label_ok((char *)w.label))
		return dmm_malformed(r, "the volume's label");
	if (dmm_text_check(w.source_host, sizeof(w.source_host)))
		return dmm_malformed(r, "the source's host name is not text");
	memset(v, 0, sizeof(*v));
	dmm_disk_name_take(&w.id, &v->name);
	v->group_disks = le32_to_cpu(w.group_disks);
	v->check = w.flags;
	v->size_bytes = le64_to_cpu(w.size_bytes);
	memcpy(v->sr, w.sr, sizeof(v->sr));
	memcpy(v->label, w.label, sizeof(v->label));
	memcpy(v->source_host, w.source_host, sizeof(v->source_host));
	return 0;
}
