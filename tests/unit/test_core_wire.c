// SPDX-License-Identifier: GPL-2.0
/*
 * core/wire: the vectors; then a million random headers and
 * acknowledgements, judged by a second, slower reading of the rules.
 */
#include "vec_cmocka.h"
#include "vectors/wire.h"

#define RUNS 1000000

static void run(void (*check)(struct dmm_vec *v))
{
	struct dmm_vec v = { 0 };

	check(&v);
	vec_assert(&v);
}

/* On the heap, so that ASan sees what is read beyond it. */
static void run_with_payload(void (*check)(struct dmm_vec *v, u8 *payload))
{
	u8 *payload = malloc(DMM_VEC_PAYLOAD_MAX);
	struct dmm_vec v = { 0 };

	assert_non_null(payload);
	check(&v, payload);
	free(payload);
	vec_assert(&v);
}

static void test_crcs(void **state)
{
	(void)state;
	run(dmm_vec_check_crcs);
}

static void test_golden(void **state)
{
	(void)state;
	run_with_payload(dmm_vec_check_golden);
}

static void test_bitflips(void **state)
{
	(void)state;
	run_with_payload(dmm_vec_check_bitflips);
}

static void test_types(void **state)
{
	(void)state;
	run(dmm_vec_check_types);
}

static void test_bads(void **state)
{
	(void)state;
	run(dmm_vec_check_bads);
}

static void test_fits(void **state)
{
	(void)state;
	run(dmm_vec_check_fits);
}

static void test_golden_acks(void **state)
{
	(void)state;
	run(dmm_vec_check_golden_acks);
}

static void test_acks(void **state)
{
	(void)state;
	run(dmm_vec_check_acks);
}

static void test_errnos(void **state)
{
	(void)state;
	run(dmm_vec_check_errnos);
}

/* --- random ----------------------------------------------------------------- */

