// SPDX-License-Identifier: GPL-2.0
/*
 * dmm-nl: one netlink command to dm-migrate.ko, right or wrong, without the
 * tool and its checks.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "nlfd.h"
#include "rawnl.h"
#include "util.h"

static const char help[] =
"usage: dmm-nl [--no-cap|--userns] COMMAND DEV [NAME=VALUE]...\n"
"commands: attach start pause resume rate freeze thaw commit reclaim release stop gate get\n"
"          compare mark compared, dump (no DEV), events SECONDS (a line for each),\n"
"          wait DEV SECONDS CONDITION... (all of NAME=VALUE, NAME>=VALUE, NAME<=VALUE at a time)\n"
"values:   rate= epoch= timeout_ms= conn_epoch= conn_index= conns= features= disk=\n"
"          migration=TEXT instance=TEXT boot=TEXT force barrier_bytes= barrier_ms=\n"
"          gate=shut|reads|open if_clean range=OFFSET+LENGTH security=\n"
"          fd=KIND of attach: tcp:ADDRESS:PORT, netns:NAME:ADDRESS:PORT (a socket of that namespace),\n"
"                             tls:ADDRESS:PORT (keys of the kernel's TLS, all zeros), half-tls:ADDRESS:PORT\n"
"                             (the same, for one direction),\n"
"                             unconnected, listening, udp, unix, file, none, 9999\n"
"          DEV may be \"host\": none is named; dev=NUMBER instead of the device's own; u8:ATTR=N for a wrong length\n"
"--no-cap: without CAP_SYS_ADMIN, --userns: as root of a user namespace of its own.\n"
"Prints what get answers as name=value (get DEV NAME: that value alone), for stop how long it took.\n"
"Exit: 0, 1 with the errno's name, 2 usage.\n";

static const struct {
	const char *name;
	uint16_t attr;
	uint8_t bytes;
} names[] = {
	{ "dev", DMM_A_DEV, 8 }, { "disk", DMM_A_DISK, 4 },
	{ "conn_epoch", DMM_A_CONN_EPOCH, 8 }, { "conn_index", DMM_A_CONN_INDEX, 4 },
	{ "rate", DMM_A_RATE, 8 }, { "epoch", DMM_A_EPOCH, 8 },
	{ "timeout_ms", DMM_A_TIMEOUT_MS, 4 }, { "state", DMM_A_STATE, 4 },
	{ "old_state", DMM_A_OLD_STATE, 4 }, { "error", DMM_A_ERROR, 4 },
	{ "error_side", DMM_A_ERROR_SIDE, 4 }, { "freeze_result", DMM_A_FREEZE_RESULT, 4 },
	{ "size_bytes", DMM_A_SIZE_BYTES, 8 }, { "block_bytes", DMM_A_BLOCK_BYTES, 4 },
	{ "dirty_blocks", DMM_A_DIRTY_BLOCKS, 8 }, { "inflight_bytes", DMM_A_INFLIGHT_BYTES, 8 },
	{ "acked_bytes", DMM_A_ACKED_BYTES, 8 }, { "shipped_bytes", DMM_A_SHIPPED_BYTES, 8 },
	{ "prehold_bytes", DMM_A_PREHOLD_BYTES, 8 }, { "resent_blocks", DMM_A_RESENT_BLOCKS, 8 },
	{ "redirtied_blocks", DMM_A_REDIRTIED_BLOCKS, 8 },
	{ "writes_submitted", DMM_A_WRITES_SUBMITTED, 8 },
	{ "writes_completed", DMM_A_WRITES_COMPLETED, 8 }, { "reads", DMM_A_READS, 8 },
	{ "held", DMM_A_HELD, 4 }, { "alerts", DMM_A_ALERTS, 8 },
	{ "sweep_blocks", DMM_A_SWEEP_BLOCKS, 8 }, { "hold_ns", DMM_A_HOLD_NS, 8 },
	{ "drain_ns", DMM_A_DRAIN_NS, 8 }, { "ship_ns", DMM_A_SHIP_NS, 8 },
	{ "barrier_ns", DMM_A_BARRIER_NS, 8 }, { "freeze_blocks", DMM_A_FREEZE_BLOCKS, 8 },
	{ "barrier", DMM_A_BARRIER, 8 }, { "start_ns", DMM_A_START_NS, 8 },
	{ "remote_status", DMM_A_REMOTE_STATUS, 4 }, { "conns", DMM_A_CONNS, 4 },
	{ "features", DMM_A_FEATURES, 8 }, { "write_bytes", DMM_A_WRITE_BYTES, 8 },
	{ "zero_bytes", DMM_A_ZERO_BYTES, 8 }, { "speed", DMM_A_SPEED, 8 },
	{ "read_ns", DMM_A_READ_NS, 8 }, { "send_ns", DMM_A_SEND_NS, 8 },
	{ "host_rate", DMM_A_HOST_RATE, 8 },
	{ "barrier_bytes", DMM_A_BARRIER_BYTES, 8 }, { "barrier_ms", DMM_A_BARRIER_MS, 4 },
	{ "unflushed_bytes", DMM_A_UNFLUSHED_BYTES, 8 }, { "shipped_ns", DMM_A_SHIPPED_NS, 8 },
	{ "zero_blocks", DMM_A_ZERO_BLOCKS, 8 }, { "data_blocks", DMM_A_DATA_BLOCKS, 8 },
	{ "failed_reads", DMM_A_FAILED_READS, 8 }, { "failed_writes", DMM_A_FAILED_WRITES, 8 },
	{ "gate", DMM_A_GATE, 4 }, { "security", DMM_A_SECURITY, 4 },
};

static const struct {
	const char *name;
	uint16_t attr;
} ids[] = {
	{ "migration", DMM_A_MIGRATION }, { "instance", DMM_A_INSTANCE }, { "boot", DMM_A_BOOT },
};

static const char *const states[] = {
	"idle", "copying", "paused", "freezing", "frozen", "committed", "disconnected", "failed",
	"stopping", "released", "gated", "comparing",
};

static const char *const gates[] = { "-", "shut", "reads", "open" };

void usage(const char *what)
{
	fprintf(stderr, "dmm-nl: %s; dmm-nl --help shows what there is\n", what);
	exit(EXIT_USAGE);
}

/* get DEV NAME: of this name the value alone; nothing where the kernel does not tell it */
static const char *only;

