/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Gates, from the volume that they stand before.
 */
#ifndef DMM_GATE_ABOVE_H
#define DMM_GATE_ABOVE_H

#include <stdbool.h>
#include <sys/types.h>

#define DMM_GATE_NODE	160

/* The gate above @dev, or @dev itself where it is one: its node in /dev/mapper.  One that has settled is still a gate. */
bool dmm_gate_above(dev_t dev, char node[DMM_GATE_NODE]);

#endif
