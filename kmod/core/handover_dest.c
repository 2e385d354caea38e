// SPDX-License-Identifier: GPL-2.0
/*
 * The destination's side: it runs only with the source's token for this epoch and this
 * life of the receiver, and what it has refused stays refused.
 */
#include "handover_priv.h"

static void dest_gates(struct dmm_ho *ho, enum dmm_ho_gate gate, struct dmm_ho_actions *out)
{
	dmm_ho_do(out, DMM_HO_DO_GATES)->gate = gate;
	ho->gate = gate;
}

static void dest_send_complete(const struct dmm_ho *ho, struct dmm_ho_actions *out)
{
	dmm_ho_send(ho, out, DMM_HO_EV_COMPLETE)->instance = ho->own;
}

static void dest_send_ask(const struct dmm_ho *ho, struct dmm_ho_actions *out)
{
	dmm_ho_send(ho, out, DMM_HO_EV_ASK_SOURCE)->instance = ho->own;
}

/* From here on there is no way back.  @to: whose question this answers, NULL: nobody's. */
static void dest_ack(struct dmm_ho *ho, const struct dmm_ho_id *to, struct dmm_ho_actions *out)
{
	struct dmm_ho_action *a = dmm_ho_send(ho, out, DMM_HO_EV_RUNNING_ACK);

	ho->acked = true;
	if (to)
		a->instance = *to;
}

/* An epoch newer than any may still become complete. */
static bool dest_may_complete(const struct dmm_ho *ho)
{
	return ho->state == DMM_HO_RECEIVING || ho->state == DMM_HO_COMPLETE || ho->state == DMM_HO_REFUSED;
}

/* All disks have flushed what was before the barrier of an epoch newer than any. */
static void dest_complete_if_due(struct dmm_ho *ho, struct dmm_ho_actions *out)
{
	if (dest_may_complete(ho) && ho->barrier_epoch > ho->epoch && ho->barriers == dmm_ho_all_disks(ho))
		dmm_ho_append(ho, out, DMM_HO_COMPLETE, ho->barrier_epoch);
}

void dmm_ho_dest_appended(struct dmm_ho *ho, struct dmm_ho_actions *out)
{
	bool answered = ho->asking;

	ho->state = ho->next_state;
	ho->epoch = ho->next_epoch;
	ho->asking = false;
	switch (ho->state) {
	case DMM_HO_COMPLETE:
		dest_send_complete(ho, out);
		break;
	case DMM_HO_OWNED:
		ho->wanted = false;
		ho->written = false;
#if DMM_MUTANT == 23
		dest_gates(ho, DMM_HO_GATE_OPEN, out);
#else
		dest_gates(ho, DMM_HO_GATE_READS, out);
#endif
		break;
	case DMM_HO_RUNNING:
		dest_gates(ho, DMM_HO_GATE_OPEN, out);
		if (answered || ho->written)
			dest_ack(ho, NULL, out);
		break;
	case DMM_HO_REFUSED:
		ho->heard_back = false;
		dest_gates(ho, DMM_HO_GATE_SHUT, out);
		dmm_ho_send(ho, out, DMM_HO_EV_REFUSED);
		break;
	case DMM_HO_SETTLED:
		ho->gate = DMM_HO_GATE_OPEN;
		dmm_ho_do(out, DMM_HO_DO_SETTLE);
		break;
	default:	/* RECEIVING: begun */
		break;
	}
	dest_complete_if_due(ho, out);
}

static int dest_go(struct dmm_ho *ho, struct dmm_ho_actions *out)
{
	switch (ho->state) {
	case DMM_HO_OWNED:
		if (ho->gate == DMM_HO_GATE_SHUT)	/* rebooted: about to be refused */
			return -EPERM;
		dmm_ho_append(ho, out, DMM_HO_RUNNING, ho->epoch);
		return 0;
	case DMM_HO_RUNNING:
		if (ho->asking)
			return -EAGAIN;
		if (ho->gate == DMM_HO_GATE_OPEN)
			return -EALREADY;
		/* Its return may have been journalled: not before this is. */
		dmm_ho_append(ho, out, DMM_HO_RUNNING, ho->epoch);
		return 0;
	case DMM_HO_SETTLED:
		return -EALREADY;
	default:
		return -EPERM;
	}
}

