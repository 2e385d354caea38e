// SPDX-License-Identifier: GPL-2.0
/*
 * VOLUME: what is made in a storage repository (a directory here) is entered in the manifest first, belongs to its migration and
 * disk alone, and goes with a migration that was not handed over.
 */
#include <sys/statvfs.h>

#include "facts.h"
#include "recv_migrations.h"

#define VOLUME	"dmm-web01-0-01000000"

static char files[96];

/* What the configuration says. */
static void repositories(void)
{
	char **lines = calloc(3, sizeof(*lines));

	snprintf(files, sizeof(files), "%s/files", dir);
	mkdir(files, 0700);
	assert_true(asprintf(&lines[0], "files=dir:%s", files) > 0);
	assert_true(asprintf(&lines[1], "others=dir:%s xen-c", files) > 0);
	lines[2] = strdup("away=dir:/nowhere/at/all");
	dmm_allow_replace(&rc.srs, lines, 3);
	peer_features |= DMM_FEATURE_VOLUME;
}

static void again(void)
{
	strcpy(dest_path, "/tmp/dmm-unit.none");	/* it is removed */
	restart();
	repositories();
}

static void fill(struct dmm_wire_volume *w, const char *sr, u32 disk, u32 disks)
{
	memset(w, 0, sizeof(*w));
	disk_id(&w->id);
	w->id.disk = cpu_to_le32(disk);
	w->group_disks = cpu_to_le32(disks);
	w->size_bytes = cpu_to_le64(SIZE);
	strcpy((char *)w->sr, sr);
	strcpy((char *)w->label, "web01");
	strcpy((char *)w->source_host, "alpha");
}

static u32 send_volume(const struct dmm_wire_volume *w, struct dmm_wire_volume_ok *ok)
{
	struct peer p;
	u32 code;

	peer_hello(&p);
	code = peer_request(&p, DMM_MSG_VOLUME, w, sizeof(*w), DMM_MSG_VOLUME_OK, ok, sizeof(*ok));
	peer_close(&p);
	return code;
}

static u32 volume(const char *sr, u32 disk, u32 disks)
{
	struct dmm_wire_volume_ok ok;
	struct dmm_wire_volume w;

	fill(&w, sr, disk, disks);
	return send_volume(&w, &ok);
}

static bool there(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", files, name);
	return !access(path, F_OK);
}

static void test_made_and_dropped(void **state)
{
	struct dmm_wire_group_ok group_ok;
	struct dmm_wire_volume_ok ok;
	struct dmm_wire_volume w;
	char path[256];

	(void)state;
	repositories();
	fill(&w, "files", 0, 1);
	w.flags = cpu_to_le32(DMM_VOLUME_CHECK);
	assert_int_equal(send_volume(&w, &ok), 0);
	snprintf(path, sizeof(path), "%s/" VOLUME, files);
	assert_string_equal((char *)ok.path, path);
	assert_int_equal(le32_to_cpu(ok.flags), DMM_VOLUME_FILE);
	assert_true(le64_to_cpu(ok.room_bytes) >= SIZE && le64_to_cpu(ok.size_bytes) == SIZE);
	assert_false(there(VOLUME));
	assert_int_equal(drop_here(0), DMM_WERR_NOTFOUND);	/* a check leaves nothing to drop */
	w.flags = 0;
	assert_int_equal(send_volume(&w, &ok), 0);
	assert_true(there(VOLUME));
	assert_int_equal(ask(DMM_GROUP_STATUS, 0, &group_ok), 0);
	assert_true(le32_to_cpu(group_ok.flags) & DMM_GROUP_NOT_BEGUN);
	/* the same again, by whichever life of the daemon */
	assert_int_equal(send_volume(&w, &ok), 0);
	again();
	assert_int_equal(send_volume(&w, &ok), 0);
	assert_string_equal((char *)ok.path, path);
	/* that, and nothing else */
	w.size_bytes = cpu_to_le64(2 * SIZE);
	assert_int_equal(send_volume(&w, &ok), DMM_WERR_BUSY);
	assert_int_equal(drop_here(0), 0);
	assert_false(there(VOLUME));
	assert_int_equal(drop_here(0), DMM_WERR_NOTFOUND);
}

static void test_prepared(void **state)
{
	(void)state;
	repositories();
	snprintf(dest_path, sizeof(dest_path), "%.40s/" VOLUME, files);
	assert_int_equal(prepare(0, 2), DMM_WERR_DENIED);	/* on no allow-list */
	assert_int_equal(volume("files", 0, 2), 0);
	assert_int_equal(prepare(1, 2), DMM_WERR_DENIED);	/* for its disk only */
	assert_int_equal(prepare(0, 2), 0);
	again();
	assert_int_equal(volume("files", 1, 2), 0);
	snprintf(dest_path, sizeof(dest_path), "%.40s/dmm-web01-1-01000000", files);
	assert_int_equal(prepare(1, 2), 0);
	state_is(DMM_HO_RECEIVING);
	again();
	state_is(DMM_HO_RECEIVING);
	assert_true(there(VOLUME) && there("dmm-web01-1-01000000"));
	assert_int_equal(drop_here(0), 0);
	assert_false(there(VOLUME) || there("dmm-web01-1-01000000"));
}

