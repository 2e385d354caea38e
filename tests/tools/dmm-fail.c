// SPDX-License-Identifier: GPL-2.0
/*
 * dmm-fail: does one thing again and again and has the kernel's first, second,
 * third ... allocation in it fail, until one time goes through untouched.  Needs a
 * kernel with fault injection.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "rawnl.h"
#include "util.h"

static const char help[] =
"usage: dmm-fail load NAME SECTORS ORIGIN BLOCK-SECTORS   a table of the migrate target\n"
"       dmm-fail attach DEV ADDRESS:PORT                  a connection\n"
"       dmm-fail start DEV                                what is attached\n"
"Each try that fails must say ENOMEM.  Prints how many failed.  Exit: 0, 1 another error came,\n"
"or no allocation failed at all, 2 usage.\n";

#define MAX_TRIES	2000u

static void __attribute__((noreturn)) die(const char *what)
{
	perror(what);
	exit(EXIT_USAGE);
}

/* The next system call's @nth allocation fails. */
static void arm(int fd, unsigned int nth)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%u", nth);

	if (pwrite(fd, text, (size_t)n, 0) != n)
		die("/proc/thread-self/fail-nth");
}

/* Did it fail one? Disarms. */
static bool fired(int fd)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) < 0)
		die("/proc/thread-self/fail-nth");
	arm(fd, 0);
	return atoi(text) == 0;
}

static int load_table(int dm, char **arg)
{
	static _Alignas(8) union {
		struct dm_ioctl io;
		char buf[4096];
	} u;
	struct dm_target_spec *spec = (void *)(u.buf + sizeof(u.io));

	memset(&u, 0, sizeof(u));
	u.io.version[0] = DM_VERSION_MAJOR;
	u.io.data_size = sizeof(u);
	u.io.data_start = sizeof(u.io);
	u.io.target_count = 1;
	snprintf(u.io.name, sizeof(u.io.name), "%s", arg[0]);
	spec->length = strtoull(arg[1], NULL, 10);
	strcpy(spec->target_type, "migrate");
	snprintf((char *)(spec + 1), 512, "%s %s", arg[2], arg[3]);
	return ioctl(dm, DM_TABLE_LOAD, &u) ? -errno : 0;
}

static int tcp_connect(const char *spec)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	const char *colon = strchr(spec, ':');
	char host[32];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!colon)
		colon = spec + strlen(spec) - 1;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - spec), spec);
	a.sin_port = htons((uint16_t)need_number(colon + 1, "port", 1, 65535));
	if (inet_pton(AF_INET, host, &a.sin_addr) != 1 ||
	    connect(fd, (struct sockaddr *)&a, sizeof(a)))
		die(spec);
	return fd;
}

static void build(struct rawnl_msg *m, uint8_t cmd, const char *dev)
{
	struct stat st;

	if (stat(dev, &st))
		die(dev);
	rawnl_begin(m, cmd, DMM_GENL_VERSION);
	rawnl_put_u64(m, DMM_A_DEV, (uint64_t)major(st.st_rdev) << 20 | minor(st.st_rdev));
}

static void build_attach(struct rawnl_msg *m, const char *dev, int fd)
{
	static const uint8_t id[16] = "fail";

	build(m, DMM_CMD_ATTACH, dev);
	rawnl_put(m, DMM_A_MIGRATION, id, sizeof(id));
	rawnl_put_u32(m, DMM_A_DISK, 0);
	rawnl_put_u64(m, DMM_A_CONN_EPOCH, 1);
	rawnl_put_u32(m, DMM_A_CONN_INDEX, 0);
	rawnl_put_u32(m, DMM_A_FD, (uint32_t)fd);
}

int main(int argc, char **argv)
{
	bool load = argc == 6 && !strcmp(argv[1], "load");
	bool attach = argc == 4 && !strcmp(argv[1], "attach");
	bool start = argc == 3 && !strcmp(argv[1], "start");
	unsigned int nth, failures = 0;
	bool unsure = false;
	struct rawnl_msg m;
	struct rawnl nl;
	int fail, dm = -1, err;

	if (!load && !attach && !start) {
		fputs(help, stderr);
		return EXIT_USAGE;
	}
	fail = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (fail < 0)
		die("/proc/thread-self/fail-nth (no fault injection in this kernel?)");
	if (load) {
		dm = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
		if (dm < 0)
			die("/dev/mapper/control");
	} else {
		err = rawnl_open(&nl);
		if (err) {
			errno = -err;
			die("netlink");
		}
		if (attach)
			build_attach(&m, argv[2], tcp_connect(argv[3]));
		else
			build(&m, DMM_CMD_START, argv[2]);
	}
	for (nth = 1; nth < MAX_TRIES; nth++) {
		struct rawnl_msg copy = m;
		bool hit;

		arm(fail, nth);
		err = load ? load_table(dm, argv + 2) : rawnl_talk(&nl, &copy, 0, NULL, NULL);
		hit = fired(fail);
		/* the last answer got lost, what it was about may be done */
		if (err == -EBUSY && unsure)
			err = 0;
		unsure = err == -ENOBUFS;
		if (err && err != -ENOMEM && err != -ENOBUFS) {
			fprintf(stderr, "dmm-fail: allocation %u: -%s\n", nth,
				strerrorname_np(-err));
			return 1;
		}
		failures += err != 0;
		/* done; or what was to be done is, though an allocation failed that it could do without */
		if (!hit || (!err && !load))
			break;
	}
	printf("dmm-fail: %u of %u tries failed, the last one did not\n", failures, nth);
	return failures ? 0 : 1;
}
