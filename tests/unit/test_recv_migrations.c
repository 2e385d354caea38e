// SPDX-License-Identifier: GPL-2.0
/*
 * Migrations that hand over as a group, by what sessions are asked and told: from PREPARE to SETTLED with a source
 * played by the test, over restarts of the daemon; and what may be asked by whom.
 */
#include "recv_migrations.h"

static void from_prepare_to_settled(void **state)
{
	struct dmm_wire_group_ok ok;
	struct dmm_handover_msg msg;
	struct peer data, link;

	(void)state;
	be_owned(&data, &link, 3);
	/* nobody writes any more */
	peer_expect_end(&data);
	assert_int_equal(ask(DMM_GROUP_RUN, 0, &ok), 0);
	assert_int_equal(le32_to_cpu(ok.result), DMM_GROUP_OK);
	assert_int_equal(le32_to_cpu(ok.state), DMM_HO_RUNNING);
	assert_int_equal(le32_to_cpu(ok.gate), DMM_HO_GATE_OPEN);
	assert_string_equal((char *)ok.peer, "alpha");
	assert_int_equal(ask(DMM_GROUP_RUN, 0, &ok), 0);
	assert_int_equal(le32_to_cpu(ok.result), DMM_GROUP_ALREADY);
	assert_int_equal(ask(DMM_GROUP_RUNS, 0, &ok), 0);
	hear(&link, DMM_HANDOVER_RUNNING_ACK, &msg);
	assert_int_equal(msg.epoch, 3);
	/* no way back */
	assert_int_equal(ask(DMM_GROUP_RETURN, 0, &ok), 0);
	assert_int_equal(le32_to_cpu(ok.result), DMM_GROUP_NOT_NOW);
	msg.event = DMM_HANDOVER_RELEASED;
	memset(&msg.instance, 0, sizeof(msg.instance));
	say(&link, &msg);
	state_is(DMM_HO_SETTLED);
	/* it is not the other host's to forget */
	assert_int_equal(ask(DMM_GROUP_DROP, 0, &ok), DMM_WERR_BUSY);
	peer_close(&link);
}

static void returned_and_handed_over_again(void **state)
{
	struct dmm_wire_group_ok ok;
	struct dmm_handover_msg msg;
	struct dmm_wire_disk id;
	struct peer data, link, p;

	(void)state;
	be_owned(&data, &link, 1);
	assert_int_equal(ask(DMM_GROUP_RETURN, DMM_HO_REFUSED, &ok), 0);
	assert_int_equal(le32_to_cpu(ok.state), DMM_HO_REFUSED);
	hear(&link, DMM_HANDOVER_REFUSED, &msg);
	assert_int_equal(msg.epoch, 1);
	peer_close(&link);
	peer_close(&data);
	/* the disk was closed: it is prepared anew */
	disk_id(&id);
	peer_hello(&p);
	assert_int_equal(peer_request(&p, DMM_MSG_FORGET, &id, sizeof(id), DMM_MSG_FORGET_OK, NULL, 0), 0);
	peer_close(&p);
	be_owned(&data, &link, 2);
	assert_int_equal(prepare(0, 1), DMM_WERR_BUSY);	/* not while it is owned */
	peer_close(&link);
	peer_close(&data);
}

/* What the source says of a barrier is believed of no other one, and not once something has come since. */
static void only_the_last_barrier_completes(void **state)
{
	static u8 block[4096];
	struct dmm_handover_msg msg;
	struct peer data = { .seq = 0 }, link;
	struct dmm_ack ack;

	(void)state;
	assert_int_equal(prepare(0, 1), 0);
	join(&link);
	say_barrier(&link, 1, 3, 1);	/* nothing has come at all */
	ship(&data, 3, 1);
	ship(&data, 3, 2);
	say_barrier(&link, 1, 3, 1);	/* not the newest */
	say_barrier(&link, 1, 2, 2);	/* of other connections */
	say_barrier(&link, 1, 3, 3);	/* not flushed */
	peer_data(&data, 0, block, sizeof(block));
	peer_ack(&data, &ack);
	say_barrier(&link, 1, 3, 2);	/* something came since */
	usleep(300000);
	state_is(DMM_HO_RECEIVING);
	ship(&data, 3, 3);
	say_barrier(&link, 2, 3, 3);
	hear(&link, DMM_HANDOVER_COMPLETE, &msg);
	assert_int_equal(msg.epoch, 2);
	state_is(DMM_HO_COMPLETE);
	peer_close(&link);
	peer_close(&data);
}

