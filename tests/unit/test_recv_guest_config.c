// SPDX-License-Identifier: GPL-2.0
/*
 * GUEST_CONFIG: the configuration of a guest whose disks come is put in place when the hand-over is over, and only then, whatever
 * becomes of who has sent it.
 */
#include <signal.h>

#include "core/handover.h"
#include "identity.h"
#include "journal.h"
#include "recv_migrations.h"

static struct dmm_wire_guest_config_ok said;	/* the latest answer */

static int config_setup(void **state)
{
	int ret = setup(state);

	peer_features |= DMM_FEATURE_GUEST | DMM_FEATURE_GUEST_CONFIG | DMM_FEATURE_IDENTITY;
	strcpy(rc.guests, " beta *");
	return ret;
}

static void fill(struct dmm_wire_guest_config *w, enum dmm_wire_guest_config_verb verb, enum dmm_ho_role role)
{
	memset(w, 0, sizeof(*w));
	w->platform = cpu_to_le32(DMM_PLATFORM_XL);
	w->verb = cpu_to_le32(verb);
	w->role = cpu_to_le32(role);
	if (verb != DMM_GUEST_CONFIG_CHECK)
		w->migration[0] = 1;
	if (verb != DMM_GUEST_CONFIG_STATUS)
		strcpy((char *)w->name, "web");
}

static u32 request(struct peer *p, const struct dmm_wire_guest_config *w)
{
	memset(&said, 0, sizeof(said));
	return peer_request(p, DMM_MSG_GUEST_CONFIG, w, sizeof(*w), DMM_MSG_GUEST_CONFIG_OK, &said, sizeof(said));
}

static u32 check(const char *name, u32 bytes, bool autostart)
{
	struct dmm_wire_guest_config w;
	struct peer p;
	u32 code;

	fill(&w, DMM_GUEST_CONFIG_CHECK, DMM_HO_DEST);
	memset(w.name, 0, sizeof(w.name));
	strcpy((char *)w.name, name);
	w.total_bytes = cpu_to_le32(bytes);
	w.flags = cpu_to_le32(autostart ? DMM_GUEST_CONFIG_AUTOSTART : 0);
	peer_hello(&p);
	code = request(&p, &w);
	peer_close(&p);
	return code;
}

/* In pieces, by a connection that is open. */
static u32 stage_by(struct peer *p, enum dmm_ho_role role, const char *text, bool autostart)
{
	u32 total = strlen(text), offset, n, code = 0;
	struct dmm_wire_guest_config w;

	for (offset = 0; offset < total && !code; offset += n) {
		n = total - offset < DMM_GUEST_CONFIG_PIECE_BYTES ? total - offset : DMM_GUEST_CONFIG_PIECE_BYTES;
		fill(&w, DMM_GUEST_CONFIG_STAGE, role);
		w.flags = cpu_to_le32(autostart ? DMM_GUEST_CONFIG_AUTOSTART : 0);
		w.total_bytes = cpu_to_le32(total);
		w.offset_bytes = cpu_to_le32(offset);
		w.bytes = cpu_to_le32(n);
		memcpy(w.text, text + offset, n);
		code = request(p, &w);
		if (!code && offset + n < total)
			assert_int_equal(le32_to_cpu(said.state), DMM_GUEST_CONFIG_NONE);
	}
	return code;
}

static u32 stage(const char *text, bool autostart)
{
	struct peer p;
	u32 code;

	peer_hello(&p);
	code = stage_by(&p, DMM_HO_DEST, text, autostart);
	peer_close(&p);
	return code;
}

static u32 status_is(enum dmm_wire_guest_config_state s)
{
	struct dmm_wire_guest_config w;
	u32 code = 0, i;
	struct peer p;

	fill(&w, DMM_GUEST_CONFIG_STATUS, DMM_HO_DEST);
	peer_hello(&p);
	for (i = 0; i < WAIT_MS / 10; i++) {
		code = request(&p, &w);
		if (code || le32_to_cpu(said.state) == s)
			break;
		nap(10);
	}
	peer_close(&p);
	assert_true(code || le32_to_cpu(said.state) == s);
	return code;
}

static const char *in(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", configs, name);
	return path;
}

static void has(const char *path, const char *text)
{
	static char buf[DMM_MAX_GUEST_CONFIG_BYTES + 16];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, buf, sizeof(buf));

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(n, strlen(text));
	assert_memory_equal(buf, text, n);
}

static bool there(const char *name)
{
	return !access(in(name), F_OK);
}

