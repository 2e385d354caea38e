// SPDX-License-Identifier: GPL-2.0
/*
 * Ctrl-C never tears a step: signals are blocked, and asked for between steps.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "tool.h"

#define SLEEP_TICK_MS	200u

static sigset_t signals_before;
static bool signals_blocked;
static bool signals_seen;

static void signals_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGQUIT);
}

void dmm_signals_block(void)
{
	sigset_t set;

	if (signals_blocked)
		return;
	signals_set(&set);
	sigprocmask(SIG_BLOCK, &set, &signals_before);
	/* a closed pipe or terminal must not end a step half way either */
	signal(SIGPIPE, SIG_IGN);
	signals_blocked = true;
}

void dmm_signals_block_stop(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

bool dmm_signal_seen(void)
{
	struct timespec none = { 0 };
	sigset_t set;

	signals_set(&set);
	if (signals_blocked && sigtimedwait(&set, NULL, &none) > 0)
		signals_seen = true;
	return signals_seen;
}

bool dmm_signal_sleep(u32 ms)
{
	const struct timespec tick = { .tv_nsec = SLEEP_TICK_MS * 1000000l };
	u32 slept;

	for (slept = 0; slept < ms && !dmm_signal_seen(); slept += SLEEP_TICK_MS)
		nanosleep(&tick, NULL);
	return !dmm_signal_seen();
}

int dmm_signals_fd(void)
{
	sigset_t set;
	int fd;

	signals_set(&set);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

void dmm_signals_child(void)
{
	signal(SIGPIPE, SIG_DFL);
	if (signals_blocked)
		sigprocmask(SIG_SETMASK, &signals_before, NULL);
}
