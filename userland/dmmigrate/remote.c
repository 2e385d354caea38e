// SPDX-License-Identifier: GPL-2.0
/*
 * Requests to the receiver.  Every failure becomes one sentence that says what
 * happened and, where the cause is likely, what to look at.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/handover.h"
#include "fullio.h"
#include "remote_priv.h"
#include "tool.h"

#define FACTS_MS	60000	/* programs are run for it there */
#define AGAIN_MS	2000u	/* a handshake that was cut off is tried again for as long */

/* Of this process. */
static struct {
	const char *dir;		/* NULL: by default */
	enum dmm_tls_carrier carrier;
	pthread_mutex_t lock;
	struct dmm_keys *keys;		/* protected by lock until it is set, and constant then */
} security = { .lock = PTHREAD_MUTEX_INITIALIZER };

int dmm_remote_security(const char *keys, const char *tls)
{
	security.dir = keys;
	return tls ? dmm_tls_carrier_parse(tls, &security.carrier) : 0;
}

/* This host's key, read when it is first needed. */
static int own_keys(const struct dmm_keys **keys, char why[DMM_KEYS_WHY])
{
	char dir[DMM_PATH_MAX];
	int ret = 0;

	pthread_mutex_lock(&security.lock);
	if (!security.keys && !security.dir)
		ret = dmm_keys_default_dir(dir, sizeof(dir));
	if (ret)
		snprintf(why, DMM_KEYS_WHY, "where are this user's keys? Neither HOME nor XDG_CONFIG_HOME is set");
	else if (!security.keys)
		ret = dmm_keys_load(security.dir ? security.dir : dir, &security.keys, why);
	*keys = security.keys;
	pthread_mutex_unlock(&security.lock);
	return ret;
}

void dmm_remote_init(struct dmm_remote *r)
{
	memset(r, 0, sizeof(*r));
	r->client.fd = -1;
}

void dmm_remote_close(struct dmm_remote *r)
{
	dmm_client_close(&r->client);
}

int dmm_remote_fail(struct dmm_remote *r, int err, const char *doing)
{
	const char *text = r->client.why;

	r->err = err;
	r->code = 0;
	/* whose certificate is not known cannot go on, however often it is tried */
	r->exit = text && text == r->client.tls_why && !r->client.tls.by_key && (err == -EACCES || err == -EPERM) ?
		  DMM_EXIT_PREFLIGHT : DMM_EXIT_TRANSPORT;
	if (err == -EREMOTEIO) {
		r->code = le32_to_cpu(r->refuse.code);
		r->exit = dmm_exit_from_wire(r->code);
		snprintf(r->why, sizeof(r->why), "the receiver at %s refused: %s", r->where,
			 (const char *)r->refuse.text);
		return err;
	}
	if (!text && err == -ECONNREFUSED)
		text = "connection refused: is dmmigrated running there?";
	if (!text && err == -ETIMEDOUT)
		text = "no answer in time";
	snprintf(r->why, sizeof(r->why), "cannot %s (%s): %s", doing, r->where,
		 text ? text : strerror(-err));
	return err;
}

/* What has answered is not understood: nothing more is asked of it. -EPROTO. */
int dmm_remote_malformed(struct dmm_remote *r, const char *doing)
{
	int ret;

	r->client.why = "the answer is malformed";
	ret = dmm_remote_fail(r, -EPROTO, doing);
	dmm_remote_close(r);
	return ret;
}

static int remote_hello(struct dmm_remote *r, bool plaintext)
{
	int ret;

	r->client.features = r->offer;
	ret = dmm_client_hello(&r->client, "dmmigrate " DMM_TOOL_VERSION, &r->hello, &r->refuse);
	if (ret) {
		if (plaintext && ret == -ECONNRESET)
			r->client.why = "it closed the connection at once: was it started with --insecure-plaintext, too?";
		dmm_remote_fail(r, ret, "agree on a version with the receiver");
		dmm_remote_close(r);
	}
	return ret;
}

static int remote_connect(struct dmm_remote *r, const struct dmm_target *to, const struct dmm_tls_client *tls)
{
	u64 until_ms = dmm_now_ms() + AGAIN_MS;
	unsigned int pause_ms = 50;
	int ret;

	/* a receiver that strangers flood may have closed it for one of them */
	while ((ret = dmm_client_connect(to->host, to->port, DMM_REMOTE_CONNECT_MS, tls, &r->client)) == -ECONNRESET && tls &&
	       dmm_now_ms() + pause_ms < until_ms) {
		poll(NULL, 0, (int)pause_ms);
		pause_ms *= 2;
	}
	return ret ? dmm_remote_fail(r, ret, "connect to the receiver") : remote_hello(r, !tls);
}

