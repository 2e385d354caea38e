// SPDX-License-Identifier: GPL-2.0
/*
 * An offline copy and its destination: who it is, PREPARE, again, the end.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "copy.h"
#include "datasum.h"

/*
 * The id is that of the pair, so that whatever the receiver still has of an earlier run is found
 * again.  An abstract socket's name is the lock: it needs neither root nor a directory, and goes
 * with the process.
 */
int dmm_copy_identify(struct dmm_copy *c)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char text[PATH_MAX + DMM_PATH_MAX + DMM_HOST_MAX + 128], host[65] = "", hex[DMM_ID_HEX];
	XXH128_canonical_t hash;
	int n;

	gethostname(host, sizeof(host) - 1);
	n = snprintf(text, sizeof(text), "dmmigrate copy\n%s\n%s\n%s\n%u\n%s", host, c->source.path,
		     c->to.host, c->to.port, c->to.path);
	XXH128_canonicalFromHash(&hash, XXH3_128bits(text, (size_t)n));
	memcpy(c->id, hash.digest, sizeof(c->id));
	dmm_id_format(c->id, hex);
	n = snprintf(sa.sun_path + 1, sizeof(sa.sun_path) - 1, "dmmigrate-copy-%s", hex);
	c->lock_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->lock_fd < 0)
		return dmm_fail(c->t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
				"no socket: %s", strerror(errno));
	if (!bind(c->lock_fd, (struct sockaddr *)&sa,
		  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n)))
		return 0;
	dmm_next(c->t, "wait until it has ended");
	return dmm_fail(c->t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
			"%s is being copied to %s:%s already, by another process", c->source.path,
			c->to.host, c->to.path);
}

void dmm_copy_next_again(struct dmm_copy *c, const char *why)
{
	const struct dmm_args *a = &c->t->args;

	dmm_next(c->t, "dmmigrate copy %s%s%s %s%s%s%s", a->create ? "--create " : "",
		 c->begun || a->yes ? "--yes " : "", a->operands[0], a->operands[1],
		 *why ? " (" : "", why, *why ? ")" : "");
}

/* A refusal or failure before anything was written. */
static int prepare_failed(struct dmm_copy *c)
{
	const struct dmm_args *a = &c->t->args;

	if (c->remote.code == DMM_WERR_SIGNATURE)
		dmm_next(c->t, "dmmigrate copy --yes %s %s (overwrites what is there)",
			 a->operands[0], a->operands[1]);
	else if (c->remote.code == DMM_WERR_NOTFOUND && !a->create)
		dmm_next(c->t, "dmmigrate copy --create %s %s (or make the volume there)",
			 a->operands[0], a->operands[1]);
	else if (c->remote.err == -EADDRNOTAVAIL)
		dmm_next(c->t, "getent hosts %s", c->to.host);
	else if (!c->remote.code && c->remote.exit == DMM_EXIT_PREFLIGHT)
		dmm_next(c->t, "dmmigrate keys list");
	else if (!c->remote.code)
		dmm_next(c->t, "systemctl status dmmigrated (on %s)", c->to.host);
	else
		dmm_copy_next_again(c, "once that is mended");
	return dmm_fail(c->t, c->remote.exit, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "%s",
			c->remote.why);
}

static int prepare_request(const struct dmm_copy *c, bool check, struct dmm_wire_prepare *req)
{
	char path[sizeof(req->source_path)];

	memset(req, 0, sizeof(*req));
	memcpy(req->id.migration, c->id, DMM_ID_BYTES);
	req->size_bytes = cpu_to_le64(c->source.size_bytes);
	req->block_bytes = cpu_to_le32(c->source.lbs_bytes > DMM_MIN_BLOCK_BYTES ?
				       c->source.lbs_bytes : DMM_MIN_BLOCK_BYTES);
	req->lbs_bytes = cpu_to_le32(c->source.lbs_bytes);
	req->conns = cpu_to_le32(c->job.conns);
	req->flags = cpu_to_le32((c->overwrite ? DMM_PREPARE_OVERWRITE : 0) |
				 (check ? DMM_PREPARE_CHECK : 0) |
				 (c->t->args.create ? DMM_PREPARE_CREATE : 0));
	snprintf(path, sizeof(path), "%.*s", (int)sizeof(path) - 1, c->source.path);
	dmm_text_clean(path);
	return dmm_remote_texts(req, c->source.identity, path, c->to.path);
}

