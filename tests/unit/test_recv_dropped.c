// SPDX-License-Identifier: GPL-2.0
/*
 * When a destination may forget a migration, and when not; what is left of half a beginning; who gets round the group.
 */
#include "recv_migrations.h"

/* The newest connection ends, and the one before is still there to answer on. */
static void speaks_where_somebody_listens(void **state)
{
	struct peer data = { .seq = 0 }, old, new;
	struct dmm_handover_msg msg;

	(void)state;
	assert_int_equal(prepare(0, 1), 0);
	ship(&data, 3, 1);
	join(&old);
	join(&new);
	peer_close(&new);
	usleep(300000);
	say_barrier(&old, 1, 3, 1);
	hear(&old, DMM_HANDOVER_COMPLETE, &msg);
	assert_int_equal(msg.epoch, 1);
	peer_close(&old);
	peer_close(&data);
}

/* While data comes nobody here forgets whose it is; afterwards no more can come. */
static void not_dropped_while_it_is_received(void **state)
{
	struct dmm_wire_group_ok ok;
	struct peer data = { .seq = 0 }, link;

	(void)state;
	assert_int_equal(prepare(0, 1), 0);
	ship(&data, 3, 1);
	assert_int_equal(drop_here(0), DMM_WERR_BUSY);
	/* and has not ended anything */
	join(&link);
	say_barrier(&link, 1, 3, 1);
	state_is(DMM_HO_COMPLETE);
	/* the token may be on its way */
	assert_int_equal(drop_here(0), DMM_WERR_BUSY);
	assert_int_equal(drop_here(DMM_GROUP_SOURCE_GONE), DMM_WERR_BUSY);
	state_is(DMM_HO_COMPLETE);
	assert_int_equal(ask(DMM_GROUP_RETURN, DMM_HO_REFUSED, &ok), 0);
	peer_close(&data);
	peer_close(&link);
}

/* A source that was refused is told so again and again, by nobody else. */
static void not_dropped_before_the_source_has_heard(void **state)
{
	struct dmm_wire_group_ok ok;
	struct dmm_handover_msg msg;
	struct peer data, link;

	(void)state;
	be_owned(&data, &link, 2);
	peer_close(&data);
	peer_close(&link);
	assert_int_equal(ask(DMM_GROUP_RETURN, DMM_HO_REFUSED, &ok), 0);
	assert_int_equal(drop_here(0), DMM_WERR_BUSY);
	join(&link);
	hear(&link, DMM_HANDOVER_ASK_SOURCE, &msg);
	msg.event = DMM_HANDOVER_SOURCE;
	msg.state = DMM_HO_RELINQUISHED;
	msg.epoch = 2;
	say(&link, &msg);
	usleep(200000);
	assert_int_equal(drop_here(0), DMM_WERR_BUSY);
	msg.state = DMM_HO_ACTIVE;
	say(&link, &msg);
	usleep(200000);
	assert_int_equal(drop_here(0), 0);
	assert_int_equal(ask(DMM_GROUP_STATUS, 0, &ok), DMM_WERR_NOTFOUND);
	peer_close(&link);
}

static void dropped_where_the_source_is_gone(void **state)
{
	struct dmm_wire_group_ok ok;
	struct peer data, link;

	(void)state;
	be_owned(&data, &link, 2);
	peer_close(&data);
	peer_close(&link);
	assert_int_equal(ask(DMM_GROUP_RETURN, DMM_HO_REFUSED, &ok), 0);
	assert_int_equal(drop_here(DMM_GROUP_SOURCE_GONE), 0);
	assert_int_equal(ask(DMM_GROUP_STATUS, 0, &ok), DMM_WERR_NOTFOUND);
	/* its connections may outlive it for long */
	assert_int_equal(prepare(0, 1), 0);
	memset(&data, 0, sizeof(data));
	ship(&data, 3, 1);
	assert_int_equal(drop_here(0), DMM_WERR_BUSY);
	assert_int_equal(drop_here(DMM_GROUP_SOURCE_GONE), 0);
	peer_expect_end(&data);
	assert_int_equal(peer_attach(&data, 4, 0), DMM_WERR_NOTFOUND);
	peer_close(&data);
}

/* Whoever leaves the group out does not get round it. */
static void a_group_is_not_gone_round(void **state)
{
	struct dmm_wire_prepared ok;
	struct dmm_wire_prepare w;
	struct peer data, link, p;

	(void)state;
	be_owned(&data, &link, 1);
	peer_close(&data);
	peer_close(&link);
	restart();
	fill_prepare(&w, SIZE);
	peer_hello(&p);
	assert_int_equal(peer_request(&p, DMM_MSG_PREPARE, &w, sizeof(w), DMM_MSG_PREPARED, &ok, sizeof(ok)),
			 DMM_WERR_BUSY);
	peer_close(&p);
	assert_int_equal(peer_attach(&data, 2, 0), DMM_WERR_BUSY);
	peer_close(&data);
}

/* Killed between its first steps, or its last: nothing depends on what is left, and nobody's boot waits for it. */
static void half_a_beginning_is_none(void **state)
{
	struct dmm_wire_group_ok ok;
	char path[128];

	(void)state;
	assert_int_equal(prepare(0, 1), 0);
	assert_int_equal(ask(DMM_GROUP_DROP, 0, &ok), 0);
	snprintf(path, sizeof(path), "%s/destination/01000000000000000000000000000000", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	restart();
	assert_int_equal(dmm_migrations_owing(&ms), 0);
	assert_int_equal(access(path, F_OK), -1);
	/* one with a journal is not understood */
	assert_int_equal(mkdir(path, 0700), 0);
	strcat(path, "/journal");
	close(creat(path, 0600));
	restart();
	assert_int_equal(dmm_migrations_owing(&ms), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(speaks_where_somebody_listens, setup, teardown),
		cmocka_unit_test_setup_teardown(not_dropped_while_it_is_received, setup, teardown),
		cmocka_unit_test_setup_teardown(not_dropped_before_the_source_has_heard, setup, teardown),
		cmocka_unit_test_setup_teardown(dropped_where_the_source_is_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(a_group_is_not_gone_round, setup, teardown),
		cmocka_unit_test_setup_teardown(half_a_beginning_is_none, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
