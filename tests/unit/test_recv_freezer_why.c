// SPDX-License-Identifier: GPL-2.0
/*
 * What is said of a disk that the kernel does not freeze.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dmmigrated/freezer_priv.h"

static void assert_said(const struct dmm_nl_info *info, int err, const char *reason, const char *want)
{
	char why[DMM_FREEZER_WHY];

	dmm_freezer_refused(info, 3, err, reason, why);
	assert_string_equal(why, want);
}

static void a_disk_that_failed_says_of_what(void **state)
{
	struct dmm_nl_info info = { .state = DMM_STATE_FAILED, .error = -ENOSPC, .reason = "destination is full" };

	(void)state;
	assert_said(&info, -EINVAL, "", "disk 3: its migration has failed: destination is full");
	info.reason[0] = '\0';
	assert_said(&info, -EINVAL, "", "disk 3: its migration has failed: No space left on device");
}

static void one_without_connections_is_said_to_be(void **state)
{
	struct dmm_nl_info info = {
		.state = DMM_STATE_DISCONNECTED, .error = -ECONNRESET, .reason = "the receiver closed the connection",
	};

	(void)state;
	assert_said(&info, -EINVAL, "", "disk 3: it has lost its connections: the receiver closed the connection");
	info = (struct dmm_nl_info){ .state = DMM_STATE_PAUSED };
	assert_said(&info, -EINVAL, "", "disk 3: it is paused");
	assert_said(NULL, -ENODEV, "", "disk 3: it is not attached to a migrate target any more");
}

static void what_the_kernel_says_is_said(void **state)
{
	struct dmm_nl_info info = { .state = DMM_STATE_COPYING };

	(void)state;
	assert_said(&info, -ESTALE, "", "disk 3: Stale file handle");
	assert_said(&info, -EBUSY, "its table is being changed", "disk 3: Device or resource busy: its table is being changed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk_that_failed_says_of_what),
		cmocka_unit_test(one_without_connections_is_said_to_be),
		cmocka_unit_test(what_the_kernel_says_is_said),
	};

	return cmocka_run_group_tests_name("recv_freezer_why", tests, NULL, NULL);
}
