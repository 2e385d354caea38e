/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the tests of the channel: hosts with keys of their own, which trust each other.
 */
#ifndef DMM_TESTS_KEYS_MAKE_H
#define DMM_TESTS_KEYS_MAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keys_edit.h"

#define NR_HOSTS	2

static char dirs[NR_HOSTS][64];
static struct dmm_keys *keys[NR_HOSTS];

static inline void keys_make(void)
{
	char why[DMM_KEYS_WHY];
	struct dmm_keys_edit e;
	int i;

	for (i = 0; i < NR_HOSTS; i++) {
		strcpy(dirs[i], "/tmp/dmm-unit-keys.XXXXXX");
		assert_non_null(mkdtemp(dirs[i]));
		assert_int_equal(dmm_keys_edit(dirs[i], true, &e, why), 0);
		assert_int_equal(dmm_keys_create(e.dir_fd, "host", why), 0);
		dmm_keys_edit_end(&e);
		assert_int_equal(dmm_keys_load(dirs[i], &keys[i], why), 0);
	}
}

/* @whose file gets a line about @other, in the place of one of this @name. */
static inline void keys_trust(int whose, int other, const char *name, const char *addresses)
{
	char why[DMM_KEYS_WHY];
	struct dmm_peers p;
	struct dmm_keys_edit e;

	assert_int_equal(dmm_keys_edit(dirs[whose], false, &e, why), 0);
	assert_int_equal(dmm_peers_load(dirs[whose], &p, why), 0);
	assert_int_equal(dmm_peers_set(&p, name, dmm_keys_pin(keys[other]), addresses), 0);
	assert_int_equal(dmm_peers_save(e.dir_fd, &p), 0);
	dmm_peers_clear(&p);
	dmm_keys_edit_end(&e);
}

static inline void keys_unmake(void)
{
	char cmd[160];
	int i;

	for (i = 0; i < NR_HOSTS; i++) {
		dmm_keys_free(keys[i]);
		snprintf(cmd, sizeof(cmd), "rm -rf %s", dirs[i]);
		assert_int_equal(system(cmd), 0);
	}
}

#endif