int dmm_remote_open(struct dmm_remote *r, const struct dmm_target *to)
{
	struct dmm_tls_client tls = { .carrier = security.carrier };
	int ret;

	dmm_remote_close(r);
	dmm_hostport_format(to->host, to->port, r->where, sizeof(r->where));
	if (to->plaintext)
		return remote_connect(r, to, NULL);
	ret = own_keys(&tls.keys, r->client.tls_why);
	if (!ret)
		return remote_connect(r, to, &tls);
	dmm_remote_fail(r, ret, "connect to the receiver");
	r->exit = DMM_EXIT_PREFLIGHT;
	snprintf(r->why, sizeof(r->why), "%s", r->client.tls_why);
	return ret;
}

int dmm_remote_open_local(struct dmm_remote *r, const char *path)
{
	int ret;

	dmm_remote_close(r);
	snprintf(r->where, sizeof(r->where), "%s", path);
	ret = dmm_client_connect_local(path, &r->client);
	if (ret)
		return dmm_remote_fail(r, ret, "ask dmmigrated of this host");
	r->offer |= DMM_FEATURE_GROUP;
	return remote_hello(r, false);
}

int dmm_remote_request(struct dmm_remote *r, u16 type, const void *payload, u32 bytes,
			  u16 expect, void *reply, u32 reply_bytes, int timeout_ms,
			  const char *doing)
{
	int ret;

	if (r->client.fd < 0)
		return dmm_remote_fail(r, -ENOTCONN, doing);
	r->client.timeout_ms = timeout_ms;
	r->code = 0;
	ret = dmm_client_request(&r->client, type, payload, bytes, expect, reply, reply_bytes,
				 &r->refuse);
	if (!ret)
		return 0;
	dmm_remote_fail(r, ret, doing);
	/* after a failure nobody knows where in the stream we are; a refusal closes, too */
	dmm_remote_close(r);
	return ret;
}

static void disk_id(struct dmm_wire_disk *d, const u8 id[DMM_ID_BYTES], u32 disk)
{
	memset(d, 0, sizeof(*d));
	memcpy(d->migration, id, DMM_ID_BYTES);
	d->disk = cpu_to_le32(disk);
}

int dmm_remote_texts(struct dmm_wire_prepare *req, const char *identity, const char *path,
		     const char *dest)
{
	char host[65] = "";
	int ret;

	gethostname(host, sizeof(host) - 1);
	host[sizeof(req->source_host) - 1] = '\0';
	ret = dmm_text_put(req->source_identity, sizeof(req->source_identity), identity);
	if (!ret)
		ret = dmm_text_put(req->source_host, sizeof(req->source_host), host);
	if (!ret)
		ret = dmm_text_put(req->source_path, sizeof(req->source_path), path);
	if (!ret)
		ret = dmm_text_put(req->dest_path, sizeof(req->dest_path), dest);
	return ret;
}

int dmm_remote_prepare(struct dmm_remote *r, const struct dmm_wire_prepare *req,
		       struct dmm_wire_prepared *prepared)
{
	int ret = dmm_remote_request(r, DMM_MSG_PREPARE, req, sizeof(*req), DMM_MSG_PREPARED, prepared,
				 sizeof(*prepared), DMM_CLIENT_TIMEOUT_MS, "prepare the destination");

	if (!ret && (dmm_text_check(prepared->signature, sizeof(prepared->signature)) ||
		     le64_to_cpu(prepared->conn_epoch) >= ~0ull >> 1))
		return dmm_remote_malformed(r, "prepare the destination");
	return ret;
}

int dmm_remote_volume(struct dmm_remote *r, const struct dmm_wire_volume *req, struct dmm_wire_volume_ok *ok)
{
	int ret = dmm_remote_request(r, DMM_MSG_VOLUME, req, sizeof(*req), DMM_MSG_VOLUME_OK, ok, sizeof(*ok), DMM_REMOTE_SLOW_MS,
				 "have a volume made");

	if (!ret && (dmm_text_check(ok->path, sizeof(ok->path)) || ok->path[0] != '/' || ok->pad))
		return dmm_remote_malformed(r, "have a volume made");
	return ret;
}

