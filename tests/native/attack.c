// SPDX-License-Identifier: GPL-2.0
/*
 * attack HOST:PORT KEYS FILE TRIES SEED [relay|kernel [DEVICE]]: a source that speaks to a receiver through somebody who alters
 * what passes; by that carrier, and of DEVICE, which has a table of the module, the module is the one that ships.  TRIES: how many,
 * or FIRST-LAST: what a try does is up to the seed and its number alone.
 *
 * attack HOST:PORT between PORT TRIES SEED: none of its own, but stands between others, until so many faults have come to pass; says
 * so, and disturbs nobody from then on.
 *
 * Each try of the former prepares FILE, has a key made, ships some blocks on a data connection and wants them flushed; on one
 * of the two connections, in one direction, a record is altered, dropped, doubled, changed places with the next, cut off, or all that
 * a former source has said is said once more.  Nothing of a connection may count from there on: who asks or ships must not be told that
 * all is well, and FILE never has a byte that was not sent to that place.  Every eighth try is left alone, and has to come to its end.
 *
 * DMM_ATTACK_IDLE=1: flips flip nothing.  That has to be reported as something that was accepted.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attack.h"
#include "crc32c.h"
#include "fullio.h"
#include "wireio.h"
#include <dmmigrate/uapi.h>

#define SPOILT_MS	300	/* for an answer that may never come */
#define ATTACK_KEYS_MS	40000	/* keys that nobody uses are gone by then (doc/protocol.rst) */

static struct attack_plan *plan[2];	/* of the control and of the data connection */
static enum dmm_tls_carrier carrier = DMM_TLS_RELAY;
static const char *device;		/* the module's; NULL: we ship ourselves */
static u8 migration[DMM_ID_BYTES];

static struct dmm_target to;
static struct dmm_keys *keys;
static const char *file;
static u8 version[ATTACK_BLOCKS];		/* of what was sent for a block last */
static u64 seed, rnd, first_epoch;	/* of connections: newer than those of another run */
static bool idle;
static u32 tries[NR_FAULTS], happened[NR_FAULTS], passed[NR_FAULTS];

void attack_die(const char *fmt, ...)
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

void attack_fill(u8 *p, u32 block, u8 v)
{
	u32 i;

	for (i = 0; i < ATTACK_BLOCK; i++)
		p[i] = (u8)(block * 31 + v * 17 + i + (i >> 8));
}

/* What is drawn from now on is that of a try. */
static void begin_try(u32 nr)
{
	rnd = (seed + 1) * 0x9e3779b97f4a7c15ull ^ (nr + 1) * 0xbf58476d1ce4e5b9ull;
	rnd = (rnd ^ rnd >> 31) * 0x94d049bb133111ebull;
}

/* --- the source --- */

static int patience(void)
{
	return plan[0]->fault == NONE && plan[1]->fault == NONE ? ATTACK_WAIT_MS : SPOILT_MS;
}

static int request(struct dmm_client *c, u16 type, const void *p, u32 bytes, u16 expect, void *reply, u32 reply_bytes)
{
	struct dmm_wire_refuse refuse;
	int ret = dmm_client_request(c, type, p, bytes, expect, reply, reply_bytes, &refuse);

	if (ret != -EREMOTEIO)
		return ret;
	if (le32_to_cpu(refuse.code) == DMM_WERR_BUSY || le32_to_cpu(refuse.code) == DMM_WERR_LIMIT)
		return -EBUSY;
	if (plan[0]->state == PLAN_WAITS && plan[1]->state == PLAN_WAITS)
		attack_die("refused, and nothing was altered: %s", refuse.text);
	return ret;
}

static int open_by(const struct dmm_tls_key *key, struct dmm_client *c, struct dmm_wire_hello_ok *ok)
{
	struct attack_plan *of = plan[key ? 1 : 0];
	const struct dmm_tls_client tls = { .keys = keys, .key = key, .carrier = carrier };
	struct dmm_wire_refuse refuse;
	int ret = dmm_client_connect("127.0.0.1", attack_proxy_once(of), patience(), &tls, c);

	if (ret)
		return ret;
	c->timeout_ms = patience();
	c->features = 0;
	return dmm_client_hello(c, "attack", ok, &refuse);
}

