// SPDX-License-Identifier: GPL-2.0
/*
 * The acceptor's life, and what it asks of the daemon.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acceptor.h"
#include "fullio.h"
#include "ipc.h"
#include "keys_priv.h"
#include "listener.h"
#include "lobby.h"
#include "sandbox.h"

#define ASK_MS		5000u	/* for the daemon's answer */
#define REST_MS		200u	/* out of descriptors or threads: accept nothing for as long */
#define CROWDED_MS	5u	/* so many have to leave still: begin no handshake for as long */
#define TICK_MS		2000u	/* for lines that were not said, and a new key */
#define END_MS		1000u	/* for handshakes that were told to stop */

static int up_to_daemon = -1;

/* Files of keys, whoever we are by now. */
static int ask_file(const char *dir, const char *name, mode_t forbidden, char why[DMM_KEYS_WHY])
{
	struct dmm_acceptor_file file = { .forbidden = forbidden };
	struct dmm_ipc_msg answer;
	int ret, fd = -1;

	snprintf(file.name, sizeof(file.name), "%s", name);
	ret = dmm_ipc_ask(up_to_daemon, DMM_ACCEPTOR_FILE, &file, sizeof(file), NULL, 0, &answer, dmm_now_ms() + ASK_MS, -1);
	if (!ret) {
		fd = dmm_ipc_take(&answer, 0);
		ret = answer.bytes == sizeof(file) ? 0 : -EPROTO;
		if (!ret)
			memcpy(&file, answer.data, sizeof(file));
		dmm_ipc_free(&answer);
	}
	if (ret)
		return dmm_keys_wrong(dir, name, ret, why, "the daemon does not open it: %s", strerror(-ret));
	if (file.ret || fd < 0)
		memcpy(why, file.why, DMM_KEYS_WHY);
	return file.ret ? file.ret : fd;
}

static int ask_key(enum dmm_acceptor_op op, const u8 identity[DMM_KEY_IDENTITY_BYTES], struct dmm_acceptor_key *key)
{
	struct dmm_ipc_msg answer;
	int ret;

	ret = dmm_ipc_ask(up_to_daemon, op, identity, DMM_KEY_IDENTITY_BYTES, NULL, 0, &answer, dmm_now_ms() + ASK_MS, -1);
	if (ret)
		return ret;
	ret = answer.bytes == sizeof(*key) ? 0 : -EPROTO;
	if (!ret)
		memcpy(key, answer.data, sizeof(*key));
	gnutls_memset(answer.data, 0, answer.bytes);
	dmm_ipc_free(&answer);
	return ret ? ret : key->ret;
}

static int acceptor_find(void *ctx, const u8 identity[DMM_KEY_IDENTITY_BYTES], u8 secret[DMM_KEY_SECRET_BYTES])
{
	struct dmm_acceptor_key key;
	int ret = ask_key(DMM_ACCEPTOR_FIND, identity, &key);

	(void)ctx;
	if (!ret)
		memcpy(secret, key.secret, sizeof(key.secret));
	gnutls_memset(&key, 0, sizeof(key));
	return ret;
}

static int acceptor_use(void *ctx, const u8 identity[DMM_KEY_IDENTITY_BYTES], struct dmm_key_use *use)
{
	struct dmm_acceptor_key key;
	int ret = ask_key(DMM_ACCEPTOR_USE, identity, &key);

	(void)ctx;
	if (!ret)
		*use = key.use;
	return ret;
}

void dmm_acceptor_pass(struct dmm_receiver *rc, const struct dmm_session *s)
{
	struct dmm_ipc_msg answer;
	int ret = dmm_ipc_ask(up_to_daemon, DMM_ACCEPTOR_SESSION, s, sizeof(*s), &s->fd, 1, &answer, dmm_now_ms() + ASK_MS,
			      rc->stop_fd);

	if (!ret)
		dmm_ipc_free(&answer);
	else if (ret != -ECANCELED)
		dmm_warn(&s->log_id, "closed: the daemon does not take it: %s", strerror(-ret));
}

