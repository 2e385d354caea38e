// SPDX-License-Identifier: GPL-2.0
/*
 * attack HOST:PORT KEYS FILE TRIES SEED: a source that speaks to a receiver through somebody who alters what passes.
 *
 * Each try prepares FILE, has a key made, ships some blocks on a data connection and wants them flushed; on one
 * of the two connections, in one direction, a record is altered, dropped, doubled, changed places with the next, cut off, or all that
 * a former source has said is said once more.  Nothing of a connection may count from there on: who has shipped must not be told that
 * all is well, and FILE never has a byte that was not sent to that place.  Every eighth try is left alone, and has to come to its end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crc32c.h"
#include "fullio.h"
#include "parse.h"
#include "wireio.h"

#define WAIT_MS		10000
#define SPOILT_MS	300	/* for an answer that may never come */
#define TYPE_CCS	20	/* of TLS 1.3 nobody looks at what that says */
#define TYPE_DATA	23
#define BLOCK		4096u
#define BLOCKS		64u
#define FRAMES		8u
#define RECORD_MAX	(5 + 16384 + 256)
#define KEPT_MAX	(1u << 18)

enum fault { NONE, FLIP, DROP, DOUBLE, SWAP, CUT, REPLAY, NR_FAULTS };
static const char *const fault_names[] = { "none", "flip", "drop", "double", "swap", "cut", "replay" };

/* What becomes of one connection that comes to the proxy; set before it is made. */
static struct {
	enum fault fault;
	bool up;		/* of what the source says; else of what the receiver says */
	unsigned int record;	/* which one of that direction */
	unsigned int seed;
	atomic_bool done;	/* it has come to pass */
	bool keep;		/* what the source says, for a later REPLAY */
} plan[2];			/* of the control and of the data connection */
static atomic_int accepted;
static u8 kept[KEPT_MAX];
static size_t kept_bytes;

static struct dmm_target to;
static struct dmm_keys *keys;
static const char *file;
static int proxy_fd;
static u16 proxy_port;
static u8 version[BLOCKS];		/* of what was sent for a block last */
static u64 rnd;
static u32 tries[NR_FAULTS], passed[NR_FAULTS];

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("attack: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	exit(1);
}

static u32 below(u32 n)
{
	rnd = rnd * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(rnd >> 33) % n;
}

static void fill(u8 *p, u32 block, u8 v)
{
	u32 i;

	for (i = 0; i < BLOCK; i++)
		p[i] = (u8)(block * 31 + v * 17 + i + (i >> 8));
}

/* --- who alters --- */

struct half {
	int from, to;
	bool up;
	int which;
	u8 record[RECORD_MAX], next[RECORD_MAX];
};

static bool get_record(int fd, u8 *p, size_t *bytes)
{
	size_t n;

	if (dmm_sock_read(fd, p, 5, DMM_NO_DEADLINE, -1))
		return false;
	n = (size_t)(p[3] << 8 | p[4]);
	*bytes = 5 + n;
	return n <= RECORD_MAX - 5 && !dmm_sock_read(fd, p + 5, n, DMM_NO_DEADLINE, -1);
}

static bool put(int fd, const u8 *p, size_t bytes)
{
	return !dmm_sock_write(fd, p, bytes, dmm_now_ms() + WAIT_MS, -1);
}

/* The record that the plan is about. False: nothing more passes. */
static bool spoil(struct half *h, size_t bytes)
{
	size_t more, at;

	plan[h->which].done = true;
	switch (plan[h->which].fault) {
	case FLIP:
		/* anything of it but its length, which would only have the rest waited for; in the clear nobody heeds the header */
		at = plan[h->which].seed % bytes;
		if (at < 5 && (h->record[0] != TYPE_DATA || at >= 3))
			at = 5;
		h->record[at] ^= (u8)(1u << (plan[h->which].seed >> 8) % 8);
		return put(h->to, h->record, bytes);
	case DROP:
		return true;
	case DOUBLE:
		return put(h->to, h->record, bytes) && put(h->to, h->record, bytes);
	case SWAP:
		return get_record(h->from, h->next, &more) && put(h->to, h->next, more) && put(h->to, h->record, bytes);
	case CUT:
		put(h->to, h->record, bytes / 2);
		return false;
	default:
		return put(h->to, h->record, bytes);
	}
}