__attribute__((format(printf, 3, 4)))
static void print_value(const char *name, char sep, const char *fmt, ...)
{
	va_list ap;

	if (!only)
		printf("%s=", name);
	else if (strcmp(only, name))
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar(sep);
}

static void print_attr(uint16_t type, const void *data, size_t bytes, void *arg)
{
	uint64_t v = 0, sum = 0;
	char sep = *(char *)arg;
	size_t i;

	if (type == DMM_A_READ_LATENCY || type == DMM_A_WRITE_LATENCY) {
		for (i = 0; i + 8 <= bytes; i += 8) {
			memcpy(&v, (const char *)data + i, 8);
			sum += v;
		}
		print_value(type == DMM_A_READ_LATENCY ? "read_samples" : "write_samples", sep, "%llu",
			    (unsigned long long)sum);
		return;
	}
	if (type == DMM_A_REASON) {
		print_value("reason", sep, "%.*s", (int)bytes, (const char *)data);
		return;
	}
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].attr != type || bytes != names[i].bytes)
			continue;
		memcpy(&v, data, bytes);
		if (type == DMM_A_STATE || type == DMM_A_OLD_STATE)
			print_value(names[i].name, sep, "%s", v < __DMM_STATE_MAX ? states[v] : "?");
		else if (type == DMM_A_GATE)
			print_value("gate", sep, "%s", v < __DMM_GATE_MAX ? gates[v] : "?");
		else
			print_value(names[i].name, sep, "%lld", type == DMM_A_ERROR || type == DMM_A_FREEZE_RESULT ?
				    (int32_t)v : (long long)v);
	}
}

static void print_msg(uint8_t cmd, const void *attrs, size_t bytes, void *arg)
{
	if (cmd == DMM_CMD_EVENT && *(char *)arg == ' ')
		printf("event ");
	rawnl_attrs(attrs, bytes, print_attr, arg);
	printf(*(char *)arg == ' ' ? "\n" : "");
	fflush(stdout);
}

static void put_range(struct rawnl_msg *m, const char *text)
{
	const char *plus = strchr(text, '+');
	uint64_t range[2];
	char offset[32];

	if (!plus || (size_t)(plus - text) >= sizeof(offset))
		usage("range=OFFSET+LENGTH");
	snprintf(offset, sizeof(offset), "%.*s", (int)(plus - text), text);
	range[0] = need_number(offset, "offset", 0, UINT64_MAX);
	range[1] = need_number(plus + 1, "length", 0, UINT64_MAX);
	rawnl_put(m, DMM_A_RANGE, range, sizeof(range));
}

