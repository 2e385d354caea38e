// SPDX-License-Identifier: GPL-2.0
/*
 * What an offline copy asks the receiver for besides: hashes of a range while
 * others are written, destinations that are empty or made for it.
 */
#include <signal.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "dmmigrated/dest_create.h"
#include "recv_fake.h"

#define SIZE	((4u << 20) + 512)
#define GRANULE	65536u
#define NR	65u		/* granules, the last one of 512 bytes */

static ino_t synced[64];
static u32 nr_synced;
static int sync_error;

int fsync(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	assert_true(nr_synced < 64);
	synced[nr_synced++] = st.st_ino;
	errno = sync_error;
	return errno ? -1 : 0;
}

static int setup(void **state)
{
	(void)state;
	nr_synced = sync_error = 0;
	receiver_start(SIZE, &dmm_engine_libaio);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	receiver_end();
	return 0;
}

static void peer_offer(struct peer *p, u64 features)
{
	struct dmm_wire_refuse refuse;
	struct dmm_wire_hello_ok ok;

	peer_open(p);
	p->c.features = features;
	assert_int_equal(dmm_client_hello(&p->c, "test", &ok, &refuse), 0);
	assert_int_equal(p->c.features, features & (DMM_FEATURE_HASHES | DMM_FEATURE_CREATE |
						    DMM_FEATURE_ZERO));
}

static u32 hashes_of(struct peer *p, u64 offset, u64 length, u32 granule, u8 *out)
{
	struct dmm_wire_hashes h;

	memset(&h, 0, sizeof(h));
	disk_id(&h.id);
	h.offset_bytes = cpu_to_le64(offset);
	h.length_bytes = cpu_to_le64(length);
	h.algorithm = cpu_to_le32(DMM_DIGEST_XXH3_128);
	h.granule_bytes = cpu_to_le32(granule);
	return peer_request(p, DMM_MSG_HASHES, &h, sizeof(h), DMM_MSG_HASHES_OK, out,
			    (u32)((length + granule - 1) / granule * 16));
}

static void expect_hash(const u8 *got, u8 byte, u32 bytes)
{
	u8 *buf = malloc(bytes);
	XXH128_canonical_t want;

	memset(buf, byte, bytes);
	XXH128_canonicalFromHash(&want, XXH3_128bits(buf, bytes));
	free(buf);
	assert_memory_equal(got, want.digest, 16);
}

static void hashes_of_data_and_holes(void **state)
{
	struct peer p, data;
	u8 out[NR * 16];
	u32 i;

	(void)state;
	peer_offer(&p, DMM_FEATURE_HASHES);
	peer_prepare(&p, SIZE);
	assert_int_equal(hashes_of(&p, 0, SIZE, GRANULE, out), 0);
	for (i = 0; i < NR - 1; i++)
		expect_hash(out + 16 * i, 0, GRANULE);
	expect_hash(out + 16 * i, 0, 512);

	assert_int_equal(peer_attach(&data, 1, 0), 0);
	peer_fill(&data, 10 * GRANULE, 'a', GRANULE);
	peer_fill(&data, 30 * GRANULE, 'b', 4 * GRANULE);
	peer_fill(&data, SIZE - 512, 'c', 512);
	for (i = 1; i <= 3; i++)
		assert_int_equal(peer_ack(&data, &(struct dmm_ack){ 0 }), 0);
	assert_int_equal(hashes_of(&p, 0, SIZE, GRANULE, out), 0);
	for (i = 0; i < NR - 1; i++)
		expect_hash(out + 16 * i, i == 10 ? 'a' : i >= 30 && i < 34 ? 'b' : 0, GRANULE);
	expect_hash(out + 16 * i, 'c', 512);
	/* a part, by other granules */
	assert_int_equal(hashes_of(&p, 33 * GRANULE, 2 * GRANULE, 4096, out), 0);
	for (i = 0; i < 32; i++)
		expect_hash(out + 16 * i, i < 16 ? 'b' : 0, 4096);
	peer_close(&p);
	peer_close(&data);
}

