// SPDX-License-Identifier: GPL-2.0
/*
 * What the daemon is told by processes of its own that a peer, or a disk, has taken over: acceptor, workers and opener.  A byte
 * says what; then come an answer to a question of the daemon's, or a whole message, how many descriptors go with it, and which
 * it says that it has.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "dmmigrated/acceptor.h"
#include "dmmigrated/disk.h"
#include "dmmigrated/ipc.h"
#include "dmmigrated/opener.h"
#include "dmmigrated/opener_msg.h"
#include "dmmigrated/worker_msg.h"
#include "dmmigrated/workers.h"
#include "fullio.h"
#include "fuzz.h"
#include "keys_priv.h"

#define OPENER	(-2)	/* instead of their sockets */
#define WORKER	(-3)

enum kind { IPC_MESSAGE, IPC_ACCEPTOR, IPC_OPEN, IPC_REOPEN, IPC_WORKER };

static const u8 *said;		/* the next answer */
static size_t said_bytes;
static struct dmm_receiver rc;
static struct dmm_channel channel;

/* --- the processes --- */

/*
 * Its first byte: 1 and 2, with which descriptors; 4: none at all; 128: of another size; with 8 and 16 a file was made, with 32 one would
 * be; 64: it was only asked whether it would. What is missing at its end is zero.
 */
int __wrap_dmm_ipc_ask(int sock, u32 op, const void *data, u32 bytes, const int *fds, u32 nr_fds, struct dmm_ipc_msg *answer,
		       u64 deadline_ms, int stop_fd)
{
	size_t n = said_bytes ? said_bytes - 1 : 0;
	u8 how = said_bytes ? said[0] : 4;
	u32 i;

	(void)sock;
	(void)data;
	(void)bytes;
	(void)fds;
	(void)nr_fds;
	(void)deadline_ms;
	(void)stop_fd;
	memset(answer, 0, sizeof(*answer));
	answer->reply = -1;
	for (i = 0; i < DMM_IPC_FDS; i++)
		answer->fds[i] = i < 2 && how & 1u << i && !(how & 4) ? eventfd(0, EFD_CLOEXEC) : -1;
	if (how & 4)
		return how & 8 ? -ETIMEDOUT : how & 16 ? -ECANCELED : how & 32 ? -ENOMEM : -EPIPE;
	answer->op = op;
	answer->data = calloc(1, DMM_IPC_BYTES);
	fuzz_assert(answer->data && n <= DMM_IPC_BYTES);
	memcpy(answer->data, said + !!said_bytes, n);
	if (how & 32 && sock == OPENER)
		((struct opener_answer *)answer->data)->would = true;
	if (how & 24 && sock == OPENER)
		strcpy(((struct opener_answer *)answer->data)->made.name, how & 8 ? "new" : "/etc/hosts");
	answer->bytes = how & 128 ? (u32)n : sock == OPENER ? sizeof(struct opener_answer) : sizeof(struct dmm_worker_answer);
	return 0;
}

int __wrap_dmm_worker_sock(const struct dmm_worker *w)
{
	(void)w;
	return WORKER;
}

int __wrap_dmm_worker_opener(const struct dmm_worker *w)
{
	(void)w;
	return OPENER;
}

bool __wrap_dmm_worker_stops(const struct dmm_worker *w)
{
	(void)w;
	return false;
}

void __wrap_dmm_worker_put(struct dmm_worker *w)
{
	(void)w;
}

/* As the daemon may use it. */
int __wrap_dmm_session_start_known(struct dmm_receiver *r, int fd, const struct dmm_session *known)
{
	(void)r;
	fuzz_assert(memchr(known->peer, '\0', sizeof(known->peer)));
	close(fd);
	return -EUSERS;
}

const char *__wrap_dmm_keys_dir(const struct dmm_keys *k)
{
	(void)k;
	return "/";
}

static int open_nothing(const char *dir, const char *name, mode_t forbidden, char why[DMM_KEYS_WHY])
{
	(void)dir;
	(void)forbidden;
	(void)why;
	/* nothing else is opened for it */
	fuzz_assert(!strcmp(name, DMM_KEYS_PEERS) || !strcmp(name, DMM_KEYS_CA) || !strcmp(name, DMM_KEYS_KEY) || !strcmp(name, DMM_KEYS_CRT));
	return eventfd(0, EFD_CLOEXEC);
}

/* --- questions of the daemon's --- */

