// SPDX-License-Identifier: GPL-2.0
/*
 * What an encrypted record says of itself in the clear.
 */
#include "tls_heads.h"

#define TYPE_CCS	20	/* in the clear, for those on the way; it says nothing */
#define TYPE_ALERT	21
#define TYPE_DATA	23	/* whatever is encrypted */

/*
 * A hello is one record: there is no second one, for a client offers its part of each group that there is (tls.c).  What has the size
 * of a change of ciphers, or of an alert in the clear, has none that is encrypted.
 */
static bool head_ok(const struct dmm_heads *h)
{
	switch (h->head[0]) {
	case TYPE_DATA:
		return h->head[1] == 3 && h->head[2] == 3;
	case TYPE_CCS:
		return h->body == 1;
	case TYPE_ALERT:
		return h->body == 2;
	default:
		return false;
	}
}

size_t dmm_heads_take(struct dmm_heads *h, const u8 *p, size_t bytes)
{
	size_t done = 0, good = 0, n;

	if (h->wrong)
		return 0;
	while (done < bytes) {
		if (h->have == sizeof(h->head) && !h->body)
			h->have = 0;
		if (h->have < sizeof(h->head)) {
			h->head[h->have++] = p[done++];
			if (h->have < sizeof(h->head))
				continue;
			h->body = (size_t)(h->head[3] << 8 | h->head[4]);
			h->wrong = h->hello && !head_ok(h);
			if (h->wrong)
				return good;
			h->hello |= h->head[0] != TYPE_CCS && h->head[0] != TYPE_ALERT;
		} else {
			n = bytes - done < h->body ? bytes - done : h->body;
			h->body -= n;
			done += n;
		}
		good = done;
	}
	return done;	/* a head of which a part has come, too: its last byte decides */
}
