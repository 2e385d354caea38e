// SPDX-License-Identifier: GPL-2.0
/*
 * A whole receiver, migrations that hand over among it, and peers that say on up to four connections at a time
 * whatever the input says.  Its first byte says what the receiver is like; then come records of one byte (which
 * connection, and what else), a frame's header, its payload.  Unless it is sent as it is, magic, sequence number, size
 * and checksum are made right, or nothing would come past them.  Handshakes alone are left out: who a peer
 * is, or which key it shows, is the input's word.  Where there is a toolstack, its receiver has the place of the last connection.
 *
 * Sanitizers watch; besides, what is answered has to be whole frames and acknowledgements, and every session must end once its peer has.
 */
#include <dirent.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libdevmapper.h>

#include "dmmigrated/channel.h"
#include "dmmigrated/migrations.h"
#include "dmmigrated/processes.h"
#include "dmmigrated/session.h"
#include "facts_host.h"
#include "fullio.h"
#include "runner.h"
#include "toolstack.h"
#include "wireio.h"
#include "world.h"

#define CONNS		4
#define MAX_OPENED	12		/* of one input, one after another */
#define DEST_BYTES	(1u << 20)
#define MAX_FILE_BYTES	(8u << 20)
#define END_MS		3600000u	/* far beyond every timeout of the receiver's, for forty requests that wait */
#define MAX_SLEEPS	64

enum {	/* of the first byte */
	WORLD_TLS	= 1 << 0,
	WORLD_GROUPS	= 1 << 1,	/* migrations that hand over */
	WORLD_REVOKED	= 1 << 2,	/* peers lose their trust after the handshake */
	WORLD_CROWDED	= 1 << 3,	/* there is room for two sessions and one disk */
	WORLD_ENGINE	= 1 << 4,	/* the engine is chosen by the destination */
	WORLD_XL	= 1 << 5,	/* there is a toolstack */
	WORLD_PIDFD	= 1 << 6,	/* and the kernel tells that its process has ended */
};

enum {	/* of a record's */
	REC_CONN	= 3 << 0,
	REC_SLEEP	= 1 << 2,	/* before it time goes on, until something happens */
	REC_DEAF	= 1 << 3,	/* the peer reads nothing from now on */
	REC_KIND	= 3 << 4,	/* of the connection that it opens */
	REC_END		= 1 << 6,	/* the peer closes afterwards */
	REC_RAW		= 1 << 7,
	REC_STDERR	= REC_RAW,	/* the toolstack's receiver says it there */
	REC_STOP	= 0xff,		/* nothing else: the daemon goes down */
};

enum kind { KIND_PEER_A, KIND_PEER_B, KIND_KEY, KIND_LOCAL };

static char top[64], disks[80], state[80];
static char outside[64], sr_place[96];	/* a storage repository may not be in /dev, where top is: a link to it */
static char volume[DMM_PATH_MAX];	/* the last that was made */
static struct dmm_receiver rc;
static struct dmm_migrations migrations;
static struct dmm_channel channel;
static u8 flags;
static u8 key_identity[DMM_KEY_IDENTITY_BYTES];	/* of the last key that was given out */

static struct conn {
	struct world_sock *sock;
	enum kind kind;
	enum dmm_sum_kind sums;
	bool data, deaf;
	u64 seq;	/* of control frames, and of a data connection's after ATTACH */
} conns[CONNS];

/* --- what is this host's affair, or the kernel's --- */

int __wrap_dmm_inuse_check_beneath(const char *root, const struct stat *st, const char *path, const char *gate, bool *gated,
				   struct dmm_refusal *r)
{
	(void)root;
	(void)st;
	(void)path;
	(void)gate;
	(void)r;
	*gated = false;
	return 0;
}

int __wrap_dm_task_run(struct dm_task *t)
{
	(void)t;
	return 0;
}

int __wrap_dmm_runner_begin(struct dmm_runner *r, char *const argv[])
{
	(void)r;
	(void)argv;
	return -ENOENT;
}

/* What kind of host this is says nothing of an input. */
void __wrap_dmm_facts_host(struct dmm_facts *f, struct dmm_facts *volumes, const char *root, int stop_fd)
{
	(void)volumes;
	(void)root;
	(void)stop_fd;
	dmm_facts_add(f, "host", "fuzz");
}

/* A source's daemon looks for its destination's: nobody is asked, nor is a name server. */
int __wrap_dmm_client_connect(const char *host, u16 port, int timeout_ms, const struct dmm_tls_client *tls, struct dmm_client *c)
{
	(void)host;
	(void)port;
	(void)timeout_ms;
	(void)tls;
	memset(c, 0, sizeof(*c));
	c->fd = -1;
	return -ECONNREFUSED;
}

