/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hand-over connections: what the daemons of both hosts say to each other about one migration
 * (include/dmmigrate/wire.h, HANDOVER).  Nothing here decides anything: messages go to and come from whoever
 * has the state machine, and may be lost with the connection.
 */
#ifndef DMM_HANDOVER_H
#define DMM_HANDOVER_H

#include <stdbool.h>

#include "core/handover.h"
#include "refusal.h"
#include "session.h"

/* Native form of struct dmm_wire_handover, checked. */
struct dmm_handover_msg {
	u8 migration[DMM_ID_BYTES];
	enum dmm_wire_handover_event event;
	enum dmm_ho_state state;
	u64 epoch;
	struct dmm_ho_id instance;
	u32 disk;
	u32 flags;		/* DMM_BARRIER_* */
	u64 conn_epoch;
	u64 barrier;
};

void dmm_handover_encode(const struct dmm_handover_msg *msg, struct dmm_wire_handover *w);
/* 0, or a negative errno with @r filled: unknown event, a field that it does not have, a state that no journal has. */
int dmm_handover_decode(const void *payload, struct dmm_handover_msg *msg, struct dmm_refusal *r);

/* A message of the state machine's (DMM_HO_EV_ACQUIRE to _SOURCE that cross the wire), and back. -EINVAL: no such. */
int dmm_handover_from_event(const u8 migration[DMM_ID_BYTES], const struct dmm_ho_event *ev,
			    struct dmm_handover_msg *msg);
int dmm_handover_to_event(const struct dmm_handover_msg *msg, struct dmm_ho_event *ev);

/*
 * What waits to be sent on a connection: bounded, the oldest are dropped.  Of messages that are alike (event,
 * disk) only the latest stays.
 */
struct dmm_outbox;
struct dmm_list;
/* Where whoever has several keeps them. */
struct dmm_list *dmm_outbox_node(struct dmm_outbox *o);
struct dmm_outbox *dmm_outbox_of(struct dmm_list *node);
struct dmm_outbox *dmm_outbox_new(void);	/* NULL: out of memory or descriptors */
void dmm_outbox_free(struct dmm_outbox *o);	/* accepts NULL; nobody uses it any more */
/* Context: any thread; does not block. */
void dmm_outbox_put(struct dmm_outbox *o, const struct dmm_handover_msg *msg);

/* --- source: one for each migration --- */

struct dmm_link_config {
	char host[DMM_HOST_MAX];	/* the destination's daemon */
	u16 port;
	char from[DMM_OWN_ADDRESS];	/* the address of this host that it is connected from; "": any */
	const struct dmm_tls_client *tls;	/* borrowed; NULL: plaintext */
	u8 migration[DMM_ID_BYTES];
	/* a message came; context: the link's thread */
	void (*message)(void *ctx, const struct dmm_handover_msg *msg);
	void *ctx;
};

/*
 * Connects by a thread of its own, again and again with growing pauses (0.2 s to 10 s, some of it random; at once when
 * poked), until it is closed.
 */
struct dmm_link;
int dmm_link_open(const struct dmm_link_config *c, struct dmm_link **l);	/* 0 or -errno */
/*
 * Within a second; no message comes afterwards.  Accepts NULL.
 * Context: not the link's own thread.
 */
void dmm_link_close(struct dmm_link *l);
/* Context: any thread; does not block. Lost while there is no connection. */
void dmm_link_send(struct dmm_link *l, const struct dmm_handover_msg *msg);
/* Does not wait out the pause. Any thread. */
void dmm_link_poke(struct dmm_link *l);
/* What is connected from now on comes from there. Any thread. */
void dmm_link_from(struct dmm_link *l, const char from[DMM_OWN_ADDRESS]);

struct dmm_link_status {
	bool up;
	bool unknown_there;	/* the other daemon does not know the migration */
	char why[256];		/* why it is not up; empty: never tried, or up */
};
void dmm_link_status(struct dmm_link *l, struct dmm_link_status *st);

/* --- destination: a session whose first request was HANDOVER --- */

/* Until it ends. Context: the session's thread. */
void dmm_handover_run(struct dmm_session *s, const u8 *payload);

#endif
