// SPDX-License-Identifier: GPL-2.0
/*
 * Control connections.  Every request is decoded, which validates it, then
 * executed and answered; a refusal ends the connection.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "channel.h"
#include "control_priv.h"
#include "disk_ops.h"
#include "fullio.h"
#include "gate.h"
#include "keys_peers.h"
#include "migrations.h"
#include "nbduri.h"

#define MAX_TOUCHED	DMM_MAX_DISKS	/* disks that one connection may deal with */

struct control {
	struct dmm_session *s;
	/* Disks that this connection dealt with: they are no orphans while it lives. */
	struct dmm_disk **touched;
	u32 nr_touched;
	u8 *hashes;			/* of one HASHES_OK; allocated when it is first asked for */
	struct dmm_guest_pieces *pieces;	/* the same, of GUEST_CONFIG */
};

/* What a handler answers with. */
struct reply {
	u16 type;
	u32 bytes;
	const void *payload;		/* NULL: u */
	union {
		struct dmm_wire_prepared prepared;
		struct dmm_wire_digest_ok digest;
		struct dmm_wire_query_ok query;
		struct dmm_wire_prove_ok prove;
		struct dmm_wire_compare_ok compare;
		struct dmm_wire_group_ok group;
		struct dmm_wire_key_ok key;
		struct dmm_wire_facts_ok facts;
		struct dmm_wire_guest_config_ok guest_config;
		struct dmm_wire_identity_ok identity;
		struct dmm_wire_volume_ok volume;
		struct dmm_wire_leftovers_ok leftovers;
		struct dmm_wire_probe_ok probe;
	} u;
};

/* Keeps the reference to @d until the end of the connection; takes it over in any case. */
static int control_touch(struct control *c, struct dmm_disk *d, struct dmm_refusal *r)
{
	u32 i;

	for (i = 0; i < c->nr_touched; i++) {
		if (c->touched[i] == d) {
			dmm_registry_put(&c->s->rc->registry, d);
			return 0;
		}
	}
	if (c->nr_touched == MAX_TOUCHED) {
		dmm_registry_put(&c->s->rc->registry, d);
		return dmm_refuse(r, DMM_WERR_LIMIT, "more than %u disks on one connection: "
				  "open another", MAX_TOUCHED);
	}
	c->touched[c->nr_touched++] = d;
	return 0;
}

static void control_untouch(struct control *c, struct dmm_disk *d)
{
	u32 i;

	for (i = 0; i < c->nr_touched; i++) {
		if (c->touched[i] != d)
			continue;
		c->touched[i] = c->touched[--c->nr_touched];
		dmm_registry_put(&c->s->rc->registry, d);
		return;
	}
}

static void control_name(struct control *c, const struct dmm_disk_name *name)
{
	memcpy(c->s->log_id.migration, name->migration, DMM_ID_BYTES);
	c->s->log_id.disk = name->disk;
}

/* The disk that a request names; the connection keeps the reference. */
static int control_disk(struct control *c, const struct dmm_disk_name *name,
			struct dmm_disk **disk, struct dmm_refusal *r)
{
	struct dmm_disk *d;
	int ret;

	control_name(c, name);
	d = dmm_registry_get(&c->s->rc->registry, name, r);
	if (!d)
		return -ENOENT;
	if (!c->s->local && !dmm_peer_host_equal(d->prepare.peer, c->s->peer_name)) {
		dmm_registry_put(&c->s->rc->registry, d);
		return dmm_refuse(r, DMM_WERR_DENIED, "disk %u of this migration is another peer's", name->disk);
	}
	ret = control_touch(c, d, r);
	if (!ret)
		*disk = d;
	return ret;
}

/* The same for a range of it, which has to lie inside; @what is asked of it. */
static int control_range(struct control *c, const struct dmm_disk_name *name, u64 offset_bytes,
			 u64 length_bytes, const char *what, struct dmm_disk **disk,
			 struct dmm_refusal *r)
{
	struct dmm_disk *d;
	int ret;