/* Their directory is not there for a while. */
static void take_away(bool gone)
{
	char away[96];

	snprintf(away, sizeof(away), "%s-away", configs);
	assert_int_equal(gone ? rename(configs, away) : rename(away, configs), 0);
}

/* From OWNED on, to where there is no way back, and the source has been told. */
static void settle(struct peer *link)
{
	struct dmm_handover_msg msg;
	struct dmm_wire_group_ok ok;

	assert_int_equal(ask(DMM_GROUP_RUN, 0, &ok), 0);
	assert_int_equal(ask(DMM_GROUP_RUNS, 0, &ok), 0);
	hear(link, DMM_HANDOVER_RUNNING_ACK, &msg);
	assert_false(there("web.cfg"));
	msg.event = DMM_HANDOVER_RELEASED;
	memset(&msg.instance, 0, sizeof(msg.instance));
	say(link, &msg);
	state_is(DMM_HO_SETTLED);
}

static void from_stage_to_the_file(void **state)
{
	static char text[DMM_MAX_GUEST_CONFIG_BYTES + 1];
	struct peer data, link;
	u32 i;

	(void)state;
	assert_int_equal(check("web", sizeof(text) - 1, true), 0);
	assert_string_equal((char *)said.path, in("web.cfg"));
	assert_int_equal(prepare(0, 1), 0);
	/* as long as there may be, no piece like another; and a shorter one that it takes the place of */
	for (i = 0; i < sizeof(text) - 1; i++)
		text[i] = i % 100 == 99 ? '\n' : 'a' + (i * 7 + i / 3072) % 26;
	assert_int_equal(status_is(DMM_GUEST_CONFIG_NONE), 0);
	assert_int_equal(stage("memory = 1\n", false), 0);
	assert_int_equal(stage(text, true), 0);
	assert_int_equal(le32_to_cpu(said.state), DMM_GUEST_CONFIG_STAGED);
	assert_string_equal((char *)said.path, in("web.cfg"));
	be_owned(&data, &link, 1);
	peer_close(&data);
	settle(&link);
	assert_int_equal(status_is(DMM_GUEST_CONFIG_DONE), 0);
	assert_string_equal((char *)said.path, in("web.cfg"));
	assert_string_equal((char *)said.kept, "");
	has(in("web.cfg"), text);
	has(in("auto/web.cfg"), text);
	peer_close(&link);
	assert_int_equal(drop_here(0), 0);
	assert_int_equal(status_is(DMM_GUEST_CONFIG_NONE), DMM_WERR_NOTFOUND);
	has(in("web.cfg"), text);
	snprintf(text, sizeof(text), "%s/destination", dir);
	assert_int_equal(rmdir(text), 0);	/* nothing is left of it */
}

/* The daemon dies in the middle, and it is taken up when it is back; what was there stays under another name. */
static void a_restart_forgets_nothing(void **state)
{
	struct peer data, link;
	FILE *f;

	(void)state;
	assert_int_equal(prepare(0, 1), 0);
	assert_int_equal(stage("memory = 2\n", false), 0);
	f = fopen(in("web.cfg"), "w");
	fputs("mine\n", f);
	fclose(f);
	/* it cannot be written when it is over, which is said, and it is not forgotten */
	take_away(true);
	be_owned(&data, &link, 1);
	peer_close(&data);
	settle(&link);
	peer_close(&link);
	restart();
	strcpy(rc.guests, " *");
	assert_int_equal(status_is(DMM_GUEST_CONFIG_STAGED), 0);
	take_away(false);
	assert_int_equal(status_is(DMM_GUEST_CONFIG_DONE), 0);
	has(in("web.cfg"), "memory = 2\n");
	has((char *)said.kept, "mine\n");
	restart();
	strcpy(rc.guests, " *");
	assert_int_equal(status_is(DMM_GUEST_CONFIG_DONE), 0);
}

static void it_is_owed_and_said(void **state)
{
	struct dmm_wire_group_ok ok;
	struct peer data, link;
	u32 i;

	(void)state;
	assert_int_equal(prepare(0, 1), 0);
	assert_int_equal(stage("memory = 2\n", false), 0);
	take_away(true);
	be_owned(&data, &link, 1);
	peer_close(&data);
	settle(&link);
	peer_close(&link);
	for (i = 0; i < WAIT_MS / 10; i++) {
		assert_int_equal(ask(DMM_GROUP_STATUS, 0, &ok), 0);
		if (le32_to_cpu(ok.flags) & DMM_GROUP_UNPLACED)
			break;
		nap(10);
	}
	assert_true(le32_to_cpu(ok.flags) & DMM_GROUP_UNPLACED);
	assert_non_null(strstr((char *)ok.why, configs));
	assert_int_equal(status_is(DMM_GUEST_CONFIG_STAGED), 0);
	assert_non_null(strstr((char *)said.why, configs));
	/* by being forgotten it would be lost */
	assert_int_equal(drop_here(0), DMM_WERR_BUSY);
	take_away(false);
	assert_int_equal(drop_here(0), 0);
	has(in("web.cfg"), "memory = 2\n");
}