static bool is_text(const char *s, size_t bytes)
{
	return !dmm_text_check((const u8 *)s, strnlen(s, bytes) + 1);
}

static void check(int ret, const struct dmm_refusal *r)
{
	fuzz_assert(ret <= 0);
	if (ret)
		fuzz_assert(is_text(r->text, sizeof(r->text)) && r->code && r->code < DMM_WERR_COUNT);
}

static void ask_opener(bool reopen)
{
	static struct dmm_dest d;
	const struct dmm_dest_request rq = { .path = "/srv/a", .peer = "a", .source_identity = "", .gate = "" };
	struct dmm_refusal r = { 0 };
	struct dmm_dest_made made;
	bool would = false, check_only = said_bytes && said[0] & 64;
	int ret;

	if (reopen) {
		ret = dmm_opener_reopen(OPENER, &d, &r);
		if (ret >= 0)
			close(ret);
		check(ret < 0 ? ret : 0, &r);
		return;
	}
	memset(&d, 0, sizeof(d));
	d.fd = -1;
	ret = dmm_opener_open(OPENER, &rq, true, check_only, &d, &made, &would, &r);
	check(ret, &r);
	fuzz_assert(is_text(d.path, sizeof(d.path)) && is_text(d.signature, sizeof(d.signature)) && is_text(d.identity, sizeof(d.identity)));
	fuzz_assert(memchr(made.name, '\0', sizeof(made.name)) && !d.nbd);
	/* nothing is removed elsewhere */
	fuzz_assert(made.dir_fd < 0 || (made.name[0] && !strchr(made.name, '/')));
	fuzz_assert(would == (*(u8 *)&would == 1));
	/* nothing is open where there would be something, and only there */
	if (!ret)
		fuzz_assert(d.fd >= 0 ? !check_only || !would : check_only && would);
	if (d.fd >= 0)
		close(d.fd);
	if (made.dir_fd >= 0)
		close(made.dir_fd);
	d.fd = -1;
}

static void ask_worker(u8 op)
{
	static struct dmm_prepare p = { .dest_path = "/srv/a" };
	static struct dmm_hashes_request hashes = { .nr = DMM_MAX_HASHES };
	static struct dmm_prove_request prove = { .nr = DMM_MAX_PROVE };
	static struct dmm_proved proved[DMM_MAX_PROVE];
	static struct dmm_digest_request digest;
	static struct dmm_compare_request compare;
	static struct dmm_session session;
	static struct dmm_attach attach;
	static u8 bytes[DMM_MAX_HASHES_BYTES];
	struct dmm_dest dest = { .fd = -1 };
	struct dmm_refusal r = { 0 };
	enum dmm_sample_state sample = DMM_SAMPLE_MISSING;
	struct dmm_disk_status st;
	struct dmm_wire_query_ok q;
	struct dmm_disk *d;
	bool flushed = false;
	char why[160];
	u32 differ;
	int ret = 0;

	snprintf(p.dest_path, sizeof(p.dest_path), op & 0x80 ? "nbd://h/a" : "/srv/a");
	snprintf(dest.path, sizeof(dest.path), "%s", p.dest_path);
	d = dmm_disk_create(&p);
	fuzz_assert(d);
	d->ops = &dmm_disk_remote;
	d->worker = (void *)d;
	if (op & 0x40) {
		d->state = DMM_DISK_PREPARED;
		d->dest = dest;
	}
	if (op & 0x20)
		d->state = DMM_DISK_FINISHED;
	switch (op & 0xf) {
	case 0:
		ret = d->ops->open(d, &dest, &r);
		fuzz_assert(ret || (d->dest.fd < 0 && is_text(d->dest.signature, sizeof(d->dest.signature)) && !d->dest.nbd));
		break;
	case 1:
		d->ops->serve(d, &session, &attach);
		fuzz_assert(*(u8 *)&session.refused <= 1);
		break;
	case 2:
		ret = d->ops->status(d, &st, &r);
		fuzz_assert(is_text(st.error_text, sizeof(st.error_text)) && *(u8 *)&st.closed <= 1 && *(u8 *)&st.attached <= 1 &&
			    *(u8 *)&st.has_data <= 1 && st.error < DMM_WERR_COUNT && st.state <= DMM_DISK_FAILED);
		break;
	case 3:
		ret = d->ops->query(d, &q, &r);
		break;
	case 4:
		ret = d->ops->finish(d, true, -1, &r);
		break;
	case 5:
		ret = d->ops->release(d, -1, &r);
		fuzz_assert(ret || d->closed);
		break;
	case 6:
		ret = d->ops->digest(d, &digest, -1, bytes, &r);
		break;
	case 7:
		ret = d->ops->hashes(d, &hashes, -1, bytes, &r);
		break;
	case 8:
		ret = d->ops->prove(d, &prove, -1, proved, &r);
		break;
	case 9:
		ret = d->ops->compare(d, &compare, &differ, &r);
		fuzz_assert(ret || differ <= compare.nr);
		break;
	case 10:
		if (!d->ops->barrier(d, 1, 1, &flushed, &sample))
			fuzz_assert(*(u8 *)&flushed <= 1);
		break;
	case 11:
		if (d->ops->sample(d, 1, 1, -1, why))
			fuzz_assert(is_text(why, sizeof(why)));
		break;
	default:
		d->ops->sample_drop(d);
		break;
	}
	check(ret, &r);
	dmm_disk_destroy(d);
}

