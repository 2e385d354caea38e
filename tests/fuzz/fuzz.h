/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the fuzz targets: each is one file with LLVMFuzzerTestOneInput(), linked with the objects of
 * one program.  A target does not only wait for a crash: what a parser accepts
 * has to hold what its header promises, and survive a round trip.
 */
#ifndef DMM_FUZZ_H
#define DMM_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/env.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* A promise of the code under test; libFuzzer keeps the input that broke it. */
#define fuzz_assert(cond) ((cond) ? (void)0 : __builtin_trap())

/* Makes a directory for a target's files, in memory where that can be had. */
static inline void fuzz_dir(char *dir, size_t size)
{
	snprintf(dir, size, "%s/dmm-fuzz.XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	fuzz_assert(mkdtemp(dir));
}

/* A copy that ends where the input ends, so that reading on is noticed. */
static inline void *fuzz_copy(const u8 *data, size_t size)
{
	void *p = malloc(size ? size : 1);

	fuzz_assert(p);
	memcpy(p, data, size);
	return p;
}

/* The same as a string: up to the first NUL, with one at its end. */
static inline char *fuzz_text(const u8 *data, size_t size)
{
	char *s = malloc(size + 1), *cut;

	fuzz_assert(s);
	memcpy(s, data, size);
	s[size] = '\0';
	cut = strdup(s);
	free(s);
	fuzz_assert(cut);
	return cut;
}

#endif
