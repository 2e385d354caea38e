// SPDX-License-Identifier: GPL-2.0
/*
 * A new disk that is made for the move, in a storage repository of this host.  The record names it before it is made, and until after it
 * was removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cleanup.h"
#include "owners.h"
#include "preflight.h"
#include "source.h"
#include "vdi.h"

#define refuse(t, ...) \
	dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, __VA_ARGS__)

/* 0: it is; or an exit code, reported. */
static int sr_named(struct dmm_tool *t, const char *name, const struct dmm_facts *f, struct dmm_sr *sr)
{
	static const char *const keys[] = { "sr", "sr-failed" };	/* the latter: its place is not there, as whoever looks finds */
	char value[DMM_FACT_VALUE], word[DMM_SR_NAME], place[DMM_SR_PLACE + 8], text[sizeof(word) + sizeof(place) + 1];
	unsigned int i, n;

	for (i = 0; i < 2; i++) {
		for (n = 0; dmm_facts_nth(f, keys[i], n, value); n++) {
			if (!dmm_fact_word(value, 0, word, sizeof(word)) || strcmp(word, name) ||
			    !dmm_fact_word(value, 1, place, sizeof(place)))
				continue;
			snprintf(text, sizeof(text), "%s %s", word, place);
			if (!dmm_sr_parse(text, sr))
				return 0;
		}
	}
	dmm_next(t, "add 'sr = %s KIND:PLACE' to dmmigrated.conf and reload, or name a device", name);
	return refuse(t, "there is no storage repository %s on this host", name);
}

/* What dmmigrated.conf has under this name; its daemon is asked. 0 or an exit code, reported. */
static int sr_find(struct dmm_tool *t, const char *name, struct dmm_sr *sr)
{
	dmm_autofree struct dmm_facts *f = malloc(sizeof(*f));
	struct dmm_remote r;
	u64 error_ns;
	s64 offset_ns;
	int ret;

	if (!f)
		return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "out of memory");
	dmm_remote_init(&r);
	r.offer = DMM_FEATURE_FACTS;
	ret = dmm_owners_find(t, &r);
	if (!ret)
		ret = dmm_remote_facts(&r, f, &offset_ns, &error_ns);
	dmm_remote_close(&r);
	if (!ret)
		return sr_named(t, name, f, sr);
	dmm_next(t, "systemctl start dmmigrated, or name a device of this host");
	return refuse(t, "which storage repository is %s? The daemon of this host has the configuration: %s", name, r.why);
}

int dmm_vdi_sr_plan(struct dmm_tool *t, struct dmm_source *s, const char *name, u64 size_bytes)
{
	struct dmm_volume *v = &s->vdi.volume;
	char label[DMM_VOLUME_LABEL], why[DMM_LV_WHY];
	u64 room;
	int ret;

	if (!dmm_sr_name_ok(name))
		return dmm_usage(t, "--to '%.128s' is neither a device, from the root like /dev/vg1/disk, nor the name of a storage repository",
				 name);
	ret = sr_find(t, name, &v->sr);
	if (ret)
		return ret;
	if (v->sr.kind == DMM_SR_DIR) {
		dmm_next(t, "name a storage repository that is a volume group or a thin pool, or a device");
		ret = refuse(t, "the storage repository %s is a directory: a file is no block device, and what made it one would be gone after "
			     "a restart of this host", name);
		v->sr.kind = DMM_SR_NONE;
		return ret;
	}
	v->size_bytes = size_bytes;
	dmm_sr_label(s->live.name, label);
	dmm_volume_call(v, label, 0, s->id);
	dmm_volume_path(v, s->vdi.dest);
	if (!dmm_volume_check_new(v, s->id, 0, &room, -1, why))
		return 0;
	dmm_next(t, "dmmigrate doctor (says what there is, and how much is free)");
	return refuse(t, "%s", why);
}

/* What its last extent has behind the disk's end: its user sees that one day, and it is somebody else's. */
static int sr_zero_rest(struct dmm_tool *t, const struct dmm_vdi_dest *d, u64 size_bytes)
{
	u64 range[2] = { size_bytes, d->size_bytes - size_bytes };
	dmm_autoclose int fd = open(d->path, O_RDWR | O_EXCL | O_CLOEXEC | O_NOCTTY);
	int ret;

	do {
		ret = fd < 0 || ioctl(fd, BLKZEROOUT, range) ? errno : 0;
	} while (ret == EINTR);
	if (!ret)
		return 0;
	dmm_next(t, "dmesg");
	return dmm_fail(t, DMM_EXIT_REMOTE, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "cannot zero the last %llu bytes of %s: %s", range[1],
			d->path, strerror(ret));
}

int dmm_vdi_sr_make(struct dmm_tool *t, struct dmm_source *s, const struct dmm_preflight *pre, struct dmm_vdi_dest *d)
{
	struct dmm_volume *v = &s->vdi.volume;
	char why[DMM_LV_WHY];
	int ret;

	ret = dmm_volume_make(v, s->id, -1, why);
	dmm_stop_at("volume-made");
	if (ret) {
		dmm_next(t, "dmmigrate vdi %s --to %s (again)", t->source, v->sr.name);
		return dmm_fail(t, ret == -ENOSPC || ret == -EEXIST ? DMM_EXIT_PREFLIGHT : DMM_EXIT_LOCAL, DMM_OWNER_SOURCE,
				DMM_USE_UNCHANGED, "no volume can be made in the storage repository %s: %s", v->sr.name, why);
	}
	ret = dmm_vdi_dest_check(t, s, s->vdi.dest, pre->size_bytes, pre->lbs_bytes, d);
	d->signature[0] = '\0';	/* of whatever was in that place before */
	/* nothing was ever written to a fresh thin one, and is to be */
	if (!ret && !d->zeroed && d->size_bytes > pre->size_bytes)
		ret = sr_zero_rest(t, d, pre->size_bytes);
	return ret;
}

int dmm_vdi_sr_settle(struct dmm_tool *t, const struct dmm_source *s)
{
	char why[DMM_LV_WHY];

	if (!s->vdi.volume.sr.kind || !dmm_volume_settle(&s->vdi.volume, s->id, -1, why))
		return 0;
	dmm_next(t, "dmmigrate vdi %s (again, before a restart of this host)", t->source);
	return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_DEST, DMM_USE_MOVED,
			"%s has moved to %s, but that may not be activated after a restart of this host: %s", t->source, s->vdi.dest, why);
}

int dmm_vdi_sr_remove(struct dmm_tool *t, const struct dmm_source *s)
{
	char why[DMM_LV_WHY];

	if (!s->vdi.volume.sr.kind || s->vdi.moved || !dmm_volume_remove(&s->vdi.volume, s->id, -1, why))
		return 0;
	dmm_note(t, "%s, which was made for it, cannot be removed: %s; dmmigrate cancel %s once that is mended", s->vdi.dest, why, s->hex);
	return -EIO;
}
