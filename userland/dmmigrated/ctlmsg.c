// SPDX-License-Identifier: GPL-2.0
/*
 * Decoding and validating requests.  Payloads are copied first: a frame's
 * buffer need not be aligned.
 */
#include <stdio.h>
#include <string.h>

#include <dmmigrate/uapi.h>

#include "core/env.h"
#include "core/handover.h"
#include "ctlmsg_priv.h"
#include "nbduri.h"
#include "network.h"

#define MAX_LBS_BYTES	65536u

int dmm_malformed(struct dmm_refusal *r, const char *what)
{
	return dmm_refuse(r, DMM_WERR_PROTOCOL, "malformed request: %s", what);
}

static bool is_power_of_2_within(u32 v, u32 min, u32 max)
{
	return v >= min && v <= max && !(v & (v - 1));
}

int dmm_hello_decode(const void *payload, struct dmm_hello *h, struct dmm_refusal *r)
{
	struct dmm_wire_hello w;

	memcpy(&w, payload, sizeof(w));
	if (w.reserved)
		return dmm_malformed(r, "reserved field of HELLO is not zero");
	if (dmm_text_check(w.program, sizeof(w.program)))
		return dmm_malformed(r, "program name of HELLO is not text");
	if (le16_to_cpu(w.version_min) > le16_to_cpu(w.version_max))
		return dmm_malformed(r, "versions of HELLO are the wrong way round");
	h->version_min = le16_to_cpu(w.version_min);
	h->version_max = le16_to_cpu(w.version_max);
	h->features = le64_to_cpu(w.features);
	memcpy(h->program, w.program, sizeof(h->program));
	return 0;
}

int dmm_disk_name_check(const struct dmm_wire_disk *w, struct dmm_refusal *r)
{
	if (w->pad)
		return dmm_malformed(r, "padding of the disk's name is not zero");
	if (dmm_id_is_zero(w->migration))
		return dmm_malformed(r, "the migration's id is zero");
	if (le32_to_cpu(w->disk) >= DMM_MAX_DISKS)
		return dmm_refuse(r, DMM_WERR_LIMIT, "disk %u: a migration has at most %u disks",
				  le32_to_cpu(w->disk), DMM_MAX_DISKS);
	return 0;
}

void dmm_disk_name_take(const struct dmm_wire_disk *w, struct dmm_disk_name *n)
{
	memcpy(n->migration, w->migration, sizeof(n->migration));
	n->disk = le32_to_cpu(w->disk);
}

int dmm_disk_name_decode(const void *payload, struct dmm_disk_name *n, struct dmm_refusal *r)
{
	struct dmm_wire_disk w;
	int ret;

	memcpy(&w, payload, sizeof(w));
	ret = dmm_disk_name_check(&w, r);
	if (!ret)
		dmm_disk_name_take(&w, n);
	return ret;
}

static int prepare_check_texts(const struct dmm_wire_prepare *w, struct dmm_refusal *r)
{
	if (dmm_text_check(w->source_identity, sizeof(w->source_identity)))
		return dmm_malformed(r, "the source's identity is not text");
	if (dmm_text_check(w->source_host, sizeof(w->source_host)))
		return dmm_malformed(r, "the source's host name is not text");
	if (dmm_text_check(w->source_path, sizeof(w->source_path)))
		return dmm_malformed(r, "the source's path is not text");
	if (dmm_text_check(w->dest_path, sizeof(w->dest_path)))
		return dmm_malformed(r, "the destination's path is not text");
	if (!w->dest_path[0])
		return dmm_malformed(r, "the destination's path is empty");
	return 0;
}

