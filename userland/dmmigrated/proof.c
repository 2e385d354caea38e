// SPDX-License-Identifier: GPL-2.0
/*
 * The table of what a destination has to have.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proof.h"

#define PROOF_DIFFERS	1u
#define PROOF_POLY32	2u	/* the kind of sum */

#define JUDGE_AT_ONCE	65536u	/* extents, between which others have the lock */

DMM_BUILD_ASSERT(sizeof(struct dmm_proof_extent) == 16);

void dmm_proof_init(struct dmm_proof *p)
{
	memset(p, 0, sizeof(*p));
	pthread_mutex_init(&p->lock, NULL);
}

int dmm_proof_open(struct dmm_proof *p, u64 size_bytes)
{
	u64 nr = size_bytes / DMM_PROOF_BYTES + !!(size_bytes % DMM_PROOF_BYTES);

	if (nr > SIZE_MAX / sizeof(*p->extents))
		return -ENOMEM;
	p->extents = calloc(nr, sizeof(*p->extents));
	if (!p->extents)
		return -ENOMEM;
	p->size_bytes = size_bytes;
	p->nr = nr;
	return 0;
}

void dmm_proof_exit(struct dmm_proof *p)
{
	free(p->extents);
	pthread_mutex_destroy(&p->lock);
}

static u32 extent_bytes(const struct dmm_proof *p, u64 i)
{
	return (u32)dmm_min_u64(p->size_bytes - i * DMM_PROOF_BYTES, DMM_PROOF_BYTES);
}

static bool is_known(const struct dmm_proof *p, u64 i)
{
	return p->extents[i].sectors * DMM_SECTOR_BYTES == extent_bytes(p, i);
}

static enum dmm_sum_kind extent_kind(const struct dmm_proof_extent *e)
{
	return e->flags & PROOF_POLY32 ? DMM_SUM_POLY32 : DMM_SUM_CRC32C;
}

static void touch_locked(struct dmm_proof *p, struct dmm_proof_extent *e)
{
	e->generation++;
	p->nr_differ -= !!(e->flags & PROOF_DIFFERS);
	e->flags &= ~PROOF_DIFFERS;
}

/* [@first, @end) of extent @i, which it is inside of, is to have @sum. */
static void bring_locked(struct dmm_proof *p, u64 i, u64 first, u64 end, enum dmm_sum_kind kind, u32 sum)
{
	struct dmm_proof_extent *e = &p->extents[i];
	u64 before = (first - i * DMM_PROOF_BYTES) / DMM_SECTOR_BYTES;

	touch_locked(p, e);
	if (!before) {
		e->sum = sum;
		e->flags = kind == DMM_SUM_POLY32 ? PROOF_POLY32 : 0;
	} else if (before == e->sectors && kind == extent_kind(e)) {
		e->sum = dmm_sum_join(kind, e->sum, sum, end - first);
	} else {
		e->sectors = 0;
		return;
	}
	e->sectors = (u16)(before + (end - first) / DMM_SECTOR_BYTES);
}

static bool overlaps(const struct dmm_proof_frame *f, u64 first, u64 end)
{
	return f->bytes && f->offset_bytes < end && first < f->offset_bytes + f->bytes;
}

static void forget_recent_locked(struct dmm_proof *p, u64 first, u64 end)
{
	u32 i;

	for (i = 0; i < DMM_PROOF_RECENT; i++) {
		if (overlaps(&p->recent[i], first, end))
			p->recent[i].bytes = 0;
	}
}

static void add_locked(struct dmm_proof *p, u64 first, u64 end, bool zero, enum dmm_sum_kind kind, u32 sum)
{
	u64 at, to, i;

	forget_recent_locked(p, first, end);
	for (at = first; at < end; at = to) {
		i = at / DMM_PROOF_BYTES;
		to = dmm_min_u64((i + 1) * DMM_PROOF_BYTES, end);
		if (zero) {
			bring_locked(p, i, at, to, kind, 0);
		} else if (to - at == end - first) {
			bring_locked(p, i, at, to, kind, sum);
		} else {	/* across a border: nobody knows the checksums of its parts */
			touch_locked(p, &p->extents[i]);
			p->extents[i].sectors = 0;
		}
	}
	if (zero)
		return;
	p->recent[p->nr_frames % DMM_PROOF_RECENT] = (struct dmm_proof_frame){
		.number = p->nr_frames, .offset_bytes = first, .bytes = (u32)(end - first), .sum = sum, .kind = kind,
	};
	p->nr_frames++;
}

