// SPDX-License-Identifier: GPL-2.0
/*
 * The command line: every verb's table, every type of option, bad input.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dmmigrate/commands.h"

/* Parses a line for a verb. */
static int parse(const char *line, struct dmm_args *args, char *why, size_t why_bytes)
{
	static char copy[1024];
	const struct dmm_verb *v;
	char *argv[DMM_MAX_OPERANDS + 8], *save = NULL;
	int argc = 0;

	snprintf(copy, sizeof(copy), "%s", line);
	for (argv[0] = strtok_r(copy, " ", &save); argv[argc] && argc < DMM_MAX_OPERANDS + 7;)
		argv[++argc] = strtok_r(NULL, " ", &save);
	v = dmm_verb_find(argv[0]);
	assert_non_null(v);
	return dmm_options_parse(v->options, argc, argv, args, why, why_bytes);
}

static struct dmm_args good(const char *line)
{
	struct dmm_args args;
	char why[256] = "";

	if (parse(line, &args, why, sizeof(why)))
		fail_msg("%s: %s", line, why);
	return args;
}

static void bad(const char *line, const char *text)
{
	struct dmm_args args;
	char why[256] = "";

	if (!parse(line, &args, why, sizeof(why)))
		fail_msg("accepted: %s", line);
	if (!strstr(why, text) || strchr(why, '\n'))
		fail_msg("%s: said '%s', not '%s'", line, why, text);
}

static void test_start(void **state)
{
	struct dmm_args a = good("start web01 b:/dev/x");

	(void)state;
	assert_int_equal(a.nr_operands, 2);
	assert_string_equal(a.operands[0], "web01");
	assert_string_equal(a.operands[1], "b:/dev/x");
	assert_true(a.bandwidth == DMM_UNSET && a.block_bytes == DMM_UNSET);
	assert_false(a.yes || a.dry_run || a.wait || a.json || a.help);

	a = good("start --bandwidth 1.5GiB/s web01 --block-size=64k b:/dev/x --yes --dry-run --wait "
		 "--json");
	assert_true(a.bandwidth == 3ull << 29);
	assert_int_equal(a.block_bytes, 65536);
	assert_true(a.yes && a.dry_run && a.wait && a.json);
	assert_int_equal(a.nr_operands, 2);

	a = good("start --bandwidth unlimited -- --strange b:/x");
	assert_true(a.bandwidth == 0);
	assert_string_equal(a.operands[0], "--strange");
	assert_true(good("start --help").help);
	assert_true(good("start -h x").help);
}

static void test_types(void **state)
{
	(void)state;
	assert_int_equal(good("cutover x --timeout 1").timeout_ms, 1);
	assert_int_equal(good("cutover x --timeout 15000").timeout_ms, 15000);
	assert_int_equal(good("cutover x --timeout 15s").timeout_ms, 15000);
	assert_int_equal(good("cutover x --timeout 500ms").timeout_ms, 500);
	assert_int_equal(good("cutover x --max-pause 300").max_pause_ms, 300);
	assert_int_equal(good("vm x --max-pause 300 --patience 5").max_pause_ms, 300);
	assert_int_equal(good("vm x --max-pause 300 --patience 5").patience_ms, 5000);
	assert_true(good("vm x").max_pause_ms == DMM_UNSET && good("vm x").patience_ms == DMM_UNSET);
	assert_string_equal(good("cutover x --hook-stop reboot").hook_stop, "reboot");
	assert_int_equal(good("wait x --timeout 90").timeout_ms, 90000);
	assert_int_equal(good("wait x --timeout 5m").timeout_ms, 300000);
	assert_int_equal(good("watch x --interval 200ms").interval_ms, 200);
	assert_int_equal(good("start --block-size 4096 a b").block_bytes, 4096);
	assert_int_equal(good("start --block-size 1M a b").block_bytes, 1 << 20);
	assert_true(good("start a b").conns == DMM_UNSET);
	assert_int_equal(good("start --connections 1 a b").conns, 1);
	assert_int_equal(good("start --connections 16 a b").conns, 16);
	assert_true(good("start a b").barrier_bytes == DMM_UNSET && good("start a b").barrier_ms == DMM_UNSET);
	assert_true(good("start --barrier-size 8G a b").barrier_bytes == 8ull << 30);
	assert_int_equal(good("start --barrier-interval 2 a b").barrier_ms, 2000);
	assert_int_equal(good("start --barrier-interval 1ms a b").barrier_ms, 1);
	assert_true(good("start --barrier-interval 4294967295ms a b").barrier_ms == UINT32_MAX);
}

/* A value only behind "=": what follows --verify is the source. */
static void test_verify(void **state)
{
	struct dmm_args a = good("cutover x");

	(void)state;
	assert_true(!a.verify && !a.verify_full);
	a = good("cutover --verify x");
	assert_true(a.verify && !a.verify_full);
	a = good("cutover --verify=full x");
	assert_true(!a.verify && a.verify_full);
	a = good("cutover --verify full");
	assert_true(a.verify && !a.verify_full);
	assert_string_equal(a.operands[0], "full");
	a = good("cutover --verify --verify=full x");
	assert_true(a.verify && a.verify_full);
}

