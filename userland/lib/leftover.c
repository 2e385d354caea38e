// SPDX-License-Identifier: GPL-2.0
/*
 * Lists of leftovers, and their pages.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/handover.h"
#include "leftover.h"
#include "parse.h"

void dmm_leftovers_clear(struct dmm_leftovers *l)
{
	free(l->items);
	memset(l, 0, sizeof(*l));
}

static struct dmm_leftover *leftovers_grow(struct dmm_leftovers *l)
{
	struct dmm_leftover *grown;

	if (l->nr >= DMM_MAX_LEFTOVERS)
		return NULL;
	/* in steps of a page */
	if (l->nr % DMM_LEFTOVERS_PAGE == 0) {
		grown = reallocarray(l->items, l->nr + DMM_LEFTOVERS_PAGE, sizeof(*grown));
		if (!grown)
			return NULL;
		l->items = grown;
	}
	memset(&l->items[l->nr], 0, sizeof(l->items[0]));
	return &l->items[l->nr++];
}

struct dmm_leftover *dmm_leftovers_add(struct dmm_leftovers *l, enum dmm_wire_leftover_kind kind,
				       enum dmm_wire_leftover_fate fate, const u8 migration[DMM_ID_BYTES])
{
	struct dmm_leftover *o = leftovers_grow(l);

	if (!o) {
		l->cut = true;
		return NULL;
	}
	o->kind = kind;
	o->fate = fate;
	memcpy(o->migration, migration, sizeof(o->migration));
	return o;
}

__attribute__((format(printf, 3, 0)))
static bool put(char *field, size_t bytes, const char *fmt, va_list ap)
{
	int n = vsnprintf(field, bytes, fmt, ap);

	dmm_text_clean(field);
	return n >= 0 && (size_t)n < bytes;
}

void dmm_leftover_name(struct dmm_leftover *o, const char *fmt, ...)
{
	va_list ap;

	if (!o)
		return;
	va_start(ap, fmt);
	put(o->name, sizeof(o->name), fmt, ap);
	va_end(ap);
}

void dmm_leftover_why(struct dmm_leftover *o, const char *fmt, ...)
{
	va_list ap;

	if (!o)
		return;
	va_start(ap, fmt);
	put(o->why, sizeof(o->why), fmt, ap);
	va_end(ap);
}

void dmm_leftover_action(struct dmm_leftover *o, const char *fmt, ...)
{
	va_list ap;

	if (!o)
		return;
	va_start(ap, fmt);
	if (!put(o->action, sizeof(o->action), fmt, ap))
		o->action[0] = '\0';
	va_end(ap);
}

struct dmm_leftover *dmm_leftovers_part(const struct dmm_leftovers *l, const u8 migration[DMM_ID_BYTES], u32 role)
{
	u32 i;

	for (i = 0; i < l->nr; i++) {
		if (l->items[i].kind == DMM_LEFTOVER_PART && (!role || l->items[i].role == role) &&
		    !memcmp(l->items[i].migration, migration, DMM_ID_BYTES))
			return &l->items[i];
	}
	return NULL;
}

void dmm_leftover_forgotten(struct dmm_leftovers *l, struct dmm_leftover *part)
{
	u32 i;

	if (part->fate != DMM_LEFTOVER_PEER)
		return;
	part->fate = DMM_LEFTOVER_REMOVE;
	part->forgotten = true;
	dmm_leftover_why(part, "the other host knows this migration no more");
	for (i = 0; i < l->nr; i++) {
		if (l->items[i].fate == DMM_LEFTOVER_PEER && !memcmp(l->items[i].migration, part->migration, DMM_ID_BYTES) &&
		    l->items[i].kind != DMM_LEFTOVER_PART)
			l->items[i].fate = DMM_LEFTOVER_REMOVE;
	}
}

enum dmm_wire_leftover_fate dmm_leftover_fate(const struct dmm_leftovers *l, const struct dmm_leftover *o)
{
	const struct dmm_leftover *part;

	if (o->fate != DMM_LEFTOVER_GOES)
		return o->fate == DMM_LEFTOVER_REMOVE ? DMM_LEFTOVER_REMOVE : DMM_LEFTOVER_KEEP;
	part = dmm_leftovers_part(l, o->migration, 0);
	return part && part->fate == DMM_LEFTOVER_REMOVE ? DMM_LEFTOVER_REMOVE : DMM_LEFTOVER_KEEP;
}

