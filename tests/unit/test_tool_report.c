// SPDX-License-Identifier: GPL-2.0
/*
 * What scripts and people get: exit codes, the JSON of a status, the one line of
 * a failure, the question at a terminal, hooks.
 */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <json-c/json.h>

#include "core/state.h"
#include "dmmigrate/commands.h"
#include "dmmigrate/dest_part.h"
#include "platform/platform.h"
#include "dmmigrate/monitor.h"
#include "dmmigrate/record.h"
#include "dmmigrate/standing.h"
#include "dmmigrate/status_json.h"
#include "nl.h"
#include "progress.h"

static const u8 id[DMM_ID_BYTES] = { 0xab, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
#define ID_HEX "ab0102030405060708090a0b0c0d0e0f"

static void test_exit_codes(void **state)
{
	static const u32 preflight[] = {
		DMM_WERR_VERSION, DMM_WERR_RANGE, DMM_WERR_NOTFOUND, DMM_WERR_BUSY,
		DMM_WERR_TOOSMALL, DMM_WERR_DENIED, DMM_WERR_SIGNATURE, DMM_WERR_SAMEDISK,
		DMM_WERR_LIMIT, DMM_WERR_UNSUPPORTED,
	};
	u32 i;

	(void)state;
	/* they are an interface: the numbers themselves */
	assert_int_equal(DMM_EXIT_OK, 0);
	assert_int_equal(DMM_EXIT_USAGE, 2);
	assert_int_equal(DMM_EXIT_PREFLIGHT, 3);
	assert_int_equal(DMM_EXIT_TRANSPORT, 4);
	assert_int_equal(DMM_EXIT_LOCAL, 5);
	assert_int_equal(DMM_EXIT_REMOTE, 6);
	assert_int_equal(DMM_EXIT_SLOW, 7);
	assert_int_equal(DMM_EXIT_ABORTED, 8);
	assert_int_equal(DMM_EXIT_AMBIGUOUS, 9);
	assert_int_equal(DMM_EXIT_DIFFERENCE, 10);
	for (i = 0; i < 12; i++)
		assert_int_equal(dmm_exit_text((int)i) != NULL, i != 1 && i <= 10);

	assert_int_equal(dmm_exit_from_side(DMM_SIDE_LINK), DMM_EXIT_TRANSPORT);
	assert_int_equal(dmm_exit_from_side(DMM_SIDE_ORIGIN), DMM_EXIT_LOCAL);
	assert_int_equal(dmm_exit_from_side(DMM_SIDE_LOCAL), DMM_EXIT_LOCAL);
	assert_int_equal(dmm_exit_from_side(DMM_SIDE_RECEIVER), DMM_EXIT_REMOTE);
	for (i = 0; i < sizeof(preflight) / sizeof(preflight[0]); i++)
		assert_int_equal(dmm_exit_from_wire(preflight[i]), DMM_EXIT_PREFLIGHT);
	assert_int_equal(dmm_exit_from_wire(DMM_WERR_PROTOCOL), DMM_EXIT_TRANSPORT);
	assert_int_equal(dmm_exit_from_wire(DMM_WERR_CRC), DMM_EXIT_TRANSPORT);
	assert_int_equal(dmm_exit_from_wire(DMM_WERR_SHUTDOWN), DMM_EXIT_TRANSPORT);
	assert_int_equal(dmm_exit_from_wire(DMM_WERR_IO), DMM_EXIT_REMOTE);
	assert_int_equal(dmm_exit_from_wire(DMM_WERR_NOSPC), DMM_EXIT_REMOTE);
	assert_int_equal(dmm_exit_from_wire(DMM_WERR_INTERNAL), DMM_EXIT_REMOTE);
	assert_int_equal(dmm_exit_from_wire(4711), DMM_EXIT_REMOTE);
	/* none may be taken for success */
	for (i = 0; i < DMM_WERR_COUNT + 3; i++)
		assert_true(dmm_exit_from_wire(i) > DMM_EXIT_USAGE);
}

static struct json_object *get(struct json_object *o, const char *key, enum json_type type)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, key, &v))
		fail_msg("no key %s", key);
	if (json_object_get_type(v) != type)
		fail_msg("%s is %s, not %s", key, json_type_to_name(json_object_get_type(v)),
			 json_type_to_name(type));
	return v;
}