/* Once there are @was. */
static void set_proofs(u32 was, u32 nr)
{
	u64 until_ms = dmm_now_ms() + WAIT_MS;
	bool set = false;

	while (!set && dmm_now_ms() < until_ms) {
		pthread_mutex_lock(&ms.lock);
		set = ms.nr_proofs == was;
		if (set)
			ms.nr_proofs = nr;
		pthread_mutex_unlock(&ms.lock);
		usleep(1000);
	}
	assert_true(set);
}

/* As many samples as may be are taken of other disks: this one's is when the source asks again. */
static void samples_are_bounded(void **state)
{
	struct dmm_handover_msg msg;
	struct peer data = { .seq = 0 }, link;

	(void)state;
	assert_int_equal(prepare(0, 1), 0);
	join(&link);
	ship(&data, 3, 1);
	set_proofs(0, DMM_MAX_PROOFS);
	say_barrier(&link, 1, 3, 1);
	usleep(300000);
	state_is(DMM_HO_RECEIVING);
	set_proofs(DMM_MAX_PROOFS, DMM_MAX_PROOFS - 1);
	say_barrier(&link, 1, 3, 1);
	hear(&link, DMM_HANDOVER_COMPLETE, &msg);
	state_is(DMM_HO_COMPLETE);
	set_proofs(DMM_MAX_PROOFS - 1, 0);
	peer_close(&link);
	peer_close(&data);
}

/* What was shipped is flushed, and the disk has something else: nobody is told that it is complete. */
static void a_disk_that_lies_is_not_handed_over(void **state)
{
	struct dmm_wire_group_ok ok;
	struct peer data = { .seq = 0 }, link;
	u64 until_ms = dmm_now_ms() + WAIT_MS;
	int fd = open(dest_path, O_WRONLY);

	(void)state;
	assert_int_equal(prepare(0, 1), 0);
	join(&link);
	ship(&data, 3, 1);
	ship(&data, 3, 2);
	assert_int_equal(pwrite(fd, "!", 1, 4096 * 2 + 9), 1);
	close(fd);
	say_barrier(&link, 1, 3, 2);
	/* the source need not wait until its freeze ends */
	peer_expect_ack(&data, DMM_MSG_DATA, 0, DMM_WERR_DIFFERS);
	say_barrier(&link, 1, 3, 2);
	do {
		assert_int_equal(ask(DMM_GROUP_STATUS, 0, &ok), 0);
	} while (!ok.why[0] && dmm_now_ms() < until_ms);
	assert_non_null(strstr((char *)ok.why, "returned other data than was written, at offset 8192"));
	usleep(300000);
	state_is(DMM_HO_RECEIVING);
	peer_close(&link);
	peer_close(&data);
}

static void owned_survives_the_daemon(void **state)
{
	struct dmm_wire_group_ok ok;
	struct peer data, link;

	(void)state;
	be_owned(&data, &link, 1);
	peer_close(&data);
	peer_close(&link);
	restart();
	assert_int_equal(ask(DMM_GROUP_STATUS, 0, &ok), 0);
	assert_int_equal(le32_to_cpu(ok.state), DMM_HO_OWNED);
	assert_int_equal(le64_to_cpu(ok.epoch), 1);
	assert_string_equal((char *)ok.peer, "alpha");
	assert_false(le32_to_cpu(ok.flags) & DMM_GROUP_LINKED);
	assert_int_equal(ask(DMM_GROUP_RUN, 0, &ok), 0);
	assert_int_equal(le32_to_cpu(ok.state), DMM_HO_RUNNING);
	restart();
	state_is(DMM_HO_RUNNING);
	assert_int_equal(ask(DMM_GROUP_DROP, 0, &ok), DMM_WERR_BUSY);
}

/* No byte is taken before all disks of the group are there, and its journal begun. */
static void data_waits_for_the_group(void **state)
{
	struct dmm_wire_group_ok ok;
	struct peer data, data2;

	(void)state;
	assert_int_equal(prepare(0, 2), 0);
	assert_int_equal(peer_attach(&data, 1, 0), DMM_WERR_BUSY);
	assert_int_equal(ask(DMM_GROUP_STATUS, 0, &ok), 0);
	assert_int_equal(le32_to_cpu(ok.result), DMM_GROUP_FAILED);
	assert_true(strlen((char *)ok.why) > 0);
	/* also over a restart */
	restart();
	assert_int_equal(prepare(0, 2), DMM_WERR_BUSY);	/* to another file, by its new name */
	assert_int_equal(ask(DMM_GROUP_DROP, 0, &ok), 0);
	assert_int_equal(prepare(0, 1), 0);
	assert_int_equal(peer_attach(&data2, 1, 0), 0);
	assert_int_equal(prepare(0, 2), DMM_WERR_BUSY);	/* one disk, not two */
	peer_close(&data);
	peer_close(&data2);
}

