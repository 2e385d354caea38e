// SPDX-License-Identifier: GPL-2.0
/*
 * dmm-owner: who owns the disks after a crash, by what the journals hold.  Both sides boot, with the machine of
 * core/handover and the product's reader of journals, talk to each other over a perfect network, and somebody runs
 * recover on both.  Never may both be writable.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/handover.h"
#include "journal_record.h"
#include "util.h"

static const char help[] =
"usage: dmm-owner both|source|destination SOURCE DESTINATION\n"
"Which host has crashed; the other one's daemon has only started again.  SOURCE and DESTINATION are journals,\n"
"\"none\": the migration is not known there, or \"lost\": it is, without a journal.\n"
"Prints the last state of both and, last, the owner: source, destination or nobody.\n"
"       dmm-owner -                       for each line that it reads, the first three are its words\n"
"       dmm-owner JOURNAL                 its last record: state and epoch\n"
"Exit: 0, 1 both were writable at a time, or a journal is damaged, 2 usage.\n";

#define TICKS		8
#define MAX_QUEUE	64u

enum { SRC, DST };

struct side {
	struct dmm_ho ho;
	bool known, writable;
	const char *what;
};

struct message {
	int to;
	struct dmm_ho_event ev;
};

static struct side side[2];
static struct message queue[MAX_QUEUE];
static unsigned int nr_queue;

static void give(int who, const struct dmm_ho_event *ev);

static int read_journal(const char *path, struct dmm_journal_view *view)
{
	static uint8_t buf[1 << 20];
	char why[DMM_JOURNAL_WHY];
	size_t bytes;
	FILE *f = fopen(path, "re");
	int ret;

	if (!f) {
		fprintf(stderr, "dmm-owner: %s: %s\n", path, strerror(errno));
		exit(EXIT_USAGE);
	}
	bytes = fread(buf, 1, sizeof(buf), f);
	fclose(f);
	ret = dmm_journal_scan(buf, bytes, NULL, view, why);
	if (ret)
		printf("%s: %s\n", path, why);
	return ret;
}

static void writable(int who, bool is)
{
	side[who].writable = is;
	if (side[SRC].writable && side[DST].writable) {
		printf("both are writable: source %s, destination %s\n", dmm_ho_state_name(side[SRC].ho.state),
		       dmm_ho_state_name(side[DST].ho.state));
		exit(1);
	}
}

static void act(int who, const struct dmm_ho_action *a)
{
	struct dmm_ho_event answer = { .ticket = a->ticket };

	switch (a->type) {
	case DMM_HO_DO_APPEND:
		answer.type = DMM_HO_EV_APPENDED;
		break;
	case DMM_HO_DO_SEND:
		if (nr_queue == MAX_QUEUE)
			return;		/* may be lost */
		queue[nr_queue].to = !who;
		queue[nr_queue++].ev = (struct dmm_ho_event){
			.type = a->msg, .state = a->state, .epoch = a->epoch, .instance = a->instance,
		};
		return;
	case DMM_HO_DO_THAW:
		writable(who, true);
		break;
	case DMM_HO_DO_FENCE:
	case DMM_HO_DO_RELEASE:
		writable(who, false);
		break;
	case DMM_HO_DO_GATES:
		writable(who, a->gate == DMM_HO_GATE_OPEN);
		answer.type = DMM_HO_EV_GATES_SHUT;
		break;
	case DMM_HO_DO_SETTLE:
		writable(who, true);
		break;
	default:	/* RECLAIM: THAW follows.  Nobody freezes or commits here */
		break;
	}
	if (a->ticket)
		give(who, &answer);
}

static void act_all(int who, const struct dmm_ho_actions *todo)
{
	unsigned int i;

	for (i = 0; i < todo->nr; i++)
		act(who, &todo->a[i]);
}

static void give(int who, const struct dmm_ho_event *ev)
{
	struct dmm_ho_actions todo;

	if (side[who].known && !dmm_ho_event(&side[who].ho, ev, &todo))
		act_all(who, &todo);
}