static int prepare_check_numbers(const struct dmm_wire_prepare *w, struct dmm_refusal *r)
{
	u64 size_bytes = le64_to_cpu(w->size_bytes);
	u32 block_bytes = le32_to_cpu(w->block_bytes);
	u32 lbs_bytes = le32_to_cpu(w->lbs_bytes);
	u32 conns = le32_to_cpu(w->conns);

	if (le32_to_cpu(w->flags) & ~(DMM_PREPARE_OVERWRITE | DMM_PREPARE_CHECK | DMM_PREPARE_CREATE))
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "unknown flags %#x of PREPARE: "
				  "the source is newer than this receiver, upgrade it",
				  le32_to_cpu(w->flags));
	if (!is_power_of_2_within(block_bytes, DMM_MIN_BLOCK_BYTES, DMM_MAX_BLOCK_BYTES))
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "block size of %u bytes: "
				  "a power of two from %u to %u is supported", block_bytes,
				  DMM_MIN_BLOCK_BYTES, DMM_MAX_BLOCK_BYTES);
	if (!is_power_of_2_within(lbs_bytes, DMM_SECTOR_BYTES, MAX_LBS_BYTES) ||
	    lbs_bytes > block_bytes)
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "logical block size of %u bytes: "
				  "a power of two from 512 to the block size is supported",
				  lbs_bytes);
	if (!size_bytes || size_bytes % lbs_bytes || size_bytes > (~0ull >> 1) - DMM_MAX_EXTENT_BYTES)
		return dmm_refuse(r, DMM_WERR_RANGE, "source of %llu bytes: not a whole number of "
				  "logical blocks of %u bytes, or too large", size_bytes, lbs_bytes);
	if (!conns || conns > DMM_MAX_CONNS)
		return dmm_refuse(r, DMM_WERR_LIMIT, "%u connections: 1 to %u are supported", conns,
				  DMM_MAX_CONNS);
	return 0;
}

/* A group of @nr disks, and @id one of them. */
int dmm_group_disks_check(u32 nr, const struct dmm_wire_disk *id, struct dmm_refusal *r)
{
	if (!nr || nr > DMM_MAX_GROUP)
		return dmm_refuse(r, DMM_WERR_LIMIT, "a group of %u disks: 1 to %u are supported", nr,
				  DMM_MAX_GROUP);
	if (le32_to_cpu(id->disk) >= nr)
		return dmm_malformed(r, "the disk is not one of its group");
	return 0;
}

static int prepare_check_group(const struct dmm_wire_prepare *w, struct dmm_refusal *r)
{
	u32 nr = le32_to_cpu(w->group_disks);

	if (dmm_text_check(w->gate, sizeof(w->gate)) || strchr((const char *)w->gate, '/'))
		return dmm_malformed(r, "the gate's name is none that device-mapper takes");
	if (!nr)
		return w->gate[0] ? dmm_malformed(r, "a gate without a group") : 0;
	return dmm_group_disks_check(nr, &w->id, r);
}

/* Of a guest without a disk that moves: nothing is said of any. */
static int prepare_check_guest(const struct dmm_wire_prepare *w, struct dmm_refusal *r)
{
	if (le32_to_cpu(w->flags) != DMM_PREPARE_GUEST || w->id.disk || w->size_bytes || w->block_bytes || w->lbs_bytes || w->conns ||
	    w->group_disks || w->gate[0] || w->source_path[0] || w->source_identity[0])
		return dmm_malformed(r, "PREPARE of a guest says something of a disk");
	if (strnlen((const char *)w->dest_path, sizeof(w->dest_path)) >= DMM_GUEST_NAME)
		return dmm_malformed(r, "the guest's name is too long");
	return 0;
}

int dmm_prepare_decode(const void *payload, struct dmm_prepare *p, struct dmm_refusal *r)
{
	struct dmm_wire_prepare w;
	int ret;

	memcpy(&w, payload, sizeof(w));
	ret = dmm_disk_name_check(&w.id, r);
	if (!ret)
		ret = prepare_check_texts(&w, r);
	if (!ret && le32_to_cpu(w.flags) & DMM_PREPARE_GUEST)
		ret = prepare_check_guest(&w, r);
	else if (!ret)
		ret = prepare_check_numbers(&w, r);
	if (!ret)
		ret = prepare_check_group(&w, r);
	if (ret)
		return ret;
	dmm_disk_name_take(&w.id, &p->name);
	memset(p->peer, 0, sizeof(p->peer));
	p->size_bytes = le64_to_cpu(w.size_bytes);
	p->block_bytes = le32_to_cpu(w.block_bytes);
	p->lbs_bytes = le32_to_cpu(w.lbs_bytes);
	p->conns = le32_to_cpu(w.conns);
	p->flags = le32_to_cpu(w.flags);
	memcpy(p->source_identity, w.source_identity, sizeof(p->source_identity));
	memcpy(p->source_host, w.source_host, sizeof(p->source_host));
	memcpy(p->source_path, w.source_path, sizeof(p->source_path));
	memcpy(p->dest_path, w.dest_path, sizeof(p->dest_path));
	p->group_disks = le32_to_cpu(w.group_disks);
	memcpy(p->gate, w.gate, sizeof(p->gate));
	return 0;
}

