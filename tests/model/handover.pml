/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hand-over of kmod/core/handover.h, its names included: two hosts, a group of two disks, a guest.
 *
 * A message, once sent, may be taken at any time, again and again, or never: the network is a set that
 * only grows, which is loss, doubling, reordering and delay.  Every other step is used up, so each run
 * ends; that somebody runs in the end is looked at there.  A write is a number: latest is the last one that
 * the guest was told of, vs and vd are what the disks hold.
 *
 * Bounds: E epochs, CR crashes or restarts a host, W writes.
 * weak, from the environment: a rule that is broken, see weak.list; each must be found out.
 */
#ifndef W
#define W 2
#endif
#ifndef CR
#define CR 1
#endif
#ifndef E
#define E 2
#endif
#define NI	(CR + 1)	/* instances */
#define LAST	(E + 1)		/* DMM_HO_EPOCH_LAST */

c_decl {
	\#include <stdlib.h>
	static int weak;
	static void __attribute__((constructor)) weak_init(void)
	{
		const char *s = getenv("WEAK");

		weak = s ? atoi(s) : 0;
	}
}
#define WEAK(n)		c_expr { weak == n }
#define STRONG(n)	c_expr { weak != n }

mtype = { ACTIVE, FROZEN, FENCED, RELINQUISHED, RELEASED, LOST,
	  RECEIVING, COMPLETE, OWNED, RUNNING, REFUSED, SETTLED };
mtype = { OPEN, HELD, COMMITTED };

/* source: journal; memory and kernel */
mtype js = ACTIVE, s = ACTIVE, k0 = OPEN, k1 = OPEN;
byte es = 0, vs = 0;
bool sup = 1, unsure = 0, pend = 0;

/* destination: journal; memory and gates.  dz: no write since they opened */
mtype jd = RECEIVING, d = RECEIVING;
byte ed = 0, vd = 0, dinst = 0;
bool dup_ = 1, dg0 = 0, dg1 = 0, asking = 0, dz = 0, back = 0;

/* messages, by epoch; a token by the instance it names, an answer for the life that asked */
bool bar[E + 2], cmp[E + 2], tok[(E + 2) * NI], ask[E + 2], ref[E + 2], ack[E + 2], rel[E + 2];
bool ans_active[E + 2], ans_relinquished[E + 2], ans_lost, ack_lost, told[E + 2];
byte barv[E + 2], ci[E + 2];

byte latest = 0, scr = 0, dcr = 0;
bool forced = 0, lost = 0, dfail = 0, quiet = 0;

#define SANY	(sup && (k0 == OPEN || k1 == OPEN))
#define SALL	(sup && k0 == OPEN && k1 == OPEN)
#define DANY	(dup_ && (dg0 || dg1))
#define DALL	(dup_ && dg0 && dg1)
#define ACKED	(ack[ed] || ack_lost)
#define RUNS	(d == RUNNING && dg0 && dg1 && !dfail)
#define TOKEN(e)	tok[(e) * NI + ci[e]]

inline chk() { assert(!(SANY && DANY)) }
inline go_on() { s = ACTIVE; unsure = 0; k0 = OPEN; k1 = OPEN; chk() }
inline forget_answers()
{
	d_step {
		ans_active[0] = 0; ans_active[1] = 0; ans_active[2] = 0; ans_active[LAST - 1] = 0; ans_active[LAST] = 0;
		ans_relinquished[1] = 0; ans_relinquished[2] = 0; ans_relinquished[LAST - 1] = 0; ans_lost = 0
	}
}