static void test_refused(void **state)
{
	struct dmm_wire_volume_ok ok;
	struct dmm_wire_volume w;
	char path[256];
	int fd;

	(void)state;
	repositories();
	assert_int_equal(volume("nowhere", 0, 1), DMM_WERR_NOTFOUND);
	assert_int_equal(volume("others", 0, 1), DMM_WERR_NOTFOUND);
	assert_int_equal(volume("away", 0, 1), DMM_WERR_NOTFOUND);
	fill(&w, "files", 0, 1);
	w.size_bytes = cpu_to_le64(1ull << 60);
	assert_int_equal(send_volume(&w, &ok), DMM_WERR_NOSPC);
	snprintf(path, sizeof(path), "%s/" VOLUME, files);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, "theirs", 6), 6);
	close(fd);
	assert_int_equal(volume("files", 0, 1), DMM_WERR_BUSY);
	assert_int_equal(drop_here(0), DMM_WERR_NOTFOUND);	/* no migration has begun by that */
	assert_true(there(VOLUME));
	peer_features &= ~DMM_FEATURE_VOLUME;
	assert_int_equal(volume("files", 0, 1), DMM_WERR_PROTOCOL);
}

struct asked {
	struct dmm_wire_volume w;
	u32 code;
};

static void *ask_volume(void *arg)
{
	struct asked *a = arg;
	struct dmm_wire_volume_ok ok;

	a->code = send_volume(&a->w, &ok);
	return NULL;
}

/* A file takes its room as it is written; who comes meanwhile finds what is left, and of two that come at once one is too late. */
static void test_promised(void **state)
{
	struct dmm_wire_volume_ok ok;
	pthread_t threads[2];
	struct asked a[2];
	struct statvfs st;
	u64 most;
	int i;

	(void)state;
	repositories();
	assert_int_equal(statvfs(files, &st), 0);
	most = (u64)st.f_bavail * st.f_frsize / 512 / 5 * 3 * 512;
	for (i = 0; i < 2; i++) {
		fill(&a[i].w, "files", (u32)i, 2);
		a[i].w.size_bytes = cpu_to_le64(most);
		assert_int_equal(pthread_create(&threads[i], NULL, ask_volume, &a[i]), 0);
	}
	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	i = a[0].code ? 0 : 1;	/* which was too late */
	assert_int_equal(a[i].code, DMM_WERR_NOSPC);
	assert_int_equal(a[!i].code, 0);
	/* again is the same, and nothing more; the other one finds it still taken, in the next life of the daemon, too */
	assert_int_equal(send_volume(&a[!i].w, &ok), 0);
	again();
	assert_int_equal(send_volume(&a[i].w, &ok), DMM_WERR_NOSPC);
	a[i].w.size_bytes = cpu_to_le64(SIZE);
	assert_int_equal(send_volume(&a[i].w, &ok), 0);
	assert_int_equal(drop_here(0), 0);
	a[i].w.size_bytes = cpu_to_le64(most);
	assert_int_equal(send_volume(&a[i].w, &ok), 0);
	assert_int_equal(drop_here(0), 0);
}

/* A disk that goes elsewhere gets none. */
static void test_elsewhere(void **state)
{
	(void)state;
	repositories();
	assert_int_equal(prepare(0, 2), 0);
	assert_int_equal(volume("files", 0, 2), DMM_WERR_BUSY);
	assert_false(there(VOLUME));
	assert_int_equal(drop_here(0), 0);
}

/* What one may choose from is told with the rest; what is another's is not. */
static void test_facts(void **state)
{
	char value[DMM_FACT_VALUE], word[DMM_SR_PLACE];
	struct dmm_wire_facts_ok ok;
	struct dmm_facts f;
	const char *why;
	struct peer p;
	u64 n;

	(void)state;
	repositories();
	peer_features |= DMM_FEATURE_FACTS;
	peer_hello(&p);
	p.c.timeout_ms = 60000;
	assert_int_equal(peer_request(&p, DMM_MSG_FACTS, NULL, 0, DMM_MSG_FACTS_OK, &ok, sizeof(ok)), 0);
	peer_close(&p);
	assert_int_equal(dmm_facts_decode(&ok, &f, &why), 0);
	assert_true(dmm_facts_nth(&f, "sr", 0, value));
	assert_true(dmm_fact_word(value, 0, word, sizeof(word)) && !strcmp(word, "files"));
	assert_true(dmm_fact_word(value, 1, word, sizeof(word)) && !strncmp(word, "dir:/tmp/", 9));
	assert_true(dmm_fact_word_u64(value, 2, &n) && n);
	assert_true(dmm_fact_word_u64(value, 3, &n) && n);
	assert_false(dmm_facts_nth(&f, "sr", 1, value));
	assert_true(dmm_facts_get(&f, "sr-failed", value));
	assert_string_equal(value, "away dir:/nowhere/at/all");
	peer_features &= ~DMM_FEATURE_FACTS;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_made_and_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prepared, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_promised, setup, teardown),
		cmocka_unit_test_setup_teardown(test_elsewhere, setup, teardown),
		cmocka_unit_test_setup_teardown(test_facts, setup, teardown),
	};

	return cmocka_run_group_tests_name("recv_volume", tests, NULL, NULL);
}
