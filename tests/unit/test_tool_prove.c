// SPDX-License-Identifier: GPL-2.0
/*
 * cutover --verify=full: rounds, generations, and what is a difference, with a receiver, a disk and a kernel that the
 * test plays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tool_prove.h"

#define MIB	(1u << 20)
#define NR	130u		/* three windows */
#define SIZE	((u64)(NR - 1) * MIB + 4096)	/* the last one is short */

/* Constant content but for the first byte of each extent, here and there. */
static struct fake {
	int fd;				/* the source's disk */
	u8 there[NR];
	u32 generation[NR];
	bool busy[NR];
	bool hot[NR];			/* written before each look */
	bool late[NR];			/* written, and shipped, when it is asked for first */
	bool differs[NR];		/* said by COMPARE, of this generation */
	u32 differs_generation[NR];
	u64 features;
	u32 reads, extents_read, judged;
	bool busy_kernel;
	u32 refusal;			/* PROVE is refused */
} fake;

static void write_here(u32 i, u8 byte)
{
	assert_int_equal(pwrite(fake.fd, &byte, 1, (u64)i * MIB), 1);
}

static void ship(u32 i, u8 byte)
{
	fake.there[i] = byte;
	fake.generation[i]++;
}

static u32 crc_there(u32 i)
{
	static u8 buf[MIB];

	buf[0] = fake.there[i];
	return ~dmm_crc32c(~0u, buf, i == NR - 1 ? 4096 : MIB);
}

static int refuse(struct dmm_remote *r, u32 code)
{
	r->code = code;
	r->exit = dmm_exit_from_wire(code);
	snprintf(r->why, sizeof(r->why), "refused %u", code);
	return -EREMOTEIO;
}

int __wrap_dmm_remote_open(struct dmm_remote *r, const struct dmm_target *to)
{
	(void)to;
	r->client.features = r->offer & fake.features;
	return 0;
}

int __wrap_dmm_remote_prove(struct dmm_remote *r, const struct dmm_wire_prove *req, struct dmm_wire_prove_ok *ok)
{
	u32 first = (u32)(le64_to_cpu(req->offset_bytes) / MIB), nr = le32_to_cpu(req->extents), i;
	bool read = le32_to_cpu(req->flags) & DMM_PROVE_READ;

	assert_true(nr >= 1 && nr <= DMM_MAX_PROVE && first + nr <= NR);
	memset(ok, 0, sizeof(*ok));
	if (fake.refusal)
		return refuse(r, fake.refusal);
	fake.reads += read;
	for (i = first; i < first + nr; i++) {
		if (fake.hot[i] && !read)
			ship(i, fake.there[i]);
		if (read && fake.late[i]) {
			/* who has read the source before we have answered has read what is no more */
			write_here(i, 77);
			ship(i, 77);
			fake.late[i] = false;
		}
		ok->extents[i - first].generation = cpu_to_le32(fake.generation[i]);
		if (!read || fake.busy[i])
			continue;
		fake.extents_read++;
		ok->extents[i - first].state = cpu_to_le32(DMM_PROVED_SAME);
		ok->extents[i - first].crc = cpu_to_le32(crc_there(i));
	}
	return 0;
}

int __wrap_dmm_remote_compare(struct dmm_remote *r, const struct dmm_wire_compare *req,
			      struct dmm_wire_compare_ok *ok)
{
	u32 i, n, nr = 0;

	assert_true(le32_to_cpu(req->extents) || le32_to_cpu(req->flags));
	for (n = 0; n < le32_to_cpu(req->extents); n++) {
		i = (u32)(le64_to_cpu(req->extent[n].offset_bytes) / MIB);
		assert_true(i < NR);
		if (le32_to_cpu(req->extent[n].generation) != fake.generation[i] ||
		    le32_to_cpu(req->extent[n].crc) == crc_there(i))
			continue;
		fake.differs[i] = true;
		fake.differs_generation[i] = fake.generation[i];
		nr++;
	}
	ok->differ = cpu_to_le32(nr);
	ok->pad = 0;
	if (!(le32_to_cpu(req->flags) & DMM_COMPARE_JUDGE))
		return 0;
	fake.judged++;
	for (i = 0; i < NR; i++) {
		if (fake.differs[i] && fake.differs_generation[i] == fake.generation[i])
			return refuse(r, DMM_WERR_DIFFERS);
	}
	return 0;
}

int __wrap_dmm_verify_origin(const struct dmm_source *s, u64 *size_bytes)
{
	(void)s;
	*size_bytes = SIZE;
	return dup(fake.fd);
}

int __wrap_dmm_source_info(struct dmm_tool *t, const struct dmm_source *s, struct dmm_nl_info *info)
{
	static u64 writes;

	(void)t;
	(void)s;
	memset(info, 0, sizeof(*info));
	writes += fake.busy_kernel;
	info->writes_submitted = writes;
	info->writes_completed = writes;
	return 0;
}

static struct dmm_tool tool;
static struct dmm_source source;
static struct dmm_proof_result res;
static char why[DMM_PROVE_WHY];