int dmm_remote_leftovers(struct dmm_remote *r, const u8 *id, struct dmm_leftovers *l, bool *plaintext)
{
	static const char doing[] = "ask what migrations have left there";
	struct dmm_wire_leftovers w = { .first = 0 };
	struct dmm_wire_leftovers_ok ok;
	const char *why;
	int ret;

	if (!(r->client.features & DMM_FEATURE_LEFTOVERS)) {
		r->client.why = "dmmigrated there is older: upgrade it";
		return dmm_remote_fail(r, -EPROTO, doing);
	}
	if (id)
		memcpy(w.migration, id, sizeof(w.migration));
	do {
		w.first = cpu_to_le32(l->nr);
		ret = dmm_remote_request(r, DMM_MSG_LEFTOVERS, &w, sizeof(w), DMM_MSG_LEFTOVERS_OK, &ok, sizeof(ok), DMM_REMOTE_SLOW_MS, doing);
		if (ret)
			return ret;
		ret = dmm_leftovers_decode(l, &ok, &why);
		*plaintext = le32_to_cpu(ok.flags) & DMM_LEFTOVERS_PLAINTEXT;
	} while (ret > 0);
	return ret ? dmm_remote_malformed(r, doing) : 0;
}

int dmm_remote_query(struct dmm_remote *r, const u8 id[DMM_ID_BYTES], u32 disk, struct dmm_wire_query_ok *q)
{
	struct dmm_wire_disk d;

	disk_id(&d, id, disk);
	return dmm_remote_request(r, DMM_MSG_QUERY, &d, sizeof(d), DMM_MSG_QUERY_OK, q, sizeof(*q),
			      DMM_CLIENT_TIMEOUT_MS, "ask the receiver about the disk");
}

int dmm_remote_finish(struct dmm_remote *r, const u8 id[DMM_ID_BYTES], u32 disk)
{
	struct dmm_wire_disk d;

	disk_id(&d, id, disk);
	return dmm_remote_request(r, DMM_MSG_FINISH, &d, sizeof(d), DMM_MSG_FINISH_OK, NULL, 0,
			      DMM_REMOTE_SLOW_MS, "finish the disk at the receiver");
}

int dmm_remote_forget(struct dmm_remote *r, const u8 id[DMM_ID_BYTES], u32 disk)
{
	struct dmm_wire_disk d;

	disk_id(&d, id, disk);
	return dmm_remote_request(r, DMM_MSG_FORGET, &d, sizeof(d), DMM_MSG_FORGET_OK, NULL, 0,
			      DMM_CLIENT_TIMEOUT_MS, "have the receiver forget the disk");
}

int dmm_remote_digest(struct dmm_remote *r, const u8 id[DMM_ID_BYTES], u32 disk, u64 offset_bytes,
		      u64 length_bytes, u8 digest[16])
{
	struct dmm_wire_digest req;
	struct dmm_wire_digest_ok ok;
	int ret;

	memset(&req, 0, sizeof(req));
	disk_id(&req.id, id, disk);
	req.offset_bytes = cpu_to_le64(offset_bytes);
	req.length_bytes = cpu_to_le64(length_bytes);
	req.algorithm = cpu_to_le32(DMM_DIGEST_XXH3_128);
	ret = dmm_remote_request(r, DMM_MSG_DIGEST, &req, sizeof(req), DMM_MSG_DIGEST_OK, &ok,
			     sizeof(ok), DMM_REMOTE_SLOW_MS, "get a digest from the receiver");
	if (!ret)
		memcpy(digest, ok.digest, 16);
	return ret;
}

int dmm_remote_prove(struct dmm_remote *r, const struct dmm_wire_prove *req, struct dmm_wire_prove_ok *ok)
{
	return dmm_remote_request(r, DMM_MSG_PROVE, req, sizeof(*req), DMM_MSG_PROVE_OK, ok, sizeof(*ok),
			      DMM_REMOTE_SLOW_MS, "have the receiver prove its data");
}

int dmm_remote_compare(struct dmm_remote *r, const struct dmm_wire_compare *req,
		       struct dmm_wire_compare_ok *ok)
{
	return dmm_remote_request(r, DMM_MSG_COMPARE, req, sizeof(*req), DMM_MSG_COMPARE_OK, ok, sizeof(*ok),
			      DMM_CLIENT_TIMEOUT_MS, "have the receiver compare");
}

