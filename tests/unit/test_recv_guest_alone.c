// SPDX-License-Identifier: GPL-2.0
/*
 * A guest no disk of which moves: both parts of its hand-over, in one daemon whose link leads to itself.
 */
#include <netinet/in.h>

#include "recv_guest.h"

static struct sockaddr_in far_addr;
static int far_fd = -1;
static pthread_t far_thread;
static atomic_bool far_on;		/* who connects is answered */
static atomic_uint far_from;		/* the last who did came from 127.0.0.this */
static const char *adopt_from;		/* this address is bound to; NULL: none */
static atomic_bool old_kernel;		/* without pidfd_open() */

typeof(dmm_processes_guest) __wrap_dmm_processes_guest;
typeof(dmm_processes_guest) __real_dmm_processes_guest;

int __wrap_dmm_processes_guest(struct dmm_processes *p, enum dmm_wire_platform platform, int *stream, int *words, int *pidfd)
{
	int ret = __real_dmm_processes_guest(p, platform, stream, words, pidfd);

	if (!ret && old_kernel) {
		close(*pidfd);
		*pidfd = -1;
	}
	return ret;
}

/* What the daemon does for whoever connects. */
static void *far_serve(void *arg)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	int fd;

	(void)arg;
	while ((fd = accept(far_fd, (struct sockaddr *)&from, &len)) >= 0) {
		far_from = ntohl(from.sin_addr.s_addr) & 0xff;
		if (!far_on || dmm_session_start(&rc, fd, "127.0.0.1:1", false, dmm_now_ms() + rc.handshake_ms))
			close(fd);
	}
	return NULL;
}

static int alone_setup(void **state)
{
	socklen_t len = sizeof(far_addr);
	int ret = setup(state);

	peer_features |= DMM_FEATURE_GUEST;
	rc.processes = &processes;
	strcpy(rc.guests, " *");
	far_addr = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	far_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(far_fd, (struct sockaddr *)&far_addr, sizeof(far_addr)), 0);
	assert_int_equal(listen(far_fd, 16), 0);
	assert_int_equal(getsockname(far_fd, (struct sockaddr *)&far_addr, &len), 0);
	far_on = true;
	assert_int_equal(pthread_create(&far_thread, NULL, far_serve, NULL), 0);
	return ret;
}

static int alone_teardown(void **state)
{
	shutdown(far_fd, SHUT_RDWR);
	pthread_join(far_thread, NULL);
	close(far_fd);
	return teardown(state);
}

/* The daemon dies and starts. */
static void again(void)
{
	far_on = false;
	restart();
	rc.processes = &processes;
	strcpy(rc.guests, " *");
	far_on = true;
}

static u32 prepare_guest(const char *name)
{
	struct dmm_wire_prepared ok;
	struct dmm_wire_prepare w;
	struct peer p;
	u32 code;

	memset(&w, 0, sizeof(w));
	disk_id(&w.id);
	w.flags = cpu_to_le32(DMM_PREPARE_GUEST);
	strcpy((char *)w.source_host, "alpha");
	strcpy((char *)w.dest_path, name);
	peer_hello(&p);
	code = peer_request(&p, DMM_MSG_PREPARE, &w, sizeof(w), DMM_MSG_PREPARED, &ok, sizeof(ok));
	peer_close(&p);
	return code;
}

static u32 adopt_guest(const char *name)
{
	struct dmm_wire_group_ok ok;
	struct dmm_wire_adopt a;
	struct peer p;
	u32 code;

	memset(&a, 0, sizeof(a));
	disk_id(&a.id);
	a.port = cpu_to_le16(ntohs(far_addr.sin_port));
	strcpy((char *)a.host, "127.0.0.1");
	if (adopt_from) {
		a.flags = DMM_ADOPT_FROM;
		strcpy((char *)a.host + DMM_ADOPT_HOST, adopt_from);
	}
	strcpy((char *)a.name, name);
	strcpy((char *)a.dest_path, name);
	local_hello(&p);
	code = peer_request(&p, DMM_MSG_ADOPT, &a, sizeof(a), DMM_MSG_GROUP_OK, &ok, sizeof(ok));
	peer_close(&p);
	if (code)
		return code;
	assert_int_equal(le32_to_cpu(ok.state), DMM_HO_ACTIVE);
	assert_int_equal(ok.disks, 0);
	assert_string_equal((char *)ok.device, name);
	return 0;
}