/* What has not changed hands leaves no configuration, of a guest that is not there. */
static void a_failed_move_leaves_nothing(void **state)
{
	struct dmm_wire_group_ok ok;
	struct dmm_handover_msg msg;
	struct peer data, link;

	(void)state;
	assert_int_equal(prepare(0, 1), 0);
	assert_int_equal(stage("memory = 2\n", true), 0);
	be_owned(&data, &link, 1);
	assert_int_equal(ask(DMM_GROUP_RETURN, DMM_HO_REFUSED, &ok), 0);
	hear(&link, DMM_HANDOVER_REFUSED, &msg);
	peer_close(&data);
	peer_close(&link);
	restart();
	strcpy(rc.guests, " *");
	assert_int_equal(status_is(DMM_GUEST_CONFIG_STAGED), 0);
	assert_string_equal((char *)said.why, "");
	assert_int_equal(drop_here(DMM_GROUP_SOURCE_GONE), 0);
	assert_false(there("web.cfg"));
	assert_false(there("auto/web.cfg"));
}

static void who_may_ask(void **state)
{
	struct dmm_wire_guest_config w;
	struct peer data, link, p;

	(void)state;
	assert_int_equal(stage("memory = 2\n", false), DMM_WERR_NOTFOUND);
	assert_int_equal(check("..", 1, false), DMM_WERR_DENIED);
	assert_int_equal(check("a/b", 1, false), DMM_WERR_DENIED);
	be_owned(&data, &link, 1);
	peer_close(&data);
	peer_close(&link);
	assert_int_equal(stage("memory = 2\n", false), DMM_WERR_BUSY);
	/* the source's part is its own host's */
	fill(&w, DMM_GUEST_CONFIG_STATUS, DMM_HO_SOURCE);
	peer_hello(&p);
	assert_int_equal(request(&p, &w), DMM_WERR_DENIED);
	peer_close(&p);
	strcpy(rc.guests, " beta");
	assert_int_equal(check("web", 1, false), DMM_WERR_DENIED);
	assert_int_equal(status_is(DMM_GUEST_CONFIG_NONE), DMM_WERR_DENIED);
	strcpy(rc.guests, " *");
	peer_features &= ~DMM_FEATURE_GUEST_CONFIG;
	assert_int_equal(check("web", 1, false), DMM_WERR_PROTOCOL);
	assert_false(there("web.cfg"));
}

static u32 identify(const char *path, struct dmm_wire_identity_ok *ok)
{
	struct dmm_wire_identity w;
	struct peer p;
	u32 code;

	memset(&w, 0, sizeof(w));
	strcpy((char *)w.path, path);
	peer_hello(&p);
	code = peer_request(&p, DMM_MSG_IDENTITY, &w, sizeof(w), DMM_MSG_IDENTITY_OK, ok, sizeof(*ok));
	peer_close(&p);
	return code;
}

/* Of a disk that both hosts have. */
static void which_disk_is_there(void **state)
{
	struct dmm_wire_identity_ok ok;
	char here[DMM_IDENTITY_ALL];
	FILE *f;

	(void)state;
	f = fopen(in("disk"), "w");
	fputs("0123456789", f);
	fclose(f);
	assert_int_equal(identify(in("disk"), &ok), 0);
	assert_int_equal(le32_to_cpu(ok.kind), DMM_IDENTITY_FILE);
	assert_int_equal(le64_to_cpu(ok.size_bytes), 10);
	assert_true(dmm_disk_identity(in("disk"), here, sizeof(here)) > 0);
	assert_string_equal((char *)ok.identity, here);
	assert_int_equal(identify("/nonexistent", &ok), 0);
	assert_int_equal(le32_to_cpu(ok.kind), DMM_IDENTITY_NONE);
	assert_int_equal(identify("/proc", &ok), 0);
	assert_int_equal(le32_to_cpu(ok.kind), DMM_IDENTITY_NONE);
	assert_int_equal(identify("nbd://h/a", &ok), DMM_WERR_NOTFOUND);
	assert_int_equal(identify("/\x01", &ok), DMM_WERR_PROTOCOL);
	strcpy(rc.guests, " beta");
	assert_int_equal(identify("/nonexistent", &ok), DMM_WERR_DENIED);
	strcpy(rc.guests, " *");
	peer_features &= ~DMM_FEATURE_IDENTITY;
	assert_int_equal(identify("/nonexistent", &ok), DMM_WERR_PROTOCOL);
}

