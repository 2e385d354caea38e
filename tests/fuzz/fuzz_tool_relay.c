// SPDX-License-Identifier: GPL-2.0
/*
 * Records of TLS, by a relay whose peer has the keys and lies: what is not wholly a record of data, sealed in its turn, ends the
 * connection, and nothing of it or of what comes after is passed on.  Both ways at once: what goes out is opened again.
 *
 * The input: a byte (1: sockets that take little; 2: pieces come by the dozen), then pieces: a byte that says of what kind, two that say
 * how long.  The peer and the local side say the next one, and take what there is, whenever the relay has nothing to do.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "fuzz.h"
#include "tls_priv.h"

#define ROOM		(256u << 10)	/* of what is said in a run */
#define MAX_POLLS	20000u		/* of a relay that gets nowhere */
#define TAG_BYTES	16u

enum kind {
	PIECE_DATA,		/* a record; the rest of the byte: how much padding */
	PIECE_RAW,		/* bytes of the input */
	PIECE_FLIPPED,		/* a record with a bit wrong */
	PIECE_OTHER,		/* a record of another type: the rest of the byte */
	PIECE_TWICE,		/* the record before */
	PIECE_LATER,		/* the record after the next */
	PIECE_LOCAL,		/* of the local side */
	PIECE_DEAF,		/* it takes nothing any more: 0 the local side, 1 the peer */
};

static const struct dmm_tls_secrets secrets = {
	.tx = { { 1 }, { 2 }, { 0, 0, 0, 0, 0, 0, 0, 3 } }, .rx = { { 4 }, { 5 }, { 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe } },
};
static u8 text[1 << 16], sealed[5 + (1 << 16) + 512];

static struct world {
	const u8 *data;
	size_t size;
	int net, local;			/* the relay's others */
	struct dmm_record tx, rx;	/* the peer's */
	size_t sealed_bytes;
	const u8 *rest;			/* of what the net, or the local side, has not taken yet */
	size_t rest_bytes;
	int rest_fd;
	u8 in[ROOM], out[ROOM];		/* what the local side, the peer have to get */
	u8 had_in[ROOM], had_out[2 * ROOM];
	size_t in_bytes, out_bytes, had_in_bytes, had_out_bytes;
	bool wrong, over, deaf_local, deaf_net;
	unsigned int polls, steps;	/* of the others at each */
} w;

/* Bytes that are no type, and no padding. */
static void fill_text(size_t at, size_t bytes)
{
	for (; bytes--; at++)
		text[at] = 'a' + at % 26;
}

/* As a peer would seal it, but for its type and padding. */
static void seal(size_t bytes, u8 type, size_t padding)
{
	size_t inner = bytes + 1 + padding, out = inner + TAG_BYTES;
	u8 nonce[12];
	unsigned int i;

	memcpy(nonce, w.tx.iv, sizeof(nonce));
	for (i = 0; i < 8; i++)
		nonce[4 + i] ^= (u8)(w.tx.seq >> (56 - 8 * i));
	w.tx.seq++;
	sealed[0] = 23;
	sealed[1] = 3;
	sealed[2] = 3;
	sealed[3] = (u8)(out >> 8);
	sealed[4] = (u8)out;
	memset(text + bytes, 0, 1 + padding);
	text[bytes] = type;
	fuzz_assert(!gnutls_aead_cipher_encrypt(w.tx.cipher, nonce, sizeof(nonce), sealed, DMM_RECORD_HEADER, TAG_BYTES, text, inner,
						sealed + DMM_RECORD_HEADER, &out));
	fill_text(bytes, 1 + padding);
	w.sealed_bytes = DMM_RECORD_HEADER + out;
}

static void say(int fd, const u8 *data, size_t bytes)
{
	w.rest_fd = fd;
	w.rest = data;
	w.rest_bytes = bytes;
}

/* What the local side has to get, unless something was wrong before. */
static void expect_in(size_t bytes)
{
	if (!w.wrong)
		memcpy(w.in + w.in_bytes, text, bytes);
	w.in_bytes += w.wrong ? 0 : bytes;
}

static void say_record(size_t bytes, u8 type, size_t padding)
{
	seal(bytes, type, padding);
	if (type != 23 || bytes > DMM_RECORD_DATA || w.sealed_bytes > DMM_RECORD_MAX)
		w.wrong = true;
	expect_in(bytes);
	say(w.net, sealed, w.sealed_bytes);
}