int __wrap_dmm_processes_guest(struct dmm_processes *p, enum dmm_wire_platform platform, int *stream, int *words, int *pidfd)
{
	(void)p;
	(void)platform;
	return toolstack_begin(stream, words, pidfd);
}

int __wrap_dmm_keys_check_again(const struct dmm_keys *k, const struct dmm_peer_id *who, char why[DMM_KEYS_WHY])
{
	(void)k;
	if (!(flags & WORLD_REVOKED))
		return 0;
	snprintf(why, DMM_KEYS_WHY, "%s is not trusted any more", who->name);
	return -EACCES;
}

/* The handshake: whose connection it is. */
int __wrap_dmm_tls_accept(int *fd, const struct dmm_tls_server *s, u64 deadline_ms, int stop_fd, struct dmm_tls_end *end,
			  char why[DMM_KEYS_WHY])
{
	const struct world_sock *sock = world_sock_of(*fd);
	u8 secret[DMM_KEY_SECRET_BYTES];
	struct conn *c = conns;

	(void)deadline_ms;
	(void)stop_fd;
	while (c->sock != sock)
		fuzz_assert(++c < conns + CONNS);
	memset(end, 0, sizeof(*end));
	end->by_key = c->kind == KIND_KEY;
	if (!end->by_key) {
		snprintf(end->who.name, sizeof(end->who.name), "%s", c->kind == KIND_PEER_A ? "a" : "b");
		end->who.pin.sha256[0] = c->kind;
		return 0;
	}
	snprintf(why, DMM_KEYS_WHY, "no such key");
	if (s->find(s->ctx, key_identity, secret))
		return -EACCES;
	return s->use(s->ctx, key_identity) ? -EACCES : 0;
}

/* --- files --- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	return f->level ? remove(path) : 0;
}

static void empty_dir(const char *dir)
{
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void fuzz_cleanup(void)
{
	unlink(sr_place);
	rmdir(outside);
	empty_dir(top);
	rmdir(top);
}

/* The first destination, zeros. */
static void make_dest(void)
{
	char path[96];
	FILE *f;

	snprintf(path, sizeof(path), "%s/a", disks);
	f = fopen(path, "we");
	fuzz_assert(f && !ftruncate(fileno(f), DEST_BYTES) && !fclose(f));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct rlimit limit = { MAX_FILE_BYTES, MAX_FILE_BYTES };
	struct dmm_config c = {
		.engine = dmm_engine_find("inline"), .buffer_bytes = 4 << 20, .max_disks = 4,
		.handshake_ms = 10000, .stall_ms = 60000, .ack_ms = 30000,
	};
	unsigned int i;

	(void)argc;
	(void)argv;
	fuzz_assert(!setrlimit(RLIMIT_FSIZE, &limit));
	fuzz_dir(top, sizeof(top));
	atexit(fuzz_cleanup);
	snprintf(disks, sizeof(disks), "%s/disks", top);
	snprintf(state, sizeof(state), "%s/state", top);
	fuzz_assert(!mkdir(disks, 0700) && !mkdir(state, 0700));
	c.allow = calloc(1, sizeof(*c.allow));
	fuzz_assert(c.allow && asprintf(&c.allow[0], "%s/*", disks) > 0);
	c.nr_allow = 1;
	strcpy(outside, "/tmp/dmm-fuzz.XXXXXX");
	fuzz_assert(mkdtemp(outside));
	snprintf(sr_place, sizeof(sr_place), "%s/sr", outside);
	fuzz_assert(!symlink(disks, sr_place));
	c.srs = calloc(2, sizeof(*c.srs));
	fuzz_assert(c.srs && asprintf(&c.srs[0], "other=dir:%s b", sr_place) > 0 && asprintf(&c.srs[1], "fast=dir:%s", sr_place) > 0);
	c.nr_srs = 2;
	strcpy(c.guests, " a b");
	world_enter();
	fuzz_assert(!dmm_receiver_init(&rc, &c));
	for (i = 0; i < sizeof(rc.instance); i++)	/* random, it would be in no token that the corpus knows */
		rc.instance[i] = 0x40 + i;
	dmm_registry_exit(&rc.registry);
	dmm_keyring_init(&channel.keyring);
	world_leave();
	dmm_log_set_max(-1);
	return 0;
}

/* --- the receiver's life --- */

static void receiver_start(void)
{
	static char nobody;

	make_dest();
	toolstack_init(flags & WORLD_XL, flags & WORLD_PIDFD);
	dmm_registry_init(&rc.registry, flags & WORLD_CROWDED ? 1 : 4, &rc.allow);
	rc.max_sessions = flags & WORLD_CROWDED ? 2 : CONNS + 1;
	rc.max_silent = rc.max_sessions - 1;
	rc.engine_auto = flags & WORLD_ENGINE;
	/* that there are some is all that is looked at */
	channel.keys = flags & WORLD_TLS ? (struct dmm_keys *)&nobody : NULL;
	rc.channel = &channel;
	rc.migrations = NULL;
	if (!(flags & WORLD_GROUPS))
		return;
	fuzz_assert(!dmm_migrations_init(&migrations, state, &rc.registry, rc.instance, rc.boot, rc.stop_fd, NULL, state, true, state));
	rc.migrations = &migrations;
}