static void dropped_and_begun_anew(void **state)
{
	struct dmm_wire_group_ok ok;

	(void)state;
	assert_int_equal(ask(DMM_GROUP_STATUS, 0, &ok), DMM_WERR_NOTFOUND);
	assert_int_equal(prepare(0, 1), 0);
	state_is(DMM_HO_RECEIVING);
	assert_int_equal(ask(DMM_GROUP_DROP, 0, &ok), 0);
	assert_int_equal(ask(DMM_GROUP_STATUS, 0, &ok), DMM_WERR_NOTFOUND);
	assert_int_equal(prepare(0, 1), 0);
	state_is(DMM_HO_RECEIVING);
}

/* Both parts of a migration from one repository of a host to another. */
static void source_and_destination_on_one_host(void **state)
{
	static const enum dmm_wire_group_verb verbs[] = { DMM_GROUP_CUTOVER, DMM_GROUP_DROP, DMM_GROUP_STATUS };
	struct dmm_wire_group_ok ok;
	struct dmm_wire_adopt a;
	struct peer remote, local;
	size_t i;

	(void)state;
	assert_int_equal(prepare(0, 1), 0);
	memset(&a, 0, sizeof(a));
	disk_id(&a.id);
	a.group_disks = cpu_to_le32(1);
	a.port = cpu_to_le16(1);
	a.size_bytes = cpu_to_le64(SIZE);
	strcpy((char *)a.host, "127.0.0.1");
	strcpy((char *)a.name, "web01");
	strcpy((char *)a.dest_path, dest_path);
	/* not by the network */
	peer_hello(&remote);
	assert_int_equal(peer_request(&remote, DMM_MSG_ADOPT, &a, sizeof(a), DMM_MSG_GROUP_OK, &ok, sizeof(ok)),
			 DMM_WERR_DENIED);
	peer_close(&remote);
	local_hello(&local);
	assert_int_equal(peer_request(&local, DMM_MSG_ADOPT, &a, sizeof(a), DMM_MSG_GROUP_OK, &ok, sizeof(ok)), 0);
	assert_int_equal(le32_to_cpu(ok.role), DMM_HO_SOURCE);
	assert_int_equal(le32_to_cpu(ok.state), DMM_HO_ACTIVE);
	assert_string_equal((char *)ok.device, "web01");
	state_is(DMM_HO_RECEIVING);	/* of the other part */
	/* a disk that the kernel does not have can't be frozen: it stays the source's */
	assert_int_equal(group(&local, DMM_GROUP_CUTOVER, DMM_HO_SOURCE, DMM_HO_ACTIVE, &ok), 0);
	assert_int_equal(le32_to_cpu(ok.state), DMM_HO_ACTIVE);
	assert_true(strlen((char *)ok.why) > 0);
	/* by the network nobody has it cut over, dropped, or is told */
	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		peer_hello(&remote);
		assert_int_equal(group(&remote, verbs[i], DMM_HO_SOURCE, 0, &ok), DMM_WERR_NOTFOUND);
		peer_close(&remote);
	}
	assert_int_equal(group(&local, DMM_GROUP_STATUS, DMM_HO_SOURCE, 0, &ok), 0);
	assert_int_equal(group(&local, DMM_GROUP_DROP, DMM_HO_SOURCE, 0, &ok), 0);
	assert_int_equal(group(&local, DMM_GROUP_STATUS, DMM_HO_SOURCE, 0, &ok), DMM_WERR_NOTFOUND);
	peer_close(&local);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(from_prepare_to_settled, setup, teardown),
		cmocka_unit_test_setup_teardown(returned_and_handed_over_again, setup, teardown),
		cmocka_unit_test_setup_teardown(only_the_last_barrier_completes, setup, teardown),
		cmocka_unit_test_setup_teardown(samples_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(a_disk_that_lies_is_not_handed_over, setup, teardown),
		cmocka_unit_test_setup_teardown(owned_survives_the_daemon, setup, teardown),
		cmocka_unit_test_setup_teardown(data_waits_for_the_group, setup, teardown),
		cmocka_unit_test_setup_teardown(dropped_and_begun_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(source_and_destination_on_one_host, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
