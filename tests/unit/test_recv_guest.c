// SPDX-License-Identifier: GPL-2.0
/*
 * GUEST: the stream between two toolstacks, one of which is a shell script here.
 */
#include <signal.h>

#include "recv_guest.h"

static int guest_setup(void **state)
{
	int ret = setup(state);

	peer_features |= DMM_FEATURE_GUEST;
	rc.processes = &processes;
	strcpy(rc.guests, " beta *");
	return ret;
}

/* A migration whose guest comes, to this script. */
static void guest_comes(struct peer *p, const char *script)
{
	write_xl(script);
	assert_int_equal(prepare(0, 1), 0);
	peer_hello(p);
	assert_int_equal(guest(p), 0);
}

/* Both ways, what it says on standard error apart; ends when the receiver does, which knows its argument. */
static void bytes_go_both_ways(void **state)
{
	struct peer p;

	(void)state;
	guest_comes(&p, "echo $1 ready; echo a word >&2; read a; echo \"got $a\"; read b; echo $b > $told");
	hear_line(&p, "migrate-receive ready\n");
	say_text(&p, "memory\n");
	hear_line(&p, "got memory\n");
	say_text(&p, "go\n");
	assert_true(was_told("go"));
	peer_expect_end(&p);
	peer_close(&p);
}

/* More than any buffer holds, and not a byte of it altered. */
static void a_lot_of_memory(void **state)
{
	static u8 block[1 << 16];
	char command[200], text[100], expect[100];
	struct peer p;
	FILE *f;
	u32 i;

	(void)state;
	for (i = 0; i < sizeof(block); i++)
		block[i] = (u8)(i * 31 + i / 251);
	guest_comes(&p, "head -c 16777216 | cksum > $told.new; mv $told.new $told");
	snprintf(command, sizeof(command), "cksum > %s.expect", told);
	f = popen(command, "w");
	for (i = 0; i < 256; i++) {
		block[0] = (u8)i;
		assert_int_equal(fwrite(block, sizeof(block), 1, f), 1);
		assert_int_equal(dmm_sock_write(p.c.fd, block, sizeof(block), dmm_now_ms() + WAIT_MS, -1), 0);
	}
	assert_int_equal(pclose(f), 0);
	snprintf(text, sizeof(text), "%s.expect", told);
	assert_true(dmm_read_text(text, expect, sizeof(expect)) > 0);
	unlink(text);
	assert_true(was_told(expect));
	peer_close(&p);
}

/* A source that has gone: the receiver sees the end of its input, and may still say something to it. */
static void the_source_goes(void **state)
{
	struct peer p;

	(void)state;
	guest_comes(&p, "echo begun; cat > /dev/null; echo lost > $told");
	hear_line(&p, "begun\n");
	peer_close(&p);
	assert_true(was_told("lost"));
	while (dmm_receiver_sessions(&rc))
		nap(5);
}

/* It is nobody's child that waits to be told, nor has it what the daemon has open or ignores. */
static void it_has_what_a_program_has(void **state)
{
	struct peer p;

	(void)state;
	/* ls and grep have what it has; 32 and 33 are the C library's own, and not to be had from it */
	guest_comes(&p, "exec 3>&1; ls -l /proc/self/fd > $told.fds; grep SigIgn /proc/self/status > $told.signals;"
		    " { grep -c 'socket:\\|anon_inode:' $told.fds; grep -c 'SigIgn:.0000000[01][08]0000000' $told.signals; } |"
		    " tr '\\n' ' ' > $told.new; grep -qx '2 1 ' $told.new || cat $told.fds $told.signals >> $told.new;"
		    " rm $told.fds $told.signals; mv $told.new $told");
	peer_expect_end(&p);
	/* its input and output, and no more; what is a file or a pipe is the shell's own */
	assert_true(was_told("2 1"));
	peer_close(&p);
}

static void who_may_ask(void **state)
{
	struct dmm_wire_group_ok ok;
	struct peer data, link, p;

	(void)state;
	write_xl("cat > /dev/null");
	peer_hello(&p);
	assert_int_equal(guest(&p), DMM_WERR_NOTFOUND);	/* without disks */
	peer_close(&p);
	be_owned(&data, &link, 1);
	peer_hello(&p);
	assert_int_equal(guest(&p), DMM_WERR_BUSY);
	peer_close(&p);
	assert_int_equal(ask(DMM_GROUP_RETURN, DMM_HO_REFUSED, &ok), 0);
	peer_hello(&p);
	assert_int_equal(guest(&p), 0);	/* the next try */
	peer_close(&p);
	peer_close(&data);
	peer_close(&link);
	strcpy(rc.guests, " beta");
	peer_hello(&p);
	assert_int_equal(guest(&p), DMM_WERR_DENIED);
	peer_close(&p);
	peer_features &= ~DMM_FEATURE_GUEST;
	peer_hello(&p);
	assert_int_equal(guest(&p), DMM_WERR_PROTOCOL);
	peer_close(&p);
}

/* A domain of that name, or of one that comes, is there already: nothing is begun, and nothing done to it. */
static void a_name_is_taken(void **state)
{
	static const char *const taken[] = { "web01", "web01--incoming", "web01--incoming2" };
	struct peer p;
	size_t i;

	(void)state;
	assert_int_equal(prepare(0, 1), 0);
	for (i = 0; i < 3; i++) {
		domain = taken[i];
		write_xl("echo begun; echo begun > $told");
		peer_hello(&p);
		assert_int_equal(guest(&p), i < 2 ? DMM_WERR_BUSY : 0);
		if (i < 2)
			assert_int_equal(access(told, F_OK), -1);
		else
			hear_line(&p, "begun\n");
		peer_close(&p);
	}
	domain = "-";
}

static void no_xl(void **state)
{
	struct peer p;

	(void)state;
	assert_int_equal(prepare(0, 1), 0);
	unlink(xl);
	peer_hello(&p);
	assert_int_equal(guest(&p), DMM_WERR_UNSUPPORTED);
	peer_close(&p);
	close(open(xl, O_CREAT | O_WRONLY, 0700));
}

/* The daemon goes down: nobody waits for a guest that comes. */
static void the_daemon_stops(void **state)
{
	struct peer p;

	(void)state;
	guest_comes(&p, "echo begun; cat > /dev/null; echo lost > $told");
	hear_line(&p, "begun\n");
	dmm_receiver_stop(&rc);
	peer_expect_end(&p);
	assert_true(was_told("lost"));
	peer_close(&p);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, guest_setup, teardown)
	const struct CMUnitTest tests[] = {
		T(bytes_go_both_ways),
		T(a_lot_of_memory),
		T(the_source_goes),
		T(it_has_what_a_program_has),
		T(who_may_ask),
		T(a_name_is_taken),
		T(no_xl),
		T(the_daemon_stops),
	};
	int ret;

	signal(SIGPIPE, SIG_IGN);
	nursery_start();
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	dmm_processes_end(&processes);
	unlink(xl);
	unlink(told);
	return ret;
}
