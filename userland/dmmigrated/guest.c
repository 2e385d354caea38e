// SPDX-License-Identifier: GPL-2.0
/*
 * GUEST: a toolstack's receiver, and the connection that it is fed from.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "ctlmsg.h"
#include "fullio.h"
#include "group.h"
#include "guest.h"
#include "keys_peers.h"
#include "migrations.h"
#include "processes.h"
#include "runner.h"
#include "xl_words.h"

#define BUFFER_BYTES	(64u << 10)
#define ASK_MS		20000u
#define IN_THE_WAY_MS	10000u
#define AGAIN_MS	300u
#define LAST_WORDS_MS	5000u	/* for what the receiver still says once the source has closed */

struct guest {
	struct dmm_session *s;
	int receiver;		/* standard input and output of it */
	int words;		/* standard error; -1: it has closed that */
	int process;		/* readable once it has ended; -1: the kernel cannot tell */
	struct dmm_guest_gate *gate;	/* NULL: its disks have gates */
	struct dmm_guest_stream stream;
	u8 said[sizeof(DMM_XL_REPORT) + 1 + sizeof(DMM_XL_GO)];	/* by the receiver, since it was told to run */
	size_t said_bytes;
	bool source_ended;
	char line[256];		/* of words, not complete yet */
	size_t line_bytes;
	u8 buf[BUFFER_BYTES];
};

bool dmm_guest_permitted(const struct dmm_session *s)
{
	const char *names = s->rc->guests;
	char word[DMM_PEER_NAME];

	while (dmm_peer_address_next(&names, word)) {
		if (!strcmp(word, DMM_GUESTS_ALL) || (s->peer_name[0] && !strcmp(word, s->peer_name)))
			return true;
	}
	return false;
}

int dmm_guest_check(const struct dmm_session *s, struct dmm_refusal *r)
{
	if (dmm_guest_permitted(s))
		return 0;
	return dmm_refuse(r, DMM_WERR_DENIED, "no guests may come from %.64s: 'guests' in dmmigrated.conf names those that may",
			  s->peer_name[0] ? s->peer_name : "a host without TLS");
}

/* The migration, of which the caller has a reference; NULL with @r filled. */
static struct dmm_migration *guest_find(struct dmm_session *s, const struct dmm_guest_request *rq, struct dmm_refusal *r)
{
	struct dmm_migration *m = NULL;
	struct dmm_group_status st;
	struct dmm_group *g;

	if (!(s->features & DMM_FEATURE_GUEST)) {
		dmm_refuse(r, DMM_WERR_PROTOCOL, "GUEST without its feature in HELLO");
		return NULL;
	}
	memcpy(s->log_id.migration, rq->migration, sizeof(s->log_id.migration));
	if (dmm_guest_check(s, r))
		return NULL;
	if (s->rc->migrations)
		m = dmm_migrations_get(s->rc->migrations, rq->migration);
	g = m ? dmm_migration_group(m) : NULL;
	if (!m || m->role != DMM_HO_DEST || !g) {
		dmm_refuse(r, DMM_WERR_NOTFOUND, "this migration is not known here: its disks come first");
		goto err;
	}
	if (dmm_migration_check_peer(m, s->peer_name, r))
		goto err;
	dmm_group_status(g, &st);
	if (st.state != DMM_HO_RECEIVING && st.state != DMM_HO_COMPLETE && st.state != DMM_HO_REFUSED) {
		dmm_refuse(r, DMM_WERR_BUSY, "the disks of this migration have been handed over already (%s)",
			   dmm_ho_state_name(st.state));
		goto err;
	}
	return m;
err:
	dmm_migration_put(m);
	return NULL;
}

static void guest_say_line(struct guest *g)
{
	g->line[g->line_bytes] = '\0';
	dmm_text_clean(g->line);
	if (g->line[0])
		dmm_info(&g->s->log_id, "guest: %s", g->line);
	g->line_bytes = 0;
}