int dmm_digest_decode(const void *payload, struct dmm_digest_request *d, struct dmm_refusal *r)
{
	struct dmm_wire_digest w;
	u64 offset, length;
	int ret;

	memcpy(&w, payload, sizeof(w));
	ret = dmm_disk_name_check(&w.id, r);
	if (ret)
		return ret;
	if (w.pad)
		return dmm_malformed(r, "padding of DIGEST is not zero");
	if (le32_to_cpu(w.algorithm) != DMM_DIGEST_XXH3_128)
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "digest algorithm %u is not known here: "
				  "upgrade this receiver", le32_to_cpu(w.algorithm));
	offset = le64_to_cpu(w.offset_bytes);
	length = le64_to_cpu(w.length_bytes);
	if (!length || length > DMM_MAX_DIGEST_BYTES || length % DMM_SECTOR_BYTES ||
	    offset % DMM_SECTOR_BYTES || offset > (~0ull >> 1) - length)
		return dmm_refuse(r, DMM_WERR_RANGE, "digest of %llu bytes at %llu: whole sectors, "
				  "at most %llu bytes", length, offset, DMM_MAX_DIGEST_BYTES);
	dmm_disk_name_take(&w.id, &d->name);
	d->offset_bytes = offset;
	d->length_bytes = length;
	return 0;
}

int dmm_hashes_decode(const void *payload, struct dmm_hashes_request *h, struct dmm_refusal *r)
{
	struct dmm_wire_hashes w;
	u64 offset, length;
	u32 granule;
	int ret;

	memcpy(&w, payload, sizeof(w));
	ret = dmm_disk_name_check(&w.id, r);
	if (ret)
		return ret;
	if (le32_to_cpu(w.algorithm) != DMM_DIGEST_XXH3_128)
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "digest algorithm %u is not known here: "
				  "upgrade this receiver", le32_to_cpu(w.algorithm));
	granule = le32_to_cpu(w.granule_bytes);
	if (!is_power_of_2_within(granule, DMM_MIN_BLOCK_BYTES, DMM_MAX_BLOCK_BYTES))
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "granules of %u bytes: a power of two from "
				  "%u to %u is supported", granule, DMM_MIN_BLOCK_BYTES,
				  DMM_MAX_BLOCK_BYTES);
	offset = le64_to_cpu(w.offset_bytes);
	length = le64_to_cpu(w.length_bytes);
	if (!length || length > (u64)granule * DMM_MAX_HASHES || length % DMM_SECTOR_BYTES ||
	    offset % granule || offset > (~0ull >> 1) - length)
		return dmm_refuse(r, DMM_WERR_RANGE, "hashes of %llu bytes at %llu: from a multiple of "
				  "%u on, whole sectors, at most %u granules", length, offset, granule,
				  DMM_MAX_HASHES);
	dmm_disk_name_take(&w.id, &h->name);
	h->offset_bytes = offset;
	h->length_bytes = length;
	h->granule_bytes = granule;
	h->nr = (u32)((length + granule - 1) / granule);
	return 0;
}

/* An extent of PROVE or COMPARE begins at @offset. */
static int prove_check_offset(u64 offset, struct dmm_refusal *r)
{
	if (offset % DMM_PROVE_BYTES || offset > ~0ull >> 1)
		return dmm_refuse(r, DMM_WERR_RANGE, "an extent at %llu: they begin at multiples of %u", offset,
				  DMM_PROVE_BYTES);
	return 0;
}

int dmm_prove_decode(const void *payload, struct dmm_prove_request *p, struct dmm_refusal *r)
{
	struct dmm_wire_prove w;
	u32 nr;
	int ret;

	memcpy(&w, payload, sizeof(w));
	ret = dmm_disk_name_check(&w.id, r);
	if (!ret)
		ret = prove_check_offset(le64_to_cpu(w.offset_bytes), r);
	if (ret)
		return ret;
	nr = le32_to_cpu(w.extents);
	if (!nr || nr > DMM_MAX_PROVE)
		return dmm_refuse(r, DMM_WERR_RANGE, "%u extents: 1 to %u at a time", nr, DMM_MAX_PROVE);
	if (le32_to_cpu(w.flags) & ~DMM_PROVE_READ)
		return dmm_malformed(r, "unknown flags of PROVE");
	dmm_disk_name_take(&w.id, &p->name);
	p->first = le64_to_cpu(w.offset_bytes) / DMM_PROVE_BYTES;
	p->nr = nr;
	p->read = le32_to_cpu(w.flags) & DMM_PROVE_READ;
	return 0;
}

