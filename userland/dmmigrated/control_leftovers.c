// SPDX-License-Identifier: GPL-2.0
/*
 * LEFTOVERS: what migrations have left on this host, as far as it concerns who asks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "control_priv.h"
#include "leftovers.h"

/* Those that are for who asks; to be freed. */
static struct dmm_sr *get_srs(struct dmm_session *s, u32 *nr)
{
	struct dmm_sr *srs = calloc(DMM_ALLOW_MAX, sizeof(*srs));
	char text[PATH_MAX];
	u32 i = 0;

	*nr = 0;
	while (srs && *nr < DMM_ALLOW_MAX && dmm_control_sr_next(s, &i, text, &srs[*nr]))
		++*nr;
	return srs;
}

int dmm_control_leftovers(struct dmm_session *s, const u8 *payload, struct dmm_wire_leftovers_ok *ok, struct dmm_refusal *r)
{
	struct dmm_leftovers_who who = { .local = s->local, .peer = s->peer_name };
	struct dmm_leftovers l = { .nr = 0 };
	struct dmm_migration *m;
	struct dmm_sr *srs;
	u8 id[DMM_ID_BYTES];
	u32 first;
	int ret;

	if (!(s->features & DMM_FEATURE_LEFTOVERS))
		return dmm_refuse(r, DMM_WERR_PROTOCOL, "LEFTOVERS without its feature in HELLO");
	if (!s->rc->migrations)
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "no journals are kept here");
	ret = dmm_leftovers_request_decode(payload, id, &first, r);
	if (!ret)
		ret = dmm_channel_check_again(s, r);
	if (ret)
		return ret;
	if (!dmm_id_is_zero(id)) {
		m = dmm_migrations_get(s->rc->migrations, id);
		if (!m)
			return dmm_refuse(r, DMM_WERR_NOTFOUND, "this migration is not known here");
		dmm_migration_put(m);
		who.migration = id;
	}
	srs = get_srs(s, &who.nr_srs);
	who.srs = srs;
	ret = srs ? dmm_leftovers_find(s->rc->migrations, &who, &l) : -ENOMEM;
	if (ret)
		dmm_refuse(r, DMM_WERR_INTERNAL, "cannot look for leftovers: %s", strerror(-ret));
	else
		dmm_leftovers_encode(&l, first, ok);
	if (!ret && !dmm_channel_has_tls(s->rc->channel))
		ok->flags |= cpu_to_le32(DMM_LEFTOVERS_PLAINTEXT);
	dmm_leftovers_clear(&l);
	free(srs);
	return ret;
}