/* What the receiver says on standard error goes to the log, by lines. */
static void guest_words(struct guest *g)
{
	char text[512];
	ssize_t n = read(g->words, text, sizeof(text)), i;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		close(g->words);
		g->words = -1;
	}
	for (i = 0; i < n; i++) {
		if (text[i] == '\n' || text[i] == '\r' || g->line_bytes == sizeof(g->line) - 1)
			guest_say_line(g);
		if (text[i] != '\n' && text[i] != '\r')
			g->line[g->line_bytes++] = text[i];
	}
	if (n <= 0 && g->line_bytes)
		guest_say_line(g);
}

/* The receiver says something to the source.  Was it told that the guest may run: has it, in the end, not had it run? */
static void guest_hear(struct guest *g, size_t bytes)
{
	size_t report = sizeof(DMM_XL_REPORT), n = dmm_min_u64(bytes, sizeof(g->said) - g->said_bytes);

	if (!g->gate || !g->stream.told)
		return;
	memcpy(g->said + g->said_bytes, g->buf, n);
	g->said_bytes += n;
	/* a report that is not 0, and then, its copy destroyed, that the source may go on */
	if (g->said_bytes == sizeof(g->said) && !memcmp(g->said, DMM_XL_REPORT, report) && g->said[report] &&
	    !memcmp(g->said + report + 1, DMM_XL_GO, sizeof(DMM_XL_GO)))
		dmm_guest_gate_failed(g->gate, &g->stream);
}

/* Moves what can be read. 0; -ENODATA: @from has ended; -ESHUTDOWN: nothing is to pass any more; -errno: @to has ended. */
static int guest_move(struct guest *g, int from, int to)
{
	ssize_t n = recv(from, g->buf, sizeof(g->buf), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)	/* within TLS an alert, too, is the end */
		return -ENODATA;
	if (from == g->receiver)
		guest_hear(g, (size_t)n);	/* before the source does, which may ask for it back at once */
	else if (g->gate && !dmm_guest_gate_pass(g->gate, &g->stream))
		return -ESHUTDOWN;
	return dmm_sock_write(to, g->buf, (size_t)n, DMM_NO_DEADLINE, g->s->rc->stop_fd);
}

static void guest_source_ended(struct guest *g)
{
	g->source_ended = true;
	shutdown(g->receiver, SHUT_WR);
}

/* Until the receiver has ended, or the connection is lost and it has had time to see that. */
static void guest_carry(struct guest *g)
{
	u64 until_ms = DMM_NO_DEADLINE, now_ms;
	struct pollfd p[4];

	while ((now_ms = dmm_now_ms()) < until_ms) {
		p[0] = (struct pollfd){ .fd = g->s->rc->stop_fd, .events = POLLIN };
		p[1] = (struct pollfd){ .fd = g->receiver, .events = POLLIN };
		p[2] = (struct pollfd){ .fd = g->source_ended ? -1 : g->s->fd, .events = POLLIN };
		p[3] = (struct pollfd){ .fd = g->words, .events = POLLIN };
		if (poll(p, 4, until_ms == DMM_NO_DEADLINE ? -1 : (int)(until_ms - now_ms)) < 0)
			continue;
		if (p[0].revents)
			return;
		if (p[3].revents)
			guest_words(g);
		if (p[1].revents && guest_move(g, g->receiver, g->s->fd))
			break;
		if (p[2].revents && guest_move(g, g->s->fd, g->receiver)) {
			guest_source_ended(g);
			until_ms = dmm_now_ms() + LAST_WORDS_MS;
		}
	}
	while (g->words >= 0 && !dmm_wait_fd(g->words, POLLIN, dmm_now_ms() + LAST_WORDS_MS, g->s->rc->stop_fd))
		guest_words(g);
}

/* Until the receiver's process is no more, however long it takes: until then nobody is to believe that the guest cannot run here. */
static void guest_await_end(struct guest *g)
{
	struct pollfd p[3];
	bool open = true;

	shutdown(g->receiver, g->process < 0 ? SHUT_WR : SHUT_RDWR);
	while (g->process < 0 ? open || g->words >= 0 : !!dmm_wait_fd(g->process, POLLIN, dmm_now_ms(), -1)) {
		p[0] = (struct pollfd){ .fd = g->s->rc->stop_fd, .events = POLLIN };
		p[1] = (struct pollfd){ .fd = g->process < 0 && open ? g->receiver : g->process, .events = POLLIN };
		p[2] = (struct pollfd){ .fd = g->words, .events = POLLIN };
		if (poll(p, 3, -1) < 0)
			continue;
		if (p[0].revents)
			return;
		if (p[2].revents)
			guest_words(g);
		/* without a process to look at, what it has kept open says that it is there */
		if (g->process < 0 && p[1].revents)
			open = recv(g->receiver, g->buf, sizeof(g->buf), MSG_DONTWAIT) > 0;
	}
}

