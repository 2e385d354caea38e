// SPDX-License-Identifier: GPL-2.0
/*
 * Facts of a host: the list, its message, what xl and lvm print; and programs that are asked something.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data.h"
#include "facts_host.h"
#include "fullio.h"
#include "runner.h"

static void a_list(void **state)
{
	char value[DMM_FACT_VALUE], word[8];
	struct dmm_facts f, g;
	u64 n;

	(void)state;
	dmm_facts_init(&f);
	dmm_facts_add(&f, "host", "xen\n%d", 1);
	dmm_facts_add(&f, "vg", "vg0 %d 5", 7);
	dmm_facts_add(&f, "vg", "vg1 8 =6");
	dmm_facts_add(&f, "size", "18446744073709551615");
	dmm_facts_add(&f, "empty", "%s", "");
	assert_true(dmm_facts_get(&f, "host", value));
	assert_string_equal(value, "xen?1");
	assert_true(dmm_facts_nth(&f, "vg", 1, value));
	assert_string_equal(value, "vg1 8 =6");
	assert_false(dmm_facts_nth(&f, "vg", 2, value));
	assert_string_equal(value, "");
	assert_false(dmm_facts_get(&f, "v", value));
	assert_false(dmm_facts_get(&f, "vgs", value));
	assert_true(dmm_facts_u64(&f, "size", &n) && n == ~0ull);
	assert_false(dmm_facts_u64(&f, "host", &n));
	assert_true(dmm_facts_get(&f, "empty", value));
	assert_false(dmm_facts_yes(&f, "empty"));
	assert_true(dmm_fact_word("a 12 b", 1, word, sizeof(word)));
	assert_string_equal(word, "12");
	assert_true(dmm_fact_word_u64("a 12 b", 1, &n) && n == 12);
	assert_false(dmm_fact_word_u64("a 12 b", 2, &n));
	assert_false(dmm_fact_word("a 12 b", 3, word, sizeof(word)));
	dmm_facts_init(&g);
	dmm_facts_add(&g, "host", "other");
	dmm_facts_add(&g, "lv", "1");
	dmm_facts_add(&g, "lv", "2");
	dmm_facts_merge(&f, &g);
	assert_true(dmm_facts_get(&f, "host", value));
	assert_string_equal(value, "xen?1");
	assert_true(dmm_facts_nth(&f, "lv", 1, value));
	assert_int_equal(f.nr, 7);
}

static void it_is_bounded(void **state)
{
	struct dmm_wire_facts_ok w;
	struct dmm_facts f, back;
	char value[400], got[DMM_FACT_VALUE];
	const char *why;
	int i;

	(void)state;
	memset(value, 'v', sizeof(value));
	value[399] = '\0';
	for (i = 0; i < 3; i++) {	/* by bytes, by number, by the length of one */
		dmm_facts_init(&f);
		while (!f.cut)
			dmm_facts_add(&f, "k", "%s", i ? "" : value);
		assert_true(f.bytes <= DMM_FACTS_BYTES && f.nr <= DMM_MAX_FACTS);
		assert_int_equal(i ? f.nr : DMM_MAX_FACTS, DMM_MAX_FACTS);
		assert_int_equal(strlen(f.text), f.bytes);
		dmm_facts_encode(&f, &w);
		assert_int_equal(dmm_facts_decode(&w, &back, &why), 0);
		assert_true(back.cut && back.nr == f.nr && !strcmp(back.text, f.text));
	}
	dmm_facts_init(&f);
	dmm_facts_add(&f, "k", "%s", value);
	assert_true(dmm_facts_get(&f, "k", got));
	assert_int_equal(strlen(got), DMM_FACT_VALUE - 1);
	assert_true(f.cut);
}

