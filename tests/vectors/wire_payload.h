/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The golden frames' payloads, field by field through wire.h's structures; gen-wire-golden.py has them
 * byte by byte.
 */
#ifndef DMM_VECTORS_WIRE_PAYLOAD_H
#define DMM_VECTORS_WIRE_PAYLOAD_H

#include "vec.h"
#include "core/wire.h"

#define DMM_VEC_PAYLOAD_MAX	4096	/* of the golden frames */

static inline void dmm_vec_ident(u8 *id, u8 first)
{
	unsigned int i;

	for (i = 0; i < DMM_ID_BYTES; i++)
		id[i] = first + i;
}

static inline void dmm_vec_text(u8 *dst, const char *s)
{
	memcpy(dst, s, strlen(s));
}

/* Of migrations that hand over as a group. */
static inline void dmm_vec_payload_group(u8 *p, u16 type)
{
	if (type == DMM_MSG_GROUP) {
		struct dmm_wire_group *m = (void *)p;

		dmm_vec_ident(m->migration, 0x10);
		m->verb = cpu_to_le32(DMM_GROUP_CUTOVER);
		m->await = cpu_to_le32(0x44);
		m->await_ms = cpu_to_le32(15000);
		m->freeze_ms = cpu_to_le32(300);
		m->role = cpu_to_le32(1);
		dmm_vec_text(m->by, "xl migrate");
	} else if (type == DMM_MSG_GROUP_OK) {
		struct dmm_wire_group_ok *m = (void *)p;

		m->result = cpu_to_le32(DMM_GROUP_FAILED);
		m->role = cpu_to_le32(2);
		m->state = cpu_to_le32(6);
		m->gate = cpu_to_le32(1);
		m->epoch = cpu_to_le64(0x102030405060708ULL);
		m->flags = cpu_to_le32(DMM_GROUP_OWES | DMM_GROUP_UNKNOWN_THERE);
		m->disks = cpu_to_le32(3);
		dmm_vec_text(m->peer, "host-b");
		dmm_vec_text(m->device, "web01-gate");
		dmm_vec_text(m->why, "no answer");
	} else if (type == DMM_MSG_ADOPT) {
		struct dmm_wire_adopt *m = (void *)p;

		m->group_disks = cpu_to_le32(9);
		m->port = cpu_to_le16(DMM_DEFAULT_PORT);
		m->flags = DMM_ADOPT_WITNESS;
		m->size_bytes = cpu_to_le64(0x423456789a00ULL);
		m->device_bytes = cpu_to_le64(0x1000000000000001ULL);
		m->target_bytes = cpu_to_le64(0x2000000000000002ULL);
		m->inflight = cpu_to_le64(3);
		dmm_vec_text(m->host, "10.0.0.2");
		dmm_vec_text(m->name, "web01");
		dmm_vec_text(m->dest_path, "/dev/vg/web01");
	} else if (type == DMM_MSG_PROVE) {
		struct dmm_wire_prove *m = (void *)p;

		m->offset_bytes = cpu_to_le64(0x3000000);
		m->extents = cpu_to_le32(5);
		m->flags = cpu_to_le32(DMM_PROVE_READ);
	} else if (type == DMM_MSG_PROVE_OK) {
		struct dmm_wire_prove_ok *m = (void *)p;

		m->extents[0].generation = cpu_to_le32(7);
		m->extents[0].crc = cpu_to_le32(0x01020304);
		m->extents[0].state = cpu_to_le32(DMM_PROVED_SAME);
		m->extents[1].generation = cpu_to_le32(~0u);
	} else if (type == DMM_MSG_COMPARE) {
		struct dmm_wire_compare *m = (void *)p;

		m->extents = cpu_to_le32(2);
		m->flags = cpu_to_le32(DMM_COMPARE_JUDGE);
		m->extent[0].offset_bytes = cpu_to_le64(0x3000000);
		m->extent[0].generation = cpu_to_le32(7);
		m->extent[0].crc = cpu_to_le32(0x05060708);
		m->extent[1].offset_bytes = cpu_to_le64(0x123456700000ULL);
		m->extent[1].generation = cpu_to_le32(8);
		m->extent[1].crc = cpu_to_le32(0x090a0b0c);
	} else if (type == DMM_MSG_COMPARE_OK) {
		struct dmm_wire_compare_ok *m = (void *)p;

		m->differ = cpu_to_le32(2);
	} else if (type == DMM_MSG_HANDOVER) {
		struct dmm_wire_handover *m = (void *)p;

		dmm_vec_ident(m->migration, 0x10);
		m->event = cpu_to_le32(DMM_HANDOVER_SOURCE);
		m->state = cpu_to_le32(2);
		m->epoch = cpu_to_le64(0x1112131415161718ULL);
		dmm_vec_ident(m->instance, 0x40);
		m->disk = cpu_to_le32(7);
		m->conn_epoch = cpu_to_le64(0x2122232425262728ULL);
		m->barrier = cpu_to_le64(0x3132333435363738ULL);
	}
}