static void test_bad(void **state)
{
	static const struct { const char *line, *why; } cases[] = {
		{ "start --frob", "--frob" },
		{ "start -x", "-x" },
		{ "start --bandwidth", "needs a value" },
		{ "start --bandwidth fast a b", "'fast'" },
		{ "start --bandwidth -1 a b", "'-1'" },
		{ "start --bandwidth 1Q a b", "'1Q'" },
		{ "start --block-size 0 a b", "power of two" },
		{ "start --block-size 2048 a b", "power of two" },
		{ "start --block-size 5000 a b", "power of two" },
		{ "start --block-size 2M a b", "power of two" },
		{ "start --block-size x a b", "power of two" },
		{ "start --connections 0 a b", "from 1 to 16" },
		{ "start --connections 17 a b", "from 1 to 16" },
		{ "start --connections many a b", "from 1 to 16" },
		{ "start --barrier-size 0 a b", "a size" },
		{ "start --barrier-size much a b", "a size" },
		{ "start --barrier-interval 0 a b", "a time" },
		{ "start --barrier-interval 4294967296ms a b", "a time" },
		{ "start --barrier-interval soon a b", "a time" },
		{ "start --yes=1 a b", "takes no value" },
		{ "start --timeout 5 a b", "--timeout" },	/* another verb's */
		{ "cutover --timeout 0 x", "15000" },
		{ "cutover --timeout 15001 x", "15000" },
		{ "cutover --timeout 16s x", "15000" },
		{ "cutover --timeout soon x", "15000" },
		{ "cutover --max-pause x x", "milliseconds" },
		{ "cutover --verify=half x", "'half' is not full" },
		{ "cutover --verify= x", "'' is not full" },
		{ "cutover --hook-stop= x", "a command" },
		{ "wait --timeout 5y x", "a time" },
		{ "status --hook-start x", "--hook-start" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].line);
		bad(cases[i].line, cases[i].why);
	}
}

/* As many as anything takes, before and behind "--"; what a verb takes is its own. */
static void test_operands(void **state)
{
	struct dmm_args args;
	char line[1024];
	size_t n;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		snprintf(line, sizeof(line), "start%s", i ? " --" : "");
		for (n = strlen(line); n < strlen(i ? "start --" : "start") + 2 * DMM_MAX_OPERANDS; n += 2)
			strcpy(line + n, " a");
		args = good(line);
		assert_int_equal(args.nr_operands, DMM_MAX_OPERANDS);
		strcpy(line + n, " a");
		bad(line, "too many");
	}
}

/* What is wanted is in the table, and each entry is whole. */
static void test_verbs(void **state)
{
	static const char *const wanted[] = {
		"start", "status", "list", "watch", "wait", "pause", "resume", "throttle", "cutover",
		"cancel", "verify", "clean", "copy", "keys", "version",
		"acquire", "run", "return", "recover", "release", "doctor", "plan", "vm", "device", "vdi",
	};
	const struct dmm_option *o;
	unsigned int i, nr;
	bool json;

	(void)state;
	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		assert_non_null(dmm_verb_find(wanted[i]));
	assert_null(dmm_verb_find("sta"));
	assert_null(dmm_verb_find(""));
	for (nr = 0; dmm_verbs[nr]; nr++) {
		const struct dmm_verb *v = dmm_verbs[nr];

		assert_non_null(v->run);
		assert_non_null(v->operands);
		assert_true(strlen(v->brief) > 10);
		assert_true(v->max_operands >= v->min_operands);
		assert_true(v->max_operands <= DMM_MAX_OPERANDS);
		for (o = v->options, json = false; o->name; o++) {
			assert_non_null(o->help);
			assert_int_equal(o->type == DMM_OPT_FLAG, o->value == NULL);
			if (!strcmp(o->name, "json"))
				json = true;
		}
		assert_true(json);	/* --json on every verb */
	}
	assert_int_equal(nr, sizeof(wanted) / sizeof(wanted[0]));
}

static void test_help(void **state)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *f = open_memstream(&text, &bytes);

	(void)state;
	dmm_options_help(f, dmm_verb_find("start")->options);
	fclose(f);
	assert_non_null(strstr(text, "--bandwidth RATE"));
	assert_non_null(strstr(text, "--dry-run"));
	assert_non_null(strstr(text, "--help"));
	free(text);
	f = open_memstream(&text, &bytes);
	dmm_help(f);
	fclose(f);
	assert_non_null(strstr(text, "cutover"));
	assert_non_null(strstr(text, "10  verification found a difference"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_verify),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_operands),
		cmocka_unit_test(test_verbs),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
