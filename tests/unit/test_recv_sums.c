// SPDX-License-Identifier: GPL-2.0
/*
 * Frames of both kinds of checksum: payloads that come in pieces, damage, a frame that has the other kind's, and
 * two connections of one disk that have agreed on different ones.
 */
#include <signal.h>

#include "recv_proof.h"

static struct peer control, data, other;
static struct dmm_disk *disk;

static void start(const struct dmm_engine_ops *engine)
{
	struct dmm_disk_name name = { .migration = { 1 } };
	struct dmm_refusal r;

	shadow = calloc(1, SIZE);
	receiver_start(SIZE, engine);
	peer_features = DMM_FEATURE_ZERO | DMM_FEATURE_POLY32;
	peers_attach(&control, &data, SIZE);
	peer_features = DMM_FEATURE_ZERO;
	assert_int_equal(peer_attach(&other, 1, 1), 0);
	assert_int_equal(dmm_sum_kind(data.c.features), DMM_SUM_POLY32);
	assert_int_equal(dmm_sum_kind(other.c.features), DMM_SUM_CRC32C);
	disk = dmm_registry_get(&rc.registry, &name, &r);
	assert_non_null(disk);
}

static int setup(void **state)
{
	(void)state;
	start(&dmm_engine_libaio);
	return 0;
}

static int setup_fake(void **state)
{
	(void)state;
	fake_reset(FAKE_AT_ONCE, SIZE);
	start(&fake_engine);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dmm_registry_put(&rc.registry, disk);
	peer_close(&other);
	peers_end(&control, &data);
	free(shadow);
	return 0;
}

/* Header and payload as @p sends them, with the checksum of @k. */
static void frame_make(struct peer *p, enum dmm_sum_kind k, u64 first, u32 bytes, u8 *out)
{
	struct dmm_frame f = { .type = DMM_MSG_DATA, .seq = ++p->seq, .offset_bytes = first, .payload_bytes = bytes };
	struct dmm_wire_hdr hdr;

	shadow_fill(first, bytes);
	dmm_wire_hdr_encode(&hdr, &f);
	dmm_wire_hdr_seal(&hdr, dmm_sum_frame(k, dmm_wire_hdr_crc(&hdr), dmm_sum(k, 0, shadow + first, bytes), bytes));
	memcpy(out, &hdr, sizeof(hdr));
	memcpy(out + sizeof(hdr), shadow + first, bytes);
}

static void put(struct peer *p, const u8 *bytes, size_t n)
{
	assert_int_equal(dmm_sock_write(p->c.fd, bytes, n, dmm_now_ms() + WAIT_MS, -1), 0);
}

static void in_pieces(struct peer *p, enum dmm_sum_kind k)
{
	static const u32 pieces[] = { 1, 48, 3, 64, 61, 1000, 4095, 2, 63, 65, 1 };
	u32 bytes = 8192, all = bytes + DMM_WIRE_HDR_BYTES, at, n, i;
	u8 *buf = malloc(all);

	for (i = 0; i < 4; i++) {
		frame_make(p, k, 65536 * i, bytes, buf);
		for (at = 0, n = i; at < all; at += pieces[n++]) {
			if (n == sizeof(pieces) / sizeof(pieces[0]))
				n = 0;
			put(p, buf + at, dmm_min_u64(pieces[n], all - at));
			nap(1);
		}
		peer_expect_ack(p, DMM_MSG_DATA, p->seq, DMM_WERR_OK);
		assert_memory_equal(fake.disk + 65536 * i, shadow + 65536 * i, bytes);
	}
	free(buf);
}

static void payloads_in_pieces(void **state)
{
	(void)state;
	in_pieces(&data, DMM_SUM_POLY32);
	in_pieces(&other, DMM_SUM_CRC32C);
}