static int prepare_open(struct dmm_copy *c)
{
	int ret;

	if (c->remote.client.fd >= 0)
		return 0;
	c->remote.offer = DMM_FEATURE_ZERO | DMM_FEATURE_HASHES | DMM_FEATURE_CREATE | dmm_sum_offer();
	ret = dmm_remote_open(&c->remote, &c->to);
	if (ret)
		return ret;
	c->job.features = c->remote.client.features;
	if (!c->t->args.create || c->job.features & DMM_FEATURE_CREATE)
		return 0;
	snprintf(c->remote.why, sizeof(c->remote.why),
		 "the receiver at %s cannot create files: upgrade it", c->remote.where);
	c->remote.exit = DMM_EXIT_PREFLIGHT;
	c->remote.code = DMM_WERR_UNSUPPORTED;
	c->remote.err = -EOPNOTSUPP;
	dmm_remote_close(&c->remote);
	return -EOPNOTSUPP;
}

static int prepare_once(struct dmm_copy *c, bool check)
{
	struct dmm_wire_prepare req;
	int ret = prepare_open(c);

	if (ret)
		return ret;
	if (prepare_request(c, check, &req)) {
		snprintf(c->remote.why, sizeof(c->remote.why), "a name is too long for the receiver");
		c->remote.exit = DMM_EXIT_PREFLIGHT;
		c->remote.code = DMM_WERR_UNSUPPORTED;
		return -ENAMETOOLONG;
	}
	ret = dmm_remote_prepare(&c->remote, &req, &c->prepared);
	if (!ret)
		c->job.conn_epoch = dmm_max_u64(c->job.conn_epoch, le64_to_cpu(c->prepared.conn_epoch) + 1);
	return ret;
}

/* What an earlier run left there, which failed, finished, or had other connections. */
static bool prepare_is_in_the_way(u32 code)
{
	return code == DMM_WERR_BUSY || code == DMM_WERR_IO || code == DMM_WERR_NOSPC ||
	       code == DMM_WERR_INTERNAL;
}

static int prepare_anew(struct dmm_copy *c, bool check)
{
	int ret = prepare_once(c, check);

	if (!ret || check || !prepare_is_in_the_way(c->remote.code))
		return ret;
	/* it may be our own (nobody else has this id); if not, the answer is the same again */
	if (!prepare_open(c))
		dmm_remote_forget(&c->remote, c->id, 0);
	return prepare_once(c, check);
}

int dmm_copy_prepare(struct dmm_copy *c, bool check)
{
	char question[2304];
	bool asked = false;

	c->overwrite = c->t->args.yes;
	while (prepare_anew(c, check)) {
		if (c->remote.code != DMM_WERR_SIGNATURE || asked || check)
			return prepare_failed(c);
		asked = true;
		snprintf(question, sizeof(question), "%s\nEverything at %s:%s will be overwritten.",
			 c->remote.why, c->to.host, c->to.path);
		if (!dmm_confirm(c->t, c->to.path, question))
			return prepare_failed(c);
		c->overwrite = true;
	}
	memcpy(c->instance, c->remote.hello.instance, sizeof(c->instance));
	memcpy(c->boot, c->remote.hello.boot, sizeof(c->boot));
	return 0;
}

/*
 * Is what was acknowledged gone?  With the power of the receiver's host, if it was not flushed; or because
 * somebody made the file anew while no receiver had it.
 */
static bool acknowledged_is_lost(const struct dmm_copy *c)
{
	return memcmp(c->boot, c->remote.hello.boot, sizeof(c->boot)) ||
	       (le32_to_cpu(c->prepared.flags) & DMM_PREPARED_EMPTY &&
		atomic_load(&c->job.shipped_bytes));
}

int dmm_copy_prepare_again(struct dmm_copy *c)
{
	u64 features = c->job.features;
	int ret;

	dmm_remote_close(&c->remote);
	ret = prepare_open(c);
	if (ret)
		return ret;
	c->job.conn_epoch++;
	c->job.features &= features;
	if (!memcmp(c->instance, c->remote.hello.instance, sizeof(c->instance)))
		return 0;
	/* another receiver, which knows nothing: what lies there is our own */
	c->overwrite = true;
	ret = prepare_anew(c, false);
	if (ret)
		return ret;
	memcpy(c->instance, c->remote.hello.instance, sizeof(c->instance));
	if (!acknowledged_is_lost(c))
		return 0;
	dmm_note(c->t, "%s, so all is %s again",
		 memcmp(c->boot, c->remote.hello.boot, sizeof(c->boot)) ?
		 "the receiver's host was started anew: what it had not flushed may be lost" :
		 "the destination is empty: what was shipped is gone",
		 c->job.features & DMM_FEATURE_HASHES ? "compared" : "shipped");
	memcpy(c->boot, c->remote.hello.boot, sizeof(c->boot));
	dmm_copy_job_restart(&c->job);
	return 0;
}

void dmm_copy_release(struct dmm_copy *c)
{
	/* best effort: the receiver lets go of it by itself after a while */
	if (c->remote.client.fd >= 0 || !prepare_open(c))
		dmm_remote_forget(&c->remote, c->id, 0);
}
