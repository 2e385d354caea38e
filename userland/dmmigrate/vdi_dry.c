// SPDX-License-Identifier: GPL-2.0
/*
 * vdi --dry-run: what it would do.
 */
#include <stdio.h>

#include "cleanup.h"
#include "preflight.h"
#include "source.h"
#include "vdi.h"

static void say_table(struct dmm_tool *t, const char *what, const struct dmm_dm_table *table)
{
	dmm_autofree char *text = dmm_dm_table_format(table, false);

	if (text)
		dmm_say(t, "  %s\n    %s", what, text);
}

int dmm_vdi_dry_run(struct dmm_tool *t, const struct dmm_source *s, const struct dmm_preflight *pre, const struct dmm_vdi_dest *d)
{
	u64 sectors = pre->size_bytes / DMM_SECTOR_BYTES;
	const struct dmm_volume *v = &s->vdi.volume;
	char sink[32] = "<volume>";

	if (!v->sr.kind)
		snprintf(sink, sizeof(sink), "%u:%u", d->major, d->minor);
	dmm_say(t, "Dry run: nothing is done.  The steps would be:");
	dmm_say(t, "  a record in %s", DMM_VDI_DIR);
	if (v->sr.kind)
		dmm_say(t, "  a volume %s of %llu bytes, in the storage repository %s (%s:%s)", s->vdi.dest, v->size_bytes, v->sr.name,
			dmm_sr_kind_name(v->sr.kind), v->sr.place);
	say_table(t, "an origin device with the table of now", &s->table);
	dmm_say(t, "  dmsetup load %s, dmsetup resume --nolockfs %s", s->live.name, s->live.name);
	dmm_say(t, "    0 %llu migrate <origin> %u 2 sink %s", sectors, pre->block_bytes / DMM_SECTOR_BYTES, sink);
	dmm_say(t, "  kernel: copy to %s%s%s%s", s->vdi.dest, *d->signature ? ", overwriting " : "", d->signature,
		d->zeroed ? "; nothing was ever written there: zeros are not" : "");
	if (s->vdi.lv[0])
		dmm_say(t, "  lvm: activation-skip for the old volume");
	dmm_say(t, "  kernel: freeze, commit; the record; dmsetup load %s, dmsetup resume --noflush --nolockfs %s",
		s->live.name, s->live.name);
	dmm_say(t, "    0 %llu linear %s 0", sectors, sink);
	dmm_result_text(t, "source", t->source);
	dmm_result_text(t, "dest", s->vdi.dest);
	dmm_result_u64(t, "size_bytes", pre->size_bytes);
	if (v->sr.kind) {
		dmm_result_text(t, "storage_repository", v->sr.name);
		return DMM_EXIT_OK;
	}
	dmm_result_text(t, "dest_signature", d->signature);
	dmm_result_bool(t, "dest_reads_as_zeros", d->zeroed);
	dmm_result_u64(t, "dest_bytes", d->size_bytes);
	return DMM_EXIT_OK;
}