static void *half_thread(void *arg)
{
	struct half *h = arg;
	unsigned int nr = 0;
	size_t bytes;
	bool go = true;

	while (go && get_record(h->from, h->record, &bytes)) {
		if (h->record[0] == TYPE_CCS) {
			go = put(h->to, h->record, bytes);
			continue;
		}
		if (plan[h->which].keep && h->up && kept_bytes + bytes <= KEPT_MAX) {
			memcpy(kept + kept_bytes, h->record, bytes);
			kept_bytes += bytes;
		}
		if (h->up == plan[h->which].up && plan[h->which].fault != NONE && nr == plan[h->which].record)
			go = spoil(h, bytes);
		else
			go = put(h->to, h->record, bytes);
		nr++;
	}
	shutdown(h->to, SHUT_WR);
	shutdown(h->from, SHUT_RD);
	return NULL;
}

static int connect_receiver(void)
{
	struct dmm_client c;

	if (dmm_client_connect(to.host, to.port, WAIT_MS, NULL, &c))
		die("cannot connect to the receiver");
	return c.fd;
}

static void *pass_thread(void *arg)
{
	struct half h[2] = { { .up = true, .which = (int)(intptr_t)arg >> 16 }, { .which = (int)(intptr_t)arg >> 16 } };
	int client = (int)(intptr_t)arg & 0xffff, server = connect_receiver();
	pthread_t other;

	h[0].from = h[1].to = client;
	h[0].to = h[1].from = server;
	pthread_create(&other, NULL, half_thread, &h[1]);
	half_thread(&h[0]);
	pthread_join(other, NULL);
	close(client);
	close(server);
	return NULL;
}

static void *proxy_thread(void *arg)
{
	pthread_t t;
	int fd, which;

	(void)arg;
	for (;;) {
		fd = accept(proxy_fd, NULL, NULL);
		if (fd < 0)
			continue;
		which = atomic_fetch_add(&accepted, 1);
		pthread_create(&t, NULL, pass_thread, (void *)(intptr_t)(fd | (which ? 1 << 16 : 0)));
		pthread_detach(t);
	}
	return NULL;
}

static void proxy_open(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	pthread_t t;

	proxy_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(proxy_fd, (struct sockaddr *)&a, sizeof(a)) || listen(proxy_fd, 16) ||
	    getsockname(proxy_fd, (struct sockaddr *)&a, &len) || pthread_create(&t, NULL, proxy_thread, NULL))
		die("no proxy: %s", strerror(errno));
	proxy_port = ntohs(a.sin_port);
}

/* --- the source --- */

static int patience(void)
{
	return plan[0].fault == NONE && plan[1].fault == NONE ? WAIT_MS : SPOILT_MS;
}

static int request(struct dmm_client *c, u16 type, const void *p, u32 bytes, u16 expect, void *reply, u32 reply_bytes)
{
	struct dmm_wire_refuse refuse;
	int ret = dmm_client_request(c, type, p, bytes, expect, reply, reply_bytes, &refuse);

	if (ret == -EREMOTEIO && plan[0].fault == NONE && plan[1].fault == NONE)
		die("refused: %s", refuse.text);
	return ret;
}

static int open_by(const struct dmm_tls_key *key, struct dmm_client *c)
{
	const struct dmm_tls_client tls = { .keys = keys, .key = key, .carrier = DMM_TLS_RELAY };
	struct dmm_wire_hello_ok ok;
	struct dmm_wire_refuse refuse;
	int ret = dmm_client_connect("127.0.0.1", proxy_port, patience(), &tls, c);

	if (ret)
		return ret;
	c->timeout_ms = patience();
	c->features = 0;
	return dmm_client_hello(c, "attack", &ok, &refuse);
}