const char *dmm_leftover_kind_name(enum dmm_wire_leftover_kind kind)
{
	static const char *const names[__DMM_LEFTOVER_KIND_MAX] = {
		[DMM_LEFTOVER_PART] = "migration", [DMM_LEFTOVER_JOURNAL] = "journal", [DMM_LEFTOVER_DEVICE] = "device",
		[DMM_LEFTOVER_VOLUME] = "volume", [DMM_LEFTOVER_GUEST] = "configuration of guest",
		[DMM_LEFTOVER_DOMAIN] = "domain",
	};

	return kind < __DMM_LEFTOVER_KIND_MAX && names[kind] ? names[kind] : "?";
}

void dmm_leftovers_encode(const struct dmm_leftovers *l, u32 first, struct dmm_wire_leftovers_ok *w)
{
	const struct dmm_leftover *o;
	u32 i, nr = first < l->nr ? (u32)dmm_min_u64(l->nr - first, DMM_LEFTOVERS_PAGE) : 0;

	memset(w, 0, sizeof(*w));
	w->total = cpu_to_le32(l->nr);
	w->nr = cpu_to_le32(nr);
	w->flags = cpu_to_le32(l->cut ? DMM_LEFTOVERS_CUT : 0);
	for (i = 0; i < nr; i++) {
		o = &l->items[first + i];
		memcpy(w->leftover[i].migration, o->migration, sizeof(o->migration));
		w->leftover[i].kind = cpu_to_le32(o->kind);
		w->leftover[i].fate = cpu_to_le32(o->fate);
		w->leftover[i].role = cpu_to_le32(o->role);
		dmm_text_put(w->leftover[i].name, sizeof(w->leftover[i].name), o->name);
		dmm_text_put(w->leftover[i].why, sizeof(w->leftover[i].why), o->why);
		dmm_text_put(w->leftover[i].action, sizeof(w->leftover[i].action), o->action);
	}
}

static const char *leftover_fault(const struct dmm_wire_leftover *w)
{
	u32 kind = le32_to_cpu(w->kind), fate = le32_to_cpu(w->fate), role = le32_to_cpu(w->role);

	if (!kind || kind >= __DMM_LEFTOVER_KIND_MAX || !fate || fate >= __DMM_LEFTOVER_FATE_MAX || w->pad)
		return "a leftover of an unknown kind";
	if (kind == DMM_LEFTOVER_PART ? role != DMM_HO_SOURCE && role != DMM_HO_DEST : role)
		return "a leftover of a part that there is not";
	if (dmm_text_check(w->name, sizeof(w->name)) || dmm_text_check(w->why, sizeof(w->why)) ||
	    dmm_text_check(w->action, sizeof(w->action)))
		return "a leftover that is not text";
	return NULL;
}

static const char *page_fault(const struct dmm_wire_leftovers_ok *w)
{
	static const struct dmm_wire_leftover zero;
	u32 i, nr = le32_to_cpu(w->nr);
	const char *fault = NULL;

	if (nr > DMM_LEFTOVERS_PAGE || nr > le32_to_cpu(w->total) || le32_to_cpu(w->total) > DMM_MAX_LEFTOVERS)
		return "leftovers beyond their number";
	if (w->pad || le32_to_cpu(w->flags) & ~(DMM_LEFTOVERS_CUT | DMM_LEFTOVERS_PLAINTEXT))
		return "unknown flags of leftovers";
	for (i = 0; i < DMM_LEFTOVERS_PAGE && !fault; i++) {
		if (i < nr)
			fault = leftover_fault(&w->leftover[i]);
		else if (memcmp(&w->leftover[i], &zero, sizeof(zero)))
			fault = "leftovers beyond their number";
	}
	return fault;
}

int dmm_leftovers_decode(struct dmm_leftovers *l, const struct dmm_wire_leftovers_ok *w, const char **why)
{
	const struct dmm_wire_leftover *from;
	struct dmm_leftover *o;
	u32 i;

	*why = page_fault(w);
	if (*why)
		return -EBADMSG;
	for (i = 0; i < le32_to_cpu(w->nr); i++) {
		from = &w->leftover[i];
		o = dmm_leftovers_add(l, le32_to_cpu(from->kind), le32_to_cpu(from->fate), from->migration);
		if (!o)
			return -ENOMEM;
		o->role = le32_to_cpu(from->role);
		memcpy(o->name, from->name, sizeof(o->name));
		memcpy(o->why, from->why, sizeof(o->why));
		memcpy(o->action, from->action, sizeof(o->action));
	}
	l->cut |= le32_to_cpu(w->flags) & DMM_LEFTOVERS_CUT;
	/* a peer that never comes to its end tells nothing any more */
	return le32_to_cpu(w->nr) && l->nr < le32_to_cpu(w->total);
}