bool dmm_proof_add(struct dmm_proof *p, struct dmm_order *o, struct dmm_extent *e, bool zero, enum dmm_sum_kind kind,
		   u32 sum)
{
	/* once it is in the order it may be somebody else's: written, and done */
	u64 first = e->first_bytes, end = e->end_bytes;
	bool ready;

	pthread_mutex_lock(&p->lock);
	ready = dmm_order_add(o, e);
	add_locked(p, first, end, zero, kind, sum);
	pthread_mutex_unlock(&p->lock);
	return ready;
}

void dmm_proof_unsure(struct dmm_proof *p, u64 first_bytes, u64 end_bytes)
{
	u64 i;

	pthread_mutex_lock(&p->lock);
	forget_recent_locked(p, first_bytes, end_bytes);
	for (i = first_bytes / DMM_PROOF_BYTES; i * DMM_PROOF_BYTES < end_bytes; i++) {
		touch_locked(p, &p->extents[i]);
		p->extents[i].sectors = 0;
	}
	pthread_mutex_unlock(&p->lock);
}

static void get_locked(struct dmm_proof *p, u64 i, struct dmm_proof_state *s)
{
	s->offset_bytes = i * DMM_PROOF_BYTES;
	s->bytes = extent_bytes(p, i);
	s->generation = p->extents[i].generation;
	s->known = is_known(p, i);
	s->sum = s->known ? p->extents[i].sum : 0;
	s->kind = extent_kind(&p->extents[i]);
}

void dmm_proof_get(struct dmm_proof *p, u64 i, struct dmm_proof_state *s)
{
	pthread_mutex_lock(&p->lock);
	get_locked(p, i, s);
	pthread_mutex_unlock(&p->lock);
}

bool dmm_proof_read(struct dmm_proof *p, const struct dmm_proof_state *s, u32 crc)
{
	struct dmm_proof_extent *e = &p->extents[s->offset_bytes / DMM_PROOF_BYTES];
	bool same;

	pthread_mutex_lock(&p->lock);
	same = e->generation == s->generation;
	if (same) {
		e->sum = crc;
		e->flags &= ~PROOF_POLY32;
		e->sectors = (u16)(s->bytes / DMM_SECTOR_BYTES);
	}
	pthread_mutex_unlock(&p->lock);
	return same;
}

bool dmm_proof_recent(struct dmm_proof *p, u32 n, struct dmm_proof_frame *f)
{
	bool there;

	pthread_mutex_lock(&p->lock);
	there = n < DMM_PROOF_RECENT && n < p->nr_frames;
	if (there) {
		*f = p->recent[(p->nr_frames - 1 - n) % DMM_PROOF_RECENT];
		there = f->bytes;
	}
	pthread_mutex_unlock(&p->lock);
	return there;
}

bool dmm_proof_is_last(struct dmm_proof *p, const struct dmm_proof_frame *f)
{
	const struct dmm_proof_frame *now = &p->recent[f->number % DMM_PROOF_RECENT];
	bool last;

	pthread_mutex_lock(&p->lock);
	last = now->bytes && now->number == f->number;
	pthread_mutex_unlock(&p->lock);
	return last;
}

bool dmm_proof_differs(struct dmm_proof *p, u64 i, u32 generation, u32 source_crc)
{
	struct dmm_proof_extent *e = &p->extents[i];
	bool differs;

	pthread_mutex_lock(&p->lock);
	differs = e->generation == generation && is_known(p, i) && extent_kind(e) == DMM_SUM_CRC32C &&
		  e->sum != source_crc;
	if (differs) {
		p->nr_differ += !(e->flags & PROOF_DIFFERS);
		e->flags |= PROOF_DIFFERS;
		e->source_crc = source_crc;
	}
	pthread_mutex_unlock(&p->lock);
	return differs;
}

bool dmm_proof_judge(struct dmm_proof *p, struct dmm_proof_state *s, u32 *source_crc)
{
	bool found = false;
	u64 i = 0, until;

	while (!found && i < p->nr) {
		until = dmm_min_u64(i + JUDGE_AT_ONCE, p->nr);
		pthread_mutex_lock(&p->lock);
		if (!p->nr_differ)
			until = i = p->nr;
		for (; i < until && !found; i++) {
			found = p->extents[i].flags & PROOF_DIFFERS;
			if (!found)
				continue;
			get_locked(p, i, s);
			*source_crc = p->extents[i].source_crc;
		}
		pthread_mutex_unlock(&p->lock);
	}
	return found;
}
