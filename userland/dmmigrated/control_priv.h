/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between control.c and its control_*.c.  0, or -errno with @r filled, as all handlers of requests.
 */
#ifndef DMM_CONTROL_PRIV_H
#define DMM_CONTROL_PRIV_H

#include <limits.h>

#include "refusal.h"
#include "session.h"
#include "sr.h"

/* May wait as long as the request says. */
int dmm_control_group(struct dmm_session *s, const u8 *payload, struct dmm_wire_group_ok *ok,
		      struct dmm_refusal *r);
int dmm_control_adopt(struct dmm_session *s, const u8 *payload, struct dmm_wire_group_ok *ok,
		      struct dmm_refusal *r);

/* *@pieces, NULL at first: what has come so far on this connection; the caller frees it. */
struct dmm_guest_pieces;
int dmm_control_guest_config(struct dmm_session *s, const u8 *payload, struct dmm_guest_pieces **pieces,
			     struct dmm_wire_guest_config_ok *ok, struct dmm_refusal *r);

/* PREPARE of a guest without a disk that moves. */
int dmm_control_prepare_guest(struct dmm_session *s, const struct dmm_prepare *p, struct dmm_wire_prepared *prepared, struct dmm_refusal *r);

/* Which disk has a path here: for those whose guests may come. */
int dmm_control_identity(struct dmm_session *s, const u8 *payload, struct dmm_wire_identity_ok *ok, struct dmm_refusal *r);

/* Finds out anew what is older than a moment, for some seconds at most. */
int dmm_control_facts(struct dmm_session *s, struct dmm_wire_facts_ok *ok, struct dmm_refusal *r);

/* The next storage repository that is for who asks, from number *i (0 at first) on; @text is room for it. */
bool dmm_control_sr_next(struct dmm_session *s, u32 *i, char text[PATH_MAX], struct dmm_sr *sr);
/* May wait some seconds for LVM. */
int dmm_control_volume(struct dmm_session *s, const u8 *payload, struct dmm_wire_volume_ok *ok,
		       struct dmm_refusal *r);

/* May wait some seconds for LVM and the toolstack. */
int dmm_control_leftovers(struct dmm_session *s, const u8 *payload, struct dmm_wire_leftovers_ok *ok, struct dmm_refusal *r);
/* Throws bytes away, or reads a destination for a second at most. */
int dmm_control_probe(struct dmm_session *s, const u8 *payload, struct dmm_wire_probe_ok *ok, struct dmm_refusal *r);

#endif