static void a_message_is_checked(void **state)
{
	static const struct { const char *text, *why; } cases[] = {
		{ "", NULL },
		{ "host=xen\n", NULL },
		{ "a-1=\n", NULL },
		{ "a=b=c\n", NULL },
		{ "host=xen", "a fact without its end" },
		{ "host\n", "a fact's key is none" },
		{ "=xen\n", "a fact's key is none" },
		{ "Host=xen\n", "a fact's key is none" },
		{ "1a=xen\n", "a fact's key is none" },
		{ "a b=xen\n", "a fact's key is none" },
		{ "\n", "a fact's key is none" },
		{ "abcdefghijklmnopqrstuvwxyz-01234=x\n", "a fact's key is none" },
		{ "abcdefghijklmnopqrstuvwxyz-0123=x\n", NULL },
		{ "a=\x1b[2J\n", "a fact's value is not text" },
		{ "a=\x9b\n", "a fact's value is not text" },
	};
	struct dmm_wire_facts_ok w;
	struct dmm_facts f;
	const char *why;
	size_t i;
	int ret;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&w, 0, sizeof(w));
		strcpy((char *)w.text, cases[i].text);
		w.bytes = cpu_to_le32(strlen(cases[i].text));
		ret = dmm_facts_decode(&w, &f, &why);
		if (!cases[i].why != !ret || (ret && (ret != -EBADMSG || strcmp(why, cases[i].why))))
			fail_msg("%s is %d", cases[i].text, ret);
	}
	memset(&w, 0, sizeof(w));
	strcpy((char *)w.text, "a=b\n");
	w.bytes = cpu_to_le32(3);
	assert_int_equal(dmm_facts_decode(&w, &f, &why), -EBADMSG);
	w.bytes = cpu_to_le32(5);
	assert_int_equal(dmm_facts_decode(&w, &f, &why), -EBADMSG);
	w.bytes = cpu_to_le32(DMM_FACTS_BYTES + 1);
	assert_int_equal(dmm_facts_decode(&w, &f, &why), -EBADMSG);
	w.bytes = cpu_to_le32(4);
	assert_int_equal(dmm_facts_decode(&w, &f, &why), 0);
	w.flags = cpu_to_le32(2);
	assert_int_equal(dmm_facts_decode(&w, &f, &why), -EBADMSG);
	w.flags = 0;
	for (i = 0; i <= DMM_MAX_FACTS; i++)
		memcpy(w.text + 4 * i, "a=b\n", 4);
	w.bytes = cpu_to_le32(4 * DMM_MAX_FACTS + 4);
	assert_int_equal(dmm_facts_decode(&w, &f, &why), -EBADMSG);
	assert_string_equal(why, "too many facts");
	memset(w.text, 'v', 300);
	memcpy(w.text, "a=", 2);
	w.text[2 + DMM_FACT_VALUE] = '\n';
	memset(w.text + 3 + DMM_FACT_VALUE, 0, sizeof(w.text) - 3 - DMM_FACT_VALUE);
	w.bytes = cpu_to_le32(3 + DMM_FACT_VALUE);
	assert_int_equal(dmm_facts_decode(&w, &f, &why), -EBADMSG);
	assert_string_equal(why, "a fact's value is too long");
}

static void of_xl_info(void **state)
{
	char *text = data_read("xen-4.17/info-a.txt"), value[DMM_FACT_VALUE];
	struct dmm_facts f;
	u64 n;

	(void)state;
	dmm_facts_init(&f);
	assert_int_equal(dmm_facts_xl_info(&f, text), 0);
	assert_true(dmm_facts_get(&f, "xen-version", value));
	assert_string_equal(value, "4.17.7");
	assert_true(dmm_facts_get(&f, "xen-caps", value));
	assert_string_equal(value, "xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64");
	assert_true(dmm_facts_get(&f, "xen-virt-caps", value));
	assert_string_equal(value, "pv hvm hap gnttab-v1 gnttab-v2");
	assert_true(dmm_facts_get(&f, "xen-hw-caps", value));
	assert_string_equal(value, "0fcbf3fd:e2d8320b:e4500800:00000075:00000000:01884309:00000204:00000000");
	assert_true(dmm_facts_u64(&f, "xen-memory", &n) && n == 767ull << 20);
	assert_true(dmm_facts_u64(&f, "xen-memory-free", &n) && n == 372ull << 20);
	dmm_facts_init(&f);
	assert_int_equal(dmm_facts_xl_info(&f, "xen_version : 4.18.0\noutstanding_claims     : 300\nfree_memory : 372\n"), 0);
	assert_true(dmm_facts_u64(&f, "xen-memory-free", &n) && n == 72ull << 20);
	dmm_facts_init(&f);
	assert_int_equal(dmm_facts_xl_info(&f, "xen_version : 4\noutstanding_claims : 400\nfree_memory : 372"), 0);
	assert_true(dmm_facts_u64(&f, "xen-memory-free", &n) && n == 0);
	assert_int_equal(dmm_facts_xl_info(&f, "release : 6.1\n"), -EBADMSG);
	assert_int_equal(dmm_facts_xl_info(&f, "xen_version : "), -EBADMSG);
	assert_int_equal(dmm_facts_xl_info(&f, ""), -EBADMSG);
	free(text);
}

