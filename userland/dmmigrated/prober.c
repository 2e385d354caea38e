// SPDX-License-Identifier: GPL-2.0
/*
 * The prober's life, and how it is asked.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "fullio.h"
#include "ipc.h"
#include "log.h"
#include "parse.h"
#include "prober.h"
#include "signature.h"

enum prober_op {
	PROBER_SIGNATURE = 1,	/* descriptor 0: the disk; answer: struct dmm_probed */
	PROBER_PV,		/* the same */
};

/* --- the process --- */

__attribute__((noreturn))
static void probe_one(struct dmm_ipc_msg *msg, const struct dmm_sandbox *box)
{
	struct dmm_probed p = { .ret = -EPERM };
	int fd = dmm_ipc_take(msg, 0);
	char what[DMM_SANDBOX_WHAT];

	if (dmm_sandbox_enter(box, what))
		dmm_err(NULL, "no disk can be looked at: %s", what);
	else
		dmm_probe_here(fd, msg->op == PROBER_PV, &p);
	close(fd);
	dmm_ipc_answer(msg, &p, sizeof(p), -1, -1);
	_exit(EXIT_SUCCESS);
}

void dmm_prober_run(int sock, pid_t daemon)
{
	const struct dmm_sandbox of_all = { .kind = DMM_SANDBOX_PROBERS, .parent = daemon, .uid = DMM_SANDBOX_PROBER_UID };
	const struct dmm_sandbox of_one = { .kind = DMM_SANDBOX_PROBER, .parent = getpid(), .uid = DMM_SANDBOX_PROBER_UID };
	char what[DMM_SANDBOX_WHAT];
	struct dmm_ipc_msg msg;
	int ret;

	prctl(PR_SET_NAME, "dmm-prober");
	signal(SIGCHLD, SIG_IGN);	/* none is waited for */
	if (dmm_sandbox_enter(&of_all, what)) {
		dmm_err(NULL, "no disk can be looked at: %s", what);
		_exit(EXIT_FAILURE);
	}
	dmm_debug(NULL, "prober: %s", what);
	while ((ret = dmm_ipc_next(sock, &msg))) {
		if (ret < 0)
			continue;
		if (!fork()) {
			close(sock);
			probe_one(&msg, &of_one);
		}
		dmm_ipc_free(&msg);	/* who asked sees an end, should there be nobody to answer */
	}
	_exit(EXIT_SUCCESS);
}

/* --- those who ask --- */

static int prober_sock = -1;

static void ask(int fd, bool pv, struct dmm_probed *p)
{
	struct dmm_ipc_msg answer;
	/* as long as the disk takes */
	int ret = dmm_ipc_ask(prober_sock, pv ? PROBER_PV : PROBER_SIGNATURE, NULL, 0, &fd, 1, &answer, DMM_NO_DEADLINE, -1);

	memset(p, 0, sizeof(*p));
	if (ret) {
		if (ret == -EPIPE)	/* over what lies there, or all of them */
			dmm_err(NULL, "the process that looks at a disk has ended over it: do not use that disk; if it is so with every disk, "
				"restart dmmigrated");
		p->ret = ret == -EPIPE ? -ECHILD : ret;
		return;
	}
	if (answer.bytes == sizeof(*p))
		memcpy(p, answer.data, sizeof(*p));
	else
		p->ret = -EPROTO;
	dmm_ipc_free(&answer);
	/* it has read what lies on a disk, and may not be ours any more */
	if (p->ret > 0)
		p->ret = -EPROTO;
	p->name[sizeof(p->name) - 1] = '\0';
	dmm_text_clean(p->name);
}

void dmm_prober_use(int sock)
{
	prober_sock = sock;
	dmm_probe = ask;
}

void dmm_prober_leave(void)
{
	if (prober_sock >= 0)
		close(prober_sock);
	prober_sock = -1;
	dmm_probe = dmm_probe_here;
}
