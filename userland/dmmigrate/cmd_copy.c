// SPDX-License-Identifier: GPL-2.0
/*
 * copy: ships a disk that nobody writes, without the module.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "copy.h"
#include "fullio.h"
#include "start.h"
#include "verify.h"

#define TRIES		5u	/* to get the link back, without any progress in between */
#define MAX_BACKOFF_MS	16000u
#define TICK_MS		200u

static const struct dmm_option copy_options[] = {
	DMM_OPTION_CONNECTIONS,
	DMM_OPTION_BANDWIDTH(""),
	DMM_OPTION("create", FLAG, create, NULL,
		   "make the destination, a sparse file, where nothing is of that name"),
	DMM_OPTION("no-compare", FLAG, no_compare, NULL,
		   "ship everything, whatever is there already"),
	DMM_OPTION("no-verify", FLAG, no_verify, NULL,
		   "do not compare both sides in the end"),
	DMM_OPTION("engine", TEXT, engine, "NAME",
		   "how to read: io_uring, libaio or sync (default: the first that this host has; sync\n"
		   "where O_DIRECT is not to be had)"),
	DMM_OPTION_OVERWRITE,
	DMM_OPTION("dry-run", FLAG, dry_run, NULL, "check both ends, change nothing"),
	DMM_OPTION_KEYS,
	DMM_OPTION_TLS,
	DMM_OPTION_PLAINTEXT,
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

static int copy_failed(struct dmm_copy *c, enum dmm_exit code, const char *why)
{
	char tally[160];

	if (c->begun)
		dmm_note(c->t, "%s so far; what lies at the destination is not complete",
			 dmm_copy_tally(c, tally, sizeof(tally)));
	return dmm_fail(c->t, code, DMM_OWNER_SOURCE,
			c->begun ? DMM_USE_UNKNOWN : DMM_USE_UNCHANGED, "%s", why);
}

static int copy_interrupted(struct dmm_copy *c)
{
	dmm_copy_next_again(c, "goes on: only what differs is shipped");
	return copy_failed(c, DMM_EXIT_ABORTED, "interrupted");
}

static int copy_source_changed(struct dmm_copy *c, const struct dmm_refusal *r)
{
	dmm_copy_next_again(c, "once nobody writes to it any more");
	return copy_failed(c, DMM_EXIT_ABORTED, r->text);
}

/* Stays with the workers until they have ended. 0, -EAGAIN (the link was lost), or an exit code, said. */
static int copy_watch(struct dmm_copy *c)
{
	struct dmm_refusal r;
	bool changed = false, interrupted = false;

	while (!changed && !interrupted && !dmm_copy_job_wait(&c->job, TICK_MS)) {
		interrupted = dmm_signal_seen();
		changed = dmm_copy_source_check(&c->source, &r);
		dmm_copy_show(c);
	}
	dmm_copy_job_stop(&c->job);
	if (!changed && dmm_copy_source_check(&c->source, &r))
		changed = true;
	if (changed)
		return copy_source_changed(c, &r);
	if (interrupted)
		return copy_interrupted(c);
	if (!c->job.first && !dmm_copy_job_complete(&c->job)) {
		dmm_copy_next_again(c, "and tell us");
		return copy_failed(c, DMM_EXIT_LOCAL, "not all of it was shipped: a fault of this program");
	}
	if (!c->job.first && !dmm_copy_job_barrier(&c->job))
		return 0;
	if (c->job.first == DMM_COPY_LINK)
		return -EAGAIN;
	dmm_copy_next_again(c, "goes on: only what differs is shipped");
	return copy_failed(c, c->job.exit, c->job.why);
}

/* Gets the link back. 0, or an exit code, said. */
static int copy_reconnect(struct dmm_copy *c, u32 *tries)
{
	u32 backoff_ms = 1000u << *tries;
	char why[768];

	snprintf(why, sizeof(why), "%s", c->job.why);
	for (;;) {
		if (++*tries > TRIES) {
			dmm_copy_next_again(c, "goes on: only what differs is shipped");
			return copy_failed(c, DMM_EXIT_TRANSPORT, why);
		}
		if (backoff_ms > MAX_BACKOFF_MS)
			backoff_ms = MAX_BACKOFF_MS;
		dmm_note(c->t, "%s; trying again in %u s", why, backoff_ms / 1000);
		if (!dmm_signal_sleep(backoff_ms))
			return copy_interrupted(c);
		if (!dmm_copy_prepare_again(c))
			break;
		if (c->remote.code && c->remote.code != DMM_WERR_SHUTDOWN &&
		    c->remote.code != DMM_WERR_BUSY) {
			dmm_copy_next_again(c, "once that is mended");
			return copy_failed(c, c->remote.exit, c->remote.why);
		}
		snprintf(why, sizeof(why), "%s", c->remote.why);
		backoff_ms *= 2;
	}
	c->reconnects++;
	return 0;
}

/* Until everything is there and flushed. 0 or an exit code, said. */
static int copy_ship(struct dmm_copy *c)
{
	u64 done, before = 0;
	u32 tries = 0;
	int ret;

	for (;;) {
		ret = dmm_copy_job_start(&c->job);
		c->begun = true;
		if (!ret) {
			ret = copy_watch(c);
			dmm_copy_job_disconnect(&c->job, !ret);
			if (ret >= 0)
				return ret;
		} else if (c->job.first == DMM_COPY_FAILED) {
			dmm_copy_next_again(c, "once that is mended");
			return copy_failed(c, c->job.exit, c->job.why);
		}
		done = atomic_load(&c->job.done_bytes);
		if (done > before)
			tries = 0;
		before = done;
		ret = copy_reconnect(c, &tries);
		if (ret)
			return ret;
	}
}

/* Both sides, read again. 0 or an exit code, said. */
static int copy_verify(struct dmm_copy *c)
{
	struct dmm_verify_disk disk = {
		.fd = c->source.block ? c->source.fd : c->source.plain_fd,
		.size_bytes = c->source.size_bytes,
	};
	struct dmm_verify v = { .disks = &disk, .nr = 1, .size_bytes = disk.size_bytes };
	struct dmm_refusal r;
	char why[128];
	int ret;

	memcpy(v.id, c->id, sizeof(v.id));
	ret = dmm_verify_run(c->t, &v, &c->remote);
	if (ret == -ECANCELED)
		return copy_interrupted(c);
	if (ret) {
		snprintf(why, sizeof(why), "cannot read the source at byte %llu: %s", v.done_bytes,
			 strerror(-ret));
		dmm_copy_next_again(c, "compares again");
		return copy_failed(c, v.local_failed ? DMM_EXIT_LOCAL : c->remote.exit,
				   v.local_failed ? why : c->remote.why);
	}
	if (dmm_copy_source_check(&c->source, &r))
		return copy_source_changed(c, &r);
	dmm_verify_result(c->t, &v);
	if (!v.diff_ranges)
		return 0;
	dmm_copy_next_again(c, "ships what differs; and see why that disk does not keep what it is given");
	return dmm_fail(c->t, DMM_EXIT_DIFFERENCE, DMM_OWNER_SOURCE, DMM_USE_UNKNOWN,
			"the sides differ in %llu of %llu ranges of 1 MiB", v.diff_ranges,
			(v.size_bytes + DMM_VERIFY_FINE_BYTES - 1) / DMM_VERIFY_FINE_BYTES);
}

static int copy_finish(struct dmm_copy *c)
{
	char size[32], tally[160];
	double seconds;

	/* a copy that took hours may have lost the idle connection */
	if (c->remote.client.fd < 0 && dmm_copy_prepare_again(c))
		return copy_failed(c, c->remote.exit, c->remote.why);
	if (dmm_remote_finish(&c->remote, c->id, 0)) {
		dmm_copy_next_again(c, "");
		return copy_failed(c, c->remote.exit, c->remote.why);
	}
	seconds = (double)(dmm_now_ns() - c->start_ns) / 1e9;
	dmm_say(c->t, "%s (%s) is copied to %s:%s in %.1f s: %s%s.", c->source.path,
		dmm_format_bytes(size, sizeof(size), c->source.size_bytes, ""), c->to.host,
		c->to.path, seconds, dmm_copy_tally(c, tally, sizeof(tally)),
		c->t->args.no_verify ? "" : "; both sides agree (xxh3-128)");
	return DMM_EXIT_OK;
}

/* The job's own part of the set-up. 0 or an exit code, said. */
static int copy_open_job(struct dmm_copy *c)
{
	const struct dmm_args *a = &c->t->args;
	u32 conns = a->conns == DMM_UNSET ? DMM_DEFAULT_CONNS : (u32)a->conns;
	int ret;

	ret = dmm_copy_job_init(&c->job, &c->source, conns,
				a->bandwidth == DMM_UNSET ? 0 : a->bandwidth);
	c->job_open = true;
	if (a->engine)
		c->job.engine = dmm_copy_reader_find(a->engine);
	if (!ret)
		ret = dmm_copy_job_open_engine(&c->job);
	c->job.to = &c->to;
	c->job.control = &c->remote;
	memcpy(c->job.id, c->id, sizeof(c->id));
	if (!ret)
		return 0;
	if (a->engine)
		dmm_next(c->t, "dmmigrate copy without --engine");
	return dmm_fail(c->t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
			"cannot set up reads by %s: %s", a->engine ? a->engine : "any engine",
			strerror(-ret));
}

static void copy_decide(struct dmm_copy *c)
{
	c->job.empty = le32_to_cpu(c->prepared.flags) & DMM_PREPARED_EMPTY;
	if (c->job.empty || c->t->args.no_compare)
		return;
	c->job.compare = c->job.features & DMM_FEATURE_HASHES;
	if (!c->job.compare)
		dmm_note(c->t, "the receiver has no hashes: everything is shipped");
}

static int copy_dry_run(struct dmm_copy *c)
{
	char size[32];

	copy_decide(c);
	dmm_say(c->t, "%s (%s) can be copied to %s:%s, by %u connections and %s: %s.",
		c->source.path, dmm_format_bytes(size, sizeof(size), c->source.size_bytes, ""),
		c->to.host, c->to.path, c->job.conns, c->job.engine->name,
		c->job.empty ? "there is nothing yet to compare with" :
		c->job.compare ? "what is there already is compared, and what differs shipped" :
		"everything is shipped");
	return DMM_EXIT_OK;
}

static int copy_run(struct dmm_copy *c)
{
	struct dmm_refusal r;
	int ret;

	if (dmm_copy_source_open(&c->source, "", c->t->args.operands[0], &r)) {
		dmm_next(c->t, "dmmigrate copy --dry-run %s %s (once that is mended)",
			 c->t->args.operands[0], c->t->args.operands[1]);
		return dmm_fail(c->t, r.code == DMM_WERR_IO ? DMM_EXIT_LOCAL : DMM_EXIT_PREFLIGHT,
				DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "%s", r.text);
	}
	ret = dmm_copy_identify(c);
	if (!ret)
		ret = copy_open_job(c);
	if (!ret)
		ret = dmm_copy_prepare(c, c->t->args.dry_run);
	if (ret)
		return ret;
	if (c->t->args.dry_run)
		return copy_dry_run(c);
	copy_decide(c);
	if (dmm_copy_source_lease(&c->source, &r)) {
		dmm_copy_release(c);
		dmm_copy_next_again(c, "once that is mended");
		return copy_failed(c, DMM_EXIT_PREFLIGHT, r.text);
	}
	if (le32_to_cpu(c->prepared.flags) & DMM_PREPARED_BUFFERED)
		dmm_note(c->t, "the destination does not take O_DIRECT: it is written buffered");
	if (le32_to_cpu(c->prepared.flags) & DMM_PREPARED_NOFLUSH)
		dmm_note(c->t, "the destination cannot be flushed: its server alone knows when the copy is safe");
	c->start_ns = c->shown_ns = dmm_now_ns();
	ret = copy_ship(c);
	if (!ret && c->remote.client.fd < 0 && dmm_copy_prepare_again(c))
		ret = copy_failed(c, c->remote.exit, c->remote.why);
	if (!ret && !c->t->args.no_verify)
		ret = copy_verify(c);
	if (!ret)
		ret = copy_finish(c);
	if (ret)
		dmm_copy_release(c);
	return ret;
}

static int cmd_copy(struct dmm_tool *t)
{
	struct dmm_copy c = { .t = t, .lock_fd = -1 };
	const char *why;
	int ret;

	if (dmm_parse_target(t->args.operands[1], &c.to, &why))
		return dmm_usage(t, "'%.128s': %s", t->args.operands[1], why);
	c.to.plaintext = t->args.insecure_plaintext;
	if (t->args.engine && !dmm_copy_reader_find(t->args.engine))
		return dmm_usage(t, "--engine '%.64s' is not io_uring, libaio or sync", t->args.engine);
	c.source.fd = c.source.plain_fd = -1;
	dmm_remote_init(&c.remote);
	dmm_signals_block();
	ret = copy_run(&c);
	dmm_copy_result(&c);
	if (c.job_open)
		dmm_copy_job_exit(&c.job);
	dmm_remote_close(&c.remote);
	dmm_copy_source_close(&c.source);
	if (c.lock_fd >= 0)
		close(c.lock_fd);
	return ret;
}

const struct dmm_verb dmm_verb_copy = {
	.name = "copy",
	.operands = "SOURCE HOST[:PORT]:/DEST",
	.brief = "copy SOURCE, a disk or file that is not in use, to /DEST at HOST\n\n"
		 "Needs neither the module nor, for files, root.  A SOURCE that anybody may write is refused.\n"
		 "Holes and zeros are not shipped.  Both sides are compared in the end; a difference is exit\n"
		 "code 10.  What was interrupted is run again: where the destination has data already, only\n"
		 "what differs is shipped.",
	.options = copy_options,
	.min_operands = 2,
	.max_operands = 2,
	.run = cmd_copy,
};