static void receiver_end(void)
{
	u64 until_ms = world_now_ms() + END_MS;
	eventfd_t ignored;

	while (dmm_receiver_sessions(&rc)) {
		fuzz_assert(world_sleep());	/* or somebody waits for what never comes */
		fuzz_assert(world_now_ms() < until_ms);
	}
	dmm_receiver_stop(&rc);
	world_settle();
	if (rc.migrations) {
		fuzz_assert(!dmm_migrations_await_proofs(&migrations, END_MS));
		dmm_migrations_exit(&migrations);
		empty_dir(state);
	}
	dmm_registry_exit(&rc.registry);
	if (channel.keyring.nr) {	/* it is large: otherwise it is as new */
		dmm_keyring_exit(&channel.keyring);
		dmm_keyring_init(&channel.keyring);
	}
	memset(key_identity, 0, sizeof(key_identity));
	memset(volume, 0, sizeof(volume));
	fuzz_assert(rc.pool->nr_free == rc.pool->total && !rc.pool->reserved && dmm_list_empty(&rc.silent));
	eventfd_read(rc.stop_fd, &ignored);
	empty_dir(disks);
}

/* --- the peers --- */

/* What was said to it: frames that are whole, from ATTACHED on acknowledgements, and from GUEST_OK on what the receiver said. */
static void check_heard(const struct conn *c)
{
	size_t bytes, at = 0;
	const u8 *heard = world_heard(c->sock, &bytes);
	bool attached = false, guest = false;
	struct dmm_wire_hdr hdr;
	struct dmm_wire_ack ack;
	const char *why = NULL;
	struct dmm_frame f;
	struct dmm_ack a;
	u64 seq = 0;

	while (!attached && !guest && bytes - at >= sizeof(hdr)) {
		memcpy(&hdr, heard + at, sizeof(hdr));
		fuzz_assert(!dmm_wire_hdr_decode(&hdr, &f, &why) && f.seq == ++seq);
		if (bytes - at - sizeof(hdr) < f.payload_bytes)
			break;
		at += sizeof(hdr);
		fuzz_assert(dmm_wire_crc_ok(&f, dmm_crc32c(dmm_wire_hdr_crc(&hdr), heard + at, f.payload_bytes)));
		if (f.type == DMM_MSG_KEY_OK)
			memcpy(key_identity, ((const struct dmm_wire_key_ok *)(heard + at))->identity, sizeof(key_identity));
		if (f.type == DMM_MSG_VOLUME_OK)
			memcpy(volume, ((const struct dmm_wire_volume_ok *)(heard + at))->path, sizeof(volume) - 1);
		at += f.payload_bytes;
		attached = f.type == DMM_MSG_ATTACHED;
		guest = f.type == DMM_MSG_GUEST_OK;
	}
	if (guest) {
		toolstack_check(c->sock, heard + at, bytes - at);
		return;
	}
	for (; attached && bytes - at >= sizeof(ack); at += sizeof(ack)) {
		memcpy(&ack, heard + at, sizeof(ack));
		fuzz_assert(!dmm_wire_ack_decode(&ack, &a));
	}
	fuzz_assert(at == bytes || c->deaf);
}

static struct conn *conn_get(unsigned int i, enum kind kind, unsigned int *opened)
{
	struct conn *c = &conns[i];
	int fd;

	if (c->sock && world_sock_closed(c->sock)) {
		check_heard(c);
		world_sock_free(c->sock);
		c->sock = NULL;
	}
	if (c->sock)
		return c;
	if (++*opened > MAX_OPENED)
		return NULL;
	memset(c, 0, sizeof(*c));
	c->kind = kind;
	c->sock = world_sock_new(&fd);
	/* two of them come from one address */
	dmm_session_start(&rc, fd, i & 1 ? "fuzz:1" : "[::1]:7790", kind == KIND_LOCAL,
			  dmm_now_ms() + rc.handshake_ms);
	return c;
}