int dmm_compare_decode(const void *payload, struct dmm_compare_request *c, struct dmm_refusal *r)
{
	static const u8 zeros[sizeof(((struct dmm_wire_compare *)0)->extent)];
	struct dmm_wire_compare w;
	u32 nr, i;
	int ret;

	memcpy(&w, payload, sizeof(w));
	ret = dmm_disk_name_check(&w.id, r);
	if (ret)
		return ret;
	nr = le32_to_cpu(w.extents);
	if (nr > DMM_MAX_PROVE)
		return dmm_refuse(r, DMM_WERR_RANGE, "%u extents: at most %u at a time", nr, DMM_MAX_PROVE);
	if (le32_to_cpu(w.flags) & ~DMM_COMPARE_JUDGE)
		return dmm_malformed(r, "unknown flags of COMPARE");
	if (memcmp(&w.extent[nr], zeros, sizeof(zeros) - nr * sizeof(w.extent[0])))
		return dmm_malformed(r, "extents of COMPARE beyond their number");
	for (i = 0; i < nr && !ret; i++)
		ret = prove_check_offset(le64_to_cpu(w.extent[i].offset_bytes), r);
	if (ret)
		return ret;
	dmm_disk_name_take(&w.id, &c->name);
	c->nr = nr;
	c->judge = le32_to_cpu(w.flags) & DMM_COMPARE_JUDGE;
	for (i = 0; i < nr; i++) {
		c->extents[i].number = le64_to_cpu(w.extent[i].offset_bytes) / DMM_PROVE_BYTES;
		c->extents[i].generation = le32_to_cpu(w.extent[i].generation);
		c->extents[i].crc = le32_to_cpu(w.extent[i].crc);
	}
	return 0;
}

int dmm_attach_decode(const void *payload, struct dmm_attach *a, struct dmm_refusal *r)
{
	struct dmm_wire_attach w;
	u32 conns, index;
	int ret;

	memcpy(&w, payload, sizeof(w));
	ret = dmm_disk_name_check(&w.id, r);
	if (ret)
		return ret;
	conns = le32_to_cpu(w.conns);
	index = le32_to_cpu(w.conn_index);
	if (!w.conn_epoch || le64_to_cpu(w.conn_epoch) > ~0ull >> 1)
		return dmm_malformed(r, "the connection epoch is 0 or too large");
	if (!conns || conns > DMM_MAX_CONNS || index >= conns)
		return dmm_refuse(r, DMM_WERR_LIMIT, "connection %u of %u: there are at most %u, "
				  "counted from 0", index, conns, DMM_MAX_CONNS);
	dmm_disk_name_take(&w.id, &a->name);
	a->epoch = le64_to_cpu(w.conn_epoch);
	a->index = index;
	a->conns = conns;
	return 0;
}

/* Where the hand-over's connection is to come from, which is taken out of @w's host. */
static int adopt_from(struct dmm_wire_adopt *w, struct dmm_adopt *a, struct dmm_refusal *r)
{
	char bare[DMM_OWN_ADDRESS];
	struct sockaddr_storage address;
	u8 *from = w->host + DMM_ADOPT_HOST;

	a->from[0] = '\0';
	if (!(w->flags & DMM_ADOPT_FROM))
		return 0;
	if (dmm_text_check(from, sizeof(a->from)) || !from[0])
		return dmm_malformed(r, "the address of ADOPT is not text, or missing");
	memcpy(a->from, from, sizeof(a->from));
	snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(a->from, "%"), a->from);	/* without its zone */
	if (dmm_address_parse(bare, &address))
		return dmm_malformed(r, "the address of ADOPT is none");
	memset(from, 0, sizeof(a->from));
	return 0;
}

