// SPDX-License-Identifier: GPL-2.0
/*
 * Records of the hand-over's journal: layout, and what a reader makes of a file that was
 * cut, or changed, anywhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal_record.h"
#include "vectors/journal_golden.h"

#define RECORD	DMM_JOURNAL_RECORD_BYTES
#define SOURCES	4u	/* of the golden records */
#define BYTES	(SOURCES * RECORD)

static struct dmm_journal_record golden_record(unsigned int i)
{
	static const struct {
		enum dmm_ho_role role;
		enum dmm_ho_state state;
		u64 seq, epoch;
		u32 disks, flags, uid;
		const char *host, *by;
	} rows[] = {
		{ DMM_HO_SOURCE, DMM_HO_ACTIVE, 1, 0, 2, 0, 0, "host-a", "dmmigrated 0.1" },
		{ DMM_HO_SOURCE, DMM_HO_ACTIVE, 2, 1, 2, 0, 0, "host-a", "dmmigrated 0.1" },
		{ DMM_HO_SOURCE, DMM_HO_RELINQUISHED, 3, 1, 2, 0, 0, "host-a", "dmmigrated 0.1" },
		{ DMM_HO_SOURCE, DMM_HO_ACTIVE, 4, 2, 2, DMM_JOURNAL_FORCED, 1000, "host-a",
		  "recover --force-owner, by alice" },
		{ DMM_HO_DEST, DMM_HO_RECEIVING, 1, 0, 64, 0, 0, "host-b", "dmmigrated 0.1" },
		{ DMM_HO_DEST, DMM_HO_REFUSED, 2, DMM_HO_EPOCH_LAST, 64, 0, 0, "host-b", "" },
		{ DMM_HO_DEST, DMM_HO_OWNED, 2, 1, 0, 0, 0, "host-b", "" },	/* a guest's, no disk of which moves */
	};
	struct dmm_journal_record r = {
		.seq = rows[i].seq, .epoch = rows[i].epoch, .time_ns = 0x1122334455667788ull,
		.role = rows[i].role, .state = rows[i].state, .nr_disks = rows[i].disks,
		.flags = rows[i].flags, .uid = rows[i].uid,
	};
	unsigned int k;

	for (k = 0; k < 16; k++) {
		r.id[k] = (u8)(0x10 + k);
		r.instance.b[k] = (u8)(0x40 + k);
		r.boot[k] = (u8)(0x60 + k);
	}
	snprintf(r.host, sizeof(r.host), "%s", rows[i].host);
	snprintf(r.by, sizeof(r.by), "%s", rows[i].by);
	return r;
}

static void assert_same(const struct dmm_journal_record *a, const struct dmm_journal_record *b)
{
	u8 x[RECORD], y[RECORD];

	dmm_journal_encode(a, x);
	dmm_journal_encode(b, y);
	assert_memory_equal(x, y, sizeof(x));
}

static void test_golden(void **state)
{
	struct dmm_journal_view v;
	struct dmm_journal_record r;
	char why[DMM_JOURNAL_WHY];
	u8 buf[RECORD];
	unsigned int i;

	(void)state;
	for (i = 0; i < 6; i++) {
		r = golden_record(i);
		dmm_journal_encode(&r, buf);
		assert_memory_equal(buf, dmm_vec_journal_golden[i], RECORD);
	}
	for (i = 1; i <= SOURCES; i++) {
		r = golden_record(i - 1);
		assert_int_equal(dmm_journal_scan(dmm_vec_journal_golden, i * RECORD, r.id, &v, why), 0);
		assert_int_equal(v.nr, i);
		assert_int_equal(v.whole_bytes, i * RECORD);
		assert_int_equal(v.torn_bytes, 0);
		assert_same(&v.last, &r);
		assert_string_equal(v.last.by, r.by);
		assert_int_equal(v.last.uid, r.uid);
	}
	assert_int_equal(dmm_journal_scan(dmm_vec_journal_golden[4], 2 * RECORD, NULL, &v, why), 0);
	assert_true(v.last.epoch == DMM_HO_EPOCH_LAST);
	assert_int_equal(v.last.nr_disks, 64);
}