/*
 * xl makes the domain as NAME--incoming, and calls it NAME when it may run.  One of an earlier try, whose end is being cleared up, is
 * waited for; what else has such a name is not ours to remove.  0, or a negative errno with @r filled.
 */
static int guest_in_the_way(struct guest *g, const char *name, struct dmm_refusal *r)
{
	u64 until_ms = dmm_now_ms() + IN_THE_WAY_MS;
	char domain[96], out[512];
	char *const argv[] = { g->s->rc->processes ? g->s->rc->processes->xl : (char *)"xl", (char *)"list", domain, NULL };
	static const char *const ends[] = { "--incoming", "" };
	size_t i;

	for (i = 0; i < 2; i++) {
		snprintf(domain, sizeof(domain), "%s%s", name, ends[i]);
		while (!dmm_runner_ask(argv, ASK_MS, g->s->rc->stop_fd, out, sizeof(out))) {
			if (*ends[i] && dmm_now_ms() < until_ms &&
			    dmm_wait_fd(g->s->rc->stop_fd, POLLIN, dmm_now_ms() + AGAIN_MS, -1) == -ETIMEDOUT)
				continue;
			return dmm_refuse(r, DMM_WERR_BUSY, "there is a domain %.80s already%s: xl list; if nobody needs it, xl destroy "
					  "%.80s", domain, *ends[i] ? ", which an earlier move has left" : "", domain);
		}
	}
	return 0;
}

/* The receiver is there; 0 or a negative errno with @r filled. */
static int guest_begin(struct guest *g, const struct dmm_guest_request *rq, struct dmm_refusal *r)
{
	int ret = dmm_processes_guest(g->s->rc->processes, rq->platform, &g->receiver, &g->words, &g->process);

	if (ret == -ENOENT)
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "there is no xl on this host: is it a Xen host? (xl in dmmigrated.conf)");
	return ret ? dmm_refuse(r, DMM_WERR_INTERNAL, "cannot begin xl migrate-receive: %s", strerror(-ret)) : 0;
}

void dmm_guest_run(struct dmm_session *s, const u8 *payload)
{
	dmm_autofree struct guest *g = calloc(1, sizeof(*g));
	struct dmm_guest_request rq;
	struct dmm_migration *m = NULL;
	struct dmm_refusal r;
	int ret;

	ret = g ? dmm_guest_decode(payload, &rq, &r) : dmm_refuse(&r, DMM_WERR_INTERNAL, "out of memory");
	if (!ret) {
		m = guest_find(s, &rq, &r);
		g->s = s;
		ret = m ? guest_in_the_way(g, rq.name, &r) : -EPERM;
		if (!ret)
			ret = guest_begin(g, &rq, &r);
	}
	if (ret) {
		dmm_session_refuse(s, &r);
	} else {
		dmm_notice(&s->log_id, "guest %s comes: xl migrate-receive was begun", rq.name);
		g->gate = m->nr_disks ? NULL : &m->guest_gate;
		if (g->gate)
			dmm_guest_gate_enter(g->gate, &g->stream, g->receiver);
		if (!dmm_session_reply(s, DMM_MSG_GUEST_OK, NULL, 0))
			guest_carry(g);
		if (g->gate) {
			guest_await_end(g);
			dmm_guest_gate_leave(g->gate, &g->stream);
		}
		dmm_notice(&s->log_id, "guest %s: xl migrate-receive has ended", rq.name);
		close(g->receiver);
		if (g->words >= 0)
			close(g->words);
		if (g->process >= 0)
			close(g->process);
	}
	dmm_migration_put(m);
}