static const struct { const char *parent, *key; enum json_type type; } schema[] = {
	{ NULL, "source", json_type_string }, { NULL, "device", json_type_string },
	{ NULL, "migration", json_type_string }, { NULL, "host", json_type_string },
	{ NULL, "port", json_type_int }, { NULL, "dest", json_type_string },
	{ NULL, "state", json_type_string }, { NULL, "owner", json_type_string },
	{ NULL, "size_bytes", json_type_int }, { NULL, "block_bytes", json_type_int },
	{ NULL, "bandwidth_bytes_per_s", json_type_int }, { NULL, "errno", json_type_int },
	{ NULL, "error_side", json_type_string }, { NULL, "reason", json_type_string },
	{ NULL, "progress", json_type_object }, { NULL, "counters", json_type_object },
	{ NULL, "freeze", json_type_object },
	{ "progress", "phase", json_type_string }, { "progress", "percent_x100", json_type_int },
	{ "progress", "sweep_done", json_type_boolean },
	{ "progress", "ship_bytes_per_s", json_type_int },
	{ "progress", "dirty_bytes_per_s", json_type_int },
	{ "progress", "remaining_bytes", json_type_int }, { "progress", "eta_ns", json_type_int },
	{ "progress", "converging", json_type_boolean },
	{ "progress", "projected_pause_ns", json_type_int },
	{ "progress", "dirty_bytes", json_type_int },
	{ "progress", "inflight_bytes", json_type_int },
	{ "counters", "shipped_bytes", json_type_int }, { "counters", "acked_bytes", json_type_int },
	{ "counters", "prehold_bytes", json_type_int }, { "counters", "dirty_blocks", json_type_int },
	{ "counters", "sweep_blocks", json_type_int }, { "counters", "resent_blocks", json_type_int },
	{ "counters", "redirtied_blocks", json_type_int },
	{ "counters", "writes_submitted", json_type_int },
	{ "counters", "writes_completed", json_type_int }, { "counters", "reads", json_type_int },
	{ "counters", "held", json_type_int }, { "counters", "alerts", json_type_int },
	{ "counters", "barrier", json_type_int }, { "counters", "unflushed_bytes", json_type_int },
	{ "freeze", "epoch", json_type_int }, { "freeze", "result", json_type_int },
	{ "freeze", "drain_ns", json_type_int }, { "freeze", "ship_ns", json_type_int },
	{ "freeze", "barrier_ns", json_type_int }, { "freeze", "blocks", json_type_int },
};

static void test_status_schema(void **state)
{
	struct dmm_nl_info info = {
		.dev = dmm_nl_dev(253, 7), .state = DMM_STATE_FAILED, .error = -5,
		.error_side = DMM_SIDE_ORIGIN, .reason = "x", .size_bytes = 1ull << 62,
		.block_bytes = 4096, .acked_bytes = 1ull << 61, .epoch = 4, .freeze_result = -62,
	};
	struct dmm_record rec = { .to = { .host = "b", .port = 7790, .path = "/dev/x" } };
	struct dmm_figures f = { .phase = "sweep", .eta = DMM_ETA_KNOWN, .eta_ms = 1500,
				 .pause_known = true, .pause_ms = 20 };
	struct json_object *o, *parent;
	size_t i;

	(void)state;
	memcpy(info.migration, id, sizeof(id));
	o = dmm_status_json(&info, &f, "web01", &rec, DMM_OWNER_SOURCE);
	for (i = 0; i < sizeof(schema) / sizeof(schema[0]); i++) {
		parent = schema[i].parent ? get(o, schema[i].parent, json_type_object) : o;
		get(parent, schema[i].key, schema[i].type);
	}
	assert_string_equal(json_object_get_string(get(o, "device", json_type_string)), "253:7");
	assert_string_equal(json_object_get_string(get(o, "migration", json_type_string)), ID_HEX);
	assert_string_equal(json_object_get_string(get(o, "state", json_type_string)), "failed");
	assert_string_equal(json_object_get_string(get(o, "owner", json_type_string)), "source");
	assert_string_equal(json_object_get_string(get(o, "error_side", json_type_string)), "origin");
	assert_true(json_object_get_uint64(get(o, "size_bytes", json_type_int)) == 1ull << 62);
	parent = get(o, "progress", json_type_object);
	assert_int_equal(json_object_get_int64(get(parent, "eta_ns", json_type_int)), 1500000000);
	assert_int_equal(json_object_get_int64(get(parent, "projected_pause_ns", json_type_int)),
			 20000000);
	json_object_put(o);

	/* what is not known is null, and the keys are still there */
	info.state = DMM_STATE_RELEASED;
	info.epoch = 0;
	info.reason[0] = '\0';
	memset(info.migration, 0, sizeof(id));
	f.eta = DMM_ETA_NONE;
	f.pause_known = false;
	o = dmm_status_json(&info, &f, "web01", NULL, DMM_OWNER_DEST);
	get(o, "migration", json_type_null);
	get(o, "host", json_type_null);
	get(o, "port", json_type_null);
	get(o, "dest", json_type_null);
	get(o, "reason", json_type_null);
	get(o, "freeze", json_type_null);
	parent = get(o, "progress", json_type_object);
	get(parent, "eta_ns", json_type_null);
	get(parent, "converging", json_type_null);
	get(parent, "projected_pause_ns", json_type_null);
	assert_string_equal(json_object_get_string(get(o, "owner", json_type_string)), "destination");
	json_object_put(o);
	f.eta = DMM_ETA_NOT_CONVERGING;
	o = dmm_status_json(&info, &f, "web01", NULL, DMM_OWNER_UNKNOWN);
	parent = get(o, "progress", json_type_object);
	assert_false(json_object_get_boolean(get(parent, "converging", json_type_boolean)));
	get(parent, "eta_ns", json_type_null);
	json_object_put(o);
}

