// SPDX-License-Identifier: GPL-2.0
/*
 * The layout of a journal's record.  It ends with a mark that is not zero: where only zeros have
 * come to the disk instead, the append did not come to its end, and nothing that depends on the
 * record was done.  A record with its mark and a wrong checksum is damage, last or not.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "journal_record.h"
#include "parse.h"

#define JOURNAL_MAGIC	0x314a4d44u	/* "DMJ1" */
#define JOURNAL_VERSION	1u
#define JOURNAL_END	0x0a444e45u	/* "END\n" */

struct journal_wire {
	__le32 magic;
	__le16 version;
	__le16 bytes;
	__le64 seq;
	__u8 id[DMM_ID_BYTES];
	__le64 epoch;
	__u8 instance[16];
	__u8 boot[16];
	__le64 time_ns;
	__le16 role;
	__le16 state;
	__le16 nr_disks;
	__le16 flags;
	__le32 uid;
	__le32 reserved;
	__u8 host[64];
	__u8 by[80];
	__u8 pad[8];
	__le32 crc;		/* crc32c of all before */
	__le32 end;
};

DMM_BUILD_ASSERT(sizeof(struct journal_wire) == DMM_JOURNAL_RECORD_BYTES);
DMM_BUILD_ASSERT(offsetof(struct journal_wire, seq) == 8);
DMM_BUILD_ASSERT(offsetof(struct journal_wire, id) == 16);
DMM_BUILD_ASSERT(offsetof(struct journal_wire, epoch) == 32);
DMM_BUILD_ASSERT(offsetof(struct journal_wire, instance) == 40);
DMM_BUILD_ASSERT(offsetof(struct journal_wire, boot) == 56);
DMM_BUILD_ASSERT(offsetof(struct journal_wire, time_ns) == 72);
DMM_BUILD_ASSERT(offsetof(struct journal_wire, role) == 80);
DMM_BUILD_ASSERT(offsetof(struct journal_wire, uid) == 88);
DMM_BUILD_ASSERT(offsetof(struct journal_wire, host) == 96);
DMM_BUILD_ASSERT(offsetof(struct journal_wire, by) == 160);
DMM_BUILD_ASSERT(offsetof(struct journal_wire, crc) == 248);
DMM_BUILD_ASSERT(sizeof(((struct dmm_journal_record *)0)->host) == 64);
DMM_BUILD_ASSERT(sizeof(((struct dmm_journal_record *)0)->by) == 80);
/* never more than one sector is written, and never across two */
DMM_BUILD_ASSERT(512 % DMM_JOURNAL_RECORD_BYTES == 0);

static u32 wire_crc(const struct journal_wire *w)
{
	return ~dmm_crc32c(~0u, w, offsetof(struct journal_wire, crc));
}

static void put_text(__u8 *field, size_t cap, const char *text)
{
	char s[128];

	snprintf(s, sizeof(s), "%.*s", (int)cap - 1, text);
	dmm_text_clean(s);
	dmm_text_put(field, cap, s);
}

void dmm_journal_encode(const struct dmm_journal_record *r, void *buf)
{
	struct journal_wire w = {
		.magic = cpu_to_le32(JOURNAL_MAGIC),
		.version = cpu_to_le16(JOURNAL_VERSION),
		.bytes = cpu_to_le16(DMM_JOURNAL_RECORD_BYTES),
		.seq = cpu_to_le64(r->seq),
		.epoch = cpu_to_le64(r->epoch),
		.time_ns = cpu_to_le64(r->time_ns),
		.role = cpu_to_le16((u16)r->role),
		.state = cpu_to_le16((u16)r->state),
		.nr_disks = cpu_to_le16((u16)r->nr_disks),
		.flags = cpu_to_le16((u16)r->flags),
		.uid = cpu_to_le32(r->uid),
		.end = cpu_to_le32(JOURNAL_END),
	};

	memcpy(w.id, r->id, sizeof(w.id));
	memcpy(w.instance, r->instance.b, sizeof(w.instance));
	memcpy(w.boot, r->boot, sizeof(w.boot));
	put_text(w.host, sizeof(w.host), r->host);
	put_text(w.by, sizeof(w.by), r->by);
	w.crc = cpu_to_le32(wire_crc(&w));
	memcpy(buf, &w, sizeof(w));
}

static bool all_zero(const __u8 *p, size_t bytes)
{
	while (bytes--) {
		if (*p++)
			return false;
	}
	return true;
}