/* Cut at every byte: what was whole before counts, the rest is an append that did not end. */
static void test_cut(void **state)
{
	const unsigned char *golden = dmm_vec_journal_golden[0];
	struct dmm_journal_view v;
	char why[DMM_JOURNAL_WHY];
	size_t n;

	(void)state;
	for (n = 0; n <= BYTES; n++) {
		u8 *copy = malloc(n + 1);	/* so that reading on is noticed */

		memcpy(copy, golden, n);
		if (n < RECORD) {
			assert_int_equal(dmm_journal_scan(copy, n, NULL, &v, why), -ENODATA);
			assert_non_null(strstr(why, "no record"));
		} else {
			assert_int_equal(dmm_journal_scan(copy, n, NULL, &v, why), 0);
			assert_int_equal(v.nr, n / RECORD);
			assert_int_equal(v.whole_bytes, n - n % RECORD);
			assert_int_equal(v.torn_bytes, n % RECORD);
			assert_int_equal(v.last.seq, v.nr);
		}
		free(copy);
	}
}

/* The file has grown, what should be in it came as zeros from some byte on. */
static void test_zeros(void **state)
{
	struct dmm_journal_view v;
	char why[DMM_JOURNAL_WHY];
	u8 buf[BYTES];
	size_t n;

	(void)state;
	for (n = 0; n < RECORD; n++) {
		memcpy(buf, dmm_vec_journal_golden, BYTES);
		memset(buf + BYTES - RECORD + n, 0, RECORD - n);
		if (n <= RECORD - 4) {
			assert_int_equal(dmm_journal_scan(buf, BYTES, NULL, &v, why), 0);
			assert_int_equal(v.nr, SOURCES - 1);
			assert_int_equal(v.torn_bytes, RECORD);
		} else {
			assert_int_equal(dmm_journal_scan(buf, BYTES, NULL, &v, why), -EBADMSG);
		}
		/* with anything behind it, it was complete once */
		memcpy(buf, dmm_vec_journal_golden, BYTES);
		memset(buf + RECORD + n, 0, RECORD - n);
		assert_true(dmm_journal_scan(buf, BYTES, NULL, &v, why) < 0);
		assert_true(dmm_journal_scan(buf, 2 * RECORD + 1, NULL, &v, why) < 0);
	}
}

/* Every bit of every byte: damage is never taken for an append that did not end. */
static void test_flips(void **state)
{
	struct dmm_journal_view v;
	char why[DMM_JOURNAL_WHY], where[32];
	unsigned int bit;
	u8 buf[BYTES];
	int ret;

	(void)state;
	memcpy(buf, dmm_vec_journal_golden, BYTES);
	for (bit = 0; bit < 8 * BYTES; bit++) {
		buf[bit / 8] ^= (u8)(1u << bit % 8);
		ret = dmm_journal_scan(buf, BYTES, NULL, &v, why);
		if (ret != -EBADMSG && ret != -EPROTONOSUPPORT)
			fail_msg("bit %u of byte %u: %d", bit % 8, bit / 8, ret);
		snprintf(where, sizeof(where), "record %u, ", bit / 8 / RECORD + 1);
		assert_non_null(strstr(why, where));
		buf[bit / 8] ^= (u8)(1u << bit % 8);
	}
	assert_int_equal(dmm_journal_scan(buf, BYTES, NULL, &v, why), 0);
}

static void seal(u8 *record)
{
	u32 crc = ~dmm_crc32c(~0u, record, 248);

	record[248] = (u8)crc;
	record[249] = (u8)(crc >> 8);
	record[250] = (u8)(crc >> 16);
	record[251] = (u8)(crc >> 24);
}

