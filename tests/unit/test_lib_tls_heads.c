// SPDX-License-Identifier: GPL-2.0
/*
 * What a peer's records say of themselves in the clear, while GnuTLS reads them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tls_heads.h"

/* How many of @bytes are taken, read by so many at once; nothing is, after what is not. */
static size_t taken(const u8 *p, size_t bytes, size_t at_once)
{
	struct dmm_heads h = { .wrong = false };
	size_t done = 0, n, now;

	while (done < bytes) {
		n = bytes - done < at_once ? bytes - done : at_once;
		now = dmm_heads_take(&h, p + done, n);
		done += now;
		if (now == n)
			continue;
		assert_true(h.wrong);
		assert_int_equal(dmm_heads_take(&h, p, bytes), 0);
		return done;
	}
	assert_false(h.wrong);
	return done;
}

static void what_peers_say_is_taken(void **state)
{
	/* a hello, a change of ciphers, encrypted ones, one of them empty */
	static const u8 said[] = {
		22, 3, 3, 0, 4, 2, 0, 0, 0, 20, 3, 3, 0, 1, 1,
		23, 3, 3, 0, 17, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
		23, 3, 3, 0, 0,
		23, 3, 3, 0, 17, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
	};
	static const u8 alert[] = { 21, 3, 3, 0, 2, 2, 70 }, refused[] = { 22, 3, 3, 0, 4, 2, 0, 0, 0, 21, 3, 3, 0, 2, 2, 40 };
	/* it is GnuTLS's to say what it is */
	static const u8 other[] = { 'H', 'T', 'T', 'P', '/', '1', '.', '1' };
	size_t n;

	(void)state;
	for (n = 1; n <= sizeof(said); n++) {
		assert_int_equal(taken(said, sizeof(said), n), sizeof(said));
		assert_int_equal(taken(alert, sizeof(alert), n), sizeof(alert));
		assert_int_equal(taken(refused, sizeof(refused), n), sizeof(refused));
		assert_int_equal(taken(other, sizeof(other), n), sizeof(other));
	}
}

/* Each other type and version, however it is read: what is before is given, and nothing of the record but a part of its head. */
static void another_head_is_not(void **state)
{
	static const u8 second[] = { 23, 3, 3, 0, 17, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
	static const u8 first[] = {
		22, 3, 3, 0, 4, 2, 0, 0, 0, 20, 3, 3, 0, 1, 1,
		23, 3, 3, 0, 17, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
	};
	u8 said[sizeof(first) + sizeof(second)];
	unsigned int byte, value;
	size_t n, got;

	(void)state;
	for (byte = 0; byte < 3; byte++) {
		for (value = 0; value < 256; value++) {
			if (value == second[byte])
				continue;
			memcpy(said, first, sizeof(first));
			memcpy(said + sizeof(first), second, sizeof(second));
			said[sizeof(first) + byte] = (u8)value;
			assert_int_equal(taken(said, sizeof(said), sizeof(said)), sizeof(first));
			for (n = 1; n < sizeof(said); n++) {
				got = taken(said, sizeof(said), n);
				assert_in_range(got, sizeof(first), sizeof(first) + DMM_RECORD_HEADER - 1);
			}
		}
	}
}

/* The first that is encrypted, too: nothing of its content is looked at. */
static void a_second_hello_is_not(void **state)
{
	static const u8 said[] = { 22, 3, 3, 0, 4, 2, 0, 0, 0, 22, 3, 3, 0, 4, 2, 0, 0, 0 };
	static const u8 later[] = {
		22, 3, 3, 0, 4, 2, 0, 0, 0,
		23, 3, 3, 0, 17, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
		22, 3, 3, 0, 4, 2, 0, 0, 0,
	};

	(void)state;
	assert_int_equal(taken(said, sizeof(said), sizeof(said)), 9);
	assert_int_equal(taken(later, sizeof(later), sizeof(later)), 31);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_peers_say_is_taken),
		cmocka_unit_test(another_head_is_not),
		cmocka_unit_test(a_second_hello_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