/* Of a frame of kind @k byte @at is changed by @with, and it comes on connection @index; says whether it was written. */
static bool changed(enum dmm_sum_kind k, u32 index, u32 at, u8 with)
{
	static u64 epoch = 1;
	u8 buf[DMM_WIRE_HDR_BYTES + 4096];
	struct peer p;
	bool ok;

	peer_features = DMM_FEATURE_ZERO | (index ? 0 : DMM_FEATURE_POLY32);
	assert_int_equal(peer_attach(&p, ++epoch, index), 0);
	memset(fake.disk, 0, 4096);
	frame_make(&p, k, 0, 4096, buf);
	buf[at] ^= with;
	put(&p, buf, sizeof(buf));
	ok = !with && k == dmm_sum_kind(p.c.features);
	peer_expect_ack(&p, DMM_MSG_DATA, ok ? 1 : p.seq, ok ? DMM_WERR_OK : DMM_WERR_CRC);
	ok = !memcmp(fake.disk, shadow, 4096);
	assert_true(ok || (!fake.disk[0] && !memcmp(fake.disk, fake.disk + 1, 4095)));
	peer_close(&p);
	return ok;
}

static void damage_is_refused(void **state)
{
	u32 at;

	(void)state;
	peer_close(&data);
	peer_close(&other);
	assert_true(changed(DMM_SUM_POLY32, 0, 0, 0));
	assert_true(changed(DMM_SUM_CRC32C, 1, 0, 0));
	for (at = DMM_WIRE_HDR_BYTES; at < DMM_WIRE_HDR_BYTES + 4096; at += 97) {
		assert_false(changed(DMM_SUM_POLY32, 0, at, 1 << at % 8));
		assert_false(changed(DMM_SUM_CRC32C, 1, at, 1 << at % 8));
	}
	/* the checksum itself */
	assert_false(changed(DMM_SUM_POLY32, 0, 44, 0x10));
	assert_false(changed(DMM_SUM_POLY32, 0, 47, 0x80));
	/* what was not agreed upon */
	assert_false(changed(DMM_SUM_CRC32C, 0, 0, 0));
	assert_false(changed(DMM_SUM_POLY32, 1, 0, 0));
}

static void extent_is(u64 i, bool known, enum dmm_sum_kind k)
{
	struct dmm_proof_state s;

	dmm_proof_get(&disk->proof, i, &s);
	assert_int_equal(s.known, known);
	if (known) {
		assert_int_equal(s.kind, k);
		assert_int_equal(s.sum, dmm_sum(k, 0, shadow + i * MIB, s.bytes));
	}
}

static void connections_that_differ(void **state)
{
	(void)state;
	ship(&data, 0, MIB);
	ship(&other, MIB, MIB);
	ship(&data, 2 * MIB, 4096);
	peer_zero(&data, 2 * MIB + 4096, MIB - 4096);
	peer_expect_ack(&data, DMM_MSG_ZERO, data.seq, DMM_WERR_OK);
	ship(&data, 3 * MIB, 65536);
	ship(&other, 3 * MIB + 65536, MIB - 65536);
	memset(shadow + 2 * MIB + 4096, 0, MIB - 4096);
	extent_is(0, true, DMM_SUM_POLY32);
	extent_is(1, true, DMM_SUM_CRC32C);
	extent_is(2, true, DMM_SUM_POLY32);
	extent_is(3, false, 0);
	/* whichever comes last */
	ship(&other, 0, MIB);
	ship(&data, MIB, MIB);
	extent_is(0, true, DMM_SUM_CRC32C);
	extent_is(1, true, DMM_SUM_POLY32);
	assert_int_equal(dmm_disk_sample(disk, -1), 0);
	/* a byte behind its back, among what came last */
	flip_a_bit(MIB + 4711);
	assert_true(dmm_disk_sample(disk, -1) < 0);
	assert_non_null(strstr(disk->error_text, "poly32"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(payloads_in_pieces, setup_fake, teardown),
		cmocka_unit_test_setup_teardown(damage_is_refused, setup_fake, teardown),
		cmocka_unit_test_setup_teardown(connections_that_differ, setup, teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