/* Fill @p, zeroed and DMM_VEC_PAYLOAD_MAX bytes, with the golden payload of @type. */
static inline void dmm_vec_payload(u8 *p, u16 type)
{
	struct dmm_wire_disk *id = (void *)p;	/* several begin with one */
	unsigned int i;

	switch (type) {
	case DMM_MSG_PREPARE:
	case DMM_MSG_DIGEST:
	case DMM_MSG_QUERY:
	case DMM_MSG_FINISH:
	case DMM_MSG_FORGET:
	case DMM_MSG_ATTACH:
	case DMM_MSG_KEY:
	case DMM_MSG_HASHES:
	case DMM_MSG_ADOPT:
	case DMM_MSG_PROVE:
	case DMM_MSG_COMPARE:
	case DMM_MSG_VOLUME:
		dmm_vec_ident(id->migration, 0x10);
		id->disk = cpu_to_le32(7);
		break;
	}
	if (type == DMM_MSG_HELLO) {
		struct dmm_wire_hello *m = (void *)p;

		m->version_min = cpu_to_le16(1);
		m->version_max = cpu_to_le16(2);
		m->features = cpu_to_le64(0x1122334455667788ULL);
		dmm_vec_text(m->program, "dmmigrate 0.1");
	} else if (type == DMM_MSG_HELLO_OK) {
		struct dmm_wire_hello_ok *m = (void *)p;

		m->version = cpu_to_le16(1);
		m->features = cpu_to_le64(0x99aabbccddeeff00ULL);
		dmm_vec_ident(m->instance, 0x40);
		dmm_vec_ident(m->boot, 0x60);
		dmm_vec_text(m->program, "dmmigrated 0.1");
	} else if (type == DMM_MSG_REFUSE) {
		struct dmm_wire_refuse *m = (void *)p;

		m->code = cpu_to_le32(DMM_WERR_BUSY);
		dmm_vec_text(m->text, "/dev/vg/web01 is mounted");
	} else if (type == DMM_MSG_PREPARE) {
		struct dmm_wire_prepare *m = (void *)p;

		m->size_bytes = cpu_to_le64(0x123456789a00ULL);
		m->block_bytes = cpu_to_le32(4096);
		m->lbs_bytes = cpu_to_le32(512);
		m->conns = cpu_to_le32(3);
		m->flags = cpu_to_le32(DMM_PREPARE_OVERWRITE);
		dmm_vec_text(m->source_identity, "naa.600 uuid-1");
		dmm_vec_text(m->source_host, "host-a");
		dmm_vec_text(m->source_path, "/dev/mapper/web01");
		dmm_vec_text(m->dest_path, "/dev/vg/web01");
		m->group_disks = cpu_to_le32(9);
		dmm_vec_text(m->gate, "web01-gate");
	} else if (type == DMM_MSG_PREPARED) {
		struct dmm_wire_prepared *m = (void *)p;

		m->size_bytes = cpu_to_le64(0x223456789a00ULL);
		m->lbs_bytes = cpu_to_le32(4096);
		m->flags = cpu_to_le32(DMM_PREPARED_BUFFERED);
		dmm_vec_text(m->signature, "ext4");
		m->conn_epoch = cpu_to_le64(0x123456789abcULL);
	} else if (type == DMM_MSG_DIGEST) {
		struct dmm_wire_digest *m = (void *)p;

		m->offset_bytes = cpu_to_le64(0x40000000);
		m->length_bytes = cpu_to_le64(0x3ffffe00);
		m->algorithm = cpu_to_le32(DMM_DIGEST_XXH3_128);
	} else if (type == DMM_MSG_DIGEST_OK) {
		struct dmm_wire_digest_ok *m = (void *)p;

		dmm_vec_ident(m->digest, 0xa0);
	} else if (type == DMM_MSG_QUERY_OK) {
		struct dmm_wire_query_ok *m = (void *)p;

		m->size_bytes = cpu_to_le64(0x323456789a00ULL);
		m->received_bytes = cpu_to_le64(0x4000);
		m->barrier = cpu_to_le64(5);
		m->state = cpu_to_le32(DMM_DISK_RECEIVING);
		m->conns = cpu_to_le32(1);
		m->error = cpu_to_le32(DMM_WERR_RANGE);
	} else if (type == DMM_MSG_GUEST) {
		struct dmm_wire_guest *m = (void *)p;

		dmm_vec_ident(m->migration, 0x10);
		m->platform = cpu_to_le32(DMM_PLATFORM_XL);
		memcpy(m->name, "web01", 5);
	} else if (type == DMM_MSG_GUEST_CONFIG) {
		struct dmm_wire_guest_config *m = (void *)p;

		dmm_vec_ident(m->migration, 0x10);
		m->platform = cpu_to_le32(DMM_PLATFORM_XL);
		m->verb = cpu_to_le32(DMM_GUEST_CONFIG_STAGE);
		m->role = cpu_to_le32(2);
		m->flags = cpu_to_le32(DMM_GUEST_CONFIG_AUTOSTART);
		m->total_bytes = cpu_to_le32(3090);
		m->offset_bytes = cpu_to_le32(3072);
		m->bytes = cpu_to_le32(18);
		dmm_vec_text(m->name, "web01");
		dmm_vec_text(m->text, "name = \"web01\"\nx=1");
	} else if (type == DMM_MSG_GUEST_CONFIG_OK) {
		struct dmm_wire_guest_config_ok *m = (void *)p;

		m->state = cpu_to_le32(DMM_GUEST_CONFIG_DONE);
		dmm_vec_text(m->path, "/etc/xen/web01.cfg");
		dmm_vec_text(m->kept, "/etc/xen/web01.cfg.before");
		dmm_vec_text(m->why, "no space");
	} else if (type == DMM_MSG_IDENTITY) {
		struct dmm_wire_identity *m = (void *)p;

		dmm_vec_text(m->path, "/dev/vg/shared");
	} else if (type == DMM_MSG_IDENTITY_OK) {
		struct dmm_wire_identity_ok *m = (void *)p;

		m->kind = cpu_to_le32(DMM_IDENTITY_BLOCK);
		m->size_bytes = cpu_to_le64(0x0000323456789a00ULL);
		dmm_vec_text(m->identity, "wwid:naa.600 dm:LVM-1");
	} else if (type == DMM_MSG_KEY_OK) {
		struct dmm_wire_key_ok *m = (void *)p;

		dmm_vec_ident(m->identity, 0x50);
		dmm_vec_ident(m->secret, 0x60);
		dmm_vec_ident(m->secret + 16, 0x70);
	} else if (type == DMM_MSG_FACTS_OK) {
		struct dmm_wire_facts_ok *m = (void *)p;

		m->received_ns = cpu_to_le64(0x1112131415161718ULL);
		m->sent_ns = cpu_to_le64(0x2122232425262728ULL);
		m->bytes = cpu_to_le32(24);
		m->flags = cpu_to_le32(DMM_FACTS_CUT);
		dmm_vec_text(m->text, "host=xenB\nvg=vg0 1024 7\n");
	} else if (type == DMM_MSG_VOLUME) {
		struct dmm_wire_volume *m = (void *)p;

		m->group_disks = cpu_to_le32(9);
		m->flags = cpu_to_le32(DMM_VOLUME_CHECK);
		m->size_bytes = cpu_to_le64(0x0000123456789a00ULL);
		dmm_vec_text(m->sr, "fast");
		dmm_vec_text(m->label, "web01");
		dmm_vec_text(m->source_host, "host-a");
	} else if (type == DMM_MSG_VOLUME_OK) {
		struct dmm_wire_volume_ok *m = (void *)p;

		m->size_bytes = cpu_to_le64(0x0000123456800000ULL);
		m->room_bytes = cpu_to_le64(0x0000223456789a00ULL);
		m->flags = cpu_to_le32(DMM_VOLUME_THIN);
		dmm_vec_text(m->path, "/dev/vg/dmm-web01-7-10111213");
	} else if (type == DMM_MSG_LEFTOVERS) {
		struct dmm_wire_leftovers *m = (void *)p;

		dmm_vec_ident(m->migration, 0x10);
		m->first = cpu_to_le32(18);
	} else if (type == DMM_MSG_LEFTOVERS_OK) {
		struct dmm_wire_leftovers_ok *m = (void *)p;

		m->total = cpu_to_le32(19);
		m->nr = cpu_to_le32(1);
		m->flags = cpu_to_le32(DMM_LEFTOVERS_CUT);
		dmm_vec_ident(m->leftover[0].migration, 0x10);
		m->leftover[0].kind = cpu_to_le32(DMM_LEFTOVER_PART);
		m->leftover[0].fate = cpu_to_le32(DMM_LEFTOVER_PEER);
		m->leftover[0].role = cpu_to_le32(2);
		dmm_vec_text(m->leftover[0].name, "web01-gate");
		dmm_vec_text(m->leftover[0].why, "its source is not connected");
		dmm_vec_text(m->leftover[0].action, "dmmigrate recover");
	} else if (type == DMM_MSG_PROBE) {
		struct dmm_wire_probe *m = (void *)p;

		m->kind = cpu_to_le32(DMM_PROBE_DISK);
		m->bytes = cpu_to_le64(0x0000123456789a00ULL);
		dmm_vec_text(m->path, "/dev/vg/web01");
	} else if (type == DMM_MSG_PROBE_OK) {
		struct dmm_wire_probe_ok *m = (void *)p;

		m->bytes = cpu_to_le64(0x0000000412345600ULL);
		m->ns = cpu_to_le64(0x1112131415161718ULL);
	} else if (type == DMM_MSG_ATTACH || type == DMM_MSG_KEY) {
		struct dmm_wire_attach *m = (void *)p;

		m->conn_epoch = cpu_to_le64(9);
		m->conn_index = cpu_to_le32(2);
		m->conns = cpu_to_le32(3);
	} else if (type == DMM_MSG_HASHES) {
		struct dmm_wire_hashes *m = (void *)p;

		m->offset_bytes = cpu_to_le64(0x10000000);
		m->length_bytes = cpu_to_le64(0xffffe00);
		m->algorithm = cpu_to_le32(DMM_DIGEST_XXH3_128);
		m->granule_bytes = cpu_to_le32(65536);
	} else if (type == DMM_MSG_HASHES_OK) {
		for (i = 0; i < 1600; i++)
			p[i] = (u8)(i * 5 + 1);
	} else if (type == DMM_MSG_DATA) {
		for (i = 0; i < 1024; i++)
			p[i] = (u8)(i * 7 + 3);
	} else if (type >= DMM_MSG_GROUP) {
		dmm_vec_payload_group(p, type);
	}
}

#endif
