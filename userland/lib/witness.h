/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The device's own statistics in sysfs as a second witness to what the target saw: whatever was
 * written to the device since the migration began must have come by the target.  Where they are not
 * kept (iostats=0) they say nothing, and nothing is concluded.
 */
#ifndef DMM_WITNESS_H
#define DMM_WITNESS_H

#include "dm.h"
#include "nl.h"

/* Both counted since they were made; bytes that writes and discards were about. */
struct dmm_witness {
	u64 device_bytes;	/* by sysfs */
	u64 target_bytes;	/* by the target; before device_bytes was read */
	u64 inflight;		/* writes that the target had passed on and not seen the end of */
};

/*
 * When the migration begins.  Both: 0 or -errno, sysfs or netlink cannot be read.
 */
int dmm_witness_begin(struct dmm_nl *nl, const struct dmm_dm_dev *dev, struct dmm_witness *w);
/* Bytes that were written to the device so far. */
int dmm_witness_device(const struct dmm_dm_dev *dev, u64 *bytes);
int dmm_witness_number(unsigned int major, unsigned int minor, u64 *bytes);

/*
 * Have @device_bytes, read before the target counted @target_bytes, all come by the target
 * since @begin?  If not, *missing says how many did not.
 */
bool dmm_witness_agrees(const struct dmm_witness *begin, u64 device_bytes, u64 target_bytes,
			u64 *missing);

#endif
