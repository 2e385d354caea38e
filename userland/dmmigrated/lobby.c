// SPDX-License-Identifier: GPL-2.0
/*
 * Where connections wait until they have said something.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fullio.h"
#include "lobby.h"
#include "log.h"
#include "session.h"

/* RFC 8446, 5.1: type, version, length */
#define TLS_HEADER	5u
#define TLS_HANDSHAKE	22u
#define TLS_MAJOR	3u
#define TLS_MAX_RECORD	(sizeof(((struct dmm_lobby *)NULL)->peek) - TLS_HEADER)

void dmm_lobby_init(struct dmm_lobby *lobby, struct dmm_receiver *rc, bool tls)
{
	u32 i;

	lobby->rc = rc;
	lobby->tls = tls;
	lobby->nr = 0;
	dmm_list_init(&lobby->guests);
	dmm_list_init(&lobby->free);
	for (i = 0; i < DMM_LOBBY_PLACES; i++)
		dmm_list_add_tail(&lobby->free, &lobby->places[i].node);
}

/* The caller has its descriptor from here on. */
static void guest_free(struct dmm_lobby *lobby, struct dmm_guest *g)
{
	dmm_list_del(&g->node);
	dmm_list_add_tail(&lobby->free, &g->node);
	g->fd = -1;
	lobby->nr--;
}

static void guest_put_out(struct dmm_lobby *lobby, struct dmm_guest *g, enum dmm_complaint what, const char *why)
{
	const struct dmm_log_id id = { .disk = DMM_LOG_NO_DISK, .peer = g->peer };

	dmm_complain(&lobby->rc->complaints, what, dmm_now_ms(), what == DMM_COMPLAIN_HELLO ? LOG_INFO : LOG_WARNING, &id,
		     "closed before HELLO: %s", why);
	close(g->fd);
	guest_free(lobby, g);
}

void dmm_lobby_exit(struct dmm_lobby *lobby)
{
	struct dmm_guest *g;

	while (lobby->nr) {
		g = dmm_list_entry(lobby->guests.next, struct dmm_guest, node);
		close(g->fd);
		guest_free(lobby, g);
	}
}

/* Who makes way for somebody from the address of @peer. */
static struct dmm_guest *lobby_oldest(struct dmm_lobby *lobby, const char *peer, size_t address_bytes)
{
	struct dmm_guest *g, *oldest = NULL;
	struct dmm_list *pos;
	u32 nr = 0;

	dmm_list_for_each(pos, &lobby->guests) {
		g = dmm_list_entry(pos, struct dmm_guest, node);
		if (g->address_bytes != address_bytes || memcmp(g->peer, peer, address_bytes))
			continue;
		if (!oldest)
			oldest = g;
		nr++;
	}
	return nr >= DMM_LOBBY_SHARE ? oldest : dmm_list_entry(lobby->guests.next, struct dmm_guest, node);
}

void dmm_lobby_enter(struct dmm_lobby *lobby, int fd, const char *peer)
{
	size_t address_bytes = dmm_peer_address_bytes(peer);
	struct dmm_guest *g;

	if (lobby->nr == DMM_LOBBY_PLACES)
		guest_put_out(lobby, lobby_oldest(lobby, peer, address_bytes), DMM_COMPLAIN_LIMIT,
			      "it had to make way: too many connections that say nothing");
	g = dmm_list_entry(lobby->free.next, struct dmm_guest, node);
	dmm_list_del(&g->node);
	dmm_list_add_tail(&lobby->guests, &g->node);
	lobby->nr++;
	g->fd = fd;
	g->hello_ms = dmm_now_ms() + lobby->rc->handshake_ms;
	g->address_bytes = address_bytes;
	snprintf(g->peer, sizeof(g->peer), "%s", peer);
}

u32 dmm_lobby_poll(const struct dmm_lobby *lobby, struct pollfd *p, bool rests, u64 *until_ms)
{
	const struct dmm_guest *g;
	struct dmm_list *pos;
	u32 nr = 0;

	dmm_list_for_each(pos, &lobby->guests) {
		g = dmm_list_entry(pos, struct dmm_guest, node);
		if (!nr)
			*until_ms = dmm_min_u64(*until_ms, g->hello_ms);
		p[nr++] = (struct pollfd){ .fd = g->fd, .events = rests ? 0 : POLLIN | POLLRDHUP };
	}
	return nr;
}

/* How long is the record that begins so; 0: that is not known yet. -EPROTO: it is no TLS. */
static int record_bytes(const u8 *header, size_t n)
{
	u32 bytes;

	if (header[0] != TLS_HANDSHAKE || (n > 1 && header[1] != TLS_MAJOR))
		return -EPROTO;
	if (n < TLS_HEADER)
		return 0;
	bytes = (u32)header[3] << 8 | header[4];
	return bytes > TLS_MAX_RECORD ? -EPROTO : (int)(TLS_HEADER + bytes);
}

/* It is readable: 1 when it can go on, 0 when it has to wait, or -errno when it is to be closed. */
static int guest_look(struct dmm_lobby *lobby, struct dmm_guest *g)
{
	ssize_t n = recv(g->fd, lobby->peek, sizeof(lobby->peek), MSG_PEEK | MSG_DONTWAIT);
	int need = 1;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (!n)
		return -ENODATA;
	if (lobby->tls)
		need = record_bytes(lobby->peek, (size_t)n);
	if (need < 0)
		return need;
	if (need && n >= need) {
		need = 1;
		setsockopt(g->fd, SOL_SOCKET, SO_RCVLOWAT, &need, sizeof(need));
		return 1;
	}
	/* poll() is silent until so many are there */
	need = need ? need : (int)TLS_HEADER;
	setsockopt(g->fd, SOL_SOCKET, SO_RCVLOWAT, &need, sizeof(need));
	return 0;
}

static int guest_go_on(struct dmm_lobby *lobby, struct dmm_guest *g)
{
	int ret = dmm_session_start(lobby->rc, g->fd, g->peer, false, g->hello_ms);

	guest_free(lobby, g);
	return ret == -EUSERS ? 0 : ret;
}

static int guest_serve(struct dmm_lobby *lobby, struct dmm_guest *g, short revents)
{
	/* what a peer that has closed had sent is not worth an answer */
	int ret = revents & (POLLERR | POLLHUP) ? -ECONNRESET : guest_look(lobby, g);

	if (ret > 0)
		return guest_go_on(lobby, g);
	if (ret == -EPROTO)
		guest_put_out(lobby, g, DMM_COMPLAIN_HELLO, "it does not speak TLS: a source with --insecure-plaintext?");
	else if (ret || revents & POLLRDHUP)
		guest_put_out(lobby, g, DMM_COMPLAIN_HELLO, "the peer closed");
	return 0;
}

int dmm_lobby_serve(struct dmm_lobby *lobby, const struct pollfd *p, u32 nr, u64 now_ms)
{
	struct dmm_list *pos = lobby->guests.next, *next;
	struct dmm_guest *g;
	int ret = 0, err;
	u32 i;

	for (i = 0; i < nr; i++, pos = next) {
		next = pos->next;
		g = dmm_list_entry(pos, struct dmm_guest, node);
		if (p[i].revents) {
			err = guest_serve(lobby, g, p[i].revents);
			ret = ret ? ret : err;
		} else if (now_ms >= g->hello_ms) {
			guest_put_out(lobby, g, DMM_COMPLAIN_HELLO, "it said nothing in time");
		}
	}
	return ret;
}