active proctype Source()
{
end:	do
	/* the guest, on either disk; each that it was told of is in vs */
	:: atomic { SANY && latest < W -> assert(forced || vs == latest); latest++; vs = latest }

	/* CUTOVER: the epoch is used up before the freeze; the barrier covers what is frozen */
	:: atomic { !quiet && sup && s == ACTIVE && es < E && STRONG(NOBURN) ->
		es++; s = FROZEN; k0 = HELD; k1 = HELD; bar[es] = 1; barv[es] = vs }
	:: atomic { !quiet && sup && s == ACTIVE && (es == 0 || barv[1] != vs) && WEAK(NOBURN) ->
		es = 1; s = FROZEN; k0 = HELD; k1 = HELD; bar[es] = 1; barv[es] = vs }

	/* the timer of each disk, which only COMMIT disarms; THAWED or ABORT: all go on */
	:: atomic { sup && k0 == HELD -> k0 = OPEN; chk() }
	:: atomic { sup && k1 == HELD -> k1 = OPEN; chk() }
	:: atomic { sup && s == FROZEN && k0 != COMMITTED -> go_on() }

	/* COMMIT, one disk after the other */
	:: atomic { sup && s == FROZEN && cmp[es] && k0 == HELD && STRONG(NOCOMMIT) -> k0 = COMMITTED }
	:: atomic { sup && s == FROZEN && k0 == COMMITTED && k1 == HELD && STRONG(COMMITONE) ->
		k1 = COMMITTED; s = FENCED }
	:: atomic { sup && s == FROZEN && k0 == COMMITTED && k1 == OPEN ->
		if :: WEAK(NORECLAIM) -> s = ACTIVE :: STRONG(NORECLAIM) -> go_on() fi }
	:: atomic { sup && s == FROZEN && cmp[es] && WEAK(NOCOMMIT) -> s = FENCED }
	:: atomic { sup && s == FROZEN && k0 == COMMITTED && WEAK(COMMITONE) -> s = FENCED }

	/* APPENDED, APPEND_NOTHING, APPEND_UNSURE: there or not; tried again */
	:: atomic { sup && s == FENCED -> js = RELINQUISHED; s = RELINQUISHED }
	:: atomic { sup && s == FENCED -> go_on() }
	:: atomic { sup && s == FENCED && STRONG(UNSURETHAW) -> s = RELINQUISHED; unsure = 1;
		if :: js = RELINQUISHED :: skip fi }
	:: atomic { sup && s == FENCED && WEAK(UNSURETHAW) -> js = RELINQUISHED; go_on() }
	:: atomic { sup && s == RELINQUISHED && unsure -> js = RELINQUISHED; unsure = 0 }

	/* a second recover decides, and acts later */
	:: atomic { sup && s == FENCED && !pend && WEAK(NOLOCK) -> pend = 1 }
	:: atomic { sup && pend && s == RELINQUISHED && WEAK(NOLOCK) -> pend = 0; go_on() }

	/* TOKEN or ASK_REFUSE */
	:: atomic { sup && s == FENCED && !TOKEN(es) && WEAK(TOKENFIRST) -> TOKEN(es) = 1 }
	:: atomic { sup && s == RELINQUISHED && !TOKEN(es) && (!unsure || WEAK(UNSURETOKEN)) -> TOKEN(es) = 1 }
	:: atomic { sup && s == RELINQUISHED && !ask[es] -> ask[es] = 1 }

	/* REFUSED, of this epoch or all; RUNNING_ACK; force */
	:: atomic { sup && s == RELINQUISHED && (ref[es] || ref[LAST]) -> js = ACTIVE; told[es] = 1; go_on() }
	:: atomic { sup && s == RELINQUISHED && !ack[es] && WEAK(ABORTLATE) -> js = ACTIVE; go_on() }
	:: atomic { sup && s == RELINQUISHED && ack[es] -> js = RELEASED; s = RELEASED; unsure = 0 }
	:: atomic { sup && s == RELEASED && !rel[es] -> rel[es] = 1 }
	:: atomic { !quiet && sup && s == RELINQUISHED && !forced && es < E && (!dup_ || WEAK(FORCEBLIND)) ->
		forced = 1; js = ACTIVE; if :: WEAK(FORCESAME) :: STRONG(FORCESAME) -> es++ fi; told[es] = 1; go_on() }

	/* without a journal */
	:: atomic { sup && s == LOST && !ask[LAST] -> ask[LAST] = 1 }
	:: atomic { sup && s == LOST && ref[LAST] -> js = ACTIVE; es = LAST; told[es] = 1; go_on() }
	:: atomic { sup && s == LOST && (ref[1] || ref[2]) && WEAK(LOSTREFUSED) -> js = ACTIVE; es = LAST; go_on() }
	:: atomic { sup && s == LOST && ack_lost -> js = RELEASED; s = RELEASED; es = ed }

	/* the answer to ASK_SOURCE: what is in the journal */
	:: atomic { sup && asking && (s == ACTIVE || s == FROZEN || s == FENCED) && !ans_active[es] ->
		ans_active[es] = 1 }
	:: atomic { sup && asking && s == RELINQUISHED && !ans_relinquished[es] -> ans_relinquished[es] = 1 }
	:: atomic { sup && asking && s == LOST && !ans_lost -> ans_lost = 1 }
	od
}

#define FREE	(d == RECEIVING || d == COMPLETE || d == REFUSED)
#define PEEK(e)	(tok[(e) * NI + dinst] || (WEAK(NOINSTANCE) && (tok[(e) * NI] || tok[(e) * NI + 1])))