int dmm_adopt_decode(const void *payload, struct dmm_adopt *a, struct dmm_refusal *r)
{
	struct dmm_wire_adopt w;
	u32 nr;
	int ret;

	memcpy(&w, payload, sizeof(w));
	ret = dmm_disk_name_check(&w.id, r);
	if (!ret)
		ret = adopt_from(&w, a, r);
	if (ret)
		return ret;
	if (dmm_text_check(w.host, sizeof(w.host)) || dmm_text_check(w.name, sizeof(w.name)) ||
	    dmm_text_check(w.dest_path, sizeof(w.dest_path)))
		return dmm_malformed(r, "a name of ADOPT is not text");
	if (!w.host[0] || !w.name[0] || !w.dest_path[0] || !w.port)
		return dmm_malformed(r, "a name of ADOPT is missing");
	nr = le32_to_cpu(w.group_disks);
	if (!w.size_bytes != !nr)
		return dmm_malformed(r, nr ? "ADOPT of an empty disk" : "ADOPT of a guest says something of a disk");
	if ((w.flags & ~(DMM_ADOPT_WITNESS | DMM_ADOPT_FROM)) || w.pad)
		return dmm_malformed(r, "unknown flags of ADOPT");
	if (!nr && (w.id.disk || w.flags & DMM_ADOPT_WITNESS || strcmp((char *)w.name, (char *)w.dest_path) ||
		    strlen((char *)w.name) >= DMM_GUEST_NAME))
		return dmm_malformed(r, "ADOPT of a guest says something of a disk, or its name is too long");
	ret = nr ? dmm_group_disks_check(nr, &w.id, r) : 0;
	if (ret)
		return ret;
	dmm_disk_name_take(&w.id, &a->name);
	a->group_disks = nr;
	a->port = le16_to_cpu(w.port);
	memcpy(a->host, w.host, sizeof(a->host));
	memcpy(a->source, w.name, sizeof(a->source));
	memcpy(a->dest_path, w.dest_path, sizeof(a->dest_path));
	a->size_bytes = le64_to_cpu(w.size_bytes);
	a->has_witness = w.flags & DMM_ADOPT_WITNESS;
	a->witness.device_bytes = le64_to_cpu(w.device_bytes);
	a->witness.target_bytes = le64_to_cpu(w.target_bytes);
	a->witness.inflight = le64_to_cpu(w.inflight);
	return 0;
}

int dmm_group_decode(const void *payload, struct dmm_group_request *g, struct dmm_refusal *r)
{
	struct dmm_wire_group w;
	u32 verb, await, await_ms, freeze_ms;

	memcpy(&w, payload, sizeof(w));
	verb = le32_to_cpu(w.verb);
	await = le32_to_cpu(w.await);
	await_ms = le32_to_cpu(w.await_ms);
	freeze_ms = le32_to_cpu(w.freeze_ms);
	if (dmm_id_is_zero(w.migration))
		return dmm_malformed(r, "the migration's identifier is zero");
	if (!verb || verb >= __DMM_GROUP_VERB_MAX)
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "unknown verb %u of GROUP", verb);
	if (le32_to_cpu(w.role) > DMM_HO_DEST)
		return dmm_malformed(r, "GROUP asks for a part that there is not");
	if (le32_to_cpu(w.flags) & ~(verb == DMM_GROUP_DROP ? DMM_GROUP_SOURCE_GONE : 0))
		return dmm_malformed(r, "GROUP has flags that its verb does not have");
	if (await >> __DMM_HO_STATE_MAX || await_ms > DMM_MAX_AWAIT_MS)
		return dmm_malformed(r, "GROUP waits for a state that is none, or for too long");
	if (verb == DMM_GROUP_CUTOVER ? !freeze_ms || freeze_ms > DMM_MAX_FREEZE_MS : freeze_ms)
		return dmm_malformed(r, "the time of a freeze that is none, or too long");
	if (dmm_text_check(w.by, sizeof(w.by)))
		return dmm_malformed(r, "who asks is not text");
	memcpy(g->migration, w.migration, sizeof(g->migration));
	g->verb = verb;
	g->role = le32_to_cpu(w.role);
	g->await = await;
	g->await_ms = await_ms;
	g->freeze_ms = freeze_ms;
	g->flags = le32_to_cpu(w.flags);
	memcpy(g->by, w.by, sizeof(g->by));
	return 0;
}

int dmm_probe_decode(const void *payload, struct dmm_probe_request *p, struct dmm_refusal *r)
{
	struct dmm_wire_probe w;
	u64 bytes;
	u32 kind;

	memcpy(&w, payload, sizeof(w));
	kind = le32_to_cpu(w.kind);
	bytes = le64_to_cpu(w.bytes);
	if (w.pad)
		return dmm_malformed(r, "padding not zero");
	if (!kind || kind >= __DMM_PROBE_MAX)
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "unknown kind %u of PROBE: the source is newer than this receiver, upgrade it", kind);
	if (dmm_text_check(w.path, sizeof(w.path)))
		return dmm_malformed(r, "the path is not text");
	if (kind == DMM_PROBE_LINK ? w.path[0] : !dmm_is_nbd((char *)w.path) && w.path[0] != '/')
		return dmm_malformed(r, "the path");
	if (!bytes || bytes > (kind == DMM_PROBE_LINK ? DMM_MAX_PROBE_BYTES : ~0ull >> 1))
		return dmm_refuse(r, DMM_WERR_RANGE, "a probe of %llu bytes", bytes);
	p->kind = kind;
	p->bytes = bytes;
	memcpy(p->path, w.path, sizeof(p->path));
	return 0;
}