static void hashes_are_checked(void **state)
{
	u8 out[16 * NR];
	struct peer p;

	(void)state;
#define REFUSED(code, offset, length, granule) do { \
		peer_offer(&p, DMM_FEATURE_HASHES); \
		peer_prepare(&p, SIZE); \
		assert_int_equal(hashes_of(&p, offset, length, granule, out), code); \
		peer_expect_end(&p); \
	} while (0)
	REFUSED(DMM_WERR_RANGE, 4096, 4096, GRANULE);		/* not from a granule on */
	REFUSED(DMM_WERR_RANGE, 0, SIZE + 512, GRANULE);	/* beyond the disk */
	REFUSED(DMM_WERR_RANGE, 64 * GRANULE, 1024, GRANULE);
	REFUSED(DMM_WERR_RANGE, 1ull << 62, 512, GRANULE);
	REFUSED(DMM_WERR_RANGE, 0, 100, GRANULE);		/* half a sector */
	REFUSED(DMM_WERR_UNSUPPORTED, 0, 4096, 2048);
	REFUSED(DMM_WERR_UNSUPPORTED, 0, 4096, 2u << 20);
	REFUSED(DMM_WERR_UNSUPPORTED, 0, 4096, 5000);
#undef REFUSED
	/* not without saying so in HELLO */
	peer_offer(&p, 0);
	peer_prepare(&p, SIZE);
	assert_int_equal(hashes_of(&p, 0, 4096, 4096, out), DMM_WERR_PROTOCOL);
	peer_expect_end(&p);
}

/* Of a range nobody writes while another is being written; of one that is written, none. */
static void hashes_beside_writes(void **state)
{
	struct dmm_order_owner owner;
	struct dmm_extent e = { .first_bytes = GRANULE, .end_bytes = GRANULE + 512,
				.owner = &owner };
	struct dmm_disk_name name = { .migration = { 1 } };
	struct dmm_digest_reader rd, whole;
	struct dmm_refusal r;
	struct dmm_disk *d;
	u8 out[16 * NR];
	struct peer p;

	(void)state;
	peer_offer(&p, DMM_FEATURE_HASHES);
	peer_prepare(&p, SIZE);
	d = dmm_registry_get(&rc.registry, &name, &r);
	assert_non_null(d);
	dmm_order_owner_init(&owner, -1);
	assert_true(dmm_order_add(&d->order, &e));
	assert_int_equal(hashes_of(&p, 0, GRANULE, GRANULE, out), 0);
	assert_int_equal(hashes_of(&p, 2 * GRANULE, GRANULE, GRANULE, out), 0);
	assert_int_equal(hashes_of(&p, 0, 2 * GRANULE, GRANULE, out), DMM_WERR_BUSY);
	peer_expect_end(&p);
	dmm_order_done(&d->order, &e);

	/* one that begins and ends meanwhile */
	assert_int_equal(dmm_disk_hashes_begin(d, -1, 0, GRANULE, &rd, &r), 0);
	assert_true(dmm_order_add(&d->order, &e));
	dmm_order_done(&d->order, &e);
	assert_int_equal(dmm_disk_hashes_end(d, &rd, &r), 0);
	assert_int_equal(dmm_disk_hashes_begin(d, -1, 0, 2 * GRANULE, &rd, &r), 0);
	assert_true(dmm_order_add(&d->order, &e));
	dmm_order_done(&d->order, &e);
	assert_int_equal(dmm_disk_hashes_end(d, &rd, &r), -EBUSY);
	assert_int_equal(r.code, DMM_WERR_BUSY);

	/* they hold the claim as digests do, and each lets go of it */
	assert_int_equal(dmm_disk_hashes_begin(d, -1, 0, GRANULE, &rd, &r), 0);
	assert_int_equal(dmm_disk_digest_begin(d, -1, &whole, &r), 0);
	assert_int_equal(d->digests, 2);
	assert_int_equal(dmm_disk_digest_end(d, &whole, &r), 0);
	assert_int_equal(dmm_disk_hashes_end(d, &rd, &r), 0);
	assert_int_equal(d->digests, 0);
	dmm_registry_put(&rc.registry, d);
}

static u32 prepare(struct peer *p, const char *path, u64 size, u32 flags,
		   struct dmm_wire_prepared *ok)
{
	struct dmm_wire_prepare w;