static u64 get_le(const u8 *p, unsigned int bytes)
{
	u64 v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

/* The rules of wire.h once more, from the bytes. */
static bool hdr_valid(const u8 *p)
{
	u64 type = get_le(p + 4, 2), offset = get_le(p + 16, 8), arg = get_le(p + 24, 8);
	u64 payload = get_le(p + 32, 4);
	unsigned int i;

	if (get_le(p, 4) != 0x314d4d44 || get_le(p + 6, 2) || !get_le(p + 8, 8))
		return false;
	if (get_le(p + 36, 4) || get_le(p + 40, 4) || (type == 35 || type == 37) != (arg != 0))
		return false;
	if (type == 37)
		return !payload && arg <= 1073741824 && arg % 512 == 0 && offset % 512 == 0 &&
		       offset < 1ULL << 63 && offset + arg < 1ULL << 63;
	if (type == 27)
		return !offset && dmm_vec_size_ok(27, (u32)payload);
	if (type == 34)
		return payload >= 512 && payload <= 1048576 && payload % 512 == 0 &&
		       offset % 512 == 0 && offset + payload > offset &&
		       offset + payload < 1ULL << 63;
	for (i = 0; i < DMM_VEC_COUNT(dmm_vec_types); i++)
		if (dmm_vec_types[i].type == type)
			return payload == (u64)dmm_vec_types[i].bytes && !offset;
	return false;
}

static void put_le(u8 *p, u64 v, unsigned int bytes)
{
	for (; bytes--; v >>= 8)
		*p++ = (u8)v;
}

static u64 any_u64(u64 *rnd)
{
	return test_rand(rnd) >> test_below(rnd, 64);
}

/* Mostly right, else nothing but the magic would ever be tested. */
static void any_hdr(u8 *p, u64 *rnd)
{
	u64 damage = test_below(rnd, 4), i;
	u16 type = (u16)test_below(rnd, 50);

	memset(p, 0, 48);
	put_le(p, DMM_WIRE_MAGIC, 4);
	put_le(p + 4, type, 2);
	put_le(p + 8, any_u64(rnd), 8);
	if (type == DMM_MSG_DATA) {
		put_le(p + 16, any_u64(rnd) & ~511ULL, 8);
		put_le(p + 32, test_below(rnd, 2050) * 512, 4);
	} else if (dmm_wire_payload_bytes(type) > 0) {
		put_le(p + 32, dmm_wire_payload_bytes(type), 4);
	}
	if (type == DMM_MSG_HASHES_OK)
		put_le(p + 32, test_below(rnd, 4100) * 16, 4);
	if (type == DMM_MSG_BARRIER)
		put_le(p + 24, any_u64(rnd), 8);
	if (type == DMM_MSG_ZERO) {
		put_le(p + 16, any_u64(rnd) & ~511ULL, 8);
		put_le(p + 24, any_u64(rnd) >> 33 & ~511ULL, 8);
	}
	put_le(p + 44, test_rand(rnd), 4);
	for (i = 0; i < damage; i++)
		p[test_below(rnd, 48)] = (u8)test_rand(rnd);
	if (test_below(rnd, 16) == 0)
		for (i = 0; i < 48; i++)
			p[i] = (u8)test_rand(rnd);
}

static void test_random_hdrs(void **state)
{
	unsigned int i, valid = 0;
	u64 rnd = test_seed("headers");
	struct dmm_wire_hdr *hdr = malloc(sizeof(*hdr)), again;
	const char *why;

	(void)state;
	assert_non_null(hdr);
	for (i = 0; i < RUNS; i++) {
		struct dmm_frame f;
		bool ok;

		any_hdr((u8 *)hdr, &rnd);
		ok = hdr_valid((u8 *)hdr);
		why = NULL;
		memset(&f, 0x55, sizeof(f));
		assert_int_equal(dmm_wire_hdr_decode(hdr, &f, &why), ok ? 0 : -EBADMSG);
		if (!ok) {
			assert_non_null(why);
			assert_int_equal(f.seq, 0x5555555555555555ULL);
			continue;
		}
		valid++;
		/* what was understood encodes to the same bytes, but for the crc */
		assert_int_equal(f.crc, get_le((u8 *)hdr + 44, 4));
		dmm_wire_hdr_encode(&again, &f);
		dmm_wire_hdr_seal(&again, ~f.crc);
		assert_memory_equal(&again, hdr, sizeof(again));
	}
	free(hdr);
	print_message("%u of %u random headers were valid\n", valid, RUNS);
	assert_in_range(valid, RUNS / 10, RUNS * 9 / 10);
}

static void any_ack(u8 *p, u64 *rnd)
{
	u64 damage = test_below(rnd, 3), i;
	static const u16 types[] = { DMM_MSG_DATA, DMM_MSG_BARRIER, DMM_MSG_ZERO };
	u16 type = types[test_below(rnd, 3)];
	u32 status = test_below(rnd, 2) ? 0 : (u32)test_below(rnd, DMM_WERR_COUNT + 1);

	memset(p, 0, 32);
	put_le(p, DMM_WIRE_MAGIC, 4);
	put_le(p + 4, type, 2);
	put_le(p + 8, any_u64(rnd), 8);
	put_le(p + 16, type != DMM_MSG_DATA ? any_u64(rnd) : 0, 8);
	put_le(p + 24, status, 4);
	for (i = 0; i < damage; i++)
		p[test_below(rnd, 28)] = (u8)test_rand(rnd);
	put_le(p + 28, (u32)~dmm_crc32c(~0u, p, 28), 4);
	if (test_below(rnd, 8) == 0)
		p[test_below(rnd, 32)] ^= 1 << test_below(rnd, 8);
}

static bool ack_valid(const u8 *p)
{
	u64 type = get_le(p + 4, 2), seq = get_le(p + 8, 8), arg = get_le(p + 16, 8);
	u64 status = get_le(p + 24, 4);

	if (get_le(p, 4) != 0x314d4d44 || get_le(p + 6, 2) ||
	    (type != 34 && type != 35 && type != 37))
		return false;
	if ((u32)~dmm_crc32c(~0u, p, 28) != get_le(p + 28, 4) || status > 17)
		return false;
	return status || (seq && (type != 34) == (arg != 0));
}

static void test_random_acks(void **state)
{
	struct dmm_wire_ack *wire = malloc(sizeof(*wire)), again;
	unsigned int i, valid = 0;
	u64 rnd = test_seed("acks");

	(void)state;
	assert_non_null(wire);
	for (i = 0; i < RUNS; i++) {
		struct dmm_ack a;
		bool ok;

		any_ack((u8 *)wire, &rnd);
		ok = ack_valid((u8 *)wire);
		assert_int_equal(dmm_wire_ack_decode(wire, &a), ok ? 0 : -EBADMSG);
		if (!ok)
			continue;
		valid++;
		dmm_wire_ack_encode(&again, &a);
		assert_memory_equal(&again, wire, sizeof(again));
	}
	free(wire);
	print_message("%u of %u random acknowledgements were valid\n", valid, RUNS);
	assert_in_range(valid, RUNS / 10, RUNS * 9 / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crcs),
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_bitflips),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_bads),
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_golden_acks),
		cmocka_unit_test(test_acks),
		cmocka_unit_test(test_errnos),
		cmocka_unit_test(test_random_hdrs),
		cmocka_unit_test(test_random_acks),
	};

	return cmocka_run_group_tests_name("core_wire", tests, NULL, NULL);
}