void dmm_remote_attach_to(struct dmm_wire_attach *at, const u8 id[DMM_ID_BYTES], u32 disk, u64 conn_epoch,
			  u32 conn_index, u32 conns)
{
	memset(at, 0, sizeof(*at));
	disk_id(&at->id, id, disk);
	at->conn_epoch = cpu_to_le64(conn_epoch);
	at->conn_index = cpu_to_le32(conn_index);
	at->conns = cpu_to_le32(conns);
}

/* A key for the connection @at. */
static int remote_key(struct dmm_remote *r, const struct dmm_wire_attach *at, struct dmm_tls_key *key)
{
	struct dmm_wire_key_ok ok;
	int ret = dmm_remote_request(r, DMM_MSG_KEY, at, sizeof(*at), DMM_MSG_KEY_OK, &ok, sizeof(ok),
				 DMM_CLIENT_TIMEOUT_MS, "get a key for the data connection");

	if (ret)
		return ret;
	memcpy(key->identity, ok.identity, sizeof(key->identity));
	memcpy(key->secret, ok.secret, sizeof(key->secret));
	gnutls_memset(&ok, 0, sizeof(ok));
	return 0;
}

/* What went wrong on @from, as if it had on @to. */
static int remote_fail_as(struct dmm_remote *to, const struct dmm_remote *from)
{
	to->err = from->err;
	to->code = from->code;
	to->exit = from->exit;
	memcpy(to->why, from->why, sizeof(to->why));
	return to->err;
}

int dmm_remote_attach(struct dmm_remote *r, const struct dmm_wire_attach *at)
{
	return dmm_remote_request(r, DMM_MSG_ATTACH, at, sizeof(*at), DMM_MSG_ATTACHED, NULL, 0,
			      DMM_CLIENT_TIMEOUT_MS, "attach the data connection");
}

int dmm_remote_open_data(struct dmm_remote *data, struct dmm_remote *control, const struct dmm_target *to,
			 const struct dmm_wire_attach *at, bool outlives)
{
	struct dmm_tls_key key;
	struct dmm_tls_client tls = { .key = &key, .carrier = data->carrier ? data->carrier : security.carrier,
				      .outlives = outlives };
	int ret;

	if (to->plaintext) {
		ret = dmm_remote_open(data, to);
	} else {
		if (control->client.fd < 0 && dmm_remote_open(control, to))
			return remote_fail_as(data, control);
		if (remote_key(control, at, &key))
			return remote_fail_as(data, control);
		dmm_remote_close(data);
		dmm_hostport_format(to->host, to->port, data->where, sizeof(data->where));
		ret = remote_connect(data, to, &tls);
		gnutls_memset(&key, 0, sizeof(key));
	}
	if (ret)
		return ret;
	return dmm_remote_attach(data, at);
}

static u64 clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

int dmm_remote_facts(struct dmm_remote *r, struct dmm_facts *f, s64 *offset_ns, u64 *error_ns)
{
	u64 asked_ns = clock_ns(), told_ns, received_ns, sent_ns;
	struct dmm_wire_facts_ok ok;
	const char *why;
	int ret;

	ret = dmm_remote_request(r, DMM_MSG_FACTS, NULL, 0, DMM_MSG_FACTS_OK, &ok, sizeof(ok), FACTS_MS,
			     "ask what kind of host it is");
	if (ret)
		return ret;
	told_ns = clock_ns();
	if (dmm_facts_decode(&ok, f, &why)) {
		r->client.why = why;
		ret = dmm_remote_fail(r, -EPROTO, "ask what kind of host it is");
		dmm_remote_close(r);
		return ret;
	}
	received_ns = le64_to_cpu(ok.received_ns);
	sent_ns = le64_to_cpu(ok.sent_ns);
	/* as NTP has it: halves first, they may be far apart */
	*offset_ns = (s64)(received_ns / 2 - asked_ns / 2 + sent_ns / 2 - told_ns / 2);
	*error_ns = (told_ns - asked_ns) / 2;
	if (sent_ns - received_ns < told_ns - asked_ns)
		*error_ns -= (sent_ns - received_ns) / 2;
	return 0;
}

static int group_check(struct dmm_remote *r, int ret, struct dmm_wire_group_ok *ok)
{
	if (ret) {
		memset(ok, 0, sizeof(*ok));
		return ret;
	}
	if (!dmm_text_check(ok->why, sizeof(ok->why)) && !dmm_text_check(ok->peer, sizeof(ok->peer)) &&
	    !dmm_text_check(ok->device, sizeof(ok->device)) &&
	    le32_to_cpu(ok->state) < __DMM_HO_STATE_MAX)
		return 0;
	memset(ok, 0, sizeof(*ok));
	return dmm_remote_malformed(r, "ask about the hand-over");
}

