// SPDX-License-Identifier: GPL-2.0
/*
 * PROBE: bytes that are thrown away are counted and timed, and the conversation goes on after them; a destination is read, and
 * nothing else is done to it, by whom it is for.
 */
#include <sys/stat.h>

#include "fullio.h"
#include "recv_fake.h"

#define MIB	(1ull << 20)

static void fill(struct dmm_wire_probe *w, u32 kind, u64 bytes)
{
	memset(w, 0, sizeof(*w));
	w->kind = cpu_to_le32(kind);
	w->bytes = cpu_to_le64(bytes);
	if (kind == DMM_PROBE_DISK)
		strcpy((char *)w->path, dest_path);
}

static void offer(struct peer *p)
{
	peer_features |= DMM_FEATURE_PROBE;
	peer_hello(p);
	peer_features &= ~DMM_FEATURE_PROBE;
}

static u32 disk(const char *path, u64 bytes, struct dmm_wire_probe_ok *ok)
{
	struct dmm_wire_probe w;
	struct peer p;
	u32 code;

	fill(&w, DMM_PROBE_DISK, bytes);
	memset(w.path, 0, sizeof(w.path));
	strcpy((char *)w.path, path);
	offer(&p);
	code = peer_request(&p, DMM_MSG_PROBE, &w, sizeof(w), DMM_MSG_PROBE_OK, ok, sizeof(*ok));
	peer_close(&p);
	return code;
}

static void test_not_offered(void **state)
{
	struct dmm_wire_probe_ok ok;
	struct dmm_wire_probe w;
	struct peer p;

	(void)state;
	fill(&w, DMM_PROBE_DISK, MIB);
	peer_hello(&p);
	assert_int_equal(peer_request(&p, DMM_MSG_PROBE, &w, sizeof(w), DMM_MSG_PROBE_OK, &ok, sizeof(ok)), DMM_WERR_PROTOCOL);
	peer_close(&p);
}

static void test_link(void **state)
{
	static u8 bytes[3 * MIB + 7];
	struct dmm_wire_refuse refuse;
	struct dmm_wire_probe_ok ok;
	struct dmm_wire_probe w;
	struct peer p;
	int i;

	(void)state;
	/* what comes is no message, whatever it looks like */
	memset(bytes, 'D', sizeof(bytes));
	fill(&w, DMM_PROBE_LINK, sizeof(bytes));
	offer(&p);
	for (i = 0; i < 3; i++) {
		assert_int_equal(dmm_client_send(&p.c, DMM_MSG_PROBE, &w, sizeof(w)), 0);
		assert_int_equal(dmm_sock_write(p.c.fd, bytes, sizeof(bytes), dmm_now_ms() + WAIT_MS, -1), 0);
		assert_int_equal(dmm_client_receive(&p.c, DMM_MSG_PROBE_OK, &ok, sizeof(ok), &refuse), 0);
		assert_int_equal(le64_to_cpu(ok.bytes), sizeof(bytes));
		assert_true(le64_to_cpu(ok.ns) > 0);
	}
	peer_prepare(&p, MIB);
	peer_close(&p);
}

static void test_link_cut(void **state)
{
	struct dmm_wire_refuse refuse;
	struct dmm_wire_probe_ok ok;
	struct dmm_wire_probe w;
	struct peer p;

	(void)state;
	fill(&w, DMM_PROBE_LINK, 1000);
	offer(&p);
	assert_int_equal(dmm_client_send(&p.c, DMM_MSG_PROBE, &w, sizeof(w)), 0);
	assert_int_equal(dmm_sock_write(p.c.fd, &w, 999, dmm_now_ms() + WAIT_MS, -1), 0);
	assert_int_equal(dmm_client_receive(&p.c, DMM_MSG_PROBE_OK, &ok, sizeof(ok), &refuse), -EREMOTEIO);
	assert_int_equal(le32_to_cpu(refuse.code), DMM_WERR_PROTOCOL);
	assert_non_null(strstr((char *)refuse.text, "missing"));
	peer_close(&p);
}

static void test_disk(void **state)
{
	struct stat before, after;
	struct dmm_wire_probe_ok ok;

	(void)state;
	assert_int_equal(truncate(dest_path, 700 * MIB), 0);
	assert_int_equal(stat(dest_path, &before), 0);
	assert_int_equal(disk(dest_path, MIB, &ok), 0);
	/* spread over all of it, so many at most */
	assert_true(le64_to_cpu(ok.bytes) >= MIB && le64_to_cpu(ok.bytes) <= 256 * MIB);
	assert_true(le64_to_cpu(ok.bytes) % MIB == 0 && le64_to_cpu(ok.ns) > 0);
	assert_int_equal(stat(dest_path, &after), 0);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	assert_int_equal(before.st_blocks, after.st_blocks);
	/* it was given back, and nothing is listed */
	assert_int_equal(disk(dest_path, MIB, &ok), 0);
	assert_int_equal(dmm_registry_count(&rc.registry), 0);
}

static void test_disk_refused(void **state)
{
	struct dmm_wire_probe_ok ok;
	struct peer p;

	(void)state;
	assert_int_equal(truncate(dest_path, 4 * MIB), 0);
	assert_int_equal(disk("/etc/passwd", MIB, &ok), DMM_WERR_DENIED);
	assert_int_equal(disk("/tmp/dmm-unit.none", MIB, &ok), DMM_WERR_NOTFOUND);
	assert_int_equal(disk("nbd://127.0.0.1/x", MIB, &ok), DMM_WERR_UNSUPPORTED);
	assert_int_equal(disk(dest_path, 5 * MIB, &ok), DMM_WERR_TOOSMALL);
	assert_int_equal(truncate(dest_path, 4096), 0);
	assert_int_equal(disk(dest_path, 4096, &ok), DMM_WERR_TOOSMALL);
	/* of another migration */
	assert_int_equal(truncate(dest_path, MIB), 0);
	peer_hello(&p);
	peer_prepare(&p, MIB);
	assert_int_equal(disk(dest_path, MIB, &ok), DMM_WERR_BUSY);
	peer_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_not_offered, receiver_setup, receiver_teardown),
		cmocka_unit_test_setup_teardown(test_link, receiver_setup, receiver_teardown),
		cmocka_unit_test_setup_teardown(test_link_cut, receiver_setup, receiver_teardown),
		cmocka_unit_test_setup_teardown(test_disk, receiver_setup, receiver_teardown),
		cmocka_unit_test_setup_teardown(test_disk_refused, receiver_setup, receiver_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