static u64 acceptor_tick(struct dmm_receiver *rc, u64 now_ms)
{
	dmm_complaints_tick(&rc->complaints, now_ms);
	dmm_channel_tick(rc->channel, now_ms);
	return now_ms + TICK_MS;
}

static void acceptor_loop(struct dmm_listener *l, struct dmm_receiver *rc, struct dmm_lobby *lobby, int up)
{
	static struct pollfd p[1 + DMM_MAX_SOCKETS + DMM_LOBBY_PLACES];
	u64 rest_until_ms = 0, tick_ms = 0, now_ms, until_ms;
	bool rests, crowded;
	u32 i, nr_guests;
	int ret;

	for (;;) {
		now_ms = dmm_now_ms();
		if (now_ms >= tick_ms)
			tick_ms = acceptor_tick(rc, now_ms);
		rests = now_ms < rest_until_ms;
		crowded = dmm_silent_crowded(rc);
		until_ms = rests ? rest_until_ms : crowded ? now_ms + CROWDED_MS : tick_ms;
		p[0] = (struct pollfd){ .fd = up, .events = POLLIN };
		for (i = 0; i < l->nr; i++)
			p[1 + i] = (struct pollfd){ .fd = rests ? -1 : l->fds[i], .events = POLLIN };
		nr_guests = dmm_lobby_poll(lobby, p + 1 + l->nr, rests || crowded, &until_ms);
		if (poll(p, 1 + l->nr + nr_guests, until_ms > now_ms ? (int)(until_ms - now_ms) : 0) < 0)
			continue;
		if (p[0].revents)
			return;
		ret = dmm_lobby_serve(lobby, p + 1 + l->nr, nr_guests, dmm_now_ms());
		for (i = 0; i < l->nr && !ret; i++)
			ret = p[1 + i].revents ? dmm_listener_accept(l, i, rc, lobby) : 0;
		if (ret) {
			dmm_err(NULL, "cannot accept connections: %s", strerror(-ret));
			rest_until_ms = now_ms + REST_MS;
		}
	}
}

static int acceptor_say_ready(int up, int ready)
{
	struct dmm_ipc_msg answer;
	int ret = dmm_ipc_ask(up, DMM_ACCEPTOR_READY, &ready, sizeof(ready), NULL, 0, &answer, dmm_now_ms() + ASK_MS, -1);

	if (!ret)
		dmm_ipc_free(&answer);
	return ret;
}

void dmm_acceptor_run(struct dmm_config *c, int up, const struct dmm_sandbox *box)
{
	static const struct dmm_keyring_ops from_daemon = { .find = acceptor_find, .use = acceptor_use };
	static struct dmm_channel channel;
	static struct dmm_listener listener;
	static struct dmm_lobby lobby;
	static struct dmm_receiver rc;
	char what[DMM_SANDBOX_WHAT] = "";
	struct pollfd gone = { .fd = up };
	int ret;

	up_to_daemon = up;
	ret = dmm_receiver_init(&rc, c);
	if (!ret)
		ret = dmm_channel_open(&channel, c, true);
	if (!ret)
		ret = dmm_listener_open(&listener, c);
	if (!ret && dmm_sandbox_enter(box, what)) {
		dmm_err(NULL, "nobody can be listened to: %s", what);
		ret = -EPERM;
	}
	if (acceptor_say_ready(up, ret) || ret)
		_exit(EXIT_FAILURE);
	dmm_debug(NULL, "acceptor: %s", what);
	dmm_keys_open = ask_file;
	channel.ring = &from_daemon;
	rc.channel = &channel;
	rc.passes = true;
	dmm_lobby_init(&lobby, &rc, dmm_channel_has_tls(&channel));
	acceptor_loop(&listener, &rc, &lobby, up);
	dmm_lobby_exit(&lobby);
	dmm_listener_close(&listener);
	dmm_receiver_stop(&rc);
	dmm_receiver_wait(&rc, END_MS);
	/* relays have an end with the daemon */
	while (!(gone.revents & POLLHUP))
		poll(&gone, 1, -1);
	_exit(EXIT_SUCCESS);
}