	ret = control_disk(c, name, &d, r);
	if (ret)
		return ret;
	if (offset_bytes > d->prepare.size_bytes ||
	    length_bytes > d->prepare.size_bytes - offset_bytes)
		return dmm_refuse(r, DMM_WERR_RANGE, "%s of %llu bytes at %llu: the disk has %llu",
				  what, length_bytes, offset_bytes, d->prepare.size_bytes);
	*disk = d;
	return 0;
}

/*
 * A disk of a group: everything is checked before the gate is made, and with that above the volume it is
 * prepared.
 */
static int prepare_of_group(struct control *c, const struct dmm_prepare *p,
			    struct dmm_wire_prepared *prepared, struct dmm_disk **d,
			    struct dmm_refusal *r)
{
	struct dmm_registry *reg = &c->s->rc->registry;
	struct dmm_prepare check = *p;
	bool gate = p->gate[0];
	int ret;

	if (!(c->s->features & DMM_FEATURE_GROUP))
		return dmm_refuse(r, DMM_WERR_PROTOCOL, "a group without its feature in HELLO");
	if (!c->s->rc->migrations)
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "no journals are kept here");
	ret = gate ? dmm_gate_possible(r) : 0;
	if (ret)
		return ret;
	check.flags |= DMM_PREPARE_CHECK;
	ret = dmm_registry_prepare(reg, &check, prepared, d, r);
	if (ret)
		return ret;
	/* an export is a file, too */
	gate = gate && !(le32_to_cpu(prepared->flags) & DMM_PREPARED_FILE) && !dmm_is_nbd(p->dest_path);
	if (p->flags & DMM_PREPARE_CHECK)
		goto out_flags;
	dmm_registry_put(reg, *d);	/* prepared before; again, then */
	ret = dmm_migrations_prepare(c->s->rc->migrations, p, gate, r);
	if (!ret)
		ret = dmm_registry_prepare(reg, p, prepared, d, r);
	if (ret)
		return ret;
out_flags:
	if (gate)
		prepared->flags |= cpu_to_le32(DMM_PREPARED_GATED);
	return 0;
}

static int control_prepare(struct control *c, const u8 *payload, struct reply *reply,
			   struct dmm_refusal *r)
{
	struct dmm_prepare p;
	struct dmm_disk *d;
	int ret;

	ret = dmm_prepare_decode(payload, &p, r);
	if (!ret)
		ret = dmm_channel_check_again(c->s, r);
	if (!ret && (p.flags & DMM_PREPARE_CREATE) && !(c->s->features & DMM_FEATURE_CREATE))
		ret = dmm_refuse(r, DMM_WERR_PROTOCOL, "CREATE without its feature in HELLO");
	if (ret)
		return ret;
	memcpy(p.peer, c->s->peer_name, sizeof(p.peer));
	control_name(c, &p.name);
	if (p.flags & DMM_PREPARE_GUEST) {
		reply->type = DMM_MSG_PREPARED;
		reply->bytes = sizeof(reply->u.prepared);
		return dmm_control_prepare_guest(c->s, &p, &reply->u.prepared, r);
	}
	p.made = c->s->rc->migrations && dmm_migrations_made(c->s->rc->migrations, &p);
	if (!p.group_disks && c->s->rc->migrations)
		ret = dmm_migrations_refuse_known(c->s->rc->migrations, p.name.migration, r);
	if (!ret)
		ret = p.group_disks ? prepare_of_group(c, &p, &reply->u.prepared, &d, r) :
				      dmm_registry_prepare(&c->s->rc->registry, &p, &reply->u.prepared, &d, r);
	if (ret)
		return ret;
	if (!(c->s->features & DMM_FEATURE_HASHES))
		reply->u.prepared.flags &= cpu_to_le32(~DMM_PREPARED_EMPTY);
	reply->type = DMM_MSG_PREPARED;
	reply->bytes = sizeof(reply->u.prepared);
	if (!d) {
		dmm_info(&c->s->log_id, "%s checked for %s:%s: fit", p.dest_path, p.source_host,
			 p.source_path);
		return 0;
	}
	dmm_info(&c->s->log_id, "%s prepared for %s:%s, %llu bytes%s%s", p.dest_path, p.source_host,
		 p.source_path, p.size_bytes,
		 d->dest.flags & DMM_PREPARED_BUFFERED ? ", buffered" : "",
		 d->dest.signature[0] ? ", its signature may be overwritten" : "");
	return control_touch(c, d, r);
}

