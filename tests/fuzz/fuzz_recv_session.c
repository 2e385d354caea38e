// SPDX-License-Identifier: GPL-2.0
/*
 * A whole receiver, and a peer that says on up to four connections whatever the input says:
 * records of one byte (the connection; 0x80: as it is), a frame's header, its payload.  Unless it
 * is sent as it is, magic, sequence number, size and checksum are made right, or nothing
 * would come past them.  Sanitizers watch; besides, every session must end once its peer has.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dmmigrated/session.h"
#include "fuzz.h"
#include "fullio.h"

#define CONNS		4
#define DEST_BYTES	(1u << 20)
#define ANSWER_MS	200	/* for what decides what comes next; usually there at once */
#define END_MS		20000	/* far beyond every timeout of the receiver's */

static char dest_path[64];
static struct dmm_receiver rc;

static struct conn {
	int fd;
	u64 seq;	/* of control frames, and of a data connection's after ATTACH */
	bool data;
} conns[CONNS];

/* Who else has the destination open is found out from all of /proc: slow, and this host's affair. */
int __wrap_dmm_inuse_check(const char *root, const struct stat *st, const char *path,
			   struct dmm_refusal *r)
{
	(void)root;
	(void)st;
	(void)path;
	(void)r;
	return 0;
}

static void fuzz_cleanup(void)
{
	unlink(dest_path);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int fd;

	(void)argc;
	(void)argv;
	snprintf(dest_path, sizeof(dest_path), "%s/dmm-fuzz.XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	fd = mkstemp(dest_path);
	fuzz_assert(fd >= 0 && !ftruncate(fd, DEST_BYTES));
	close(fd);
	atexit(fuzz_cleanup);
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

static void receiver_start(void)
{
	struct dmm_config c = {
		.engine = dmm_engine_find("libaio"),
		.buffer_bytes = 4 << 20,
		.max_sessions = CONNS,
		.max_disks = 2,
		.handshake_ms = END_MS,
		.stall_ms = END_MS,
		.ack_ms = 500,
	};

	c.allow = calloc(1, sizeof(*c.allow));
	fuzz_assert(c.allow);
	c.allow[0] = strdup(dest_path);
	c.nr_allow = 1;
	fuzz_assert(!dmm_receiver_init(&rc, &c));
	dmm_log_set_max(-1);
}

/* Takes what has come, waiting up to @ms for its beginning. False: the receiver has closed. */
static bool drain(struct conn *c, int ms)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	char scrap[4096];
	ssize_t n;

	if (ms && poll(&p, 1, ms) <= 0)
		return true;
	while ((n = recv(c->fd, scrap, sizeof(scrap), MSG_DONTWAIT)) > 0)
		;
	return n < 0;
}

static void send_all(struct conn *c, const void *buf, size_t bytes)
{
	size_t sent = 0;
	ssize_t n;

	while (sent < bytes) {
		n = send(c->fd, (const char *)buf + sent, bytes - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			sent += n;
			continue;
		}
		/* it takes nothing before its answers are read, or nothing any more */
		if (n == 0 || !drain(c, 0) || dmm_wait_fd(c->fd, POLLOUT, dmm_now_ms() + 1000, -1))
			return;
	}
}

static struct conn *conn_get(unsigned int i)
{
	struct conn *c = &conns[i];
	int sv[2];

	if (c->fd >= 0)
		return c;
	fuzz_assert(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv));
	c->fd = sv[0];
	c->seq = 0;
	c->data = false;
	fuzz_assert(!dmm_session_start(&rc, sv[1], "fuzz", false));
	return c;
}

/* The path that the receiver allows is not known to the corpus: "@" stands for it. */
static void fix_dest(struct dmm_wire_prepare *w)
{
	if (w->dest_path[0] != '@')
		return;
	memset(w->dest_path, 0, sizeof(w->dest_path));
	strcpy((char *)w->dest_path, dest_path);
}

/* One record. Returns what it took. */
static size_t one_record(const u8 *data, size_t size)
{
	struct conn *c = conn_get(data[0] % CONNS);
	bool raw = data[0] & 0x80;
	struct dmm_wire_hdr hdr;
	size_t bytes;
	u8 *payload;
	u16 type;
	u32 crc;

	if (size < 1 + sizeof(hdr)) {
		send_all(c, data + 1, size - 1);
		return size;
	}
	memcpy(&hdr, data + 1, sizeof(hdr));
	type = le16_to_cpu(hdr.type);
	size -= 1 + sizeof(hdr);
	bytes = le32_to_cpu(hdr.payload_bytes);
	if (bytes > size)
		bytes = size;
	payload = fuzz_copy(data + 1 + sizeof(hdr), bytes);
	if (type == DMM_MSG_PREPARE && bytes == sizeof(struct dmm_wire_prepare))
		fix_dest((struct dmm_wire_prepare *)payload);
	if (!raw) {
		hdr.magic = cpu_to_le32(DMM_WIRE_MAGIC);
		hdr.seq = cpu_to_le64(++c->seq);
		hdr.payload_bytes = cpu_to_le32(bytes);
		hdr.crc = 0;
		crc = dmm_crc32c(dmm_wire_hdr_crc(&hdr), payload, bytes);
		dmm_wire_hdr_seal(&hdr, crc);
	}
	send_all(c, &hdr, sizeof(hdr));
	send_all(c, payload, bytes);
	free(payload);
	if (type == DMM_MSG_ATTACH && !c->data) {	/* numbers begin anew */
		c->data = true;
		c->seq = 0;
		drain(c, ANSWER_MS);
	} else {	/* requests may be about what earlier ones made, on another connection */
		drain(c, c->data ? 0 : ANSWER_MS);
	}
	return 1 + sizeof(hdr) + bytes;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	unsigned int i;
	u64 until_ms;
	size_t n;

	for (i = 0; i < CONNS; i++)
		conns[i].fd = -1;
	receiver_start();
	while (size) {
		n = one_record(data, size);
		data += n;
		size -= n;
	}
	until_ms = dmm_now_ms() + END_MS / 2;
	for (i = 0; i < CONNS; i++) {
		if (conns[i].fd < 0)
			continue;
		shutdown(conns[i].fd, SHUT_WR);
		while (drain(&conns[i], 100))
			fuzz_assert(dmm_now_ms() < until_ms);
		close(conns[i].fd);
	}
	fuzz_assert(!dmm_receiver_wait(&rc, END_MS / 2));
	dmm_receiver_exit(&rc);
	return 0;
}