/* Paths that the receiver allows are not known to the corpus: "@x" is x in their directory, "@@" a volume that was made. */
static void fix_dest(struct dmm_wire_prepare *w)
{
	char name[16];

	if (w->dest_path[0] != '@')
		return;
	memcpy(name, w->dest_path + 1, sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memset(w->dest_path, 0, sizeof(w->dest_path));
	if (name[0] == '@')
		snprintf((char *)w->dest_path, sizeof(w->dest_path), "%s", volume);
	else
		snprintf((char *)w->dest_path, sizeof(w->dest_path), "%s/%s", disks, name[0] ? name : "a");
}

/* A frame of the record's: what it took. */
static size_t say_frame(struct conn *c, const u8 *data, size_t size, bool raw)
{
	enum dmm_sum_kind kind;
	struct dmm_wire_hdr hdr;
	size_t bytes;
	u8 *payload;
	u16 type;

	if (size < sizeof(hdr)) {
		world_say(c->sock, data, size);
		return size;
	}
	memcpy(&hdr, data, sizeof(hdr));
	type = le16_to_cpu(hdr.type);
	size -= sizeof(hdr);
	bytes = le32_to_cpu(hdr.payload_bytes);
	if (bytes > size)
		bytes = size;
	payload = fuzz_copy(data + sizeof(hdr), bytes);
	if (type == DMM_MSG_PREPARE && bytes == sizeof(struct dmm_wire_prepare))
		fix_dest((struct dmm_wire_prepare *)payload);
	if (type == DMM_MSG_HELLO && bytes == sizeof(struct dmm_wire_hello))
		c->sums = dmm_sum_kind(le64_to_cpu(((struct dmm_wire_hello *)payload)->features));
	if (!raw) {
		hdr.magic = cpu_to_le32(DMM_WIRE_MAGIC);
		hdr.seq = cpu_to_le64(++c->seq);
		hdr.payload_bytes = cpu_to_le32(bytes);
		hdr.crc = 0;
		kind = type == DMM_MSG_DATA ? c->sums : DMM_SUM_CRC32C;
		dmm_wire_hdr_seal(&hdr, dmm_sum_frame(kind, dmm_wire_hdr_crc(&hdr), dmm_sum(kind, 0, payload, bytes), bytes));
	}
	world_say(c->sock, &hdr, sizeof(hdr));
	world_say(c->sock, payload, bytes);
	free(payload);
	if (type == DMM_MSG_ATTACH && !c->data) {	/* numbers begin anew */
		c->data = true;
		c->seq = 0;
	}
	return sizeof(hdr) + bytes;
}

static void receiver_sleep(void)
{
	world_sleep();
	/* what main does every now and then */
	dmm_registry_expire(&rc.registry, 1000);
	if (rc.migrations)
		dmm_migrations_tick(rc.migrations);
}

/* Until all wait, after @c (NULL: somebody else) has said something. */
static void settle(const struct conn *c)
{
	unsigned int i;

	world_settle();
	for (i = 0; i < CONNS; i++) {
		if (conns[i].sock && (&conns[i] == c || (flags & WORLD_XL)))
			check_heard(&conns[i]);
	}
	toolstack_check_gates(rc.migrations);
}

static size_t one_record(const u8 *data, size_t size, unsigned int *opened)
{
	u8 what = data[0];
	struct conn *c;
	size_t n;

	if (what == REC_STOP) {
		dmm_receiver_stop(&rc);
		world_settle();
		return 1;
	}
	if ((flags & WORLD_XL) && (what & REC_CONN) == CONNS - 1) {
		n = toolstack_record(data + 1, size - 1, what & REC_STDERR, what & REC_DEAF, what & REC_END);
		settle(NULL);
		return 1 + n;
	}
	c = conn_get(what & REC_CONN, (what & REC_KIND) >> 4, opened);
	if (!c)
		return size;
	if (what & REC_DEAF) {
		world_deafen(c->sock);
		c->deaf = true;
	}
	n = say_frame(c, data + 1, size - 1, what & REC_RAW);
	if (what & REC_END)
		world_say_end(c->sock);
	settle(c);
	return 1 + n;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	unsigned int i, opened = 0, sleeps = 0;
	size_t n;

	if (!size)
		return 0;
	signal(SIGXFSZ, SIG_IGN);	/* libFuzzer's handler comes after our init */
	flags = data[0];
	memset(conns, 0, sizeof(conns));
	world_enter();
	receiver_start();
	for (data++, size--; size; data += n, size -= n) {
		if (data[0] != REC_STOP && (data[0] & REC_SLEEP) && sleeps++ < MAX_SLEEPS)
			receiver_sleep();
		n = one_record(data, size, &opened);
	}
	for (i = 0; i < CONNS; i++) {
		if (conns[i].sock && (flags & WORLD_XL) && conns[i].deaf)	/* what comes from a guest's receiver is not given up in time */
			world_hang_up(conns[i].sock);
		else if (conns[i].sock)
			world_say_end(conns[i].sock);
	}
	toolstack_over();
	settle(NULL);
	receiver_end();
	for (i = 0; i < CONNS; i++) {
		if (!conns[i].sock)
			continue;
		check_heard(&conns[i]);
		world_sock_free(conns[i].sock);
	}
	toolstack_exit();
	world_leave();
	return 0;
}