static void put_value(struct rawnl_msg *m, const char *text)
{
	const char *eq = strchr(text, '=');
	size_t len = eq ? (size_t)(eq - text) : strlen(text), i;
	uint8_t id[16] = { 0 };

	if (!strcmp(text, "if_clean")) {
		rawnl_put(m, DMM_A_IF_CLEAN, NULL, 0);
		return;
	}
	if (!strcmp(text, "force")) {
		rawnl_put(m, DMM_A_FORCE, NULL, 0);
		return;
	}
	if (!eq)
		usage("arguments are NAME=VALUE");
	if (!strncmp(text, "fd=", 3)) {
		if (strcmp(eq + 1, "none"))
			rawnl_put_u32(m, DMM_A_FD, (uint32_t)nl_make_fd(eq + 1));
		return;
	}
	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		if (strlen(ids[i].name) != len || memcmp(ids[i].name, text, len))
			continue;
		memcpy(id, eq + 1, strnlen(eq + 1, sizeof(id)));
		rawnl_put(m, ids[i].attr, id, sizeof(id));
		return;
	}
	if (!strncmp(text, "range=", 6)) {
		put_range(m, eq + 1);
		return;
	}
	if (!strncmp(text, "u8:", 3)) {
		id[0] = (uint8_t)need_number(eq + 1, text, 0, 255);
		rawnl_put(m, (uint16_t)strtoul(text + 3, NULL, 10), id, 1);
		return;
	}
	if (!strncmp(text, "gate=", 5)) {
		for (i = 1; i < sizeof(gates) / sizeof(gates[0]); i++)
			if (!strcmp(gates[i], eq + 1)) {
				rawnl_put_u32(m, DMM_A_GATE, (uint32_t)i);
				return;
			}
	}
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i].name) != len || memcmp(names[i].name, text, len))
			continue;
		if (names[i].bytes == 8)
			rawnl_put_u64(m, names[i].attr,
				      need_number(eq + 1, text, 0, UINT64_MAX));
		else
			rawnl_put_u32(m, names[i].attr,
				      (uint32_t)need_number(eq + 1, text, 0, UINT32_MAX));
		return;
	}
	usage("unknown NAME");
}

static int find_cmd(const char *name)
{
	static const char *const cmds[] = {
		[DMM_CMD_ATTACH] = "attach", [DMM_CMD_START] = "start", [DMM_CMD_PAUSE] = "pause",
		[DMM_CMD_RESUME] = "resume", [DMM_CMD_RATE] = "rate", [DMM_CMD_FREEZE] = "freeze",
		[DMM_CMD_THAW] = "thaw", [DMM_CMD_COMMIT] = "commit", [DMM_CMD_STOP] = "stop",
		[DMM_CMD_GET] = "get", [DMM_CMD_RECLAIM] = "reclaim", [DMM_CMD_RELEASE] = "release",
		[DMM_CMD_GATE] = "gate", [DMM_CMD_COMPARE] = "compare", [DMM_CMD_MARK] = "mark",
		[DMM_CMD_COMPARED] = "compared", [DMM_CMD_TRACK] = "track",
	};
	size_t i;

	for (i = 1; i < sizeof(cmds) / sizeof(cmds[0]); i++)
		if (cmds[i] && !strcmp(cmds[i], name))
			return (int)i;
	usage("unknown command");
}

static void put_dev(struct rawnl_msg *m, const char *path, char **values, int n)
{
	struct stat st;
	int i;

	for (i = 0; i < n; i++)
		if (!strncmp(values[i], "dev=", 4))
			return;
	if (!strcmp(path, "host"))	/* of no device */
		return;
	if (stat(path, &st) || !S_ISBLK(st.st_mode))
		usage("DEV is not a block device");
	rawnl_put_u64(m, DMM_A_DEV, (uint64_t)major(st.st_rdev) << 20 | minor(st.st_rdev));
}

struct condition {
	const char *text;
	bool holds;
};

struct conditions {
	struct condition list[8];
	unsigned int nr;
};

static bool compare(const char *text, const char *name, uint64_t v, uint16_t type)
{
	size_t len = strlen(name);
	const char *value = text + len + 1;

	if (strncmp(text, name, len))
		return false;
	if (text[len] == '=' && type == DMM_A_STATE)
		return v < __DMM_STATE_MAX && !strcmp(value, states[v]);
	if (text[len] == '=')
		return v == need_number(value, text, 0, UINT64_MAX);
	if (value[0] == '=' && text[len] == '>')
		return v >= need_number(value + 1, text, 0, UINT64_MAX);
	if (value[0] == '=' && text[len] == '<')
		return v <= need_number(value + 1, text, 0, UINT64_MAX);
	return false;
}

static void judge_attr(uint16_t type, const void *data, size_t bytes, void *arg)
{
	struct conditions *c = arg;
	uint64_t v = 0;
	size_t i, j;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].attr != type || bytes != names[i].bytes)
			continue;
		memcpy(&v, data, bytes);
		for (j = 0; j < c->nr; j++)
			c->list[j].holds |= compare(c->list[j].text, names[i].name, v, type);
	}
}

