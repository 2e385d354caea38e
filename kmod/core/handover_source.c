// SPDX-License-Identifier: GPL-2.0
/*
 * The source's side: it gives the disks up durably before the token leaves, and takes them
 * back only on the destination's word, or on a person's.
 */
#include "handover_priv.h"

/* What peers are told: what is in the journal. */
static enum dmm_ho_state source_durable(const struct dmm_ho *ho)
{
	switch (ho->state) {
	case DMM_HO_FREEZING:
	case DMM_HO_FROZEN:
	case DMM_HO_FENCED:
		return DMM_HO_ACTIVE;
	default:
		return ho->state;
	}
}

/* The answer to no question. */
static const struct dmm_ho_id nobody;

static void source_send_source(const struct dmm_ho *ho, const struct dmm_ho_id *instance,
			       struct dmm_ho_actions *out)
{
	struct dmm_ho_action *a = dmm_ho_send(ho, out, DMM_HO_EV_SOURCE);

	a->state = source_durable(ho);
	a->instance = *instance;
}

/* All disks go on, whatever came of some of them. */
static void source_go_on(struct dmm_ho *ho, struct dmm_ho_actions *out)
{
	dmm_ho_do(out, DMM_HO_DO_THAW);
	ho->state = DMM_HO_ACTIVE;
}

/* The same when some may be committed, in @epoch. */
static void source_reclaim(struct dmm_ho *ho, u64 epoch, struct dmm_ho_actions *out)
{
	dmm_ho_do(out, DMM_HO_DO_RECLAIM)->epoch = epoch;
	source_go_on(ho, out);
}

/* RELINQUISHED or LOST: what the peer has to hear, again and again. */
static void source_ask_or_offer(const struct dmm_ho *ho, struct dmm_ho_actions *out)
{
	struct dmm_ho_action *a;

	if (ho->state == DMM_HO_LOST) {
		/* no epoch to name: all there were and will be */
		a = dmm_ho_send(ho, out, DMM_HO_EV_ASK_REFUSE);
		a->epoch = DMM_HO_EPOCH_LAST;
		a->instance = ho->own;
	} else if (ho->take_back) {
		dmm_ho_send(ho, out, DMM_HO_EV_ASK_REFUSE);
	} else if (!ho->unsure) {
		a = dmm_ho_send(ho, out, DMM_HO_EV_TOKEN);
		a->instance = ho->instance;
	}
}

static void source_commit_next(struct dmm_ho *ho, u32 disk, struct dmm_ho_actions *out)
{
	struct dmm_ho_action *a = dmm_ho_do_wait(ho, out, DMM_HO_DO_COMMIT, DMM_HO_WAIT_COMMIT);

	ho->disk = disk;
	a->disk = disk;
	a->epoch = ho->epoch;
}

/* One disk after the other: all of them, or none. */
void dmm_ho_source_committed(struct dmm_ho *ho, struct dmm_ho_actions *out)
{
	if (ho->disk + 1 < ho->nr_disks) {
		source_commit_next(ho, ho->disk + 1, out);
		return;
	}
	ho->state = DMM_HO_FENCED;
	ho->unsure = false;
	ho->take_back = false;
	dmm_ho_append(ho, out, DMM_HO_RELINQUISHED, ho->epoch);
}

/*
 * Nothing is in the journal yet, so this is no more than an abort.  The one that failed is reclaimed, too: no
 * answer may mean that it was done.
 */
void dmm_ho_source_commit_failed(struct dmm_ho *ho, struct dmm_ho_actions *out)
{
	source_reclaim(ho, ho->epoch, out);
}

void dmm_ho_source_appended(struct dmm_ho *ho, struct dmm_ho_actions *out)
{
	enum dmm_ho_state was = ho->state;
	struct dmm_ho_action *a;

	switch (ho->next_state) {
	case DMM_HO_ACTIVE:
		if (was == DMM_HO_ACTIVE) {	/* begun, or a new epoch */
			ho->epoch = ho->next_epoch;
			if (!ho->epoch)
				break;
			ho->state = DMM_HO_FREEZING;
			ho->frozen = 0;
			ho->complete = false;
			a = dmm_ho_do(out, DMM_HO_DO_FREEZE);
			a->epoch = ho->epoch;
			a->flag = ho->acquired;
			break;
		}
		source_reclaim(ho, ho->epoch, out);	/* the epoch that was committed */
		ho->epoch = ho->next_epoch;
		source_send_source(ho, &nobody, out);	/* who refused waits to hear it, and may be too late to ask */
		break;
	case DMM_HO_RELINQUISHED:
		ho->state = DMM_HO_RELINQUISHED;
		ho->unsure = false;
		source_ask_or_offer(ho, out);
		break;
	default:	/* RELEASED */
		ho->state = DMM_HO_RELEASED;
		ho->epoch = ho->next_epoch;
		dmm_ho_do(out, DMM_HO_DO_RELEASE)->epoch = ho->epoch;
		dmm_ho_send(ho, out, DMM_HO_EV_RELEASED);
	}
}