static void pieces_out_of_place(void **state)
{
	struct dmm_wire_guest_config w;
	struct peer p;
	u32 i;

	(void)state;
	assert_int_equal(prepare(0, 1), 0);
	for (i = 0; i < 4; i++) {
		fill(&w, DMM_GUEST_CONFIG_STAGE, DMM_HO_DEST);
		w.total_bytes = cpu_to_le32(9);
		w.bytes = cpu_to_le32(3);
		memcpy(w.text, "a=1", 3);
		peer_hello(&p);
		if (i)	/* the first one is there */
			assert_int_equal(request(&p, &w), 0);
		w.offset_bytes = cpu_to_le32(i == 1 ? 4 : 3);
		if (i == 2)
			w.total_bytes = cpu_to_le32(10);
		assert_int_equal(request(&p, &w), i == 3 ? 0 : DMM_WERR_PROTOCOL);
		peer_close(&p);
	}
	assert_int_equal(status_is(DMM_GUEST_CONFIG_NONE), 0);
}

static void adopt(void)
{
	struct dmm_wire_group_ok ok;
	struct dmm_wire_adopt a;
	struct peer p;

	memset(&a, 0, sizeof(a));
	disk_id(&a.id);
	a.group_disks = cpu_to_le32(1);
	a.port = cpu_to_le16(1);
	a.size_bytes = cpu_to_le64(SIZE);
	strcpy((char *)a.host, "127.0.0.1");
	strcpy((char *)a.name, "web01");
	strcpy((char *)a.dest_path, dest_path);
	local_hello(&p);
	assert_int_equal(peer_request(&p, DMM_MSG_ADOPT, &a, sizeof(a), DMM_MSG_GROUP_OK, &ok, sizeof(ok)), 0);
	peer_close(&p);
}

/* Its host does not begin the guest any more once it has given the disks up for good; the configuration stays. */
static void the_source_begins_it_no_more(void **state)
{
	struct dmm_journal_record r;
	char path[256], sources[96], why[DMM_JOURNAL_WHY];
	const u8 id[DMM_ID_BYTES] = { 1 };
	int err;
	struct dmm_journal *j;
	struct peer p;
	FILE *f;
	u32 i;

	(void)state;
	f = fopen(in("web.cfg"), "w");
	fputs("mine\n", f);
	fclose(f);
	strcpy(path, in("web.cfg"));
	assert_int_equal(mkdir(in("auto"), 0700), 0);
	assert_int_equal(symlink("../web.cfg", in("auto/web.cfg")), 0);
	adopt();
	local_hello(&p);
	assert_int_equal(stage_by(&p, DMM_HO_SOURCE, path, true), 0);
	peer_close(&p);
	assert_int_equal(le32_to_cpu(said.state), DMM_GUEST_CONFIG_STAGED);
	assert_string_equal((char *)said.path, in("auto/web.cfg"));
	restart();
	nap(1500);	/* longer than a tick */
	assert_true(there("auto/web.cfg"));
	/* as after a crash behind the last record */
	dmm_receiver_stop(&rc);
	assert_int_equal(dmm_receiver_wait(&rc, WAIT_MS), 0);
	dmm_migrations_exit(&ms);
	snprintf(sources, sizeof(sources), "%s/source", dir);
	assert_int_equal(dmm_journal_open(sources, id, NULL, &j, why), 0);
	r = *dmm_journal_last(j);
	r.state = DMM_HO_RELEASED;
	r.epoch = 1;
	assert_int_equal(dmm_journal_append(j, &r, &err), DMM_HO_EV_APPENDED);
	dmm_journal_close(j);
	receiver_end();
	receiver_start(SIZE, &dmm_engine_libaio);
	migrations_start();
	for (i = 0; i < WAIT_MS / 10 && there("auto/web.cfg"); i++)
		nap(10);
	assert_false(there("auto/web.cfg"));
	has(path, "mine\n");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, config_setup, teardown)
	const struct CMUnitTest tests[] = {
		T(from_stage_to_the_file),
		T(a_restart_forgets_nothing),
		T(it_is_owed_and_said),
		T(a_failed_move_leaves_nothing),
		T(who_may_ask),
		T(which_disk_is_there),
		T(pieces_out_of_place),
		T(the_source_begins_it_no_more),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("recv_guest_config", tests, NULL, NULL);
}