static int setup(void **state)
{
	u32 i;

	(void)state;
	memset(&fake, 0, sizeof(fake));
	fake.features = DMM_FEATURE_PROVE;
	fake.fd = memfd_create("origin", 0);
	assert_true(fake.fd >= 0);
	assert_int_equal(ftruncate(fake.fd, SIZE), 0);
	for (i = 0; i < NR; i++) {
		write_here(i, (u8)i);
		ship(i, (u8)i);
	}
	memset(&tool, 0, sizeof(tool));
	tool.args.json = true;	/* prints nothing */
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(fake.fd);
	return 0;
}

static void all_agree(void **state)
{
	(void)state;
	assert_int_equal(dmm_cutover_prove(&tool, &source, &res, why), 0);
	assert_int_equal(res.extents, NR);
	assert_int_equal(res.agreed, NR);
	assert_int_equal(res.differ, 0);
	assert_int_equal(res.rounds, 1);
	assert_int_equal(res.read_bytes, SIZE);
	assert_int_equal(fake.reads, 3);
	assert_int_equal(fake.judged, 0);
}

/* The source is read after the destination has said its generation, in every window. */
static void read_after_the_generation_is_heard(void **state)
{
	u32 i;

	(void)state;
	for (i = 0; i < NR; i += 13)
		fake.late[i] = true;
	assert_int_equal(dmm_cutover_prove(&tool, &source, &res, why), 0);
	assert_int_equal(res.agreed, NR);
	assert_int_equal(res.rounds, 1);
}

static void what_is_busy_is_asked_for_again(void **state)
{
	(void)state;
	fake.busy[70] = true;
	assert_int_equal(dmm_cutover_prove(&tool, &source, &res, why), 0);
	assert_int_equal(res.agreed, NR - 1);
	assert_true(res.rounds > 2 && res.rounds <= 8);
	assert_int_equal(fake.extents_read, NR - 1);
	assert_int_equal(fake.judged, 0);
}

/* What is written all the time keeps nobody from coming to an end, and only it is read again. */
static void hot_ones_are_given_up(void **state)
{
	(void)state;
	fake.hot[0] = fake.hot[129] = true;
	assert_int_equal(dmm_cutover_prove(&tool, &source, &res, why), 0);
	assert_int_equal(res.agreed, NR - 2);
	assert_int_equal(res.differ, 0);
	assert_int_equal(fake.extents_read, NR + 2 * (res.rounds - 1));
	assert_int_equal(fake.judged, 0);
}

/* Written here and not shipped: for now it differs, and nobody says that it does for good. */
static void what_is_not_shipped_is_no_difference(void **state)
{
	(void)state;
	fake.busy_kernel = true;
	write_here(64, 200);
	assert_int_equal(dmm_cutover_prove(&tool, &source, &res, why), 0);
	assert_int_equal(res.agreed, NR - 1);
	assert_int_equal(res.differ, 1);
	assert_int_equal(fake.judged, 0);
	assert_true(fake.differs[64]);
}

static void what_stands_is_a_difference(void **state)
{
	(void)state;
	write_here(64, 200);
	assert_int_equal(dmm_cutover_prove(&tool, &source, &res, why), DMM_EXIT_DIFFERENCE);
	assert_int_equal(fake.judged, 1);
	assert_non_null(strstr(why, "refused 17"));
}

static void a_disk_that_lies(void **state)
{
	(void)state;
	fake.refusal = DMM_WERR_DIFFERS;
	assert_int_equal(dmm_cutover_prove(&tool, &source, &res, why), DMM_EXIT_DIFFERENCE);
	assert_true(dmm_cutover_disproved(&source, why));
	fake.refusal = DMM_WERR_IO;
	assert_int_equal(dmm_cutover_prove(&tool, &source, &res, why), DMM_EXIT_REMOTE);
	assert_false(dmm_cutover_disproved(&source, why));
	fake.refusal = 0;
	assert_false(dmm_cutover_disproved(&source, why));
}

static void an_older_receiver(void **state)
{
	(void)state;
	fake.features = 0;
	assert_int_equal(dmm_cutover_prove(&tool, &source, &res, why), DMM_EXIT_PREFLIGHT);
	assert_non_null(strstr(why, "upgrade"));
	fake.refusal = DMM_WERR_DIFFERS;
	assert_false(dmm_cutover_disproved(&source, why));
}

static void a_source_that_cannot_be_read(void **state)
{
	(void)state;
	assert_int_equal(ftruncate(fake.fd, SIZE - 4096), 0);
	assert_int_equal(dmm_cutover_prove(&tool, &source, &res, why), DMM_EXIT_LOCAL);
	assert_non_null(strstr(why, "source"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(all_agree),
		T(read_after_the_generation_is_heard),
		T(what_is_busy_is_asked_for_again),
		T(hot_ones_are_given_up),
		T(what_is_not_shipped_is_no_difference),
		T(what_stands_is_a_difference),
		T(a_disk_that_lies),
		T(an_older_receiver),
		T(a_source_that_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