static int prepare(struct dmm_client *c)
{
	struct dmm_wire_prepare w;
	struct dmm_wire_prepared ok;

	memset(&w, 0, sizeof(w));
	w.id.migration[15] = 1;
	w.size_bytes = cpu_to_le64(BLOCKS * BLOCK);
	w.block_bytes = cpu_to_le32(BLOCK);
	w.lbs_bytes = cpu_to_le32(512);
	w.conns = cpu_to_le32(1);
	w.flags = cpu_to_le32(DMM_PREPARE_OVERWRITE);
	dmm_text_put(w.source_identity, sizeof(w.source_identity), "attack");
	dmm_text_put(w.source_host, sizeof(w.source_host), "attack");
	dmm_text_put(w.source_path, sizeof(w.source_path), "/attack");
	dmm_text_put(w.dest_path, sizeof(w.dest_path), file);
	return request(c, DMM_MSG_PREPARE, &w, sizeof(w), DMM_MSG_PREPARED, &ok, sizeof(ok));
}

static int send_frame(struct dmm_client *c, u64 seq, u32 block, const u8 *payload)
{
	struct dmm_frame f = { .type = payload ? DMM_MSG_DATA : DMM_MSG_BARRIER, .seq = seq };
	struct dmm_wire_hdr hdr;
	struct iovec iov[2] = { { &hdr, sizeof(hdr) }, { (void *)payload, payload ? BLOCK : 0 } };
	u32 crc;

	f.offset_bytes = payload ? (u64)block * BLOCK : 0;
	f.arg = payload ? 0 : seq / (FRAMES + 1);	/* barriers are counted from 1 */
	f.payload_bytes = payload ? BLOCK : 0;
	dmm_wire_hdr_encode(&hdr, &f);
	crc = dmm_wire_hdr_crc(&hdr);
	if (payload)
		crc = dmm_crc32c(crc, payload, BLOCK);
	dmm_wire_hdr_seal(&hdr, crc);
	return dmm_sock_writev(c->fd, iov, 2, dmm_now_ms() + WAIT_MS, -1);
}

/* Ships blocks, after those of so many @rounds, and has them flushed. 0: every one was acknowledged, and the flush. */
static int ship(struct dmm_client *c, u32 rounds)
{
	u64 seq = (u64)rounds * (FRAMES + 1);
	struct dmm_wire_ack w;
	struct dmm_ack a;
	u8 buf[BLOCK];
	u32 i, block;
	int ret = 0;

	for (i = 0; i < FRAMES && !ret; i++) {
		block = below(BLOCKS);
		fill(buf, block, ++version[block]);
		ret = send_frame(c, ++seq, block, buf);
	}
	if (!ret)
		ret = send_frame(c, ++seq, 0, NULL);
	for (i = 0; i <= FRAMES && !ret; i++) {
		ret = dmm_sock_read(c->fd, &w, sizeof(w), dmm_now_ms() + patience(), -1);
		if (!ret)
			ret = dmm_wire_ack_decode(&w, &a);
		if (!ret && a.status)
			ret = -EREMOTEIO;
	}
	return ret;
}

/*
 * What a data connection has said, once more, after something else was written to all of the blocks: has any of it been taken?
 */
static bool replayed(void)
{
	struct pollfd p = { .events = POLLIN };
	u8 is[BLOCK], marker[BLOCK];
	bool taken = false;
	u32 block;
	int fd = open(file, O_RDWR | O_CLOEXEC);

	for (block = 0; block < BLOCKS; block++) {
		fill(marker, block, ++version[block]);
		if (dmm_pwrite_full(fd, marker, BLOCK, (u64)block * BLOCK))
			die("cannot write %s", file);
	}
	p.fd = connect_receiver();
	put(p.fd, kept, kept_bytes);
	while (poll(&p, 1, WAIT_MS) > 0 && recv(p.fd, is, sizeof(is), 0) > 0)
		;
	close(p.fd);
	for (block = 0; block < BLOCKS; block++) {
		fill(marker, block, version[block]);
		if (dmm_pread_full(fd, is, BLOCK, (u64)block * BLOCK))
			die("cannot read %s", file);
		taken |= memcmp(is, marker, BLOCK);
	}
	close(fd);
	return taken;
}