static int dest_runs(struct dmm_ho *ho, struct dmm_ho_actions *out)
{
	if (ho->state == DMM_HO_SETTLED)
		return -EALREADY;
	if (ho->state != DMM_HO_RUNNING || ho->gate != DMM_HO_GATE_OPEN)
		return -EPERM;
	dest_ack(ho, NULL, out);
	return 0;
}

/* Whoever waited for the disks does not any more. */
static void dest_not_wanted(struct dmm_ho *ho)
{
	ho->wanted = false;
	ho->barriers = 0;	/* those of a freeze that somebody else asked for are repeated */
}

/* Back to the source: while shut at once, while open only if nothing was written. */
static int dest_start_failed(struct dmm_ho *ho, struct dmm_ho_actions *out)
{
	struct dmm_ho_action *a;

	switch (ho->state) {
	case DMM_HO_COMPLETE:	/* a token may be on its way */
	case DMM_HO_OWNED:
		dest_not_wanted(ho);
		dmm_ho_append(ho, out, DMM_HO_REFUSED, ho->epoch);
		return 0;
	case DMM_HO_RUNNING:
		if (ho->asking || ho->acked)
			return -EPERM;
		a = dmm_ho_do_wait(ho, out, DMM_HO_DO_GATES, DMM_HO_WAIT_SHUT);
		a->gate = DMM_HO_GATE_SHUT;
		return 0;
	case DMM_HO_RECEIVING:
	case DMM_HO_REFUSED:
		if (!ho->wanted)
			return ho->state == DMM_HO_REFUSED ? -EALREADY : -EPERM;
		dest_not_wanted(ho);	/* a freeze may be on its way */
		return 0;
	default:
		return -EPERM;
	}
}

void dmm_ho_dest_shut(struct dmm_ho *ho, bool written, struct dmm_ho_actions *out)
{
	ho->written |= written;
	if (!ho->written) {
		ho->gate = DMM_HO_GATE_SHUT;
		dmm_ho_append(ho, out, DMM_HO_REFUSED, ho->epoch);
	} else if (ho->gate == DMM_HO_GATE_SHUT) {
		/* An earlier return may have been journalled: not before this is. */
		dmm_ho_append(ho, out, DMM_HO_RUNNING, ho->epoch);
	} else {
		/* The source's copy is older now. */
		dest_gates(ho, DMM_HO_GATE_OPEN, out);
		dest_ack(ho, NULL, out);
	}
}

/* It runs as before, or stays shut as before, and its return may be asked for again. */
void dmm_ho_dest_kept(struct dmm_ho *ho, struct dmm_ho_actions *out)
{
	if (ho->gate != DMM_HO_GATE_SHUT)
		dest_gates(ho, DMM_HO_GATE_OPEN, out);
}

/*
 * The freeze that this barrier ends was begun by an ACQUIRE, which may have lain on its way for any time: whoever gave
 * it has left.  Nobody would take the disks, and the guest would stand still.
 */
bool dmm_ho_dest_unwanted(const struct dmm_ho *ho, const struct dmm_ho_event *ev)
{
#if DMM_MUTANT == 145
	return false;
#endif
	return ev->flag && !ho->wanted && ev->epoch > ho->epoch && dest_may_complete(ho);
}

static int dest_acquire(struct dmm_ho *ho, struct dmm_ho_actions *out)
{
	switch (ho->state) {
	case DMM_HO_RECEIVING:
	case DMM_HO_COMPLETE:
	case DMM_HO_REFUSED:
		if (ho->epoch == DMM_HO_EPOCH_LAST)
			return -EOVERFLOW;
		ho->wanted = true;
		dmm_ho_send(ho, out, DMM_HO_EV_ACQUIRE);
		return 0;
	case DMM_HO_LOST:
		return -EAGAIN;
	default:
		return -EALREADY;
	}
}

/* Another life's token may be older than a force: this one's has to come. */
static void dest_token_complete(struct dmm_ho *ho, const struct dmm_ho_id *instance,
				struct dmm_ho_actions *out)
{
	if (dmm_ho_id_equal(instance, &ho->own))
		dmm_ho_append(ho, out, DMM_HO_OWNED, ho->epoch);
	else
		dest_send_complete(ho, out);
}