	fill_prepare(&w, size);
	w.flags = cpu_to_le32(flags);
	memset(w.dest_path, 0, sizeof(w.dest_path));
	strcpy((char *)w.dest_path, path);
	return peer_request(p, DMM_MSG_PREPARE, &w, sizeof(w), DMM_MSG_PREPARED, ok, sizeof(*ok));
}

static void the_empty_are_told(void **state)
{
	struct dmm_wire_prepared ok;
	struct peer p, data;

	(void)state;
	peer_offer(&p, 0);
	assert_int_equal(prepare(&p, dest_path, SIZE, DMM_PREPARE_CHECK, &ok), 0);
	assert_int_equal(le32_to_cpu(ok.flags) & DMM_PREPARED_EMPTY, 0);
	peer_close(&p);
	peer_offer(&p, DMM_FEATURE_HASHES);
	assert_int_equal(prepare(&p, dest_path, SIZE, 0, &ok), 0);
	assert_true(le32_to_cpu(ok.flags) & DMM_PREPARED_EMPTY);
	/* again, but by now it need not be */
	assert_int_equal(peer_attach(&data, 1, 0), 0);
	peer_fill(&data, 0, 'x', 512);
	peer_expect_ack(&data, DMM_MSG_DATA, 1, DMM_WERR_OK);
	peer_end(&data);
	assert_int_equal(prepare(&p, dest_path, SIZE, 0, &ok), 0);
	assert_int_equal(le32_to_cpu(ok.flags) & DMM_PREPARED_EMPTY, 0);
	peer_close(&p);
}

/* Whoever does not know how far its connections had come asks, and no clock. */
static void the_epoch_is_told(void **state)
{
	struct dmm_wire_prepared ok;
	struct peer p, data;

	(void)state;
	peer_offer(&p, 0);
	assert_int_equal(prepare(&p, dest_path, SIZE, 0, &ok), 0);
	assert_int_equal(le64_to_cpu(ok.conn_epoch), 0);
	assert_int_equal(peer_attach(&data, 77, 0), 0);
	peer_end(&data);
	assert_int_equal(prepare(&p, dest_path, SIZE, 0, &ok), 0);
	assert_int_equal(le64_to_cpu(ok.conn_epoch), 77);
	assert_int_equal(prepare(&p, dest_path, SIZE, DMM_PREPARE_CHECK, &ok), 0);
	assert_int_equal(le64_to_cpu(ok.conn_epoch), 77);
	peer_close(&p);
}

static void data_behind_the_source_does_not_count(void **state)
{
	struct dmm_wire_prepared ok;
	struct peer p;
	int fd = open(dest_path, O_RDWR | O_CLOEXEC);

	(void)state;
	assert_int_equal(pwrite(fd, "x", 1, SIZE - 512), 1);
	close(fd);
	peer_offer(&p, DMM_FEATURE_HASHES);
	assert_int_equal(prepare(&p, dest_path, SIZE, DMM_PREPARE_CHECK, &ok), 0);
	assert_int_equal(le32_to_cpu(ok.flags) & DMM_PREPARED_EMPTY, 0);
	assert_int_equal(prepare(&p, dest_path, 1 << 20, DMM_PREPARE_CHECK, &ok), 0);
	assert_true(le32_to_cpu(ok.flags) & DMM_PREPARED_EMPTY);
	peer_close(&p);
}

