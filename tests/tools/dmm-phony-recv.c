// SPDX-License-Identifier: GPL-2.0
/*
 * dmm-phony-recv: a receiver that misbehaves as told.  It speaks the control
 * conversation well enough for `dmmigrate start`, and answers the data
 * connection with silence, garbage, wrong acknowledgements and the like.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <dmmigrate/wire.h>

#include "phony_tls.h"
#include "sector.h"
#include "util.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "wire structures are used as they are");

static const char help[] =
"usage: dmm-phony-recv [--listen ADDRESS] [--port N] [--raw [--tls]] [--write FILE] MODE[+N]...\n"
"  --raw      data frames from the first byte: no HELLO, no ATTACH (which would say which units\n"
"             of the disk may come by a connection)\n"
"  --tls      TLS 1.3, by keys that are all zeros, as of dmm-nl's fd=tls:\n"
"  --write FILE  write what arrives there, and sync on barriers\n"
"modes, of one data connection after the other, the last one for all that follow; +N: behave\n"
"for the first N frames:\n"
"  good        acknowledges everything\n"
"  silent      reads, never acknowledges        noread      never reads either\n"
"  nobarrier   acknowledges all but barriers    slow        50 ms late, one by one\n"
"  dribble     a byte of an acknowledgement a second\n"
"  close       closes                           reset       closes with RST\n"
"  garbage     random bytes                     half        half an acknowledgement, then nothing\n"
"  badcrc      wrong checksum                   badseq      a frame never sent\n"
"  dup         the same one twice               badtype     data as a barrier\n"
"  badarg      another barrier's number         badstatus   a status that does not exist\n"
"  nack=CODE   a negative one                   late=MS     barriers late, and reads nothing meanwhile\n"
"  tls-...      of --tls: a record in place of the first acknowledgement, or before it: phony_tls.c has them\n"
"Prints a line for each connection's end: frames, bytes, barriers, and whether all were sound.\n";

enum mode { GOOD, SILENT, NOREAD, NOBARRIER, SLOW, DRIBBLE, CLOSE, RESET, GARBAGE, HALF, BADCRC,
	    BADSEQ, DUP, BADTYPE, BADARG, BADSTATUS, NACK, LATE, RECORD };

static const char *const modes[] = {
	"good", "silent", "noread", "nobarrier", "slow", "dribble", "close", "reset", "garbage",
	"half", "badcrc", "badseq", "dup", "badtype", "badarg", "badstatus", "nack", "late",
};

struct behaviour {
	enum mode mode;
	uint32_t value;		/* NACK: the status to send; LATE: ms; RECORD: which */
	uint64_t after;		/* frames that are answered well before */
};

static struct {
	struct behaviour list[32];	/* of one data connection after the other */
	unsigned int nr;
	unsigned int next;	/* atomic */
	bool raw, tls;
	int disk;		/* of --write, or -1 */
} phony = { .disk = -1 };

struct conn {
	_Alignas(4096) uint8_t payload[DMM_MAX_EXTENT_BYTES];	/* as O_DIRECT wants it */
	int fd;
	struct phony_tls tls;	/* of --tls */
	const struct behaviour *b;
	uint64_t tx_seq, frames, bytes, barriers;
	uint64_t disk_bytes;
	uint32_t index, conns;	/* of ATTACH; 0 of 0 before, and with --raw */
};

/* Of the next data connection. */
static void choose_behaviour(struct conn *c)
{
	unsigned int n = __atomic_fetch_add(&phony.next, 1, __ATOMIC_RELAXED);

	c->b = &phony.list[n < phony.nr ? n : phony.nr - 1];
}

static bool read_full(int fd, void *buf, size_t len)
{
	return !len || recv(fd, buf, len, MSG_WAITALL) == (ssize_t)len;
}