static void dest_token(struct dmm_ho *ho, const struct dmm_ho_event *ev, struct dmm_ho_actions *out)
{
	switch (ho->state) {
	case DMM_HO_RECEIVING:
	case DMM_HO_COMPLETE:
	case DMM_HO_REFUSED:
		/* For what was never complete here, or is final. */
		if (ev->epoch > ho->epoch)
			dmm_ho_append(ho, out, DMM_HO_REFUSED, ev->epoch);
		else if (ho->state == DMM_HO_REFUSED)
			dmm_ho_send(ho, out, DMM_HO_EV_REFUSED);
		else if (ho->state == DMM_HO_COMPLETE && ev->epoch == ho->epoch)
			dest_token_complete(ho, &ev->instance, out);
		break;
	case DMM_HO_RUNNING:
	case DMM_HO_SETTLED:
		if (ho->acked || ho->state == DMM_HO_SETTLED)
			dest_ack(ho, NULL, out);
		break;
	default:	/* OWNED: has it.  LOST: may have had it */
		break;
	}
}

static int dest_ask_refuse(struct dmm_ho *ho, const struct dmm_ho_event *ev,
			   struct dmm_ho_actions *out)
{
	if (!ev->epoch)
		return -EINVAL;
	switch (ho->state) {
	case DMM_HO_RECEIVING:
	case DMM_HO_COMPLETE:
	case DMM_HO_OWNED:
		if (ev->epoch >= ho->epoch)
			dmm_ho_append(ho, out, DMM_HO_REFUSED, ev->epoch);
		break;
	case DMM_HO_REFUSED:
		if (ev->epoch > ho->epoch)
			dmm_ho_append(ho, out, DMM_HO_REFUSED, ev->epoch);
		else
			dmm_ho_send(ho, out, DMM_HO_EV_REFUSED);
		break;
	case DMM_HO_RUNNING:
	case DMM_HO_SETTLED:
		if (ho->acked || ho->state == DMM_HO_SETTLED)
			dest_ack(ho, &ev->instance, out);
		break;
	default:	/* LOST: it may have run */
		break;
	}
	return 0;
}

static void dest_released(struct dmm_ho *ho, u64 epoch, struct dmm_ho_actions *out)
{
	/* With the journal lost, too: the source let go because it ran here. */
	if ((ho->state == DMM_HO_RUNNING && epoch == ho->epoch) || ho->state == DMM_HO_LOST)
		dmm_ho_append(ho, out, DMM_HO_SETTLED, epoch);
}

/*
 * An answer counts only when it is one to this life's question: what it says may change until the
 * question after a reboot.  Not so RELEASED, which is for good, and an epoch beyond ours: somebody has forced.
 */
static void dest_source(struct dmm_ho *ho, const struct dmm_ho_event *ev,
			struct dmm_ho_actions *out)
{
	bool fresh = ho->asking && dmm_ho_id_equal(&ev->instance, &ho->own);

	if (ev->state == DMM_HO_RELEASED) {
		dest_released(ho, ev->epoch, out);
	} else if (ho->state == DMM_HO_RUNNING) {
		if (ev->state == DMM_HO_ACTIVE && ev->epoch > ho->epoch) {
			/* What was written here is on no bitmap of the source's: never again. */
			dest_gates(ho, DMM_HO_GATE_SHUT, out);
			dmm_ho_append(ho, out, DMM_HO_REFUSED, DMM_HO_EPOCH_LAST);
		} else if (fresh && ev->state == DMM_HO_RELINQUISHED && ev->epoch == ho->epoch) {
			/*
			 * It is fenced, and stays so: we never refuse.  Once more, as of after the reboot.  A
			 * source that lost its journal says nothing: it may have been forced.
			 */
			dmm_ho_append(ho, out, DMM_HO_RUNNING, ho->epoch);
		}
	} else if (ho->state == DMM_HO_REFUSED && ev->state == DMM_HO_ACTIVE && ev->epoch >= ho->epoch) {
		ho->heard_back = true;	/* for good, of this epoch: whichever question it answers */
	} else if (ho->state == DMM_HO_LOST && fresh && ev->state == DMM_HO_ACTIVE) {
		/* As above: it may have run here, before a force. */
		dmm_ho_append(ho, out, DMM_HO_REFUSED, DMM_HO_EPOCH_LAST);
	}
}