static void files_are_made(void **state)
{
	struct dmm_wire_prepared ok;
	struct dmm_wire_disk id;
	char path[96], link[96];
	struct peer p;
	struct stat st;

	(void)state;
	disk_id(&id);
	snprintf(path, sizeof(path), "/tmp/dmm-unit.made.%d", getpid());
	snprintf(link, sizeof(link), "/tmp/dmm-unit.link.%d", getpid());
	peer_offer(&p, DMM_FEATURE_CREATE | DMM_FEATURE_HASHES);
	/* a check makes nothing, and says what would be */
	assert_int_equal(prepare(&p, path, SIZE, DMM_PREPARE_CREATE | DMM_PREPARE_CHECK, &ok), 0);
	assert_int_equal(le64_to_cpu(ok.size_bytes), SIZE);
	assert_true(le32_to_cpu(ok.flags) & DMM_PREPARED_EMPTY);
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(prepare(&p, path, SIZE, DMM_PREPARE_CREATE, &ok), 0);
	assert_true(le32_to_cpu(ok.flags) & DMM_PREPARED_EMPTY);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, SIZE);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_blocks, 0);
	assert_int_equal(peer_request(&p, DMM_MSG_FORGET, &id, sizeof(id), DMM_MSG_FORGET_OK,
				      NULL, 0), 0);
	/* what is there is taken as it is */
	assert_int_equal(prepare(&p, path, 4096, DMM_PREPARE_CREATE | DMM_PREPARE_CHECK, &ok), 0);
	assert_int_equal(le64_to_cpu(ok.size_bytes), SIZE);
	unlink(path);
	/* a link to nowhere is not followed */
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(prepare(&p, link, SIZE, DMM_PREPARE_CREATE, &ok), DMM_WERR_NOTFOUND);
	peer_expect_end(&p);
	assert_int_equal(stat(path, &st), -1);
	unlink(link);

#define REFUSED(code, where) do { \
		peer_offer(&p, DMM_FEATURE_CREATE); \
		assert_int_equal(prepare(&p, where, SIZE, DMM_PREPARE_CREATE, &ok), code); \
		peer_expect_end(&p); \
	} while (0)
	REFUSED(DMM_WERR_DENIED, "/tmp/not-allowed.img");
	REFUSED(DMM_WERR_DENIED, "/tmp/dmm-unit.none/../x");
#undef REFUSED
	peer_offer(&p, 0);
	assert_int_equal(prepare(&p, path, SIZE, DMM_PREPARE_CREATE, &ok), DMM_WERR_PROTOCOL);
	peer_expect_end(&p);
	assert_int_equal(stat(path, &st), -1);
}

/* Prepared for nothing: what was made for it goes again. */
static void made_and_removed(void **state)
{
	struct dmm_dest_request rq = { .peer = "", .size_bytes = SIZE, .lbs_bytes = 512, .source_identity = "" };
	char dir[] = "/tmp/dmm-unit.XXXXXX", path[96], other[96], deep[96], elsewhere[96];
	struct dmm_dest_made made;
	struct dmm_allow allow;
	struct dmm_refusal r;
	struct stat st;
	char **list;
	bool would;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/x.img", dir);
	snprintf(other, sizeof(other), "%s/away/x.img", dir);
	snprintf(deep, sizeof(deep), "%s/away", dir);
	list = calloc(3, sizeof(*list));
	list[0] = strdup(path);
	list[1] = strdup(other);
	list[2] = strdup("/dev/dmm-unit.*");
	dmm_allow_init(&allow);
	dmm_allow_replace(&allow, list, 3);

	rq.path = path;
	assert_int_equal(dmm_dest_create(&allow, &rq, false, &would, &made, &r), 0);
	assert_true(would);
	assert_int_equal(stat(path, &st), 0);
	dmm_dest_made_remove(&made);
	assert_int_equal(stat(path, &st), -1);
	/* but not what came in its place */
	assert_int_equal(dmm_dest_create(&allow, &rq, false, &would, &made, &r), 0);
	assert_int_equal(rename(path, other) && errno == ENOENT, 1);
	assert_int_equal(mkdir(deep, 0700), 0);
	assert_int_equal(rename(path, other), 0);
	close(open(path, O_CREAT | O_CLOEXEC | O_WRONLY, 0600));
	dmm_dest_made_remove(&made);
	assert_int_equal(stat(path, &st), 0);
	/* its directory is a link that leads off the list */
	unlink(other);
	unlink(path);
	assert_int_equal(rmdir(deep), 0);
	snprintf(elsewhere, sizeof(elsewhere), "%s/else", dir);
	assert_int_equal(mkdir(elsewhere, 0700), 0);
	assert_int_equal(symlink(elsewhere, deep), 0);
	rq.path = other;
	assert_int_equal(dmm_dest_create(&allow, &rq, false, &would, &made, &r), -EACCES);
	assert_int_equal(made.dir_fd, -1);
	/* never in /dev */
	rq.path = "/dev/dmm-unit.x";
	unlink(rq.path);	/* of a run that failed here */
	assert_int_equal(dmm_dest_create(&allow, &rq, false, &would, &made, &r), -ENOENT);
	assert_int_equal(stat(rq.path, &st), -1);
	unlink(deep);
	rmdir(elsewhere);
	rmdir(dir);
	dmm_allow_exit(&allow);
}