static int control_digest(struct control *c, const u8 *payload, struct reply *reply,
			  struct dmm_refusal *r)
{
	struct dmm_digest_request rq;
	struct dmm_disk *d;
	int ret;

	ret = dmm_digest_decode(payload, &rq, r);
	if (!ret)
		ret = control_range(c, &rq.name, rq.offset_bytes, rq.length_bytes, "digest", &d, r);
	reply->type = DMM_MSG_DIGEST_OK;
	reply->bytes = sizeof(reply->u.digest);
	return ret ? ret : d->ops->digest(d, &rq, c->s->rc->stop_fd, reply->u.digest.digest, r);
}

static int control_hashes(struct control *c, const u8 *payload, struct reply *reply,
			  struct dmm_refusal *r)
{
	struct dmm_hashes_request rq;
	struct dmm_disk *d;
	int ret;

	if (!(c->s->features & DMM_FEATURE_HASHES))
		return dmm_refuse(r, DMM_WERR_PROTOCOL, "HASHES without its feature in HELLO");
	ret = dmm_hashes_decode(payload, &rq, r);
	if (!ret)
		ret = control_range(c, &rq.name, rq.offset_bytes, rq.length_bytes, "hashes", &d, r);
	if (ret)
		return ret;
	if (!c->hashes)
		c->hashes = malloc(DMM_MAX_HASHES_BYTES);
	if (!c->hashes)
		return dmm_refuse(r, DMM_WERR_INTERNAL, "out of memory");
	reply->type = DMM_MSG_HASHES_OK;
	reply->payload = c->hashes;
	reply->bytes = rq.nr * DMM_HASH_BYTES;
	return d->ops->hashes(d, &rq, c->s->rc->stop_fd, c->hashes, r);
}

static int control_prove(struct control *c, const u8 *payload, struct reply *reply,
			 struct dmm_refusal *r)
{
	struct dmm_proved out[DMM_MAX_PROVE];
	struct dmm_prove_request rq;
	struct dmm_disk *d;
	int ret;
	u32 i;

	if (!(c->s->features & DMM_FEATURE_PROVE))
		return dmm_refuse(r, DMM_WERR_PROTOCOL, "PROVE without its feature in HELLO");
	ret = dmm_prove_decode(payload, &rq, r);
	if (!ret)	/* the last one has a byte, at least */
		ret = control_range(c, &rq.name, rq.first * DMM_PROVE_BYTES,
				    (rq.nr - 1) * (u64)DMM_PROVE_BYTES + 1, "proof", &d, r);
	if (!ret)
		ret = d->ops->prove(d, &rq, c->s->rc->stop_fd, out, r);
	if (ret)
		return ret;
	for (i = 0; i < rq.nr; i++) {
		reply->u.prove.extents[i].generation = cpu_to_le32(out[i].generation);
		reply->u.prove.extents[i].crc = cpu_to_le32(out[i].crc);
		reply->u.prove.extents[i].state = cpu_to_le32(out[i].state);
	}
	reply->type = DMM_MSG_PROVE_OK;
	reply->bytes = sizeof(reply->u.prove);
	return 0;
}

static int control_compare(struct control *c, const u8 *payload, struct reply *reply,
			   struct dmm_refusal *r)
{
	struct dmm_compare_request rq;
	struct dmm_disk *d;
	u32 i, differ = 0;
	int ret;

	if (!(c->s->features & DMM_FEATURE_PROVE))
		return dmm_refuse(r, DMM_WERR_PROTOCOL, "COMPARE without its feature in HELLO");
	ret = dmm_compare_decode(payload, &rq, r);
	if (!ret)
		ret = control_disk(c, &rq.name, &d, r);
	for (i = 0; i < rq.nr && !ret; i++)
		ret = control_range(c, &rq.name, rq.extents[i].number * DMM_PROVE_BYTES, 1, "comparison", &d, r);
	if (!ret)
		ret = d->ops->compare(d, &rq, &differ, r);
	reply->u.compare.differ = cpu_to_le32(differ);
	reply->type = DMM_MSG_COMPARE_OK;
	reply->bytes = sizeof(reply->u.compare);
	return ret;
}

