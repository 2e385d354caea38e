// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite dmm-wire: the vectors of core/wire, with the kernel's crc32c.
 */
#include "vec_kunit.h"
#include "vectors/wire.h"

static void wire_run(struct kunit *test, void (*check)(struct dmm_vec *v))
{
	struct dmm_vec v = { 0 };

	check(&v);
	vec_expect(test, &v);
}

static void wire_run_payload(struct kunit *test, void (*check)(struct dmm_vec *v, u8 *payload))
{
	u8 *payload = kunit_kzalloc(test, DMM_VEC_PAYLOAD_MAX, GFP_KERNEL);
	struct dmm_vec v = { 0 };

	KUNIT_ASSERT_NOT_NULL(test, payload);
	check(&v, payload);
	vec_expect(test, &v);
}

static void wire_crcs(struct kunit *test)
{
	wire_run(test, dmm_vec_check_crcs);
}

static void wire_golden(struct kunit *test)
{
	wire_run_payload(test, dmm_vec_check_golden);
}

static void wire_bitflips(struct kunit *test)
{
	wire_run_payload(test, dmm_vec_check_bitflips);
}

static void wire_types(struct kunit *test)
{
	wire_run(test, dmm_vec_check_types);
}

static void wire_bads(struct kunit *test)
{
	wire_run(test, dmm_vec_check_bads);
}

static void wire_fits(struct kunit *test)
{
	wire_run(test, dmm_vec_check_fits);
}

static void wire_golden_acks(struct kunit *test)
{
	wire_run(test, dmm_vec_check_golden_acks);
}

static void wire_acks(struct kunit *test)
{
	wire_run(test, dmm_vec_check_acks);
}

static void wire_errnos(struct kunit *test)
{
	wire_run(test, dmm_vec_check_errnos);
}

static struct kunit_case wire_cases[] = {
	KUNIT_CASE(wire_crcs),
	KUNIT_CASE(wire_golden),
	KUNIT_CASE(wire_bitflips),
	KUNIT_CASE(wire_types),
	KUNIT_CASE(wire_bads),
	KUNIT_CASE(wire_fits),
	KUNIT_CASE(wire_golden_acks),
	KUNIT_CASE(wire_acks),
	KUNIT_CASE(wire_errnos),
	{}
};

static struct kunit_suite wire_suite = {
	.name = "dmm-wire",
	.test_cases = wire_cases,
};

kunit_test_suite(wire_suite);