static void judge_msg(uint8_t cmd, const void *attrs, size_t bytes, void *arg)
{
	(void)cmd;
	rawnl_attrs(attrs, bytes, judge_attr, arg);
}

/* Asks until all conditions hold in one answer: 0 or -ETIMEDOUT. */
static int wait_until(struct rawnl *nl, const char *dev, uint64_t seconds, char **texts,
		      unsigned int nr)
{
	uint64_t end = clock_ns(CLOCK_MONOTONIC) + seconds * 1000000000u;
	struct conditions c = { .nr = nr };
	struct rawnl_msg m;
	unsigned int i;
	bool all;
	int err;

	if (!nr || nr > sizeof(c.list) / sizeof(c.list[0]))
		usage("wait takes 1 to 8 conditions");
	for (;;) {
		for (i = 0; i < nr; i++)
			c.list[i] = (struct condition){ .text = texts[i] };
		rawnl_begin(&m, DMM_CMD_GET, DMM_GENL_VERSION);
		put_dev(&m, dev, NULL, 0);
		err = rawnl_talk(nl, &m, 0, judge_msg, &c);
		if (err)
			return err;
		for (all = true, i = 0; i < nr; i++)
			all = all && c.list[i].holds;
		if (all)
			return 0;
		if (clock_ns(CLOCK_MONOTONIC) > end)
			return -ETIMEDOUT;
		usleep(20000);
	}
}

static int listen_events(struct rawnl *nl, uint64_t seconds)
{
	uint64_t end = clock_ns(CLOCK_MONOTONIC) + seconds * 1000000000u, now;
	int err = rawnl_join(nl);
	char sep = ' ';

	printf("listening\n");
	fflush(stdout);
	while (!err && (now = clock_ns(CLOCK_MONOTONIC)) < end) {
		err = rawnl_wait(nl, (int)((end - now) / 1000000u + 1), print_msg, &sep);
		if (err == -ETIMEDOUT)
			return 0;
	}
	return err;
}

static void lose_power(const char *how)
{
	if (!strcmp(how, "--userns")) {
		if (!unshare(CLONE_NEWUSER))
			return;
	} else if (!strcmp(how, "--no-cap")) {
		if (!drop_cap_sys_admin())
			return;
	} else {
		usage("an unknown option");
	}
	fprintf(stderr, "dmm-nl: %s: %s\n", how, strerror(errno));
	exit(1);
}

int main(int argc, char **argv)
{
	struct rawnl nl;
	struct rawnl_msg m;
	char sep = '\n';
	uint64_t begun;
	int err, i;

	if (argc > 1 && !strcmp(argv[1], "--help")) {
		fputs(help, stdout);
		return 0;
	}
	for (; argc > 1 && !strncmp(argv[1], "--", 2); argv++, argc--)
		lose_power(argv[1]);
	if (argc < 2)
		usage("needs a command");
	err = rawnl_open(&nl);
	if (!err && !strcmp(argv[1], "events")) {
		if (argc != 3)
			usage("events SECONDS");
		err = listen_events(&nl, need_number(argv[2], "seconds", 1, 86400));
	} else if (!err && !strcmp(argv[1], "wait")) {
		if (argc < 5)
			usage("wait DEV SECONDS CONDITION...");
		err = wait_until(&nl, argv[2], need_number(argv[3], "seconds", 0, 86400), argv + 4,
				 (unsigned int)argc - 4);
	} else if (!err && !strcmp(argv[1], "dump")) {
		rawnl_begin(&m, DMM_CMD_GET, DMM_GENL_VERSION);
		sep = ' ';
		err = rawnl_talk(&nl, &m, NLM_F_DUMP, print_msg, &sep);
	} else if (!err) {
		if (argc < 3)
			usage("needs COMMAND DEV");
		rawnl_begin(&m, (uint8_t)find_cmd(argv[1]), DMM_GENL_VERSION);
		if (argc == 4 && !strcmp(argv[1], "get") && !strchr(argv[3], '=')) {
			only = argv[3];
			argc--;
		}
		put_dev(&m, argv[2], argv + 3, argc - 3);
		for (i = 3; i < argc; i++)
			put_value(&m, argv[i]);
		begun = clock_ns(CLOCK_MONOTONIC);
		err = rawnl_talk(&nl, &m, 0, print_msg, &sep);
		begun = clock_ns(CLOCK_MONOTONIC) - begun;
		if (!strcmp(argv[1], "stop"))
			printf("took_ms=%llu\n", (unsigned long long)begun / 1000000u);
	}
	if (!err)
		return 0;
	fprintf(stderr, "dmm-nl %s: -%s%s%s\n", argv[1], strerrorname_np(-err),
		nl.text[0] ? ": " : "", nl.text);
	return 1;
}