static void begin(void)
{
	assert_int_equal(prepare_guest("web01"), 0);
	assert_int_equal(adopt_guest("web01"), 0);
	state_is(DMM_HO_RECEIVING);
}

/* Asks the source, on the host itself. */
static u32 here(enum dmm_wire_group_verb verb, enum dmm_ho_state await, struct dmm_wire_group_ok *ok)
{
	struct peer p;
	u32 code;

	local_hello(&p);
	code = group(&p, verb, DMM_HO_SOURCE, await, ok);
	peer_close(&p);
	return code;
}

static void source_is(enum dmm_ho_state s)
{
	struct dmm_wire_group_ok ok;

	assert_int_equal(here(DMM_GROUP_STATUS, s, &ok), 0);
	assert_int_equal(le32_to_cpu(ok.state), s);
}

static void cut_over(void)
{
	struct dmm_wire_group_ok ok;

	assert_int_equal(here(DMM_GROUP_CUTOVER, DMM_HO_RELINQUISHED, &ok), 0);
	if (le32_to_cpu(ok.state) != DMM_HO_RELINQUISHED)
		fail_msg("state %u: %s", le32_to_cpu(ok.state), (char *)ok.why);
	state_is(DMM_HO_OWNED);
}

/* From host to host, with the daemon killed in each state. */
static void from_end_to_end(void **state)
{
	struct dmm_wire_group_ok ok;

	(void)state;
	begin();
	again();
	state_is(DMM_HO_RECEIVING);
	source_is(DMM_HO_ACTIVE);
	cut_over();
	again();
	state_is(DMM_HO_OWNED);
	source_is(DMM_HO_RELINQUISHED);
	assert_int_equal(ask(DMM_GROUP_RUN, 0, &ok), 0);
	assert_int_equal(le32_to_cpu(ok.state), DMM_HO_RUNNING);
	assert_int_equal(le32_to_cpu(ok.gate), DMM_HO_GATE_OPEN);
	assert_int_equal(le32_to_cpu(ok.flags) & DMM_GROUP_OWES, 0);
	assert_int_equal(ask(DMM_GROUP_RUNS, DMM_HO_SETTLED, &ok), 0);
	state_is(DMM_HO_SETTLED);
	source_is(DMM_HO_RELEASED);
	again();
	state_is(DMM_HO_SETTLED);
	source_is(DMM_HO_RELEASED);
	assert_int_equal(here(DMM_GROUP_DROP, 0, &ok), 0);
	assert_int_equal(drop_here(0), 0);
	assert_int_equal(ask(DMM_GROUP_STATUS, 0, &ok), DMM_WERR_NOTFOUND);
}

/* Who did not begin there is back here, and may be handed over again. */
static void given_back(void **state)
{
	static const enum dmm_ho_state until[] = { DMM_HO_OWNED, DMM_HO_RUNNING };
	struct dmm_wire_group_ok ok;
	size_t i;

	(void)state;
	begin();
	for (i = 0; i < 2; i++) {
		cut_over();
		if (until[i] == DMM_HO_RUNNING) {
			assert_int_equal(ask(DMM_GROUP_RUN, 0, &ok), 0);
			/* without a word of who has looked it stays so */
			assert_int_equal(here(DMM_GROUP_ABORT, 0, &ok), 0);
			nap(1500);
			source_is(DMM_HO_RELINQUISHED);
			state_is(DMM_HO_RUNNING);
		}
		assert_int_equal(ask(DMM_GROUP_RETURN, DMM_HO_REFUSED, &ok), 0);
		assert_int_equal(le32_to_cpu(ok.state), DMM_HO_REFUSED);
		source_is(DMM_HO_ACTIVE);
		assert_int_equal(le64_to_cpu(ok.epoch), i + 1);
	}
	/* in OWNED the source's own word is enough */
	cut_over();
	assert_int_equal(here(DMM_GROUP_ABORT, DMM_HO_ACTIVE, &ok), 0);
	assert_int_equal(le32_to_cpu(ok.state), DMM_HO_ACTIVE);
	state_is(DMM_HO_REFUSED);
}

/* Its memory has come to this script, and both journals say that it may run: nothing but the word of it is missing. */
static void may_run(struct peer *p, const char *script)
{
	struct dmm_wire_group_ok ok;

	write_xl(script);
	begin();
	peer_hello(p);
	assert_int_equal(guest(p), 0);
	say_text(p, "memory\n");
	hear_line(p, "ready\n");
	cut_over();
	assert_int_equal(ask(DMM_GROUP_RUN, 0, &ok), 0);
	assert_int_equal(le32_to_cpu(ok.state), DMM_HO_RUNNING);
}