/* The record by itself.  NULL, or what is wrong with it. */
static const char *wire_wrong(const struct journal_wire *w)
{
	u32 role = le16_to_cpu(w->role), disks = le16_to_cpu(w->nr_disks);

	if (w->magic != cpu_to_le32(JOURNAL_MAGIC) || w->end != cpu_to_le32(JOURNAL_END))
		return "is no record";
	if (le32_to_cpu(w->crc) != wire_crc(w))
		return "has a wrong checksum";
	if (w->bytes != cpu_to_le16(DMM_JOURNAL_RECORD_BYTES) || w->reserved ||
	    !all_zero(w->pad, sizeof(w->pad)) || le16_to_cpu(w->flags) & ~DMM_JOURNAL_FORCED ||
	    dmm_text_check(w->host, sizeof(w->host)) || dmm_text_check(w->by, sizeof(w->by)))
		return "holds what this version does not know";
	if ((role != DMM_HO_SOURCE && role != DMM_HO_DEST) ||
	    !dmm_ho_state_durable(le16_to_cpu(w->state), role) || disks > DMM_HO_MAX_DISKS)
		return "holds no state of a hand-over";
	return NULL;
}

static void wire_decode(const struct journal_wire *w, struct dmm_journal_record *r)
{
	memset(r, 0, sizeof(*r));
	r->seq = le64_to_cpu(w->seq);
	memcpy(r->id, w->id, sizeof(r->id));
	r->epoch = le64_to_cpu(w->epoch);
	memcpy(r->instance.b, w->instance, sizeof(r->instance.b));
	memcpy(r->boot, w->boot, sizeof(r->boot));
	r->time_ns = le64_to_cpu(w->time_ns);
	r->role = le16_to_cpu(w->role);
	r->state = le16_to_cpu(w->state);
	r->nr_disks = le16_to_cpu(w->nr_disks);
	r->flags = le16_to_cpu(w->flags);
	r->uid = le32_to_cpu(w->uid);
	memcpy(r->host, w->host, sizeof(r->host));
	memcpy(r->by, w->by, sizeof(r->by));
}

/* The record after @before (NULL: the first). NULL, or what is wrong. */
static const char *record_misplaced(const struct dmm_journal_record *r, const u8 id[DMM_ID_BYTES],
				    const struct dmm_journal_record *before)
{
	if (id && memcmp(r->id, id, sizeof(r->id)))
		return "is of another migration";
	if (r->seq != (before ? before->seq + 1 : 1))
		return "is out of sequence";
	if (!before)
		return NULL;
	if (memcmp(r->id, before->id, sizeof(r->id)) || r->role != before->role ||
	    r->nr_disks != before->nr_disks)
		return "is of another migration than the one before it";
	return r->epoch < before->epoch ? "is of an older epoch than the one before it" : NULL;
}

int dmm_journal_scan(const void *buf, size_t bytes, const u8 id[DMM_ID_BYTES],
		     struct dmm_journal_view *view, char *why)
{
	struct dmm_journal_view v = { 0 };
	struct dmm_journal_record r;
	struct journal_wire w;
	const char *wrong;
	size_t at;

	for (at = 0; bytes - at >= sizeof(w); at += sizeof(w)) {
		memcpy(&w, (const __u8 *)buf + at, sizeof(w));
		if (!w.end && bytes - at == sizeof(w))
			break;
		if (w.magic == cpu_to_le32(JOURNAL_MAGIC) && w.version != cpu_to_le16(JOURNAL_VERSION)) {
			snprintf(why, DMM_JOURNAL_WHY, "record %llu, at byte %zu, is of version %u, %u is known here",
				 (unsigned long long)v.nr + 1, at, le16_to_cpu(w.version), JOURNAL_VERSION);
			return -EPROTONOSUPPORT;
		}
		wrong = wire_wrong(&w);
		if (!wrong) {
			wire_decode(&w, &r);
			wrong = record_misplaced(&r, id, v.nr ? &v.last : NULL);
		}
		if (wrong) {
			snprintf(why, DMM_JOURNAL_WHY, "record %llu, at byte %zu, %s",
				 (unsigned long long)v.nr + 1, at, wrong);
			return -EBADMSG;
		}
		v.last = r;
		v.nr++;
	}
	if (!v.nr) {
		snprintf(why, DMM_JOURNAL_WHY, "%zu bytes hold no record", bytes);
		return -ENODATA;
	}
	v.whole_bytes = at;
	v.torn_bytes = bytes - at;
	*view = v;
	return 0;
}
