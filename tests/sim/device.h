/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A disk of the source's host, as its kernel has it.
 */
#ifndef DMM_SIM_DEVICE_H
#define DMM_SIM_DEVICE_H

#include "kernel.h"
#include "sender.h"

#include "sim.h"

#define SIM_LINKS	2u

/* A connection, of both ends. */
struct socket {
	u32 disk;
	bool down;			/* by this side */
	bool broken;			/* the network did, or the other side */
	struct sim_frame frames[SIM_FRAMES];
	u32 nr_frames;
	u8 ack_bytes[8 * DMM_WIRE_ACK_BYTES];
	size_t nr_ack_bytes;
	u64 heard_ns;			/* of the last acknowledgement, or the first frame; 0: nothing was sent */
	wait_queue_head_t wait;
};

/* A read that the origin owes. */
struct sim_read {
	struct bio *bio;
	u32 pages;			/* that were read */
};

/* A write of the guest. */
struct sim_io {
	u8 per_bio[SIM_PER_BIO];
	struct bio bio;
	u32 write;
};

struct sim_device {
	u32 disk;
	struct block_device bdev;
	struct dm_dev dev;
	struct mapped_device md;
	struct dm_table table;
	struct dm_target ti;
	struct socket sockets[SIM_LINKS];
	struct sim_read reads[DMM_SLOTS];
	u32 nr_reads;
	struct sim_io *ios[SIM_WRITES];
	struct dmm_ho_event events[8];
	u32 nr_events;
};

extern struct sim_device devices[SIM_DISKS];
extern struct sim *the_sim;		/* the one that runs */

static inline struct dmm_migration *migration_of(u32 disk)
{
	return devices[disk].ti.private;
}

/* network.c: a new set of connections for a disk that has none, by the daemon; the receiver's turn */
void sim_network_connect(struct sim *sim, u32 disk);
void sim_network_receive(struct sim *sim, u32 disk);

static inline struct sim_io *sim_io_of(struct bio *bio)
{
	return container_of(bio, struct sim_io, bio);
}

#endif
