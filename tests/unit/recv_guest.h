/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the tests of guests that come: the toolstack, which is a shell script here, and who asks for it.  Header only: each test program
 * is one file.
 */
#ifndef RECV_GUEST_H
#define RECV_GUEST_H

#include <fcntl.h>
#include <signal.h>

#include "dmmigrated/processes.h"
#include "recv_migrations.h"

static struct dmm_processes processes;
static char xl[64];		/* the script */
static const char *domain = "-";	/* the one that it lists */
static char told[80];		/* what it tells, in a file */

/* Before there is any thread. */
static inline void nursery_start(void)
{
	static struct dmm_config c;

	strcpy(xl, "/tmp/dmm-unit-xl.XXXXXX");
	close(mkstemp(xl));
	snprintf(told, sizeof(told), "%s.told", xl);
	strcpy(c.xl, xl);
	/* as a shell in the background has it */
	signal(SIGQUIT, SIG_IGN);
	assert_int_equal(dmm_processes_start(&processes, &c), 0);
}

static inline void write_xl(const char *script)
{
	char line[512];
	int fd = open(xl, O_WRONLY | O_TRUNC | O_CLOEXEC);
	int n = snprintf(line, sizeof(line), "#!/bin/sh\ntold=%s\n[ \"$*\" != 'list %s' ] || exit 0\n[ \"$1\" != list ] || exit 1\n%s\n",
			 told, domain, script);

	assert_int_equal(write(fd, line, (size_t)n), n);
	assert_int_equal(fchmod(fd, 0700), 0);
	close(fd);
	unlink(told);
}

static inline u32 guest(struct peer *p)
{
	struct dmm_wire_guest w;

	memset(&w, 0, sizeof(w));
	w.migration[0] = 1;
	w.platform = cpu_to_le32(DMM_PLATFORM_XL);
	strcpy((char *)w.name, "web01");
	return peer_request(p, DMM_MSG_GUEST, &w, sizeof(w), DMM_MSG_GUEST_OK, NULL, 0);
}

static inline void hear_line(struct peer *p, const char *expect)
{
	char line[64] = "";
	size_t n = strlen(expect);

	assert_int_equal(dmm_sock_read(p->c.fd, line, n, dmm_now_ms() + WAIT_MS, -1), 0);
	assert_string_equal(line, expect);
}

static inline void say_text(struct peer *p, const char *text)
{
	assert_int_equal(dmm_sock_write(p->c.fd, text, strlen(text), dmm_now_ms() + WAIT_MS, -1), 0);
}

static inline bool was_told(const char *expect)
{
	char text[256] = "";
	u32 i;

	for (i = 0; i < WAIT_MS / 10; i++) {
		if (dmm_read_text(told, text, sizeof(text)) >= 0 && !strcmp(text, expect))
			return true;
		nap(10);
	}
	print_message("told: '%s'\n", text);
	return false;
}

#endif
