// SPDX-License-Identifier: GPL-2.0
/*
 * A guest no disk of which moves: both parts of its hand-over, in one daemon whose link leads to itself.
 */
#include <netinet/in.h>
#include <signal.h>

#include "recv_migrations.h"

static struct sockaddr_in far_addr;
static int far_fd = -1;
static pthread_t far_thread;
static atomic_bool far_on;		/* who connects is answered */

/* What the daemon does for whoever connects. */
static void *far_serve(void *arg)
{
	int fd;

	(void)arg;
	while ((fd = accept(far_fd, NULL, NULL)) >= 0) {
		if (!far_on || dmm_session_start(&rc, fd, "127.0.0.1:1", false, dmm_now_ms() + rc.handshake_ms))
			close(fd);
	}
	return NULL;
}

static int alone_setup(void **state)
{
	socklen_t len = sizeof(far_addr);
	int ret = setup(state);

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
		cmocka_unit_test_setup_teardown(not_in_time, alone_setup, alone_teardown),
		cmocka_unit_test_setup_teardown(not_acquired, alone_setup, alone_teardown),
		cmocka_unit_test_setup_teardown(refused, alone_setup, alone_teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