/* The word is on its way, its tool dead, and a person has it returned: the receiver is no more before the source hears of it. */
static void told_too_late(void **state)
{
	struct dmm_wire_group_ok ok;
	char text[16] = "";
	struct peer p;

	(void)state;
	may_run(&p, "read m; echo ready; if read a; then echo told; else sleep 1; echo ended; fi > $told");
	assert_int_equal(ask(DMM_GROUP_RETURN, DMM_HO_REFUSED, &ok), 0);
	assert_int_equal(le32_to_cpu(ok.state), DMM_HO_REFUSED);
	assert_true(dmm_read_text(told, text, sizeof(text)) > 0);
	assert_string_equal(text, "ended");
	send(p.c.fd, "go\n", 3, MSG_NOSIGNAL);
	source_is(DMM_HO_ACTIVE);
	peer_close(&p);
	assert_true(was_told("ended"));
}

/* Nor where its end is seen by what it has closed alone: kernels before 5.3. */
static void told_too_late_unseen(void **state)
{
	old_kernel = true;
	told_too_late(state);
	old_kernel = false;
}

/* It was told before: who asks for it back hears so, as often as he asks, and nobody has lost anything. */
static void told_already(void **state)
{
	struct dmm_wire_group_ok ok;
	struct peer p;
	u32 i;

	(void)state;
	may_run(&p, "read m; echo ready; read a; echo $a > $told; [ $a = go ] || read b");
	say_text(&p, "go\n");
	assert_true(was_told("go"));
	for (i = 0; i < 2; i++) {
		assert_int_equal(ask(DMM_GROUP_RETURN, 0, &ok), 0);
		assert_int_equal(le32_to_cpu(ok.state), DMM_HO_RUNNING);
		assert_int_equal(le32_to_cpu(ok.gate), DMM_HO_GATE_OPEN);
		assert_int_equal(le32_to_cpu(ok.flags) & (DMM_GROUP_ACKED | DMM_GROUP_OWES), 0);
		assert_non_null(strstr((char *)ok.why, "told to run here before"));
		source_is(DMM_HO_RELINQUISHED);
		peer_close(&p);		/* and with the stream gone the same */
		while (dmm_receiver_sessions(&rc) > 1)
			nap(5);
	}
	assert_int_equal(ask(DMM_GROUP_RUNS, DMM_HO_SETTLED, &ok), 0);
	state_is(DMM_HO_SETTLED);
}

/* What the receiver has said, to the end. */
static void all_heard(struct peer *p)
{
	char byte;

	while (!dmm_sock_read(p->c.fd, &byte, 1, dmm_now_ms() + WAIT_MS, -1))
		;
}

/* It was told, could not, and has said so: that is no guest that may be running; half of that is one. */
static void told_in_vain(void **state)
{
#define REPORT "read m; echo ready; read a; printf 'my copy unpause results are as follows\\000"
	static const struct {
		const char *script;
		enum dmm_ho_state state;
	} cases[] = {
		{ REPORT "\\001domain is yours, you are cleared to unpause\\000'; echo said > $told", DMM_HO_REFUSED },
		{ REPORT "\\001'; echo said > $told", DMM_HO_RUNNING },
		{ REPORT "\\000domain is yours, you are cleared to unpause\\000'; echo said > $told", DMM_HO_RUNNING },
	};
	struct dmm_wire_group_ok ok;
	struct peer p;
	size_t i;

	for (i = 0; i < 3; i++) {
		may_run(&p, cases[i].script);
		say_text(&p, "go\n");
		assert_true(was_told("said"));
		all_heard(&p);
		peer_close(&p);
		assert_int_equal(ask(DMM_GROUP_RETURN, 0, &ok), 0);
		assert_int_equal(le32_to_cpu(ok.state), cases[i].state);
		if (i < 2)
			assert_int_equal(alone_teardown(state) | alone_setup(state), 0);
	}
}

