// SPDX-License-Identifier: GPL-2.0
/*
 * Requests and answers between the daemon's processes: here by a thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dmmigrated/ipc.h"
#include "fullio.h"

#define ROUNDS	2000

static int ours, theirs;
static int to_give = -1;	/* by the next answer */
static pthread_t server;

static void handle(void *ctx, struct dmm_ipc_msg *msg)
{
	u32 op = msg->op;

	(void)ctx;
	dmm_ipc_answer(msg, &op, sizeof(op), to_give, -1);
}

static void *serve(void *arg)
{
	(void)arg;
	dmm_ipc_serve(theirs, handle, NULL, NULL, 5000);
	return NULL;
}

static int setup(void **state)
{
	int pair[2];

	(void)state;
	if (dmm_ipc_pair(pair))
		return -1;
	ours = pair[0];
	theirs = pair[1];
	to_give = -1;
	return pthread_create(&server, NULL, serve, NULL);
}

static int teardown(void **state)
{
	(void)state;
	close(ours);
	pthread_join(server, NULL);
	close(theirs);
	return 0;
}

static void asked_and_answered(void **state)
{
	struct dmm_ipc_msg answer;
	u32 op;

	(void)state;
	assert_int_equal(dmm_ipc_ask(ours, 7, NULL, 0, NULL, 0, &answer, dmm_now_ms() + 5000, -1), 0);
	assert_int_equal(answer.bytes, sizeof(op));
	memcpy(&op, answer.data, sizeof(op));
	assert_int_equal(op, 7);
	assert_int_equal(dmm_ipc_take(&answer, 0), -1);
	dmm_ipc_free(&answer);
}

/* When the answer is there nobody else has what it brings: a disk would be taken for one that is in use. */
static void what_is_given_is_given_away(void **state)
{
	struct dmm_ipc_msg answer;
	struct pollfd p;
	int pipe_fds[2], fd;
	u32 i;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
		to_give = pipe_fds[1];
		assert_int_equal(dmm_ipc_ask(ours, 1, NULL, 0, NULL, 0, &answer, dmm_now_ms() + 5000, -1), 0);
		fd = dmm_ipc_take(&answer, 0);
		dmm_ipc_free(&answer);
		assert_true(fd >= 0);
		p = (struct pollfd){ .fd = pipe_fds[0], .events = POLLIN };
		assert_int_equal(poll(&p, 1, 0), 0);
		close(fd);
		assert_int_equal(poll(&p, 1, 0), 1);
		assert_true(p.revents & POLLHUP);
		close(pipe_fds[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(asked_and_answered, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_given_is_given_away, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
