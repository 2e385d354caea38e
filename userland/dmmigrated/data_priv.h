/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Private to data.c (life and loop), data_rx.c (receiving) and data_tx.c
 * (writes that end, acknowledgements): one data connection.  Everything is owned by the
 * connection's thread, but for what says otherwise in its own header.
 */
#ifndef DMM_DATA_PRIV_H
#define DMM_DATA_PRIV_H

#include "data.h"
#include "datasum.h"
#include "disk.h"
#include "writer.h"

#define DATA_ACKS	(4 * DMM_DATA_DEPTH)

/* A frame of data from the first byte of its payload to its acknowledgement, or a zero run. */
struct data_slot {
	struct dmm_write write;
	struct dmm_extent extent;	/* in the disk's order while `ordered` */
	u16 type;			/* DMM_MSG_DATA or DMM_MSG_ZERO */
	u64 seq;
	void *buffer;			/* of the pool, or NULL */
	u32 sum;			/* DATA: of the payload by itself */
	bool ordered;
	struct dmm_list node;		/* in free */
	/* a zero run's */
	u64 zero_at;			/* before this it reads as zeros */
	bool zero_writing;		/* write is in flight, with zeros */
	struct dmm_list zero_node;	/* in zeros once its turn has come */
};

/*
 *   HEADER --DATA--> BUFFER --> PAYLOAD --> HEADER
 *          --ZERO--> BUFFER --> HEADER
 *          --BARRIER--> BARRIER --flushed--> HEADER
 *   any --END, error, loss, stop--> OVER
 */
enum data_phase {
	RX_HEADER,	/* reading a header */
	RX_BUFFER,	/* have the header of DATA or ZERO, need a slot, and DATA a buffer */
	RX_PAYLOAD,	/* reading into the buffer */
	RX_BARRIER,	/* what was received is being written; then flush */
	RX_OVER,	/* nothing is read any more; ends when all is written and said */
};

struct dmm_data {
	/* constant after set-up */
	struct dmm_session *s;
	struct dmm_disk *disk;
	enum dmm_sum_kind sum_kind;	/* of payloads */
	int wake_fd;			/* eventfd: a buffer, an extent, or a kick */
	struct dmm_writer writer;
	struct dmm_bufpool_user user;
	struct dmm_order_owner owner;
	struct dmm_attachment at;

	/* receiving */
	enum data_phase phase;
	struct dmm_wire_hdr hdr;
	u32 hdr_have;
	struct dmm_frame frame;
	struct data_slot *slot;		/* in PAYLOAD */
	u32 payload_have;
	u32 summed;			/* bytes of it that are in sum */
	u32 sum;			/* of the payload */
	u32 hdr_crc;			/* running, of the header */
	u64 seq;			/* of the last frame */
	u64 barrier;			/* number of the last barrier */
	u32 wake_bytes;			/* SO_RCVLOWAT; 0: not set yet */
	u64 rx_progress_ms;		/* last time bytes came, or were asked for anew */

	/* writing */
	struct data_slot slots[DMM_DATA_DEPTH];
	struct dmm_list free;
	u32 in_order;			/* slots that are in the disk's order */
	bool engine_broken;
	struct dmm_list zeros;		/* of data_slot.zero_node: the first one is at work */
	void *look;			/* to see zeros with, DMM_ZERO_LOOK_BYTES; NULL: not needed yet */

	/* acknowledging */
	struct dmm_wire_ack acks[DATA_ACKS];
	u32 acks_bytes;			/* filled */
	u32 acks_sent;			/* of these */
	u64 tx_progress_ms;		/* last time some went, or the first came */
	u64 tx_began_ms;		/* when there were none before */
	u64 stop_ms;			/* when the daemon began to go down; 0: it does not */
	bool broken;			/* the socket is of no more use */
	bool have_final;		/* after all writes have ended, say this */
	struct dmm_ack final;
};

/* --- data_rx.c --- */

/* Reads what there is, within bounds. True: there may be more right now. */
bool dmm_data_receive(struct dmm_data *d);
/* Before waiting for more: the socket is readable when there is enough to be worth it. */
void dmm_data_expect_bytes(struct dmm_data *d);
/* Does the connection wait for bytes of the peer? */
bool dmm_data_wants_bytes(const struct dmm_data *d);
/* Is the peer in the middle of a frame? */
bool dmm_data_in_frame(const struct dmm_data *d);
/*
 * No more frames: a negative acknowledgement, about the frame in hand, follows the writes
 * that are in flight.  The first one counts.
 */
__attribute__((format(printf, 3, 4)))
void dmm_data_refuse(struct dmm_data *d, u32 werr, const char *fmt, ...);

/* --- data_tx.c --- */

/* The payload of @slot is complete and right: writes it, now or in its turn. */
void dmm_data_accept(struct dmm_data *d, struct data_slot *slot);
/* Starts what waited for overlapping writes that have ended. */
void dmm_data_start_ready(struct dmm_data *d);
/*
 * The end of a slot's story: lets overlapping ones go on, acknowledges with @status (drop: not
 * at all) and frees.
 */
void dmm_data_end_slot(struct dmm_data *d, struct data_slot *slot, u32 status);
void dmm_data_drop_slot(struct dmm_data *d, struct data_slot *slot);
/* Collects writes that have ended and acknowledges them. */
void dmm_data_reap(struct dmm_data *d);
/* Flushes when a barrier is due. */
void dmm_data_barrier(struct dmm_data *d);
/* Returns the slot and its buffer. */
void dmm_data_put_slot(struct dmm_data *d, struct data_slot *slot);
/* Is there room for the acknowledgement of one more frame, whatever is in flight? */
bool dmm_data_has_ack_room(const struct dmm_data *d);
/* Sends acknowledgements as far as the socket takes them. True: that has made room for more. */
bool dmm_data_send_acks(struct dmm_data *d);
void dmm_data_queue_ack(struct dmm_data *d, const struct dmm_ack *ack);

/* --- data_zero.c --- */

/* The turn of the zero run @slot has come: it is worked at by dmm_data_zero(). */
void dmm_data_zero_start(struct dmm_data *d, struct data_slot *slot);
/* A write of its zeros has ended. */
void dmm_data_zero_written(struct dmm_data *d, struct data_slot *slot);
/* Works at zero runs for a while. True: there is more to do right now. */
bool dmm_data_zero(struct dmm_data *d);

#endif