/* --- messages --- */

/*
 * A byte: how many descriptors go with it, and 0x40, 0x80: zeros are missing at its end, up to a session, a file; four of the
 * request; four: which descriptors it says that it has; then its data.
 */
static void message(const u8 *data, size_t size, bool acceptor)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(6 * sizeof(int))];
	} control = { 0 };
	static u8 text[16384];
	size_t whole = 8 + (data[0] & 0x40 ? sizeof(struct dmm_session) : data[0] & 0x80 ? sizeof(struct dmm_acceptor_file) : 0);
	u32 nr = data[0] % 8 % 7, i;
	struct iovec iov = { .iov_base = text, .iov_len = size - 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int pair[2], fds[6], reply[2], ready = 1, ret;
	struct dmm_ipc_msg m;
	struct cmsghdr *c;

	fuzz_assert(size - 1 <= sizeof(text));
	memset(text, 0, sizeof(text));
	memcpy(text, data + 1, size - 1);
	if (data[0] & 0xc0)
		iov.iov_len = whole;
	fuzz_assert(!dmm_ipc_pair(pair) && !socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, reply));
	for (i = 0; i < nr; i++)
		fds[i] = i == nr - 1 ? reply[1] : eventfd(0, EFD_CLOEXEC);
	if (nr) {
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(nr * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nr * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nr * sizeof(int));
	}
	fuzz_assert(sendmsg(pair[0], &msg, MSG_NOSIGNAL) == (ssize_t)iov.iov_len);
	for (i = 0; i + 1 < nr; i++)
		close(fds[i]);
	close(reply[1]);
	shutdown(pair[0], SHUT_WR);
	if (acceptor) {
		dmm_acceptor_serve(&rc, pair[1], &ready);
	} else {
		ret = dmm_ipc_next(pair[1], &m);
		if (ret > 0) {
			fuzz_assert(m.bytes <= DMM_IPC_BYTES && m.reply >= 0);
			dmm_ipc_free(&m);
		}
	}
	close(pair[0]);
	close(pair[1]);
	/* no end of it was kept */
	fuzz_assert(recv(reply[0], control.buf, sizeof(control.buf), MSG_DONTWAIT) >= 0 || errno != EAGAIN);
	close(reply[0]);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	dmm_log_set_max(-1);
	dmm_keys_open = open_nothing;
	dmm_keyring_init(&channel.keyring);
	rc.channel = &channel;
	return 0;
}

static int one_input(const u8 *data, size_t size)
{
	if (size < 2)
		return 0;
	switch ((enum kind)(data[0] % 5)) {
	case IPC_MESSAGE:
	case IPC_ACCEPTOR:
		message(data + 1, size - 1, data[0] % 5 == IPC_ACCEPTOR);
		return 0;
	case IPC_OPEN:
	case IPC_REOPEN:
		said = data + 1;
		said_bytes = size - 1;
		ask_opener(data[0] % 5 == IPC_REOPEN);
		return 0;
	case IPC_WORKER:
		said = data + 2;
		said_bytes = size - 2;
		ask_worker(data[1]);
		return 0;
	}
	return 0;
}

/* Every descriptor that came is somebody's, and closed in the end. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	int before = eventfd(0, EFD_CLOEXEC), after;

	fuzz_assert(before >= 0);
	close(before);
	one_input(data, size);
	after = eventfd(0, EFD_CLOEXEC);
	close(after);
	fuzz_assert(after == before);
	return 0;
}