int dmm_remote_group(struct dmm_remote *r, const struct dmm_wire_group *req,
		     struct dmm_wire_group_ok *ok)
{
	int ret = dmm_remote_request(r, DMM_MSG_GROUP, req, sizeof(*req), DMM_MSG_GROUP_OK, ok, sizeof(*ok),
				 DMM_CLIENT_TIMEOUT_MS + (int)le32_to_cpu(req->await_ms),
				 "ask about the hand-over");

	return group_check(r, ret, ok);
}

int dmm_remote_adopt(struct dmm_remote *r, const struct dmm_wire_adopt *req,
		     struct dmm_wire_group_ok *ok)
{
	int ret = dmm_remote_request(r, DMM_MSG_ADOPT, req, sizeof(*req), DMM_MSG_GROUP_OK, ok, sizeof(*ok),
				 DMM_CLIENT_TIMEOUT_MS, "have the hand-over journalled");

	return group_check(r, ret, ok);
}

int dmm_remote_guest(struct dmm_remote *r, const u8 id[DMM_ID_BYTES], const char *name)
{
	struct dmm_wire_guest w;

	memset(&w, 0, sizeof(w));
	memcpy(w.migration, id, DMM_ID_BYTES);
	w.platform = cpu_to_le32(DMM_PLATFORM_XL);
	if (!(r->client.features & DMM_FEATURE_GUEST) || dmm_text_put(w.name, sizeof(w.name), name)) {
		r->client.why = r->client.features & DMM_FEATURE_GUEST ? "the guest's name is too long" :
				"the receiver takes no guests: upgrade it";
		return dmm_remote_fail(r, -EPROTO, "send a guest");
	}
	return dmm_remote_request(r, DMM_MSG_GUEST, &w, sizeof(w), DMM_MSG_GUEST_OK, NULL, 0, DMM_CLIENT_TIMEOUT_MS, "send a guest");
}

int dmm_remote_guest_config(struct dmm_remote *r, const struct dmm_wire_guest_config *req, struct dmm_wire_guest_config_ok *ok)
{
	static const char doing[] = "send the guest's configuration";
	int ret;

	memset(ok, 0, sizeof(*ok));
	if (!(r->client.features & DMM_FEATURE_GUEST_CONFIG)) {
		r->client.why = "dmmigrated there takes no configurations of guests: upgrade it";
		return dmm_remote_fail(r, -EPROTO, doing);
	}
	ret = dmm_remote_request(r, DMM_MSG_GUEST_CONFIG, req, sizeof(*req), DMM_MSG_GUEST_CONFIG_OK, ok, sizeof(*ok),
			     DMM_CLIENT_TIMEOUT_MS, doing);
	if (!ret && !ok->pad && le32_to_cpu(ok->state) < __DMM_GUEST_CONFIG_STATE_MAX && !dmm_text_check(ok->path, sizeof(ok->path)) &&
	    !dmm_text_check(ok->kept, sizeof(ok->kept)) && !dmm_text_check(ok->why, sizeof(ok->why)))
		return 0;
	memset(ok, 0, sizeof(*ok));
	return ret ? ret : dmm_remote_malformed(r, doing);
}

int dmm_remote_identity(struct dmm_remote *r, const char *path, struct dmm_wire_identity_ok *ok)
{
	static const char doing[] = "ask which disk is there";
	struct dmm_wire_identity w;
	int ret;

	memset(ok, 0, sizeof(*ok));
	memset(&w, 0, sizeof(w));
	if (!(r->client.features & DMM_FEATURE_IDENTITY) || dmm_text_put(w.path, sizeof(w.path), path)) {
		r->client.why = r->client.features & DMM_FEATURE_IDENTITY ? "the path is too long" : "dmmigrated there is older: upgrade it";
		return dmm_remote_fail(r, -EPROTO, doing);
	}
	ret = dmm_remote_request(r, DMM_MSG_IDENTITY, &w, sizeof(w), DMM_MSG_IDENTITY_OK, ok, sizeof(*ok), DMM_REMOTE_SLOW_MS, doing);
	if (!ret && !ok->pad && le32_to_cpu(ok->kind) < __DMM_IDENTITY_KIND_MAX && !dmm_text_check(ok->identity, sizeof(ok->identity)))
		return 0;
	memset(ok, 0, sizeof(*ok));
	return ret ? ret : dmm_remote_malformed(r, doing);
}