static int prepare(struct dmm_client *c)
{
	struct dmm_wire_prepare w;
	struct dmm_wire_prepared ok;

	memset(&w, 0, sizeof(w));
	memcpy(w.id.migration, migration, sizeof(migration));
	w.size_bytes = cpu_to_le64(ATTACK_BLOCKS * ATTACK_BLOCK);
	w.block_bytes = cpu_to_le32(ATTACK_BLOCK);
	w.lbs_bytes = cpu_to_le32(512);
	w.conns = cpu_to_le32(1);
	w.flags = cpu_to_le32(DMM_PREPARE_OVERWRITE);
	dmm_text_put(w.source_identity, sizeof(w.source_identity), "attack");
	dmm_text_put(w.source_host, sizeof(w.source_host), "attack");
	dmm_text_put(w.source_path, sizeof(w.source_path), "/attack");
	dmm_text_put(w.dest_path, sizeof(w.dest_path), file);
	return request(c, DMM_MSG_PREPARE, &w, sizeof(w), DMM_MSG_PREPARED, &ok, sizeof(ok));
}

static int ask_key(struct dmm_client *c, const struct dmm_wire_attach *at, struct dmm_tls_key *key)
{
	struct dmm_wire_key_ok ok;
	int ret = request(c, DMM_MSG_KEY, at, sizeof(*at), DMM_MSG_KEY_OK, &ok, sizeof(ok));

	if (ret)
		return ret;
	memcpy(key->identity, ok.identity, sizeof(key->identity));
	memcpy(key->secret, ok.secret, sizeof(key->secret));
	return 0;
}

/* The receiver may be at work still on what earlier tries have left, or keep their keys for a while: "try again". */
static int open_control(struct dmm_client *control, struct dmm_wire_hello_ok *hello, const struct dmm_wire_attach *at,
			struct dmm_tls_key *key)
{
	u64 until_ms = dmm_now_ms() + ATTACK_KEYS_MS;
	int ret;

	for (;;) {
		ret = open_by(NULL, control, hello);
		if (!ret)
			ret = prepare(control);
		if (!ret)
			ret = ask_key(control, at, key);
		if (ret != -EBUSY)
			return ret;
		if (dmm_now_ms() >= until_ms)
			attack_die("refused: it stays busy");
		dmm_client_close(control);
		poll(NULL, 0, 50);
	}
}

static int send_frame(struct dmm_client *c, u64 seq, u32 block, const u8 *payload)
{
	struct dmm_frame f = { .type = payload ? DMM_MSG_DATA : DMM_MSG_BARRIER, .seq = seq };
	struct dmm_wire_hdr hdr;
	struct iovec iov[2] = { { &hdr, sizeof(hdr) }, { (void *)payload, payload ? ATTACK_BLOCK : 0 } };
	u32 crc;

	f.offset_bytes = payload ? (u64)block * ATTACK_BLOCK : 0;
	f.arg = payload ? 0 : seq / (ATTACK_FRAMES + 1);	/* barriers are counted from 1 */
	f.payload_bytes = payload ? ATTACK_BLOCK : 0;
	dmm_wire_hdr_encode(&hdr, &f);
	crc = dmm_wire_hdr_crc(&hdr);
	if (payload)
		crc = dmm_crc32c(crc, payload, ATTACK_BLOCK);
	dmm_wire_hdr_seal(&hdr, crc);
	return dmm_sock_writev(c->fd, iov, 2, dmm_now_ms() + ATTACK_WAIT_MS, -1);
}

static int ship_by_module(void)
{
	u32 i, block;

	for (i = 0; i < ATTACK_FRAMES; i++) {
		block = below(ATTACK_BLOCKS);
		attack_module_write(block, ++version[block]);
	}
	return attack_module_arrive(patience());
}

