// SPDX-License-Identifier: GPL-2.0
/*
 * What vm says of the pre-flight checks, and does not ask where disks stay.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "dmmigrate/commands.h"
#include "dmmigrate/vm_doctor.h"
#include "tool_doctor.h"

/* What is on stderr: notes, and the one line of a failure. */
static int say_of(struct dmm_tool *t, const struct dmm_findings *o, char *text, size_t bytes)
{
	FILE *f = tmpfile();
	int saved = dup(2), ret;
	size_t n;

	assert_non_null(f);
	fflush(stderr);
	dup2(fileno(f), 2);
	ret = dmm_vm_doctor_say(t, o);
	fflush(stderr);
	dup2(saved, 2);
	close(saved);
	rewind(f);
	n = fread(text, 1, bytes - 1, f);
	text[n] = '\0';
	fclose(f);
	return ret;
}

/* vm: what is in the way, once, with what mends it; what is odd; nothing of where disks could go, which is said. */
static void of_a_domain_that_moves(void **state)
{
	struct dmm_findings o = { 0 };
	struct dmm_tool t = { .verb = &dmm_verb_vm };
	char text[4096];

	(void)state;
	t.result = json_object_new_object();
	healthy(NULL, "allow=/dev/other/*\ndir\n");
	dmm_doctor_judge(&c, &o);
	assert_int_equal(o.of[DMM_LEVEL_FAIL], 1);	/* space */
	assert_int_equal(say_of(&t, &o, text, sizeof(text)), 0);
	assert_string_equal(text, "");
	dmm_findings_clear(&o);
	healthy("ha=pacemaker\n", "guests=no\ncpu-vendor=AuthenticAMD\n");
	dmm_doctor_judge(&c, &o);
	assert_int_equal(say_of(&t, &o, text, sizeof(text)), DMM_EXIT_PREFLIGHT);
	assert_non_null(strstr(text, "here: ha: high availability"));
	assert_non_null(strstr(text, "-> pcs resource unmanage"));
	assert_non_null(strstr(text, "between: cpu: processors of GenuineIntel here"));
	assert_non_null(strstr(text, "between: guests: xen-b:7790 lets no guest of this host come -> guests = xen-a in"));
	assert_non_null(strstr(text, "halt the VM, and move its disks with dmmigrate copy"));
	assert_non_null(strstr(text, "there is more in the way"));
	assert_null(strstr(strstr(text, "lets no guest") + 1, "lets no guest"));
	dmm_findings_clear(&o);
	json_object_put(t.result);
}

/* A disk that both hosts have may be whatever it is, and takes no room there. */
static void a_disk_that_stays(void **state)
{
	struct dmm_findings o = { 0 };
	unsigned int i, seen = 0;

	(void)state;
	healthy(NULL, NULL);
	c.domain.disks[0].size_bytes = c.domain.disks[1].size_bytes = 1ull << 50;
	c.domain.disks[0].kind = DMM_VBD_BLOCK;
	c.domain.disks[1].kind = DMM_VBD_FILE;
	c.domain.disks[0].stays = c.domain.disks[1].stays = true;
	dmm_doctor_judge(&c, &o);
	if (o.of[DMM_LEVEL_WARN] || o.of[DMM_LEVEL_FAIL])
		print_all(&o);
	assert_int_equal(o.of[DMM_LEVEL_WARN] + o.of[DMM_LEVEL_FAIL], 0);
	for (i = 0; i < o.nr; i++)
		seen += !!strstr(o.list[i].text, "stays where it is, and is opened there by the same path");
	assert_int_equal(seen, 2);
	dmm_findings_clear(&o);
}

/* Who does without TLS needs no key. */
static void without_a_key(void **state)
{
	struct dmm_findings o = { 0 };

	(void)state;
	healthy(NULL, NULL);
	c.keys_err = -2;
	strcpy(c.keys_why, "there is no key");
	dmm_doctor_judge(&c, &o);
	assert_int_equal(o.of[DMM_LEVEL_FAIL], 1);
	dmm_findings_clear(&o);
	c.plaintext = true;
	dmm_doctor_judge(&c, &o);
	assert_int_equal(o.of[DMM_LEVEL_FAIL], 0);
	dmm_findings_clear(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_a_domain_that_moves),
		cmocka_unit_test(a_disk_that_stays),
		cmocka_unit_test(without_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