/* Runs @fn with @fd going to a file; returns what was written. */
static char *captured(int fd, void (*fn)(struct dmm_tool *t), struct dmm_tool *t)
{
	static char text[8192];
	FILE *tmp = tmpfile();
	int saved = dup(fd);
	size_t n;

	fflush(NULL);
	dup2(fileno(tmp), fd);
	fn(t);
	fflush(NULL);
	dup2(saved, fd);
	close(saved);
	rewind(tmp);
	n = fread(text, 1, sizeof(text) - 1, tmp);
	text[n] = '\0';
	fclose(tmp);
	return text;
}

static void fail_committed(struct dmm_tool *t)
{
	dmm_next(t, "dmmigrate cutover %s", t->source);
	assert_int_equal(dmm_fail(t, DMM_EXIT_TRANSPORT, DMM_OWNER_DEST, DMM_USE_COMMITTED, "no answer"),
			 DMM_EXIT_TRANSPORT);
}

static void fail_nothing(struct dmm_tool *t)
{
	t->next[0] = '\0';
	t->source[0] = '\0';
	dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "no such device");
}

static void fail_usage(struct dmm_tool *t)
{
	assert_int_equal(dmm_usage(t, "bad %s", "thing"), DMM_EXIT_USAGE);
}

static void print_result(struct dmm_tool *t)
{
	dmm_print_json(t, json_object_get(t->result));
}

static void test_failure_line(void **state)
{
	struct dmm_tool t = { .verb = dmm_verb_find("cutover"), .source = "web01",
			      .result = json_object_new_object() };
	struct json_object *o;

	(void)state;
	assert_string_equal(captured(STDERR_FILENO, fail_committed, &t),
			    "dmmigrate: cutover: no answer; the destination owns the data, "
			    "web01 is committed: all its I/O is held; next: dmmigrate cutover web01\n");
	o = json_tokener_parse(captured(STDOUT_FILENO, print_result, &t));
	assert_non_null(o);
	assert_int_equal(json_object_get_int(get(o, "schema_version", json_type_int)), 1);
	assert_string_equal(json_object_get_string(get(o, "verb", json_type_string)), "cutover");
	assert_string_equal(json_object_get_string(get(o, "error", json_type_string)), "no answer");
	assert_string_equal(json_object_get_string(get(o, "owner", json_type_string)), "destination");
	assert_string_equal(json_object_get_string(get(o, "source_device", json_type_string)),
			    "committed");
	assert_string_equal(json_object_get_string(get(o, "next", json_type_string)),
			    "dmmigrate cutover web01");
	json_object_put(o);
	assert_string_equal(captured(STDERR_FILENO, fail_nothing, &t),
			    "dmmigrate: cutover: no such device; the source owns the data, nothing was "
			    "changed\n");
	assert_string_equal(captured(STDERR_FILENO, fail_usage, &t),
			    "dmmigrate: cutover: bad thing; see dmmigrate cutover --help\n");
	json_object_put(t.result);
}