/* what there is for each epoch; a barrier may be one that nobody waits for any more */
#define DEST(e) \
	:: atomic { dup_ && bar[e] && ed < e && FREE -> \
		d = COMPLETE; jd = COMPLETE; ed = e; vd = barv[e]; cmp[e] = 1; ci[e] = dinst } \
	:: atomic { dup_ && d == COMPLETE && ed == e && ci[e] != dinst -> ci[e] = dinst } \
	:: atomic { dup_ && d == COMPLETE && ed == e && PEEK(e) -> d = OWNED; jd = OWNED } \
	:: atomic { dup_ && FREE && ed < e && (ask[e] || PEEK(e) || (bar[e] && !quiet)) -> d = REFUSED; jd = REFUSED; ed = e; ref[e] = 1 } \
	:: atomic { dup_ && d == COMPLETE && ed == e && ask[e] -> d = REFUSED; jd = REFUSED; ref[e] = 1 } \
	:: atomic { dup_ && d == REFUSED && ed == e && !ref[e] -> ref[e] = 1 } \
	:: atomic { dup_ && d == LOST && asking && ans_active[e] -> d = REFUSED; jd = REFUSED; ed = LAST; ref[LAST] = 1; asking = 0 } \
	:: atomic { dup_ && d == LOST && rel[e] -> d = SETTLED; jd = SETTLED; ed = e; asking = 0; dg0 = 1; dg1 = 1; chk() } \
	:: atomic { dup_ && d == RUNNING && ed < e && (ans_active[e] || told[e]) && STRONG(FORCEDEAF) -> \
		dg0 = 0; dg1 = 0; d = REFUSED; jd = REFUSED; ed = LAST; ref[LAST] = 1; asking = 0; back = 0 }

active proctype Dest()
{
end:	do
	DEST(1)
	DEST(2)
#if E > 2
	DEST(3)
#endif
	/* a source without a journal asks for all epochs */
	:: atomic { dup_ && ask[LAST] && ed < LAST && (FREE || d == OWNED) -> d = REFUSED; jd = REFUSED; ed = LAST; ref[LAST] = 1 }
	:: atomic { dup_ && ask[LAST] && !ack_lost && (RUNS || d == SETTLED) -> ack_lost = 1 }
	:: atomic { dup_ && d == LOST && asking && (ans_active[0] || ans_active[LAST]) ->
		d = REFUSED; jd = REFUSED; ed = LAST; ref[LAST] = 1; asking = 0 }
	:: atomic { dup_ && d == LOST && ans_relinquished[1] && WEAK(LOSTOPENS) -> d = RUNNING; jd = RUNNING; ed = 1; asking = 0 }

	/* START_FAILED before the token: whoever waited has given up */
	:: atomic { dup_ && d == COMPLETE && !quiet -> d = REFUSED; jd = REFUSED; ref[ed] = 1 }

	/* GO; START_FAILED and ASK_REFUSE while shut */
	:: atomic { dup_ && d == OWNED && WEAK(OPENOWNED) -> dg0 = 1; chk() }
	:: atomic { dup_ && d == OWNED && !dfail -> d = RUNNING; jd = RUNNING; dz = 1 }
	:: atomic { dup_ && d == OWNED && (ask[ed] || dfail || quiet) -> d = REFUSED; jd = REFUSED; ref[ed] = 1; dg0 = 0 }
	:: atomic { dup_ && d == RUNNING && !asking && !dfail && !back && !dg0 -> dg0 = 1; chk() }
	:: atomic { dup_ && d == RUNNING && !asking && !dfail && !back && !dg1 -> dg1 = 1; chk() }

	/* RUNS: RUNNING_ACK; START_FAILED while open: only unwritten, and never acknowledged */
	:: atomic { dup_ && !ack[ed] && (RUNS || d == SETTLED || (d == OWNED && WEAK(ACKEARLY))) -> ack[ed] = 1 }
	:: atomic { dup_ && d == RUNNING && dfail && STRONG(NORETURN) &&
		    (dz || WEAK(RETURNWRITTEN)) && (!ACKED || WEAK(RETURNACKED)) ->
		dg0 = 0; dg1 = 0; dz = 0; back = 0; d = REFUSED; jd = REFUSED; ref[ed] = 1 }
	/* GATES_KEPT: one is shut, the other's volume does not answer; as before */
	:: atomic { !quiet && dup_ && d == RUNNING && dfail && dz && !back && !ACKED && dg0 && dg1 -> dg0 = 0 }
	:: atomic { dup_ && d == RUNNING && dfail && !back && !dg0 && dg1 -> dg0 = 1; chk() }
	/* APPEND_UNSURE of that: shut, and tried again; or another GO, which needs a record of its own */
	:: atomic { dup_ && d == RUNNING && dfail && dz && !back && !ACKED ->
		dg0 = 0; dg1 = 0; back = 1; if :: jd = REFUSED :: skip fi }
	:: atomic { dup_ && d == RUNNING && back && !quiet && STRONG(GOAGAIN) -> jd = RUNNING; back = 0; dfail = 0 }
	:: atomic { dup_ && d == RUNNING && back && !quiet && WEAK(KEPTOPENS) -> back = 0; dfail = 0; dg0 = 1; dg1 = 1; chk() }
	:: atomic { dup_ && d == RUNNING && back && !quiet && WEAK(GOAGAIN) -> back = 0; dfail = 0 }
	:: atomic { dup_ && d == REFUSED && tok[ed * NI + dinst] && WEAK(LATETOKEN) -> d = OWNED; jd = OWNED }

	/* RELEASED, and what the source answers after a reboot */
	:: atomic { dup_ && d == RUNNING && rel[ed] -> d = SETTLED; jd = SETTLED; asking = 0; back = 0; dg0 = 1; dg1 = 1; chk() }
	:: atomic { dup_ && d == RUNNING && asking && (ans_relinquished[ed] || (ans_lost && WEAK(LOSTANSWER))) -> asking = 0 }
	:: atomic { dup_ && d == RUNNING && asking && (ans_active[1] || ans_active[2]) && WEAK(FORCEDEAF) -> asking = 0 }
	od
}