static void say_next(void)
{
	size_t bytes;
	u8 kind, more;

	if (w.size < 3 || w.in_bytes > ROOM - sizeof(text) || w.out_bytes > ROOM - sizeof(text)) {
		if (!w.over) {
			shutdown(w.net, SHUT_WR);
			shutdown(w.local, SHUT_WR);
		}
		w.over = true;
		return;
	}
	kind = w.data[0] & 7;
	more = w.data[0] >> 3;
	bytes = w.data[1] | (size_t)w.data[2] << 8;
	w.data += 3;
	w.size -= 3;
	if (bytes > 17000)
		bytes &= 0x3fff;
	switch ((enum kind)kind) {
	case PIECE_DATA:
		say_record(bytes, 23, 8 * more);
		return;
	case PIECE_OTHER:
		say_record(bytes, more, 0);
		return;
	case PIECE_RAW:
		if (bytes > w.size)
			bytes = w.size;
		w.wrong |= bytes;
		say(w.net, w.data, bytes);
		w.data += bytes;
		w.size -= bytes;
		return;
	case PIECE_FLIPPED:
		seal(bytes / 32, 23, more);
		sealed[bytes * 7 % w.sealed_bytes] ^= 1u << more % 8;
		w.wrong = true;
		say(w.net, sealed, w.sealed_bytes);
		return;
	case PIECE_LATER:
		w.tx.seq++;
		seal(bytes / 32, 23, 0);
		w.wrong = true;
		say(w.net, sealed, w.sealed_bytes);
		return;
	case PIECE_TWICE:
		w.wrong |= w.sealed_bytes;
		say(w.net, sealed, w.sealed_bytes);
		return;
	case PIECE_LOCAL:
		memcpy(w.out + w.out_bytes, text, bytes);
		w.out_bytes += bytes;
		say(w.local, text, bytes);
		return;
	case PIECE_DEAF:
		if (bytes % 2)
			w.deaf_net = true;
		else
			w.deaf_local = true;
		shutdown(bytes % 2 ? w.net : w.local, SHUT_RD);
		return;
	}
}

static void take(int fd, u8 *to, size_t cap, size_t *had)
{
	ssize_t n;

	while ((n = recv(fd, to + *had, cap - *had, MSG_DONTWAIT)) > 0)
		*had += (size_t)n;
}

static void say_rest(void)
{
	ssize_t n = send(w.rest_fd, w.rest, w.rest_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN)
		n = (ssize_t)w.rest_bytes;	/* nobody is there any more */
	if (n > 0) {
		w.rest += n;
		w.rest_bytes -= (size_t)n;
	}
}

/* The relay has nothing to do. */
int __wrap_poll(struct pollfd *p, nfds_t nr, int timeout_ms)
{
	const struct timespec now = { 0 };
	unsigned int i;

	fuzz_assert(++w.polls < MAX_POLLS);
	for (i = 0; i < w.steps; i++) {
		if (w.rest_bytes)
			say_rest();
		else
			say_next();
	}
	/* every other time, that sockets are full at some */
	if (w.polls % 2) {
		take(w.local, w.had_in, sizeof(w.had_in), &w.had_in_bytes);
		take(w.net, w.had_out, sizeof(w.had_out), &w.had_out_bytes);
	}
	(void)timeout_ms;
	return ppoll(p, nr, &now, NULL);
}

/* What the peer got, opened. */
static void check_out(void)
{
	static u8 data[DMM_RECORD_MAX];
	size_t at = 0, done = 0;
	ssize_t want, n;

	while (w.had_out_bytes - at >= DMM_RECORD_HEADER) {
		want = dmm_record_bytes(w.had_out + at);
		fuzz_assert(want > 0);
		if ((size_t)want > w.had_out_bytes - at)
			break;
		n = dmm_record_open(&w.rx, w.had_out + at, (size_t)want, data);
		fuzz_assert(n > 0 && done + (size_t)n <= w.out_bytes && !memcmp(data, w.out + done, (size_t)n));
		at += (size_t)want;
		done += (size_t)n;
	}
	if (!w.wrong && !w.deaf_net && !w.deaf_local)
		fuzz_assert(done == w.out_bytes && at == w.had_out_bytes);
}

static void pair(int fds[2], bool small)
{
	int bytes = small ? 1 : 1 << 20, i;

	fuzz_assert(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
	for (i = 0; i < 2; i++)
		setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	int net[2], local[2];
	struct dmm_relay *r;

	if (!size)
		return 0;
	if (!text[0])
		fill_text(0, sizeof(text));
	memset(&w, 0, offsetof(struct world, in));
	w.in_bytes = w.out_bytes = w.had_in_bytes = w.had_out_bytes = 0;
	w.wrong = w.over = w.deaf_local = w.deaf_net = false;
	w.polls = 0;
	w.steps = data[0] & 2 ? 80 : 1;
	w.data = data + 1;
	w.size = size - 1;
	pair(net, data[0] & 1);
	pair(local, data[0] & 1);
	w.net = net[0];
	w.local = local[0];
	fuzz_assert(!dmm_record_init(&w.tx, &secrets.rx) && !dmm_record_init(&w.rx, &secrets.tx));
	r = dmm_relay_create(&secrets, net[1], local[1]);
	fuzz_assert(r);
	dmm_relay_run(r);
	dmm_relay_free(r);
	take(w.local, w.had_in, sizeof(w.had_in), &w.had_in_bytes);
	take(w.net, w.had_out, sizeof(w.had_out), &w.had_out_bytes);
	fuzz_assert(w.had_in_bytes <= w.in_bytes && !memcmp(w.had_in, w.in, w.had_in_bytes));
	if (!w.deaf_local)
		fuzz_assert(w.had_in_bytes == w.in_bytes);
	check_out();
	dmm_record_exit(&w.tx);
	dmm_record_exit(&w.rx);
	close(w.net);
	close(w.local);
	return 0;
}