/* Who does not end may yet do anything: it is not given back before. */
static void a_receiver_that_stays(void **state)
{
	struct dmm_wire_group_ok ok;
	struct peer p;

	(void)state;
	may_run(&p, "read m; echo ready; cat; exec >&- 2>&-; until [ -e $told ]; do sleep 0.1; done");
	assert_int_equal(ask(DMM_GROUP_RETURN, 0, &ok), 0);
	assert_int_equal(le32_to_cpu(ok.state), DMM_HO_RUNNING);
	assert_non_null(strstr((char *)ok.why, "has not yet"));
	source_is(DMM_HO_RELINQUISHED);
	close(open(told, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(ask(DMM_GROUP_RETURN, DMM_HO_REFUSED, &ok), 0);
	assert_int_equal(le32_to_cpu(ok.state), DMM_HO_REFUSED);
	source_is(DMM_HO_ACTIVE);
	peer_close(&p);
}

/* The other host does not answer: it is given up in time, and no answer that is late counts. */
static void not_in_time(void **state)
{
	struct dmm_wire_group_ok ok;

	(void)state;
	begin();
	far_on = false;
	restart();
	assert_int_equal(here(DMM_GROUP_CUTOVER, DMM_HO_RELINQUISHED, &ok), 0);
	assert_int_equal(le32_to_cpu(ok.state), DMM_HO_ACTIVE);
	assert_non_null(strstr((char *)ok.why, "not committed in time"));
	far_on = true;
	nap(1500);
	source_is(DMM_HO_ACTIVE);
	state_is(DMM_HO_RECEIVING);
}

/* What would hand it over while its guest runs. */
static void not_acquired(void **state)
{
	struct dmm_wire_group_ok ok;

	(void)state;
	begin();
	assert_int_equal(ask(DMM_GROUP_ACQUIRE, 0, &ok), DMM_WERR_UNSUPPORTED);
	nap(200);
	source_is(DMM_HO_ACTIVE);
	state_is(DMM_HO_RECEIVING);
}

/* The hand-over goes by the network that the tool was told, also from a daemon that was started anew. */
static void by_its_network(void **state)
{
	(void)state;
	adopt_from = "127.0.0.2";
	assert_int_equal(prepare_guest("web01"), 0);
	assert_int_equal(adopt_guest("web01"), DMM_WERR_PROTOCOL);	/* without its feature */
	peer_features |= DMM_FEATURE_ADOPT_FROM;
	assert_int_equal(adopt_guest("web01"), 0);
	cut_over();
	assert_int_equal(far_from, 2);
	far_from = 0;
	again();
	source_is(DMM_HO_RELINQUISHED);
	while (!far_from)
		nap(5);
	assert_int_equal(far_from, 2);
	adopt_from = NULL;
}

/* From whom no guest may come, another guest, and another kind of migration by its id. */
static void refused(void **state)
{
	struct dmm_wire_group_ok ok;

	(void)state;
	rc.guests[0] = '\0';
	assert_int_equal(prepare_guest("web01"), DMM_WERR_DENIED);
	assert_int_equal(ask(DMM_GROUP_STATUS, 0, &ok), DMM_WERR_NOTFOUND);
	strcpy(rc.guests, " *");
	begin();
	assert_int_equal(prepare_guest("web01"), 0);
	assert_int_equal(adopt_guest("web01"), 0);
	assert_int_equal(prepare_guest("web02"), DMM_WERR_BUSY);
	assert_int_equal(adopt_guest("web02"), DMM_WERR_BUSY);
	assert_int_equal(prepare(0, 1), DMM_WERR_BUSY);
	state_is(DMM_HO_RECEIVING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(from_end_to_end, alone_setup, alone_teardown),
		cmocka_unit_test_setup_teardown(given_back, alone_setup, alone_teardown),
		cmocka_unit_test_setup_teardown(told_too_late, alone_setup, alone_teardown),
		cmocka_unit_test_setup_teardown(told_too_late_unseen, alone_setup, alone_teardown),
		cmocka_unit_test_setup_teardown(told_already, alone_setup, alone_teardown),
		cmocka_unit_test_setup_teardown(told_in_vain, alone_setup, alone_teardown),
		cmocka_unit_test_setup_teardown(a_receiver_that_stays, alone_setup, alone_teardown),
		cmocka_unit_test_setup_teardown(not_in_time, alone_setup, alone_teardown),
		cmocka_unit_test_setup_teardown(not_acquired, alone_setup, alone_teardown),
		cmocka_unit_test_setup_teardown(by_its_network, alone_setup, alone_teardown),
		cmocka_unit_test_setup_teardown(refused, alone_setup, alone_teardown),
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