static void of_lvm(void **state)
{
	char value[DMM_FACT_VALUE];
	struct dmm_facts f;

	(void)state;
	dmm_facts_init(&f);
	dmm_facts_vgs(&f, "  vg_sr0|0Fy5kJ-9ZtC-WuXl-m7zF-kKcy-1Z5w-QfGaVB|1073741824|4194304\n"
		      "  broken|x|1\n  odd|x|1|many\n  vg1|a-b|5|0\n");
	assert_int_equal(f.nr, 2);
	assert_true(dmm_facts_nth(&f, "vg", 0, value));
	assert_string_equal(value, "vg_sr0 0Fy5kJ9ZtCWuXlm7zFkKcy1Z5wQfGaVB 1073741824 4194304");
	assert_true(dmm_facts_nth(&f, "vg", 1, value));
	assert_string_equal(value, "vg1 ab 5 0");
	dmm_facts_init(&f);
	dmm_facts_pools(&f, "  vg1|thin|1000000|12.34\n  vg1|full|1000000|100.00\n vg1|bad|1000000|\n vg1|off|5|101.00\n");
	assert_int_equal(f.nr, 2);
	assert_true(dmm_facts_nth(&f, "pool", 0, value));
	assert_string_equal(value, "vg1/thin 1000000 876600");
	assert_true(dmm_facts_nth(&f, "pool", 1, value));
	assert_string_equal(value, "vg1/full 1000000 0");
	dmm_facts_vgs(&f, "");
	dmm_facts_pools(&f, "  ");
	assert_int_equal(f.nr, 2);
}

/* Of wherever the test runs: what every machine has. */
static void of_this_host(void **state)
{
	char value[DMM_FACT_VALUE];
	struct dmm_facts f, volumes;

	(void)state;
	dmm_facts_init(&f);
	dmm_facts_init(&volumes);
	dmm_facts_host(&f, &volumes, "", -1);
	assert_true(!f.cut && f.bytes < DMM_FACTS_BYTES / 2);
	assert_true(dmm_facts_get(&f, "host", value) && dmm_facts_get(&f, "kernel", value) && *value);
	assert_true(dmm_facts_get(&f, "clock-synchronised", value) && dmm_facts_get(&f, "lvm", value));
	dmm_facts_memlock(&f);
	assert_true(dmm_facts_get(&f, "memlock", value) && *value);
	dmm_facts_dir(&f, "/");
	assert_true(dmm_facts_get(&f, "dir", value));
	dmm_facts_dir(&f, "/nowhere/at/all");
	assert_true(dmm_facts_get(&f, "dir-failed", value));
}

static int ask(const char *script, u32 timeout_ms, char *out, size_t cap)
{
	char *const argv[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };

	return dmm_runner_ask(argv, timeout_ms, -1, out, cap);
}

static void programs_are_asked(void **state)
{
	char *const nothing[] = { (char *)"dmm-no-such-program", NULL };
	u64 begin_ms;
	char out[16];

	(void)state;
	assert_int_equal(ask("echo one; echo two >&2; exit 3", 10000, out, sizeof(out)), 3);
	assert_string_equal(out, "one\n");
	assert_int_equal(ask("printf 123456789012345", 10000, out, sizeof(out)), 0);
	assert_string_equal(out, "123456789012345");
	assert_int_equal(ask("printf 1234567890123456", 10000, out, sizeof(out)), -EMSGSIZE);
	assert_int_equal(dmm_runner_ask(nothing, 10000, -1, out, sizeof(out)), -ENOENT);
	begin_ms = dmm_now_ms();
	assert_int_equal(ask("exec sleep 100", 100, out, sizeof(out)), -ETIMEDOUT);
	assert_true(dmm_now_ms() - begin_ms < 50000);
	begin_ms = dmm_now_ms();	/* it was killed: as soon as it has ended others are asked again */
	while (ask("echo", 10000, out, sizeof(out)) == -EBUSY)
		assert_true(dmm_now_ms() - begin_ms < 10000);
	assert_string_equal(out, "\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list),
		cmocka_unit_test(it_is_bounded),
		cmocka_unit_test(a_message_is_checked),
		cmocka_unit_test(of_xl_info),
		cmocka_unit_test(of_lvm),
		cmocka_unit_test(of_this_host),
		cmocka_unit_test(programs_are_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