void dmm_ho_source_append_failed(struct dmm_ho *ho, bool unsure, struct dmm_ho_actions *out)
{
	switch (ho->state) {
	case DMM_HO_FENCED:
		if (unsure) {
			/* Counts as written, but not as safely written: the token has to wait. */
			ho->state = DMM_HO_RELINQUISHED;
			ho->unsure = true;
		} else {
			source_reclaim(ho, ho->epoch, out);
		}
		break;
	case DMM_HO_ACTIVE:
		if (unsure)	/* never used again */
			ho->epoch = ho->next_epoch;
		break;
	case DMM_HO_RELINQUISHED:
		/* Is it back or is it not: only the journal can tell. */
		if (unsure && ho->next_state == DMM_HO_ACTIVE)
			ho->stale = true;
		break;
	default:
		break;
	}
}

static int source_cutover(struct dmm_ho *ho, bool acquired, struct dmm_ho_actions *out)
{
	switch (ho->state) {
	case DMM_HO_ACTIVE:
		if (ho->epoch >= DMM_HO_EPOCH_LAST - 1)
			return -EOVERFLOW;
		ho->acquired = acquired;
		dmm_ho_append(ho, out, DMM_HO_ACTIVE, ho->epoch + 1);
		return 0;
	case DMM_HO_RELINQUISHED:
		ho->take_back = false;
		source_ask_or_offer(ho, out);
		return 0;
	case DMM_HO_LOST:
		return -EPERM;
	default:
		return -EALREADY;
	}
}

static int source_abort(struct dmm_ho *ho, struct dmm_ho_actions *out)
{
	switch (ho->state) {
	case DMM_HO_ACTIVE:
		return -EALREADY;
	case DMM_HO_FREEZING:
	case DMM_HO_FROZEN:
		source_go_on(ho, out);
		return 0;
	case DMM_HO_RELINQUISHED:
		ho->take_back = true;
		source_ask_or_offer(ho, out);
		return 0;
	case DMM_HO_LOST:
		source_ask_or_offer(ho, out);
		return 0;
	default:
		return -EPERM;
	}
}

/* By an epoch of its own, so that the destination finds itself refused when it comes back. */
static int source_force(struct dmm_ho *ho, bool certified, struct dmm_ho_actions *out)
{
	if (source_durable(ho) == DMM_HO_ACTIVE)
		return -EALREADY;
	if (ho->state != DMM_HO_RELINQUISHED || !certified)
		return -EPERM;
	if (ho->epoch >= DMM_HO_EPOCH_LAST - 1)
		return -EOVERFLOW;
	dmm_ho_append(ho, out, DMM_HO_ACTIVE, ho->epoch + 1);
	return 0;
}

/* Every disk is frozen, and the destination has said that it has all of it. */
static void source_commit_if_due(struct dmm_ho *ho, struct dmm_ho_actions *out)
{
	if (ho->state == DMM_HO_FROZEN && ho->complete)
		source_commit_next(ho, 0, out);
}

static int source_frozen(struct dmm_ho *ho, const struct dmm_ho_event *ev,
			 struct dmm_ho_actions *out)
{
	if (ev->disk >= ho->nr_disks)
		return -EINVAL;
	if (ho->state != DMM_HO_FREEZING || ev->epoch != ho->epoch)
		return 0;
	ho->frozen |= 1ull << ev->disk;
	if (ho->frozen == dmm_ho_all_disks(ho))
		ho->state = DMM_HO_FROZEN;
	source_commit_if_due(ho, out);
	return 0;
}

static void source_complete(struct dmm_ho *ho, const struct dmm_ho_event *ev,
			    struct dmm_ho_actions *out)
{
	if (ev->epoch != ho->epoch)
		return;
	switch (ho->state) {
	case DMM_HO_FREEZING:
	case DMM_HO_FROZEN:
		ho->complete = true;
		ho->instance = ev->instance;
		source_commit_if_due(ho, out);
		break;
	case DMM_HO_RELINQUISHED:	/* it has started again */
		ho->instance = ev->instance;
		if (!ho->take_back)
			source_ask_or_offer(ho, out);
		break;
	default:
		break;
	}
}