static bool write_full(int fd, const void *buf, size_t len)
{
	return !len || send(fd, buf, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* Reads a frame; false at the end, or when it is not sound (then says so). */
static bool read_frame(struct conn *c, struct dmm_wire_hdr *h)
{
	struct dmm_wire_hdr zeroed;
	uint32_t crc;

	if (!read_full(c->fd, h, sizeof(*h)))
		return false;
	if (h->magic != DMM_WIRE_MAGIC || h->payload_bytes > sizeof(c->payload)) {
		printf("phony: BAD FRAME: magic %x, payload %u\n", h->magic, h->payload_bytes);
		return false;
	}
	if (!read_full(c->fd, c->payload, h->payload_bytes))
		return false;
	zeroed = *h;
	zeroed.crc = 0;
	crc = tools_crc32c(~0u, &zeroed, sizeof(zeroed));
	crc = ~tools_crc32c(crc, c->payload, h->payload_bytes);
	if (crc != h->crc) {
		printf("phony: BAD CRC: seq %llu\n", (unsigned long long)h->seq);
		return false;
	}
	return true;
}

static bool send_frame(struct conn *c, uint16_t type, const void *payload, uint32_t bytes)
{
	struct dmm_wire_hdr h = {
		.magic = DMM_WIRE_MAGIC,
		.type = type,
		.seq = ++c->tx_seq,
		.payload_bytes = bytes,
	};

	h.crc = ~tools_crc32c(tools_crc32c(~0u, &h, sizeof(h)), payload, bytes);
	return write_full(c->fd, &h, sizeof(h)) && write_full(c->fd, payload, bytes);
}

/* Answers one message of the conversation; false ends the connection. */
static bool converse(struct conn *c, const struct dmm_wire_hdr *h)
{
	struct dmm_wire_hello_ok ok = { .version = 1, .program = "phony" };
	struct dmm_wire_prepared prepared = { 0 };
	struct dmm_wire_query_ok query = { .state = DMM_DISK_RECEIVING };
	static const struct dmm_wire_digest_ok digest;
	const struct dmm_wire_hello *hello = (const void *)c->payload;
	const struct dmm_wire_prepare *p = (const void *)c->payload;
	const struct dmm_wire_attach *a = (const void *)c->payload;

	switch (h->type) {
	case DMM_MSG_HELLO:
		ok.features = hello->features & DMM_FEATURE_ZERO;
		return send_frame(c, DMM_MSG_HELLO_OK, &ok, sizeof(ok));
	case DMM_MSG_PREPARE:
		c->disk_bytes = p->size_bytes;
		prepared.size_bytes = p->size_bytes;
		prepared.lbs_bytes = p->lbs_bytes;
		return send_frame(c, DMM_MSG_PREPARED, &prepared, sizeof(prepared));
	case DMM_MSG_QUERY:
		query.size_bytes = c->disk_bytes;
		return send_frame(c, DMM_MSG_QUERY_OK, &query, sizeof(query));
	case DMM_MSG_DIGEST:
		return send_frame(c, DMM_MSG_DIGEST_OK, &digest, sizeof(digest));
	case DMM_MSG_FINISH:
		return send_frame(c, DMM_MSG_FINISH_OK, NULL, 0);
	case DMM_MSG_FORGET:
		return send_frame(c, DMM_MSG_FORGET_OK, NULL, 0);
	case DMM_MSG_ATTACH:
		c->index = a->conn_index;
		c->conns = a->conns;
		choose_behaviour(c);	/* before the next one can come */
		return send_frame(c, DMM_MSG_ATTACHED, NULL, 0);
	}
	printf("phony: unexpected message %u\n", h->type);
	return false;
}

static void store(const struct dmm_wire_hdr *h, const uint8_t *payload)
{
	static const uint8_t zeros[DMM_MAX_EXTENT_BYTES] __attribute__((aligned(4096)));

	if (phony.disk < 0)
		return;
	if (h->type == DMM_MSG_ZERO) {
		if (h->arg > sizeof(zeros) ||
		    pwrite(phony.disk, zeros, h->arg, (off_t)h->offset_bytes) != (ssize_t)h->arg)
			printf("phony: WRITE FAILED: zeros: %s\n", strerror(errno));
		return;
	}
	if (h->type == DMM_MSG_BARRIER ? fdatasync(phony.disk) :
	    pwrite(phony.disk, payload, h->payload_bytes, (off_t)h->offset_bytes) !=
	    (ssize_t)h->payload_bytes)
		printf("phony: WRITE FAILED: %s\n", strerror(errno));
}

static bool send_data(struct conn *c, const void *buf, size_t len)
{
	return phony.tls ? phony_tls_send(&c->tls, c->fd, buf, len) : write_full(c->fd, buf, len);
}

static bool send_ack(struct conn *c, const struct dmm_wire_hdr *h, enum mode mode)
{
	struct dmm_wire_ack a = {
		.magic = DMM_WIRE_MAGIC,
		.type = h->type,
		.seq = h->seq,
		.arg = h->arg,
	};
	size_t i;

	if (mode == BADSEQ)
		a.seq += 1000000;
	if (mode == BADTYPE)
		a.type = h->type == DMM_MSG_BARRIER ? DMM_MSG_DATA : DMM_MSG_BARRIER;
	if (mode == BADARG)
		a.arg++;
	if (mode == BADSTATUS)
		a.status = 9999;
	if (mode == NACK)
		a.status = c->b->value;
	a.crc = ~tools_crc32c(~0u, &a, sizeof(a) - sizeof(a.crc)) ^ (mode == BADCRC);
	switch (mode) {
	case DRIBBLE:
		for (i = 0; i < sizeof(a); i++) {
			if (!send_data(c, (uint8_t *)&a + i, 1))
				return false;
			sleep(1);
		}
		return true;
	case HALF:
		return send_data(c, &a, sizeof(a) / 2);
	case RECORD:
		if (c->frames > c->b->after + 1)
			return send_data(c, &a, sizeof(a));
		return phony_tls_spoil(&c->tls, c->fd, (int)c->b->value, &a, sizeof(a));
	case DUP:
		return send_data(c, &a, sizeof(a)) && send_data(c, &a, sizeof(a));
	default:
		return send_data(c, &a, sizeof(a));
	}
}

/* Answers one frame in @mode; false ends the connection. */
static bool answer(struct conn *c, const struct dmm_wire_hdr *h, enum mode mode)
{
	struct linger l = { .l_onoff = 1 };
	uint8_t junk[4096];

	switch (mode) {
	case SILENT:
		return true;
	case HALF:
		return c->frames > c->b->after + 1 || send_ack(c, h, mode);
	case NOREAD:
		pause();
		return false;
	case NOBARRIER:
		return h->type == DMM_MSG_BARRIER || send_ack(c, h, mode);
	case SLOW:
		usleep(50000);
		return send_ack(c, h, mode);
	case LATE:
		if (h->type == DMM_MSG_BARRIER)
			usleep(c->b->value * 1000);
		return send_ack(c, h, mode);
	case CLOSE:
		return false;
	case RESET:
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
		return false;
	case GARBAGE:
		return getrandom(junk, sizeof(junk), 0) == sizeof(junk) &&
		       send_data(c, junk, sizeof(junk));
	default:
		return send_ack(c, h, mode);
	}
}

static void serve_data(struct conn *c)
{
	struct dmm_wire_hdr h;
	uint64_t last = 0;
	bool sound = true;

	if (c->b->mode == NOREAD && !c->b->after)
		pause();
	while (read_frame(c, &h)) {
		/* The first frame follows the conversation's own numbers. */
		if (last && h.seq != last + 1) {
			printf("phony: BAD SEQ: %llu after %llu\n", (unsigned long long)h.seq,
			       (unsigned long long)last);
			sound = false;
		}
		last = h.seq;
		if (h.type == DMM_MSG_END) {
			printf("phony: end\n");
			break;
		}
		if (h.type != DMM_MSG_BARRIER && c->conns &&
		    h.offset_bytes / DMM_MAX_EXTENT_BYTES % c->conns != c->index) {
			printf("phony: BAD CONNECTION: offset %llu on %u of %u\n",
			       (unsigned long long)h.offset_bytes, c->index, c->conns);
			sound = false;
		}
		c->frames++;
		c->bytes += h.payload_bytes;
		c->barriers += h.type == DMM_MSG_BARRIER;
		store(&h, c->payload);
		if (!answer(c, &h, c->frames <= c->b->after ? GOOD : c->b->mode))
			break;
	}
	printf("phony: closed frames=%llu bytes=%llu barriers=%llu%s\n",
	       (unsigned long long)c->frames, (unsigned long long)c->bytes,
	       (unsigned long long)c->barriers, sound ? "" : " UNSOUND");
}

static void *serve(void *arg)
{
	struct conn *c = arg;
	struct dmm_wire_hdr h;
	bool data = phony.raw;

	if (phony.tls && !phony_tls_open(&c->tls, c->fd)) {
		printf("phony: NO TLS: %s\n", strerror(errno));
		data = false;
		shutdown(c->fd, SHUT_RDWR);
	}
	while (!data && read_frame(c, &h) && converse(c, &h))
		data = h.type == DMM_MSG_ATTACH;
	if (data)
		serve_data(c);
	fflush(stdout);
	if (phony.tls)
		phony_tls_close(&c->tls);
	close(c->fd);
	free(c);
	return NULL;
}

static int listener(const char *address, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (inet_pton(AF_INET, address, &a.sin_addr) != 1) {
		fprintf(stderr, "--listen: '%s' is not an IPv4 address\n", address);
		exit(EXIT_USAGE);
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 16)) {
		fprintf(stderr, "dmm-phony-recv: %s port %u: %s\n", address, port, strerror(errno));
		exit(EXIT_USAGE);
	}
	printf("phony: listening\n");
	fflush(stdout);
	return fd;
}

static void add_behaviour(char *text)
{
	struct behaviour *b = &phony.list[phony.nr++];
	char *plus = strchr(text, '+');
	size_t i;

	if (plus) {
		*plus = 0;
		b->after = need_number(plus + 1, text, 0, UINT64_MAX);
	}
	if (!strncmp(text, "nack=", 5) || !strncmp(text, "late=", 5)) {
		b->mode = *text == 'n' ? NACK : LATE;
		b->value = (uint32_t)need_number(text + 5, text, 1, UINT32_MAX);
		return;
	}
	if (phony.tls && phony_tls_record(text) >= 0) {
		b->mode = RECORD;
		b->value = (uint32_t)phony_tls_record(text);
		return;
	}
	for (i = 0; i < NACK; i++)
		if (!strcmp(text, modes[i])) {
			b->mode = (enum mode)i;
			return;
		}
	fprintf(stderr, "dmm-phony-recv: no mode '%s'; --help shows them\n", text);
	exit(EXIT_USAGE);
}

int main(int argc, char **argv)
{
	static const struct option opts[] = {
		{ "listen", 1, NULL, 'l' }, { "port", 1, NULL, 'p' }, { "raw", 0, NULL, 'r' },
		{ "tls", 0, NULL, 't' }, { "write", 1, NULL, 'w' }, { "help", 0, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *address = "0.0.0.0";
	uint16_t port = DMM_DEFAULT_PORT;
	pthread_t thread;
	int c, fd;

	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1)
		switch (c) {
		case 'l':
			address = optarg;
			break;
		case 'p':
			port = (uint16_t)need_number(optarg, "--port", 1, 65535);
			break;
		case 'r':
			phony.raw = true;
			break;
		case 't':
			phony.tls = true;
			break;
		case 'w':
			phony.disk = open(optarg, O_WRONLY | O_CLOEXEC | O_DIRECT);
			if (phony.disk < 0) {
				perror(optarg);
				return EXIT_USAGE;
			}
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			fputs("dmm-phony-recv --help shows what there is\n", stderr);
			return EXIT_USAGE;
		}
	if (phony.tls && !phony.raw) {
		fputs("dmm-phony-recv: --tls goes with --raw\n", stderr);
		return EXIT_USAGE;
	}
	if (optind == argc || argc - optind > (int)(sizeof(phony.list) / sizeof(phony.list[0]))) {
		fputs("dmm-phony-recv needs 1 to 32 MODEs\n", stderr);
		return EXIT_USAGE;
	}
	for (; optind < argc; optind++)
		add_behaviour(argv[optind]);
	fd = listener(address, port);
	for (;;) {
		struct conn *conn = aligned_alloc(4096, sizeof(*conn));

		if (!conn)
			return EXIT_USAGE;
		memset(conn, 0, sizeof(*conn));
		conn->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		if (phony.raw && conn->fd >= 0)
			choose_behaviour(conn);
		if (conn->fd < 0 || pthread_create(&thread, NULL, serve, conn)) {
			free(conn);
			continue;
		}
		pthread_detach(thread);
	}
}