active proctype Guest()
{
end:	do
	:: atomic { DANY && !dfail && latest < W -> assert(forced || vd == latest); latest++; vd = latest; dz = 0 }
	/* it does not start: seen before the first write, and before RUNS is said */
	:: atomic { !quiet && dup_ && !dfail && (d == OWNED || (d == RUNNING && !asking)) &&
		    (dz || d == OWNED || WEAK(RETURNWRITTEN)) && (!ACKED || WEAK(RETURNACKED)) -> dfail = 1 }
	od
}

active proctype Crash()
{
end:	do
	/* the source's host goes down, perhaps with its journal, and comes up */
	:: atomic { !quiet && sup && scr < CR ->
		scr++; sup = 0; k0 = COMMITTED; k1 = COMMITTED; s = FENCED; unsure = 0; pend = 0;
		if :: !lost -> lost = 1; js = LOST :: skip fi }
	:: atomic { !sup -> sup = 1;
		if :: js == ACTIVE -> go_on()
		   :: js == LOST && WEAK(LOSTRUNS) -> js = ACTIVE; go_on()
		   :: js != ACTIVE && WEAK(NOBOOTFENCE) -> go_on(); s = js; k0 = COMMITTED; k1 = COMMITTED
		   :: js != ACTIVE && STRONG(NOBOOTFENCE) && STRONG(LOSTRUNS) -> s = js
		   :: js != ACTIVE && js != LOST && WEAK(LOSTRUNS) -> s = js
		fi }
	/* only its daemon: the kernel's holds stay */
	:: atomic { !quiet && sup && scr < CR ->
		scr++; pend = 0; unsure = 0;
		if :: js == ACTIVE -> go_on() :: js != ACTIVE -> s = js fi }

	/* the destination's: a new instance, OWNED refuses itself, RUNNING has to ask */
	:: atomic { !quiet && dup_ && dcr < CR ->
		dcr++; dup_ = 0; dinst++; dg0 = 0; dg1 = 0; asking = 0; dz = 0; dfail = 0; back = 0; d = jd;
		if :: STRONG(OLDANSWER) -> forget_answers() :: WEAK(OLDANSWER) fi;
		if :: !lost -> lost = 1; ed = 0; if :: WEAK(LOSTFRESH) -> d = RECEIVING; jd = RECEIVING :: STRONG(LOSTFRESH) -> d = LOST; jd = LOST fi
		   :: skip fi }
	:: atomic { !dup_ -> dup_ = 1;
		if :: WEAK(NOBOOTSHUT) -> dg0 = 1; dg1 = 1; chk()
		   :: STRONG(NOBOOTSHUT) && d == OWNED -> d = REFUSED; jd = REFUSED; ref[ed] = 1
		   :: STRONG(NOBOOTSHUT) && d == RUNNING -> if :: WEAK(NOASK) :: STRONG(NOASK) -> asking = 1 fi
		   :: STRONG(NOBOOTSHUT) && d == LOST -> asking = 1
		   :: STRONG(NOBOOTSHUT) && d == SETTLED -> dg0 = 1; dg1 = 1; chk()
		   :: STRONG(NOBOOTSHUT) && FREE
		fi }
	:: atomic { !quiet && dup_ && dcr < CR ->
		dcr++; dinst++; dz = 0; dfail = 0; forget_answers();
		back = 0; d = jd }

	:: atomic { !quiet -> quiet = 1 }
	/* nothing more happens: somebody runs, unless it is exit code 9; no question is open that can be answered */
	:: atomic { timeout ->
		assert((SALL && s == ACTIVE) || (DALL && !dfail) ||
		       (d == LOST && (s == RELINQUISHED || s == LOST)) || (asking && s == LOST));
		assert(!(asking && (s == ACTIVE || s == RELEASED))); break }
	od
}