/* Whole records with right checksums that have no business there. */
static void test_misplaced(void **state)
{
	static const struct {
		unsigned int byte;
		u8 value;
		int ret;
		const char *why;
	} rows[] = {
		{ 4, 2, -EPROTONOSUPPORT, "version 2" },
		{ 5, 1, -EPROTONOSUPPORT, "version 257" },
		{ 7, 2, -EBADMSG, "does not know" },
		{ 8, 2, -EBADMSG, "sequence" },
		{ 8, 4, -EBADMSG, "sequence" },
		{ 15, 1, -EBADMSG, "sequence" },
		{ 16, 0, -EBADMSG, "another migration" },
		{ 32, 0, -EBADMSG, "older epoch" },
		{ 80, 2, -EBADMSG, "no state" },
		{ 80, 3, -EBADMSG, "no state" },
		{ 82, 0, -EBADMSG, "no state" },
		{ 82, 4, -EBADMSG, "no state" },
		{ 82, 11, -EBADMSG, "no state" },
		{ 83, 1, -EBADMSG, "no state" },
		{ 84, 0, -EBADMSG, "another migration" },	/* without disks, from here on */
		{ 84, 65, -EBADMSG, "no state" },
		{ 84, 3, -EBADMSG, "another migration" },
		{ 86, 2, -EBADMSG, "does not know" },
		{ 92, 1, -EBADMSG, "does not know" },
		{ 95, 1, -EBADMSG, "does not know" },
		{ 96, 0, -EBADMSG, "does not know" },	/* text behind its end */
		{ 159, 'x', -EBADMSG, "does not know" },
		{ 160, 27, -EBADMSG, "does not know" },	/* a control character */
		{ 240, 1, -EBADMSG, "does not know" },
		{ 247, 1, -EBADMSG, "does not know" },
	};
	struct dmm_journal_view v;
	char why[DMM_JOURNAL_WHY];
	u8 buf[3 * RECORD];
	unsigned int i;
	int ret;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(buf, dmm_vec_journal_golden, sizeof(buf));
		buf[2 * RECORD + rows[i].byte] = rows[i].value;
		seal(buf + 2 * RECORD);
		ret = dmm_journal_scan(buf, sizeof(buf), NULL, &v, why);
		if (ret != rows[i].ret || !strstr(why, rows[i].why) || !strstr(why, "record 3, at byte 512"))
			fail_msg("byte %u = %u: %d, %s", rows[i].byte, rows[i].value, ret, why);
	}
	/* another migration's file */
	memcpy(buf, dmm_vec_journal_golden, sizeof(buf));
	assert_int_equal(dmm_journal_scan(buf, sizeof(buf), buf, &v, why), -EBADMSG);
	assert_non_null(strstr(why, "record 1, at byte 0, is of another migration"));
}

/* Texts of any kind are stored as something that can be read back. */
static void test_texts(void **state)
{
	struct dmm_journal_record r = golden_record(0);
	struct dmm_journal_view v;
	char why[DMM_JOURNAL_WHY];
	u8 buf[RECORD];

	(void)state;
	memset(r.by, 'x', sizeof(r.by));
	r.by[sizeof(r.by) - 2] = '\xc3';	/* half a character, and no end */
	r.by[sizeof(r.by) - 1] = '\xa4';
	snprintf(r.host, sizeof(r.host), "a\nb\x1b[0m");
	dmm_journal_encode(&r, buf);
	assert_int_equal(dmm_journal_scan(buf, sizeof(buf), r.id, &v, why), 0);
	assert_int_equal(strlen(v.last.by), sizeof(r.by) - 1);
	assert_int_equal(v.last.by[sizeof(r.by) - 2], '?');
	assert_string_equal(v.last.host, "a?b?[0m");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_zeros),
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_misplaced),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests_name("lib_journal", tests, NULL, NULL);
}