/* The disk that @payload names, and nothing else. */
static int control_named(struct control *c, const u8 *payload, struct dmm_disk **d,
			 struct dmm_refusal *r)
{
	struct dmm_disk_name name;
	int ret = dmm_disk_name_decode(payload, &name, r);

	return ret ? ret : control_disk(c, &name, d, r);
}

static int control_query(struct control *c, const u8 *payload, struct reply *reply, struct dmm_refusal *r)
{
	struct dmm_disk *d;
	int ret = control_named(c, payload, &d, r);

	if (ret)
		return ret;
	reply->type = DMM_MSG_QUERY_OK;
	reply->bytes = sizeof(reply->u.query);
	return d->ops->query(d, &reply->u.query, r);
}

static int control_finish(struct control *c, const u8 *payload, struct reply *reply,
			  struct dmm_refusal *r)
{
	struct dmm_disk *d;
	int ret = control_named(c, payload, &d, r);

	if (!ret)
		ret = d->ops->finish(d, false, c->s->rc->stop_fd, r);
	if (ret)
		return ret;
	dmm_info(&c->s->log_id, "%s finished: flushed and closed", d->dest.path);
	reply->type = DMM_MSG_FINISH_OK;
	return 0;
}

static int control_forget(struct control *c, const u8 *payload, struct reply *reply,
			  struct dmm_refusal *r)
{
	struct dmm_disk *d;
	int ret = control_named(c, payload, &d, r);

	if (!ret)
		ret = d->ops->release(d, c->s->rc->stop_fd, r);
	if (ret)
		return ret;
	dmm_info(&c->s->log_id, "%s forgotten; its contents stay as they are", d->dest.path);
	dmm_registry_forget(&c->s->rc->registry, d);
	control_untouch(c, d);
	reply->type = DMM_MSG_FORGET_OK;
	return 0;
}

/* A secret for one data connection. */
static int control_key(struct control *c, const u8 *payload, struct reply *reply, struct dmm_refusal *r)
{
	struct dmm_key_use use = { .size_bytes = 0 };
	struct dmm_tls_key key;
	struct dmm_disk *d;
	int ret;

	if (!c->s->tls)
		return dmm_refuse(r, DMM_WERR_PROTOCOL, "KEY without TLS: data connections are plaintext here, too");
	ret = dmm_attach_decode(payload, &use.attach, r);
	if (!ret)
		ret = dmm_channel_check_again(c->s, r);
	if (!ret)
		ret = control_disk(c, &use.attach.name, &d, r);
	if (ret)
		return ret;
	use.size_bytes = d->prepare.size_bytes;
	memcpy(use.peer, c->s->peer_name, sizeof(use.peer));
	ret = dmm_keyring_mint(&c->s->rc->channel->keyring, &use, dmm_now_ms(), &key, r);
	if (ret)
		return ret;
	memcpy(reply->u.key.identity, key.identity, sizeof(key.identity));
	memcpy(reply->u.key.secret, key.secret, sizeof(key.secret));
	gnutls_memset(&key, 0, sizeof(key));
	reply->type = DMM_MSG_KEY_OK;
	reply->bytes = sizeof(reply->u.key);
	return 0;
}

/* What is answered as it is by a file of its own. */
#define CONTROL_ELSEWHERE(name, ok)								\
static int control_##name(struct control *c, const u8 *payload, struct reply *reply, struct dmm_refusal *r)	\
{												\
	reply->type = ok;									\
	reply->bytes = sizeof(reply->u.name);							\
	return dmm_control_##name(c->s, payload, &reply->u.name, r);				\
}