static bool was_synced(const char *path)
{
	struct stat st;
	u32 i;

	assert_int_equal(stat(path, &st), 0);
	for (i = 0; i < nr_synced; i++) {
		if (synced[i] == st.st_ino)
			return true;
	}
	return false;
}

/* A file that is made outlives the power, name and all, or is not made. */
static void made_for_good(void **state)
{
	char dir[] = "/tmp/dmm-unit.XXXXXX", path[64];
	struct dmm_wire_prepare w;
	struct dmm_wire_prepared ok;
	struct dmm_wire_disk id;
	struct stat st;
	struct peer p;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s-made", dir);
	fill_prepare(&w, SIZE);
	w.flags = cpu_to_le32(DMM_PREPARE_CREATE);
	strcpy((char *)w.dest_path, path);
	peer_offer(&p, DMM_FEATURE_CREATE);
	sync_error = EIO;
	assert_int_equal(peer_request(&p, DMM_MSG_PREPARE, &w, sizeof(w), DMM_MSG_PREPARED, &ok,
				      sizeof(ok)), DMM_WERR_IO);
	peer_close(&p);
	assert_int_equal(stat(path, &st), -1);
	sync_error = EINVAL;	/* as some filesystems say of directories */
	peer_offer(&p, DMM_FEATURE_CREATE);
	assert_int_equal(peer_request(&p, DMM_MSG_PREPARE, &w, sizeof(w), DMM_MSG_PREPARED, &ok,
				      sizeof(ok)), 0);
	assert_true(was_synced(path));
	assert_true(was_synced("/tmp"));
	disk_id(&id);
	assert_int_equal(peer_request(&p, DMM_MSG_FORGET, &id, sizeof(id), DMM_MSG_FORGET_OK, NULL, 0), 0);
	peer_close(&p);
	unlink(path);
	rmdir(dir);
}

static u32 finish(void)
{
	struct dmm_wire_disk id;
	struct peer p;
	u32 ret;

	disk_id(&id);
	peer_hello(&p);
	ret = peer_request(&p, DMM_MSG_FINISH, &id, sizeof(id), DMM_MSG_FINISH_OK, NULL, 0);
	peer_close(&p);
	return ret;
}

/* What was acknowledged is in a file that has no name any more, or was cut: nobody is told that all is well. */
static void what_is_gone_is_not_finished(void **state)
{
	char aside[80];
	struct peer p;

	(void)state;
	peer_hello(&p);
	peer_prepare(&p, SIZE);
	snprintf(aside, sizeof(aside), "%s.aside", dest_path);
	assert_int_equal(rename(dest_path, aside), 0);
	assert_int_equal(finish(), DMM_WERR_NOTFOUND);
	close(open(dest_path, O_CREAT | O_CLOEXEC | O_WRONLY, 0600));
	assert_int_equal(truncate(dest_path, SIZE), 0);
	assert_int_equal(finish(), DMM_WERR_NOTFOUND);
	assert_int_equal(rename(aside, dest_path), 0);
	assert_int_equal(truncate(dest_path, SIZE - 512), 0);
	assert_int_equal(finish(), DMM_WERR_TOOSMALL);
	assert_int_equal(truncate(dest_path, SIZE), 0);
	assert_int_equal(finish(), 0);
	peer_close(&p);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(hashes_of_data_and_holes),
		T(hashes_are_checked),
		T(hashes_beside_writes),
		T(the_empty_are_told),
		T(the_epoch_is_told),
		T(data_behind_the_source_does_not_count),
		T(files_are_made),
		T(made_and_removed),
		T(made_for_good),
		T(what_is_gone_is_not_finished),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