/* Each block is one that was sent for its place, or from the beginning. */
static void check_file(u32 nr)
{
	u8 is[BLOCK], was[BLOCK];
	u32 block, v;
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	for (block = 0; block < BLOCKS; block++) {
		if (dmm_pread_full(fd, is, BLOCK, (u64)block * BLOCK))
			die("cannot read %s", file);
		for (v = 0; v < 256; v++) {
			fill(was, block, (u8)(version[block] - v));
			if (!memcmp(is, was, BLOCK))
				break;
		}
		if (v == 256)
			die("try %u: block %u has something that nobody has sent", nr, block);
	}
	close(fd);
}

static void one_try(u32 nr)
{
	enum fault fault = nr % 8 ? 1 + below(NR_FAULTS - 1) : NONE;
	int which = fault == REPLAY ? 1 : (int)below(2), ret;
	struct dmm_client control = { .fd = -1 }, data = { .fd = -1 };
	struct dmm_wire_key_ok ok;
	struct dmm_wire_attach at;
	struct dmm_tls_key key;
	bool came;

	memset(plan, 0, sizeof(plan));
	accepted = 0;
	plan[which].up = below(2);
	plan[which].seed = below(1u << 30);
	plan[which].record = below(which ? 12 : 7);
	plan[which].fault = fault == REPLAY ? NONE : fault;
	if (fault == REPLAY) {
		kept_bytes = 0;
		plan[which].keep = true;
	}
	tries[fault]++;
	memset(&at, 0, sizeof(at));
	at.id.migration[15] = 1;
	at.conn_epoch = cpu_to_le64(nr);
	at.conns = cpu_to_le32(1);
	ret = open_by(NULL, &control);
	if (!ret)
		ret = prepare(&control);
	if (!ret)
		ret = request(&control, DMM_MSG_KEY, &at, sizeof(at), DMM_MSG_KEY_OK, &ok, sizeof(ok));
	if (!ret) {
		memcpy(key.identity, ok.identity, sizeof(key.identity));
		memcpy(key.secret, ok.secret, sizeof(key.secret));
		ret = open_by(&key, &data);
	}
	if (!ret)
		ret = request(&data, DMM_MSG_ATTACH, &at, sizeof(at), DMM_MSG_ATTACHED, NULL, 0);
	if (!ret)
		ret = ship(&data, 0);
	came = plan[which].done;
	/* what was wanted had come when it happened, perhaps: then nothing does any more */
	if (!ret && came && which)
		ret = ship(&data, 1);
	if (ret && !came && plan[which].fault == NONE)
		die("try %u, %s: nothing was altered, and it ends with %d: %s %s", nr, fault_names[fault], ret,
		    control.why ? control.why : "", data.why ? data.why : "");
	/* what was altered on the control connection behind its last answer is nobody's loss */
	if (!ret && came && which)
		die("try %u, %s of record %u %s: accepted", nr, fault_names[fault], plan[which].record,
		    plan[which].up ? "up" : "down");
	passed[fault] += !ret;
	dmm_client_close(&control);
	dmm_client_close(&data);
	if (fault == REPLAY && replayed())
		die("try %u: what was said once was taken twice", nr);
	check_file(nr);
}

int main(int argc, char **argv)
{
	char target[600], why[DMM_KEYS_WHY];
	u64 n, seed;
	u8 buf[BLOCK];
	u32 i;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	if (argc != 6 || dmm_parse_u64(argv[4], 1, 10000000, &n) || dmm_parse_u64(argv[5], 0, ~0ull, &seed))
		die("HOST:PORT KEYS FILE TRIES SEED");
	file = argv[3];
	rnd = seed;
	snprintf(target, sizeof(target), "%s:%s", argv[1], file);
	if (dmm_parse_target(target, &to, NULL))
		die("%s is no target", target);
	if (dmm_keys_load(argv[2], &keys, why))
		die("%s", why);
	fd = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	for (i = 0; i < BLOCKS; i++) {
		fill(buf, i, 0);
		if (dmm_pwrite_full(fd, buf, BLOCK, (u64)i * BLOCK))
			die("cannot write %s", file);
	}
	close(fd);
	proxy_open();
	for (i = 0; i < n; i++)
		one_try(i + 1);
	for (i = 0; i < NR_FAULTS; i++)
		printf("%s %u, of which %u ended as if nothing had been\n", fault_names[i], tries[i], passed[i]);
	return 0;
}
