// SPDX-License-Identifier: GPL-2.0
/*
 * Windows over the source, zeros, and what need not be shipped.
 */
#include <string.h>
#include <xxhash.h>

#include "copy_plan.h"

static u64 round_down_to(u64 v, u64 step)
{
	return v & ~(step - 1);
}

static u64 round_up_to(u64 v, u64 step, u64 most)
{
	v = v > most - (step - 1) ? most : round_down_to(v + step - 1, step);
	return dmm_min_u64(v, most);
}

struct dmm_copy_range dmm_copy_next(u64 pos, u64 size, u64 data, u64 hole)
{
	struct dmm_copy_range r = { .first_bytes = pos };
	u64 hole_end = data >= size ? size : round_down_to(data, DMM_COPY_GRANULE_BYTES);

	r.hole = hole_end > pos;
	if (r.hole) {
		r.end_bytes = dmm_min_u64(hole_end, pos + DMM_MAX_ZERO_BYTES);
		return r;
	}
	r.end_bytes = dmm_min_u64(size, round_down_to(pos, DMM_COPY_WINDOW_BYTES) +
				  DMM_COPY_WINDOW_BYTES);
	if (hole < r.end_bytes)
		r.end_bytes = round_up_to(hole, DMM_COPY_GRANULE_BYTES, r.end_bytes);
	return r;
}

bool dmm_copy_is_zero(const void *buf, size_t bytes)
{
	const u64 *head = buf;

	/* most data shows in its first words; the rest is compared with itself, one step behind */
	if (head[0] | head[1])
		return false;
	return !memcmp(buf, (const u8 *)buf + 16, bytes - 16);
}

static bool granule_is_theirs(const u8 *p, u32 bytes, const u8 *theirs)
{
	XXH128_canonical_t ours;

	XXH128_canonicalFromHash(&ours, XXH3_128bits(p, bytes));
	return !memcmp(ours.digest, theirs, DMM_HASH_BYTES);
}

static enum dmm_copy_kind granule_kind(const u8 *p, u32 bytes, const u8 *theirs,
				       enum dmm_copy_zeros zeros)
{
	if (theirs && granule_is_theirs(p, bytes, theirs))
		return DMM_COPY_SKIP;
	if (zeros == DMM_COPY_ZEROS_SHIP || !dmm_copy_is_zero(p, bytes))
		return DMM_COPY_SHIP;
	return zeros == DMM_COPY_ZEROS_SKIP ? DMM_COPY_SKIP : DMM_COPY_ZERO;
}

unsigned int dmm_copy_cut(const void *buf, u32 bytes, const u8 *theirs, enum dmm_copy_zeros zeros,
			  struct dmm_copy_run *runs)
{
	enum dmm_copy_kind kind;
	unsigned int nr = 0;
	u32 at, n;

	for (at = 0; at < bytes; at += n) {
		n = bytes - at < DMM_COPY_GRANULE_BYTES ? bytes - at : DMM_COPY_GRANULE_BYTES;
		kind = granule_kind((const u8 *)buf + at, n, theirs, zeros);
		if (theirs)
			theirs += DMM_HASH_BYTES;
		if (nr && runs[nr - 1].kind == kind) {
			runs[nr - 1].bytes += n;
			continue;
		}
		runs[nr++] = (struct dmm_copy_run){ .kind = kind, .at_bytes = at, .bytes = n };
	}
	return nr;
}
