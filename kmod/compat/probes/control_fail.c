// SPDX-License-Identifier: GPL-2.0
/* Control: compiles on no kernel.  When it does, the probing is broken. */
#include <linux/bio.h>

void probe(struct bio *bio);
void probe(struct bio *bio)
{
	dmm_no_kernel_has_this(bio);
}