/* What a person at a terminal who types @answer gets; 2: nothing within 5 s. */
static int asked(const char *answer)
{
	struct dmm_tool t = { .verb = &dmm_verb_wait };
	char text[256] = "";
	size_t n = 0;
	int fd, status;
	ssize_t got;
	pid_t pid;

	pid = forkpty(&fd, NULL, NULL, NULL);
	assert_true(pid >= 0);
	if (!pid) {
		alarm(5);
		dmm_signals_block();
		_exit(dmm_confirm(&t, "/dev/x", "Overwrite?"));
	}
	while (!strstr(text, "go on: ")) {
		got = read(fd, text + n, sizeof(text) - 1 - n);
		assert_true(got > 0);
		n += got;
		text[n] = '\0';
	}
	assert_int_equal(write(fd, answer, strlen(answer)), strlen(answer));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(fd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

static void test_confirm(void **state)
{
	(void)state;
	assert_int_equal(asked("/dev/x\n"), true);
	assert_int_equal(asked("/dev/y\n"), false);
	assert_int_equal(asked("\n"), false);
	assert_int_equal(asked("\003"), false);	/* Ctrl-C, though it is blocked */
}

/* A target that goes away says who owns the data only if nobody was cutting over. */
static void test_monitor_gone(void **state)
{
	static const struct { u32 state; bool seen; int code; const char *owner; } cases[] = {
		{ DMM_STATE_COPYING, true, DMM_EXIT_ABORTED, "source" },
		{ DMM_STATE_STOPPING, true, DMM_EXIT_ABORTED, "source" },
		{ DMM_STATE_FREEZING, true, DMM_EXIT_AMBIGUOUS, "unknown" },
		{ DMM_STATE_FROZEN, true, DMM_EXIT_AMBIGUOUS, "unknown" },
		{ DMM_STATE_COMMITTED, true, DMM_EXIT_AMBIGUOUS, "unknown" },
		{ DMM_STATE_RELEASED, true, DMM_EXIT_AMBIGUOUS, "unknown" },
		{ DMM_STATE_IDLE, false, DMM_EXIT_AMBIGUOUS, "unknown" },
	};
	struct dmm_tool t = { .verb = &dmm_verb_wait };
	struct dmm_monitor m = { 0 };
	struct json_object *owner;
	size_t i;

	(void)state;
	t.result = json_object_new_object();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		m.info.state = cases[i].state;
		m.seen = cases[i].seen;
		assert_int_equal(dmm_monitor_report(&t, &m, DMM_MON_GONE), cases[i].code);
		assert_true(json_object_object_get_ex(t.result, "owner", &owner));
		assert_string_equal(json_object_get_string(owner), cases[i].owner);
	}
	assert_int_equal(dmm_monitor_report(&t, &m, DMM_MON_PAUSED), DMM_EXIT_SLOW);
	json_object_put(t.result);
}

/* Who owns the data: by the state and, where that does not tell, by the journal. */
static void test_standing(void **state)
{
	static const struct {
		u32 state;
		enum dmm_journal_says says;
		enum dmm_owner owner;
	} cases[] = {
		{ DMM_STATE_COPYING, DMM_JOURNAL_UNASKED, DMM_OWNER_SOURCE },
		{ DMM_STATE_FROZEN, DMM_JOURNAL_UNASKED, DMM_OWNER_SOURCE },
		{ DMM_STATE_IDLE, DMM_JOURNAL_NOTHING, DMM_OWNER_SOURCE },
		{ DMM_STATE_IDLE, DMM_JOURNAL_SOURCE, DMM_OWNER_SOURCE },
		{ DMM_STATE_IDLE, DMM_JOURNAL_NOBODY, DMM_OWNER_UNKNOWN },
		{ DMM_STATE_IDLE, DMM_JOURNAL_DEST, DMM_OWNER_DEST },
		{ DMM_STATE_IDLE, DMM_JOURNAL_UNANSWERED, DMM_OWNER_UNKNOWN },
		{ DMM_STATE_COMMITTED, DMM_JOURNAL_NOTHING, DMM_OWNER_UNKNOWN },
		{ DMM_STATE_COMMITTED, DMM_JOURNAL_SOURCE, DMM_OWNER_SOURCE },
		{ DMM_STATE_COMMITTED, DMM_JOURNAL_NOBODY, DMM_OWNER_UNKNOWN },
		{ DMM_STATE_COMMITTED, DMM_JOURNAL_DEST, DMM_OWNER_DEST },
		{ DMM_STATE_COMMITTED, DMM_JOURNAL_UNANSWERED, DMM_OWNER_UNKNOWN },
		{ DMM_STATE_RELEASED, DMM_JOURNAL_UNASKED, DMM_OWNER_DEST },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(dmm_standing_owner(cases[i].state, cases[i].says), cases[i].owner);
		assert_int_equal(dmm_standing_needs_journal(cases[i].state),
				 cases[i].says != DMM_JOURNAL_UNASKED);
	}
	assert_int_equal(dmm_standing_use(DMM_STATE_COPYING), DMM_USE_ATTACHED);
	assert_int_equal(dmm_standing_use(DMM_STATE_COMMITTED), DMM_USE_COMMITTED);
	assert_int_equal(dmm_standing_use(DMM_STATE_RELEASED), DMM_USE_RELEASED);
}

static enum dmm_platform_run start_by(struct dmm_tool *t, const struct dmm_group *g, const char *command)
{
	struct dmm_platform p;

	t->args.hook_start = command;
	dmm_platform_hook(&p, t);
	assert_null(p.ops->stop_name);
	assert_string_equal(p.ops->run_name, "start hook");
	p.g = g;
	return p.ops->run(&p);
}

static void test_hook(void **state)
{
	struct dmm_tool t = { .verb = dmm_verb_find("cutover") };
	struct dmm_source disks[3] = {
		{ .live = { .name = "web01" }, .hex = ID_HEX,
		  .record = { .to = { .host = "b", .port = 7790, .path = "/dev/x" } } },
		{ .live = { .name = "web01-data" }, .record = { .to = { .path = "/dev/y" }, .gate = "data.dmm" } },
		{ .live = { .name = "web01-swap" }, .record = { .to = { .path = "/dev/z" } } },
	};
	struct dmm_group g = { .disks = disks, .nr = 1 };

	(void)state;
	assert_int_equal(start_by(&t, &g, "exit 0"), DMM_RUN_RUNS);
	assert_int_equal(start_by(&t, &g, "exit 3"), DMM_RUN_NOT);
	assert_int_equal(start_by(&t, &g, "kill -TERM $$"), DMM_RUN_UNKNOWN);
	assert_int_equal(start_by(&t, &g, "/nonexistent 2>/dev/null"), DMM_RUN_NOT);
	assert_int_equal(start_by(&t, &g, "test \"$DMM_MIGRATION $DMM_SOURCE $DMM_DEST $DMM_HOST "
				      "$DMM_PORT $DMM_DEVICE\" = \"" ID_HEX " /dev/mapper/web01 /dev/x b 7790 "
				      "/dev/x\""), DMM_RUN_RUNS);
	assert_int_equal(start_by(&t, &g, "test \"$DMM_DISKS ${DMM_SOURCE_1-none}\" = \"1 none\""), DMM_RUN_RUNS);
	strcpy(disks[0].record.gate, "web01.dmm");
	assert_int_equal(start_by(&t, &g, "test \"$DMM_DEVICE\" = /dev/mapper/web01.dmm"), DMM_RUN_RUNS);

	/* the first as of one disk alone, whichever was named; then each by its number */
	g.nr = 3;
	g.named = 2;
	assert_int_equal(start_by(&t, &g, "test \"$DMM_DISKS $DMM_SOURCE $DMM_DEST $DMM_HOST\" = "
				      "\"3 /dev/mapper/web01 /dev/x b\""), DMM_RUN_RUNS);
	assert_int_equal(start_by(&t, &g, "test \"$DMM_SOURCE_1 $DMM_DEST_1 $DMM_DEVICE_1\" = "
				      "\"/dev/mapper/web01-data /dev/y /dev/mapper/data.dmm\""), DMM_RUN_RUNS);
	assert_int_equal(start_by(&t, &g, "test \"$DMM_SOURCE_2 $DMM_DEST_2 $DMM_DEVICE_2${DMM_SOURCE_3-}\" = "
				      "\"/dev/mapper/web01-swap /dev/z /dev/z\""), DMM_RUN_RUNS);
}

static const char *json_text(struct json_object *o, const char *key)
{
	struct json_object *v;

	assert_true(json_object_object_get_ex(o, key, &v));
	return v ? json_object_get_string(v) : NULL;
}

/* What status says of a destination: who owns the disks, and never that nothing is to be done where something is. */
static void test_dest_part(void **state)
{
	static const struct { u32 state, gate, flags; const char *owner, *gates; } cases[] = {
		{ DMM_HO_RECEIVING, DMM_HO_GATE_SHUT, 0, "source", "shut" },
		{ DMM_HO_COMPLETE, DMM_HO_GATE_SHUT, DMM_GROUP_LINKED, "unknown", "shut" },
		{ DMM_HO_OWNED, DMM_HO_GATE_READS, DMM_GROUP_LINKED, "destination", "reads" },
		{ DMM_HO_RUNNING, DMM_HO_GATE_OPEN, 0, "destination", "open" },
		{ DMM_HO_RUNNING, DMM_HO_GATE_SHUT, DMM_GROUP_NEEDS_PEER, "unknown", "shut" },
		{ DMM_HO_SETTLED, DMM_HO_GATE_OPEN, 0, "destination", "open" },
		{ DMM_HO_REFUSED, DMM_HO_GATE_SHUT, 0, "source", "shut" },
		{ DMM_HO_LOST, DMM_HO_GATE_SHUT, DMM_GROUP_NEEDS_PEER, "unknown", "shut" },
	};
	struct dmm_dest_part p = { .hex = ID_HEX, .answered = true };
	struct json_object *o;
	const char *action;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		p.ok.state = cpu_to_le32(cases[i].state);
		p.ok.gate = cpu_to_le32(cases[i].gate);
		p.ok.flags = cpu_to_le32(cases[i].flags);
		p.ok.disks = cpu_to_le32(3);
		o = dmm_dest_part_json(&p);
		assert_string_equal(json_text(o, "state"), dmm_ho_state_name(cases[i].state));
		assert_string_equal(json_text(o, "owner"), cases[i].owner);
		assert_string_equal(json_text(o, "gates"), cases[i].gates);
		assert_string_equal(json_text(o, "disks"), "3");
		assert_int_equal(!strcmp(json_text(o, "needs_peer"), "true"), !!(cases[i].flags & DMM_GROUP_NEEDS_PEER));
		json_object_put(o);
		assert_true(strlen(dmm_dest_part_status(&p, &action)) > 10);
		/* a person has something to do wherever it does not go on by itself */
		if (cases[i].state == DMM_HO_OWNED || cases[i].state == DMM_HO_RUNNING || cases[i].state == DMM_HO_SETTLED ||
		    cases[i].flags & DMM_GROUP_NEEDS_PEER)
			assert_non_null(strstr(action, "dmmigrate r"));
		else
			assert_string_equal(action, "None.");
		if (cases[i].flags & DMM_GROUP_NEEDS_PEER)
			assert_non_null(strstr(action, "neither"));
	}
	p.answered = false;
	strcpy(p.why, "no daemon");
	o = dmm_dest_part_json(&p);
	assert_string_equal(json_text(o, "owner"), "unknown");
	assert_string_equal(json_text(o, "state"), "unknown");
	assert_string_equal(json_text(o, "reason"), "no daemon");
	assert_null(json_text(o, "gates"));
	json_object_put(o);
	assert_string_equal(dmm_dest_part_status(&p, &action), "no daemon");
	assert_non_null(strstr(action, "dmmigrated"));
}

/* JSON is UTF-8, whatever bytes a name has. */
static void test_json_text(void **state)
{
	static const struct { const char *in, *out; } cases[] = {
		{ "web01", "web01" }, { "", "" }, { "\xff\xfe", "??" }, { "d\xc3\xbcrre", "d\xc3\xbcrre" },
		{ "cut \xe2\x82", "cut ??" }, { "a\nb\x1b", "a?b?" },
	};
	struct json_object *o;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		o = dmm_json_text(cases[i].in);
		assert_string_equal(json_object_get_string(o), cases[i].out);
		json_object_put(o);
	}
	assert_null(dmm_json_text(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit_codes),
		cmocka_unit_test(test_status_schema),
		cmocka_unit_test(test_failure_line),
		cmocka_unit_test(test_confirm),
		cmocka_unit_test(test_monitor_gone),
		cmocka_unit_test(test_standing),
		cmocka_unit_test(test_hook),
		cmocka_unit_test(test_dest_part),
		cmocka_unit_test(test_json_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
