// SPDX-License-Identifier: GPL-2.0
/*
 * The daemon's end of the channel.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "channel.h"
#include "fullio.h"
#include "session.h"

#define WARNING_MS	(24u * 3600 * 1000)	/* between two of a certificate that ends */

static int here_find(void *ctx, const u8 identity[DMM_KEY_IDENTITY_BYTES], u8 secret[DMM_KEY_SECRET_BYTES])
{
	struct dmm_channel *ch = ctx;

	return dmm_keyring_find(&ch->keyring, identity, dmm_now_ms(), secret);
}

static int here_use(void *ctx, const u8 identity[DMM_KEY_IDENTITY_BYTES], struct dmm_key_use *use)
{
	struct dmm_channel *ch = ctx;

	return dmm_keyring_use(&ch->keyring, identity, dmm_now_ms(), use);
}

static const struct dmm_keyring_ops keyring_here = { .find = here_find, .use = here_use };

static const struct dmm_keyring_ops *keyring_of(const struct dmm_channel *ch)
{
	return ch->ring ? ch->ring : &keyring_here;
}

int dmm_channel_open(struct dmm_channel *ch, const struct dmm_config *c, bool quiet)
{
	char why[DMM_KEYS_WHY];
	int ret;

	memset(ch, 0, sizeof(*ch));
	ch->quiet = quiet;
	dmm_keyring_init(&ch->keyring);
	if (c->insecure_plaintext) {
		if (!quiet)
			dmm_warn(NULL, "--insecure-plaintext: whoever reaches this host's addresses may read and write the "
				 "destinations, and nobody is known by more than an address");
		return 0;
	}
	ret = dmm_keys_load(c->keys, &ch->keys, why);
	if (ret) {
		dmm_err(NULL, "%s", why);
		dmm_keyring_exit(&ch->keyring);
		return ret;
	}
	ch->to.keys = ch->keys;
	ch->to.carrier = c->tls;
	return 0;
}

static void warn_of_end(struct dmm_channel *ch, u64 now_ms)
{
	time_t until = dmm_keys_valid_until(ch->keys), now = time(NULL);
	char day[32];
	struct tm tm;

	if (until == -1 || until >= now + DMM_KEYS_AHEAD_S || now_ms < ch->next_warning_ms)
		return;
	ch->next_warning_ms = now_ms + WARNING_MS;
	if (!gmtime_r(&until, &tm) || !strftime(day, sizeof(day), "%F %T UTC", &tm))
		return;
	dmm_warn(NULL, "the certificate of this host %s on %s%s: dmmigrate keys renew", until < now ? "has expired" : "expires", day,
		 until < now ? ", and peers refuse it" : "");
}

void dmm_channel_tick(struct dmm_channel *ch, u64 now_ms)
{
	char why[DMM_KEYS_WHY], pin[DMM_PIN_TEXT];
	int ret;

	if (!dmm_channel_has_tls(ch))
		return;
	ret = dmm_keys_refresh(ch->keys, why);
	if (ch->quiet)
		return;
	if (ret < 0)
		dmm_err(NULL, "%s; the key that was read before stays in use", why);
	if (ret > 0) {
		dmm_pin_format(dmm_keys_pin(ch->keys), pin);
		dmm_notice(NULL, "key and certificate were read anew: this host is %s", pin);
		ch->next_warning_ms = 0;
	}
	warn_of_end(ch, now_ms);
}

void dmm_channel_close(struct dmm_channel *ch)
{
	/* the key stays: whoever is in a handshake is not waited for */
	dmm_keyring_exit(&ch->keyring);
}

const struct dmm_tls_client *dmm_channel_to(const struct dmm_channel *ch)
{
	return dmm_channel_has_tls(ch) ? &ch->to : NULL;
}

static int accept_find(void *ctx, const u8 identity[DMM_KEY_IDENTITY_BYTES], u8 secret[DMM_KEY_SECRET_BYTES])
{
	struct dmm_session *s = ctx;

	return keyring_of(s->rc->channel)->find(s->rc->channel, identity, secret);
}

static int accept_use(void *ctx, const u8 identity[DMM_KEY_IDENTITY_BYTES])
{
	struct dmm_session *s = ctx;

	return keyring_of(s->rc->channel)->use(s->rc->channel, identity, &s->key);
}

static void accept_known(void *ctx)
{
	struct dmm_session *s = ctx;

	dmm_silent_known(s->rc, s->silent);
}

int dmm_channel_accept(struct dmm_channel *ch, struct dmm_session *s)
{
	const struct dmm_tls_server server = {
		.keys = ch->keys, .carrier = ch->to.carrier, .ctx = s, .find = accept_find, .use = accept_use,
		.known = accept_known,
	};
	char why[DMM_KEYS_WHY], pin[DMM_PIN_TEXT];
	struct dmm_tls_end end;
	bool strange;
	int ret;

	ret = dmm_tls_accept(&s->fd, &server, s->hello_ms, s->rc->stop_fd, &end, why);
	if (ret) {
		strange = ret == -EPROTO || ret == -ECONNRESET || ret == -ETIMEDOUT || ret == -ECANCELED;
		dmm_session_complain(s, strange ? DMM_COMPLAIN_HELLO : DMM_COMPLAIN_UNKNOWN, why);
		return ret;
	}
	s->tls = true;
	s->by_key = end.by_key;
	if (end.by_key) {
		memcpy(s->peer_name, s->key.peer, sizeof(s->peer_name));
		return 0;
	}
	memcpy(s->peer_name, end.who.name, sizeof(s->peer_name));
	s->peer_pin = end.who.pin;
	dmm_pin_format(&end.who.pin, pin);
	dmm_debug(&s->log_id, "it is %s, %s", end.who.name, pin);
	return 0;
}

int dmm_channel_check_again(const struct dmm_session *s, struct dmm_refusal *r)
{
	char why[DMM_KEYS_WHY];
	struct dmm_peer_id who;

	if (!s->tls || s->by_key)
		return 0;
	memcpy(who.name, s->peer_name, sizeof(who.name));
	who.pin = s->peer_pin;
	if (!dmm_keys_check_again(s->rc->channel->keys, &who, why))
		return 0;
	return dmm_refuse(r, DMM_WERR_DENIED, "%.200s", why);
}