CONTROL_ELSEWHERE(group, DMM_MSG_GROUP_OK)
CONTROL_ELSEWHERE(identity, DMM_MSG_IDENTITY_OK)
CONTROL_ELSEWHERE(volume, DMM_MSG_VOLUME_OK)
CONTROL_ELSEWHERE(leftovers, DMM_MSG_LEFTOVERS_OK)
CONTROL_ELSEWHERE(probe, DMM_MSG_PROBE_OK)

static int control_adopt(struct control *c, const u8 *payload, struct reply *reply,
			 struct dmm_refusal *r)
{
	reply->type = DMM_MSG_GROUP_OK;
	reply->bytes = sizeof(reply->u.group);
	return dmm_control_adopt(c->s, payload, &reply->u.group, r);
}

static int control_facts(struct control *c, const u8 *payload, struct reply *reply, struct dmm_refusal *r)
{
	(void)payload;
	reply->type = DMM_MSG_FACTS_OK;
	reply->bytes = sizeof(reply->u.facts);
	return dmm_control_facts(c->s, &reply->u.facts, r);
}

static int control_guest_config(struct control *c, const u8 *payload, struct reply *reply, struct dmm_refusal *r)
{
	reply->type = DMM_MSG_GUEST_CONFIG_OK;
	reply->bytes = sizeof(reply->u.guest_config);
	return dmm_control_guest_config(c->s, payload, &c->pieces, &reply->u.guest_config, r);
}

static int control_execute(struct control *c, u16 type, const u8 *payload, struct reply *reply,
			   struct dmm_refusal *r)
{
	static const struct {
		u16 type;
		int (*handle)(struct control *c, const u8 *payload, struct reply *reply,
			      struct dmm_refusal *r);
	} handlers[] = {
		{ DMM_MSG_PREPARE, control_prepare },
		{ DMM_MSG_DIGEST, control_digest },
		{ DMM_MSG_HASHES, control_hashes },
		{ DMM_MSG_QUERY, control_query },
		{ DMM_MSG_PROVE, control_prove },
		{ DMM_MSG_COMPARE, control_compare },
		{ DMM_MSG_FINISH, control_finish },
		{ DMM_MSG_FORGET, control_forget },
		{ DMM_MSG_GROUP, control_group },
		{ DMM_MSG_ADOPT, control_adopt },
		{ DMM_MSG_KEY, control_key },
		{ DMM_MSG_FACTS, control_facts },
		{ DMM_MSG_GUEST_CONFIG, control_guest_config },
		{ DMM_MSG_IDENTITY, control_identity },
		{ DMM_MSG_VOLUME, control_volume },
		{ DMM_MSG_LEFTOVERS, control_leftovers },
		{ DMM_MSG_PROBE, control_probe },
	};
	size_t i;

	for (i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		if (handlers[i].type == type)
			return handlers[i].handle(c, payload, reply, r);
	}
	return dmm_refuse(r, DMM_WERR_PROTOCOL, "message %u is out of place here", type);
}

void dmm_control_run(struct dmm_session *s, struct dmm_frame *f, u8 *payload)
{
	struct control c = { .s = s };
	struct dmm_refusal r;
	struct reply reply;
	int ret;

	c.touched = calloc(MAX_TOUCHED, sizeof(*c.touched));
	if (!c.touched) {
		dmm_refuse(&r, DMM_WERR_INTERNAL, "out of memory");
		dmm_session_refuse(s, &r);
		return;
	}
	for (;;) {
		memset(&reply, 0, sizeof(reply));
		ret = control_execute(&c, f->type, payload, &reply, &r);
		if (!ret && dmm_session_reply(s, reply.type, reply.payload ? reply.payload :
					      &reply.u, reply.bytes))
			break;
		/* idle for as long as the migration takes: keepalive finds dead peers */
		if (!ret)
			ret = dmm_session_recv(s, f, payload, DMM_MAX_CONTROL_BYTES, DMM_NO_DEADLINE,
					       &r);
		if (ret == -ENODATA)
			break;
		if (ret) {
			dmm_session_refuse(s, &r);
			break;
		}
	}
	while (c.nr_touched)
		dmm_registry_put(&s->rc->registry, c.touched[--c.nr_touched]);
	free(c.touched);
	free(c.hashes);
	free(c.pieces);
}