/* Ships blocks, after those of so many @rounds, and has them flushed. 0: every one was acknowledged, and the flush. */
static int ship(struct dmm_client *c, u32 rounds)
{
	u64 seq = (u64)rounds * (ATTACK_FRAMES + 1);
	struct dmm_wire_ack w;
	struct dmm_ack a;
	u8 buf[ATTACK_BLOCK];
	u32 i, block;
	int ret = 0;

	if (device)
		return ship_by_module();
	for (i = 0; i < ATTACK_FRAMES && !ret; i++) {
		block = below(ATTACK_BLOCKS);
		attack_fill(buf, block, ++version[block]);
		ret = send_frame(c, ++seq, block, buf);
	}
	if (!ret)
		ret = send_frame(c, ++seq, 0, NULL);
	for (i = 0; i <= ATTACK_FRAMES && !ret; i++) {
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
	u8 is[ATTACK_BLOCK], marker[ATTACK_BLOCK];
	bool taken = false;
	u32 block;
	int fd = open(file, O_RDWR | O_CLOEXEC);

	for (block = 0; block < ATTACK_BLOCKS; block++) {
		attack_fill(marker, block, ++version[block]);
		if (dmm_pwrite_full(fd, marker, ATTACK_BLOCK, (u64)block * ATTACK_BLOCK))
			attack_die("cannot write %s", file);
	}
	p.fd = attack_connect_receiver();
	if (p.fd < 0)
		attack_die("cannot connect to the receiver");
	attack_put(p.fd, attack_kept, attack_kept_bytes);
	while (poll(&p, 1, ATTACK_WAIT_MS) > 0 && recv(p.fd, is, sizeof(is), 0) > 0)
		;
	close(p.fd);
	for (block = 0; block < ATTACK_BLOCKS; block++) {
		attack_fill(marker, block, version[block]);
		if (dmm_pread_full(fd, is, ATTACK_BLOCK, (u64)block * ATTACK_BLOCK))
			attack_die("cannot read %s", file);
		taken |= memcmp(is, marker, ATTACK_BLOCK);
		if (device)	/* which has something else there */
			attack_module_write(block, version[block]);
	}
	close(fd);
	return taken;
}

/* Each block is one that was sent for its place, or from the beginning; @latest: the last one. */
static void check_file(u32 nr, bool latest)
{
	u8 is[ATTACK_BLOCK], was[ATTACK_BLOCK];
	u32 block, v;
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	for (block = 0; block < ATTACK_BLOCKS; block++) {
		if (dmm_pread_full(fd, is, ATTACK_BLOCK, (u64)block * ATTACK_BLOCK))
			attack_die("cannot read %s", file);
		for (v = 0; v < 256; v++) {
			attack_fill(was, block, (u8)(version[block] - v));
			if (!memcmp(is, was, ATTACK_BLOCK))
				break;
		}
		if (v == 256)
			attack_die("try %u: block %u has something that nobody has sent", nr, block);
		if (v && latest)
			attack_die("try %u: block %u is not what was written there last", nr, block);
	}
	close(fd);
}

static void make_plan(enum fault fault, int which)
{
	int i;

	for (i = 0; i < 2; i++) {
		attack_plan_put(plan[i]);
		plan[i] = attack_plan_new();
	}
	plan[which]->up = below(2);
	plan[which]->head = !below(4);
	plan[which]->idle = idle;
	plan[which]->seed = below(1u << 30);
	/* the first frame of a disk that is moved has all of it, the rest of the records go by one each */
	plan[which]->record = below(which ? device && plan[which]->up ? 40 : 12 : 7);
	plan[which]->fault = fault == REPLAY ? NONE : fault;
	plan[which]->keep = fault == REPLAY;
	if (fault == REPLAY)
		attack_kept_bytes = 0;
}

/* Has it come to pass, and whole? */
static bool came(struct attack_plan *p)
{
	while (p->state == PLAN_PUTS)
		usleep(200);
	return p->state == PLAN_DONE;
}

__attribute__((noreturn))
static void die_of(u32 nr, int which, const char *what)
{
	const struct attack_plan *p = plan[which];
	char at[60] = "";

	if (p->fault == FLIP)
		snprintf(at, sizeof(at), ", byte %u, bit %u", p->at, p->bit);
	attack_die("try %u of seed %llu, %s on the %s connection, record %u %s, type %u, %u bytes%s: %s; "
		   "once more: DMM_TRIES=%u-%u DMM_SEED=%llu", nr, seed, attack_fault_names[p->fault], which ? "data" : "control", p->record, p->up ? "up" : "down", p->type,
		   p->bytes, at, what, nr, nr, seed);
}

static void one_try(u32 nr)
{
	enum fault fault = nr % 8 ? 1 + (nr - nr / 8) % (NR_FAULTS - 1) : NONE;	/* each as often */
	struct dmm_client control = { .fd = -1 }, data = { .fd = -1 };
	struct dmm_wire_hello_ok hello;
	struct dmm_wire_attach at;
	struct dmm_tls_key key;
	bool shipping = false;
	int which, ret;

	begin_try(nr);
	which = fault == REPLAY ? 1 : (int)below(2);
	make_plan(fault, which);
	tries[fault]++;
	memset(&at, 0, sizeof(at));
	memcpy(at.id.migration, migration, sizeof(migration));
	at.conn_epoch = cpu_to_le64(first_epoch + nr);
	at.conns = cpu_to_le32(1);
	ret = open_control(&control, &hello, &at, &key);
	if (!ret)
		ret = open_by(&key, &data, &hello);
	if (!ret)
		ret = request(&data, DMM_MSG_ATTACH, &at, sizeof(at), DMM_MSG_ATTACHED, NULL, 0);
	if (!ret && device) {
		shipping = true;
		ret = attack_module_begin(data.fd, first_epoch + nr, data.tls.kernel ? DMM_SECURITY_TLS : DMM_SECURITY_RELAY, &hello);
	}
	if (!ret)
		ret = ship(&data, 0);
	/* what was wanted had come when it happened, perhaps: then nothing does any more */
	if (!ret && came(plan[which])) {
		ret = which ? ship(&data, 1) : ask_key(&control, &at, &key);
		if (!ret || ret == -EBUSY)	/* which is an answer */
			die_of(nr, which, "accepted");
	}
	if (ret && plan[which]->fault == NONE)
		attack_die("try %u of seed %llu, %s: nothing was altered, and it ends with %d: %s %s", nr, seed, attack_fault_names[fault],
			   ret, control.why ? control.why : "", data.why ? data.why : "");
	passed[fault] += !ret;
	happened[fault] += came(plan[which]) || fault == REPLAY;
	dmm_client_close(&control);
	dmm_client_close(&data);
	if (shipping)
		attack_module_end();
	check_file(nr, device && !ret && fault == NONE);
	if (fault == REPLAY && replayed())
		attack_die("try %u of seed %llu: what was said once was taken twice", nr, seed);
	check_file(nr, false);
}

static void fill_disk(void)
{
	u8 buf[ATTACK_BLOCK];
	u32 i;
	int fd = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	for (i = 0; i < ATTACK_BLOCKS; i++) {
		attack_fill(buf, i, 0);
		if (dmm_pwrite_full(fd, buf, ATTACK_BLOCK, (u64)i * ATTACK_BLOCK))
			attack_die("cannot write %s", file);
		if (device)
			attack_module_write(i, 0);
	}
	close(fd);
}

/* --- between others --- */

static atomic_uint faults_left;

/* Most of what is said is data; what is said on other connections comes early. */
static struct attack_plan *plan_between(void)
{
	struct attack_plan *next = attack_plan_new();

	next->up = below(3);
	next->seed = below(1u << 30);
	next->record = below(below(2) ? 8 : next->up ? 400 : 40);
	next->patience_ms = SPOILT_MS;
	next->fault = 1 + below(REPLAY - 1);
	next->left = &faults_left;
	return next;
}

static void stand_between(const char *port, u64 n)
{
	u64 at;

	if (dmm_parse_u64(port, 1, 65535, &at))
		attack_die("%s is no port", port);
	faults_left = (unsigned int)n;
	attack_proxy_open((u16)at, plan_between);
	while (faults_left)
		usleep(20000);
	puts("so many faults have come to pass");
	fflush(stdout);
	for (;;)
		pause();
}

/* "400" or "7-9" */
static bool parse_tries(char *text, u64 *first, u64 *last)
{
	char *dash = strchr(text, '-');

	*first = 1;
	if (dash)
		*dash = '\0';
	if (dash && dmm_parse_u64(text, 1, 10000000, first))
		return false;
	return !dmm_parse_u64(dash ? dash + 1 : text, *first, 10000000, last);
}

int main(int argc, char **argv)
{
	char target[600], why[DMM_KEYS_WHY];
	u64 first, last;
	u32 i;

	signal(SIGPIPE, SIG_IGN);
	if (argc < 6 || argc > 8 || !parse_tries(argv[4], &first, &last) || dmm_parse_u64(argv[5], 0, ~0ull, &seed) ||
	    (argc > 6 && dmm_tls_carrier_parse(argv[6], &carrier)))
		attack_die("HOST:PORT KEYS FILE TRIES SEED [CARRIER [DEVICE]], or HOST:PORT between PORT TRIES SEED");
	file = argv[3];
	rnd = seed;
	first_epoch = dmm_now_ms();
	idle = getenv("DMM_ATTACK_IDLE");
	if (argc > 7)
		device = argv[7];
	migration[15] = device ? 2 : 1;
	snprintf(target, sizeof(target), "%s:/%s", argv[1], file);
	if (dmm_parse_target(target, &to, NULL))
		attack_die("%s is no target", target);
	attack_proxy_to(&to);
	if (!strcmp(argv[2], "between"))
		stand_between(argv[3], last);
	if (dmm_keys_load(argv[2], &keys, why))
		attack_die("%s", why);
	if (device)
		attack_module_open(device, migration);
	fill_disk();
	for (i = (u32)first; i <= last; i++)
		one_try(i);
	for (i = 0; i < NR_FAULTS; i++)
		printf("%s %u, of which %u came to pass, %u ended as if nothing had been\n", attack_fault_names[i], tries[i],
		       happened[i], passed[i]);
	return 0;
}