static void dest_tick(struct dmm_ho *ho, struct dmm_ho_actions *out)
{
	dest_complete_if_due(ho, out);
	if (ho->wait)
		return;
	if (ho->asking)
		dest_send_ask(ho, out);
	else if (ho->state == DMM_HO_COMPLETE)
		dest_send_complete(ho, out);
	else if (ho->state == DMM_HO_REFUSED && !ho->heard_back)
		dest_send_ask(ho, out);
	else if (ho->state == DMM_HO_RUNNING && ho->acked)
		dest_ack(ho, NULL, out);
	else if (ho->state == DMM_HO_OWNED && ho->gate == DMM_HO_GATE_SHUT)
		dmm_ho_append(ho, out, DMM_HO_REFUSED, ho->epoch);	/* see boot: it failed */
}

int dmm_ho_dest_event(struct dmm_ho *ho, const struct dmm_ho_event *ev, struct dmm_ho_actions *out)
{
	switch (ev->type) {
	case DMM_HO_EV_GO:
		return dest_go(ho, out);
	case DMM_HO_EV_RUNS:
		return dest_runs(ho, out);
	case DMM_HO_EV_START_FAILED:
		return dest_start_failed(ho, out);
	case DMM_HO_EV_ACQUIRE:
		return dest_acquire(ho, out);
	case DMM_HO_EV_BARRIER:
		if (dmm_ho_dest_unwanted(ho, ev))
			dmm_ho_append(ho, out, DMM_HO_REFUSED, ev->epoch);
		else if (ho->state == DMM_HO_COMPLETE && ev->epoch == ho->epoch)
			dest_send_complete(ho, out);
		else if (ho->state == DMM_HO_REFUSED && ev->epoch <= ho->epoch)
			dmm_ho_send(ho, out, DMM_HO_EV_REFUSED);
		else
			dest_complete_if_due(ho, out);
		return 0;
	case DMM_HO_EV_TOKEN:
		dest_token(ho, ev, out);
		return 0;
	case DMM_HO_EV_ASK_REFUSE:
		return dest_ask_refuse(ho, ev, out);
	case DMM_HO_EV_RELEASED:
		dest_released(ho, ev->epoch, out);
		return 0;
	case DMM_HO_EV_SOURCE:
		dest_source(ho, ev, out);
		return 0;
	default:
		dest_tick(ho, out);
		return 0;
	}
}

/* Gates shut until the source has answered. */
static void dest_ask(struct dmm_ho *ho, struct dmm_ho_actions *out)
{
	dest_gates(ho, DMM_HO_GATE_SHUT, out);
	ho->asking = true;
	dest_send_ask(ho, out);
}

void dmm_ho_dest_boot(struct dmm_ho *ho, bool rebooted, struct dmm_ho_actions *out)
{
#if DMM_MUTANT == 24
	if (ho->state == DMM_HO_RUNNING)
		rebooted = false;
#endif
	switch (ho->state) {
	case DMM_HO_OWNED:
		if (rebooted) {
			/* The guest's memory survives only at the source. */
			dest_gates(ho, DMM_HO_GATE_SHUT, out);
			dmm_ho_append(ho, out, DMM_HO_REFUSED, ho->epoch);
		} else {
			dest_gates(ho, DMM_HO_GATE_READS, out);
		}
		break;
	case DMM_HO_RUNNING:
		if (rebooted) {
			dest_ask(ho, out);
		} else {
			dest_gates(ho, DMM_HO_GATE_OPEN, out);
			dest_ack(ho, NULL, out);
		}
		break;
	case DMM_HO_LOST:
		dest_ask(ho, out);
		break;
	case DMM_HO_SETTLED:
		ho->gate = DMM_HO_GATE_OPEN;
		dmm_ho_do(out, DMM_HO_DO_SETTLE);
		break;
	default:
		dest_gates(ho, DMM_HO_GATE_SHUT, out);
		dest_tick(ho, out);
	}
}