static void boot(int who, bool rebooted)
{
	struct dmm_ho_config cfg = {
		.role = who == SRC ? DMM_HO_SOURCE : DMM_HO_DEST,
		.nr_disks = 1,
		.instance.b[0] = (u8)(1 + who),
		.journal = DMM_HO_JOURNAL_LOST,
		.rebooted = rebooted,
	};
	struct dmm_journal_view view;
	struct dmm_ho_actions todo;

	side[who].known = strcmp(side[who].what, "none");
	if (!side[who].known) {
		writable(who, who == SRC);	/* the plain device; there is no gate yet */
		return;
	}
	if (strcmp(side[who].what, "lost")) {
		if (read_journal(side[who].what, &view))
			exit(1);
		cfg.journal = DMM_HO_JOURNAL_LAST;
		cfg.nr_disks = view.last.nr_disks;
		cfg.state = view.last.state;
		cfg.epoch = view.last.epoch;
		cfg.record_instance = view.last.instance;
	}
	if (dmm_ho_boot(&side[who].ho, &cfg, &todo)) {
		printf("%s: no journal can hold this\n", side[who].what);
		exit(1);
	}
	act_all(who, &todo);
}

/* The daemons for a while, with nobody at the keyboard. */
static void talk(void)
{
	static const struct dmm_ho_event tick = { .type = DMM_HO_EV_TICK };
	struct message m;
	int i;

	for (i = 0; i < TICKS; i++) {
		give(SRC, &tick);
		give(DST, &tick);
		while (nr_queue) {
			m = queue[0];
			memmove(&queue[0], &queue[1], --nr_queue * sizeof(m));
			give(m.to, &m.ev);
		}
	}
}

/* dmmigrate recover: what is owned and does not run goes back */
static void recover(void)
{
	static const struct dmm_ho_event ask = { .type = DMM_HO_EV_ABORT };
	static const struct dmm_ho_event back = { .type = DMM_HO_EV_START_FAILED };

	if (side[SRC].known && side[SRC].ho.state == DMM_HO_RELINQUISHED)
		give(SRC, &ask);
	if (side[DST].known && side[DST].ho.state == DMM_HO_OWNED)
		give(DST, &back);
	talk();
}

static const char *state_of(int who)
{
	return side[who].known ? dmm_ho_state_name(side[who].ho.state) : "none";
}

/* Prints who owns it once @crashed has come back; exits 1 where both do at a time.  false: @crashed is no host. */
static bool judge(const char *crashed, const char *source, const char *destination)
{
	bool both = !strcmp(crashed, "both");

	if (!both && strcmp(crashed, "source") && strcmp(crashed, "destination"))
		return false;
	memset(side, 0, sizeof(side));
	nr_queue = 0;
	side[SRC].what = source;
	side[DST].what = destination;
	boot(SRC, both || *crashed == 's');
	boot(DST, both || *crashed == 'd');
	talk();
	recover();
	printf("%s %s %s\n", state_of(SRC), state_of(DST),
	       side[SRC].writable ? "source" : side[DST].writable ? "destination" : "nobody");
	return true;
}

static int judge_list(void)
{
	char line[3 * 4096], crashed[16], source[4096], destination[4096];

	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%15s %4095s %4095s", crashed, source, destination) != 3 ||
		    !judge(crashed, source, destination)) {
			fprintf(stderr, "dmm-owner: no crash of two journals: %s", line);
			return EXIT_USAGE;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct dmm_journal_view view;

	if (argc == 2 && !strcmp(argv[1], "-"))
		return judge_list();
	if (argc == 2 && argv[1][0] != '-') {
		if (read_journal(argv[1], &view))
			return 1;
		printf("%s %llu\n", dmm_ho_state_name(view.last.state), (unsigned long long)view.last.epoch);
		return 0;
	}
	if (argc != 4 || !judge(argv[1], argv[2], argv[3])) {
		fputs(help, stderr);
		return EXIT_USAGE;
	}
	return 0;
}
