// SPDX-License-Identifier: GPL-2.0
/*
 * What lies on a disk, looked at by another process, which has nothing else.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "dmmigrated/ipc.h"
#include "dmmigrated/prober.h"
#include "signature.h"

static pid_t prober;

static int setup(void **state)
{
	pid_t self = getpid();
	int pair[2];

	(void)state;
	if (dmm_ipc_pair(pair))
		return -1;
	prober = fork();
	if (!prober) {
		close(pair[0]);
		dmm_prober_run(pair[1], self);
	}
	close(pair[1]);
	dmm_prober_use(pair[0]);
	return prober < 0;
}

static int teardown(void **state)
{
	int status;

	(void)state;
	dmm_prober_leave();
	assert_int_equal(waitpid(prober, &status, 0), prober);
	return 0;
}

/* A disk of a megabyte with @bytes at @at. */
static int disk(const char *bytes, size_t nr, off_t at)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);

	assert_true(fd >= 0 && !ftruncate(fd, 1 << 20));
	assert_int_equal(pwrite(fd, bytes, nr, at), (ssize_t)nr);
	return fd;
}

static void looks(void **state)
{
	static const struct { const char *bytes; size_t nr; off_t at; const char *name; } disks[] = {
		{ "", 0, 0, "" }, { "QFI\xfb", 4, 0, "qcow2" }, { "SWAPSPACE2", 10, 4086, "swap" },
	};
	char name[DMM_SIGNATURE_MAX], here[DMM_SIGNATURE_MAX];
	struct dmm_probed p;
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < sizeof(disks) / sizeof(disks[0]); i++) {
		fd = disk(disks[i].bytes, disks[i].nr, disks[i].at);
		assert_int_equal(dmm_signature(fd, name, sizeof(name)), 0);
		dmm_probe_here(fd, false, &p);
		snprintf(here, sizeof(here), "%s", p.name);
		assert_string_equal(name, here);
		if (i < 2)
			assert_string_equal(name, disks[i].name);
		dmm_signature_pv(fd, name, sizeof(name));
		assert_string_equal(name, "");
		close(fd);
	}
	/* too little room cuts */
	fd = disk("vhdxfile", 8, 0);
	assert_int_equal(dmm_signature(fd, name, 4), 0);
	assert_string_equal(name, "vhd");
	close(fd);
}

/* It is another process that looks, and nothing is taken for an empty disk when that is not there. */
static void not_by_us(void **state)
{
	char name[DMM_SIGNATURE_MAX] = "x";
	int fd = disk("QFI\xfb", 4, 0);
	siginfo_t info;

	(void)state;
	assert_int_equal(kill(prober, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)prober, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(dmm_signature(fd, name, sizeof(name)), -ECHILD);
	assert_string_equal(name, "");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(looks, setup, teardown),
		cmocka_unit_test_setup_teardown(not_by_us, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
