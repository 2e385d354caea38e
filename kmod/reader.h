/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading dirty extents back from the origin into pages of the module's own.
 */
#ifndef DMM_READER_H
#define DMM_READER_H

struct dmm_slot;

/**
 * dmm_reader_submit() - Read the extent of @slot into its pages.
 * @slot: state READING, pages filled in.
 *
 * The completion puts the slot onto its link's ready list, whatever the status, and
 * kicks the send thread.  Context: the feeder; may sleep in the block layer.
 */
void dmm_reader_submit(struct dmm_slot *slot);

#endif