/* Refused for good: that epoch and all before it. */
static void source_refused(struct dmm_ho *ho, const struct dmm_ho_event *ev,
			   struct dmm_ho_actions *out)
{
	switch (ho->state) {
	case DMM_HO_ACTIVE:
		/* No other attempt is worth a freeze. */
		if (ev->epoch == DMM_HO_EPOCH_LAST)
			ho->epoch = ev->epoch;
		break;
	case DMM_HO_FREEZING:
	case DMM_HO_FROZEN:
		if (ev->epoch >= ho->epoch) {
			source_go_on(ho, out);
			ho->epoch = ev->epoch;
		}
		break;
	case DMM_HO_RELINQUISHED:
		if (ev->epoch >= ho->epoch)
			dmm_ho_append(ho, out, DMM_HO_ACTIVE, ev->epoch);
		break;
	case DMM_HO_LOST:	/* an answer to us, not one of before */
		if (ev->epoch == DMM_HO_EPOCH_LAST)
			dmm_ho_append(ho, out, DMM_HO_ACTIVE, ev->epoch);
		break;
	default:
		break;
	}
}

static void source_running_ack(struct dmm_ho *ho, const struct dmm_ho_event *ev,
			       struct dmm_ho_actions *out)
{
	switch (ho->state) {
	case DMM_HO_RELINQUISHED:
		if (ev->epoch == ho->epoch)
			dmm_ho_append(ho, out, DMM_HO_RELEASED, ev->epoch);
		break;
	case DMM_HO_LOST:	/* the answer to our question: an old one may be of before a force */
		if (dmm_ho_id_equal(&ev->instance, &ho->own))
			dmm_ho_append(ho, out, DMM_HO_RELEASED, ev->epoch);
		break;
	case DMM_HO_RELEASED:
		if (ev->epoch == ho->epoch)
			dmm_ho_send(ho, out, DMM_HO_EV_RELEASED);
		break;
	default:	/* it was off, they said: let it stop */
		if (ev->epoch < ho->epoch)
			source_send_source(ho, &nobody, out);
	}
}

int dmm_ho_source_event(struct dmm_ho *ho, const struct dmm_ho_event *ev,
			struct dmm_ho_actions *out)
{
	switch (ev->type) {
	case DMM_HO_EV_CUTOVER:
		return source_cutover(ho, false, out);
	case DMM_HO_EV_ACQUIRE:		/* a message, which nobody awaits a refusal of */
		if (ho->state == DMM_HO_ACTIVE || ho->state == DMM_HO_RELINQUISHED)
			source_cutover(ho, true, out);
		return 0;
	case DMM_HO_EV_ABORT:
		return source_abort(ho, out);
	case DMM_HO_EV_FORCE:
		return source_force(ho, ev->flag, out);
	case DMM_HO_EV_FROZEN:
		return source_frozen(ho, ev, out);
	case DMM_HO_EV_THAWED:	/* one has thawed: so do the others */
		if ((ho->state == DMM_HO_FREEZING || ho->state == DMM_HO_FROZEN) &&
		    ev->epoch == ho->epoch)
			source_go_on(ho, out);
		return 0;
	case DMM_HO_EV_COMPLETE:
		source_complete(ho, ev, out);
		return 0;
	case DMM_HO_EV_REFUSED:
		source_refused(ho, ev, out);
		return 0;
	case DMM_HO_EV_RUNNING_ACK:
		source_running_ack(ho, ev, out);
		return 0;
	case DMM_HO_EV_ASK_SOURCE:
		source_send_source(ho, &ev->instance, out);
		return 0;
	default:	/* TICK */
		if (ho->state != DMM_HO_RELINQUISHED && ho->state != DMM_HO_LOST)
			return 0;
		source_ask_or_offer(ho, out);
		if (ho->unsure)
			dmm_ho_append(ho, out, DMM_HO_RELINQUISHED, ho->epoch);
		return 0;
	}
}

void dmm_ho_source_boot(struct dmm_ho *ho, bool rebooted, struct dmm_ho_actions *out)
{
	if (ho->state == DMM_HO_ACTIVE) {
		/*
		 * Nothing is given up, whatever a freeze or a commit had come to; that may be of an
		 * older epoch, where a force was the last.
		 */
		source_reclaim(ho, 0, out);
		return;
	}
	dmm_ho_do(out, DMM_HO_DO_FENCE);
	if (ho->state == DMM_HO_RELEASED) {
		dmm_ho_do(out, DMM_HO_DO_RELEASE)->epoch = ho->epoch;
		return;
	}
	/* The guest's memory died with the host: rather not hand the disks to a guest that can't come. */
	ho->take_back = rebooted;
	source_ask_or_offer(ho, out);
}
