/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * Of the wire protocol what is about migrations that hand over as a group: what daemons say to each other, tools ask them,
 * and toolstacks send the memory of guests by.  wire.h has the rest, and includes this.
 */
#ifndef DMMIGRATE_WIRE_GROUP_H
#define DMMIGRATE_WIRE_GROUP_H

#include <dmmigrate/wire.h>

/* What the daemons say to each other; kmod/core/handover.h says what each means. */
enum dmm_wire_handover_event {
	DMM_HANDOVER_JOIN	= 1,	/* source's, first: the migration; and the answer */
	DMM_HANDOVER_ACQUIRE	= 2,	/* destination's */
	DMM_HANDOVER_COMPLETE	= 3,	/* destination's: epoch, instance */
	DMM_HANDOVER_REFUSED	= 4,	/* destination's: epoch */
	DMM_HANDOVER_RUNNING_ACK = 5,	/* destination's: epoch, instance */
	DMM_HANDOVER_ASK_SOURCE	= 6,	/* destination's: instance */
	DMM_HANDOVER_TOKEN	= 7,	/* source's: epoch, instance */
	DMM_HANDOVER_ASK_REFUSE	= 8,	/* source's: epoch, instance */
	DMM_HANDOVER_RELEASED	= 9,	/* source's: epoch */
	DMM_HANDOVER_SOURCE	= 10,	/* source's: state, epoch, instance */
	DMM_HANDOVER_BARRIER	= 11,	/* source's: epoch, disk, flags, conn_epoch, barrier: the frozen disk's last */
	__DMM_HANDOVER_MAX,
};

#define DMM_BARRIER_ACQUIRED	1u	/* the freeze was begun by ACQUIRE */

/* Fields that the event above does not name are zero. */
struct dmm_wire_handover {
	__u8 migration[DMM_ID_BYTES];
	__le32 event;		/* enum dmm_wire_handover_event */
	__le32 state;		/* enum dmm_ho_state, a durable one or LOST */
	__le64 epoch;
	__u8 instance[DMM_ID_BYTES];
	__le32 disk;
	__le32 flags;		/* DMM_BARRIER_* */
	__le64 conn_epoch;
	__le64 barrier;
};
#define DMM_WIRE_HANDOVER_BYTES	72

enum dmm_wire_group_verb {
	DMM_GROUP_STATUS	= 1,	/* and waits, if there is something to wait for */
	/* to the destination */
	DMM_GROUP_ACQUIRE	= 2,
	DMM_GROUP_RUN		= 3,	/* open the gates: the guest may write */
	DMM_GROUP_RUNS		= 4,	/* it does: no way back */
	DMM_GROUP_RETURN	= 5,	/* it does not, and is to go on at the source */
	/* to the source, by its local socket only */
	DMM_GROUP_CUTOVER	= 6,	/* freeze_ms */
	DMM_GROUP_ABORT		= 7,
	DMM_GROUP_FORCE		= 8,	/* the destination is certified to be off */
	/* to either */
	DMM_GROUP_DROP		= 9,	/* forget the migration, where no disk's owner depends on it */
	__DMM_GROUP_VERB_MAX,
};

struct dmm_wire_group {
	__u8 migration[DMM_ID_BYTES];
	__le32 verb;		/* enum dmm_wire_group_verb */
	__le32 await;		/* then wait until the state is one of these (1 << enum dmm_ho_state); 0: don't */
	__le32 await_ms;	/* for as long; at most DMM_MAX_AWAIT_MS */
	__le32 freeze_ms;	/* CUTOVER: 1 to 15000 */
	__le32 role;		/* enum dmm_ho_role of the part that is asked, should both be here; 0: any */
	__le32 flags;		/* DMM_GROUP_SOURCE_GONE */
	__u8 by[80];		/* who asks, for the journal: a program, or a person's words */
};
#define DMM_WIRE_GROUP_BYTES	120
#define DMM_GROUP_SOURCE_GONE	(1u << 0)	/* DROP, by the local socket: a person says that the source waits for nothing */
#define DMM_MAX_AWAIT_MS	20000u	/* ask again for more */

struct dmm_wire_group_ok {
	__le32 result;		/* enum dmm_wire_group_result: what came of the verb */
	__le32 role;		/* enum dmm_ho_role */
	__le32 state;		/* enum dmm_ho_state */
	__le32 gate;		/* enum dmm_ho_gate */
	__le64 epoch;
	__le32 flags;		/* DMM_GROUP_* */
	__le32 disks;
	__u8 peer[64];		/* the other host, as this one knows it */
	__u8 device[128];	/* dm name of its first disk here; empty: it has none */
	__u8 why[256];		/* the last thing that failed and was not mended since */
};
#define DMM_WIRE_GROUP_OK_BYTES	480
#define DMM_GROUP_NEEDS_PEER	(1u << 0)	/* nobody can know who owns the disks without the other host */
#define DMM_GROUP_OWES		(1u << 1)	/* an action has failed and is tried again */
#define DMM_GROUP_LINKED	(1u << 2)	/* the other daemon is connected */
#define DMM_GROUP_UNKNOWN_THERE	(1u << 3)	/* source: the other daemon does not know the migration */
#define DMM_GROUP_UNMARKED	(1u << 4)	/* LVM has yet to be told whether to activate its disks */
#define DMM_GROUP_ACKED		(1u << 5)	/* destination: the source may have been told that it runs: no way back */
#define DMM_GROUP_PLAINTEXT	(1u << 6)	/* the daemon speaks without TLS */
#define DMM_GROUP_UNPLACED	(1u << 7)	/* it is over, and the guest's configuration is not where it has to be yet */
#define DMM_GROUP_NOT_BEGUN	(1u << 8)	/* not all of its disks were prepared: it has no journal, and nobody has waited for it */

/* As dmm_ho_event() says; values never change. */
enum dmm_wire_group_result {
	DMM_GROUP_OK		= 0,
	DMM_GROUP_ALREADY	= 1,
	DMM_GROUP_NOT_NOW	= 2,	/* not in this state */
	DMM_GROUP_AGAIN		= 3,	/* the source has to answer first */
	DMM_GROUP_OVER		= 4,	/* all epochs were refused: begin a new migration */
	DMM_GROUP_FAILED	= 5,	/* see why */
	__DMM_GROUP_RESULT_MAX,
};

/* Who receives the memory of a guest. */
enum dmm_wire_platform {
	DMM_PLATFORM_XL		= 1,	/* xl migrate-receive, on either side of whose stream is xl */
	__DMM_PLATFORM_MAX,
};

#define DMM_GUEST_NAME		64u	/* with a NUL */

struct dmm_wire_guest {
	__u8 migration[DMM_ID_BYTES];	/* of its disks, which come to the host that is asked */
	__le32 platform;	/* enum dmm_wire_platform */
	__le32 flags;		/* 0 */
	__u8 name[DMM_GUEST_NAME];	/* of the guest, for the log */
};
#define DMM_WIRE_GUEST_BYTES	88

enum dmm_wire_guest_config_verb {
	DMM_GUEST_CONFIG_CHECK	= 1,	/* could it be put in place?  Nothing is kept */
	DMM_GUEST_CONFIG_STAGE	= 2,	/* a piece; with the last one it is kept, until the hand-over is over */
	DMM_GUEST_CONFIG_STATUS	= 3,	/* what became of it? */
	__DMM_GUEST_CONFIG_VERB_MAX,
};

/* What is staged is, at the destination, the configuration; at the source, by its local socket, that file's path there. */
#define DMM_MAX_GUEST_CONFIG_BYTES	65536u
#define DMM_GUEST_CONFIG_PIECE_BYTES	3072u
struct dmm_wire_guest_config {
	__u8 migration[DMM_ID_BYTES];	/* CHECK: zero */
	__le32 platform;	/* enum dmm_wire_platform */
	__le32 verb;		/* enum dmm_wire_guest_config_verb */
	__le32 role;		/* enum dmm_ho_role of the part that is asked */
	__le32 flags;		/* DMM_GUEST_CONFIG_* */
	__le32 total_bytes;	/* of all pieces; STATUS: 0 */
	__le32 offset_bytes;	/* STAGE: where the piece before has ended; else 0 */
	__le32 bytes;		/* STAGE: of this piece; else 0 */
	__le32 pad;
	__u8 name[64];		/* of the guest; STATUS: empty */
	__u8 text[DMM_GUEST_CONFIG_PIECE_BYTES];	/* zero beyond */
};
#define DMM_WIRE_GUEST_CONFIG_BYTES	3184
#define DMM_GUEST_CONFIG_AUTOSTART	(1u << 0)	/* the host begins the guest when it boots */

enum dmm_wire_guest_config_state {
	DMM_GUEST_CONFIG_NONE	= 0,	/* nothing is kept, or not all of it has come yet */
	DMM_GUEST_CONFIG_STAGED	= 1,
	DMM_GUEST_CONFIG_DONE	= 2,	/* it is in place; at the source: nothing begins the guest there any more */
	__DMM_GUEST_CONFIG_STATE_MAX,
};

struct dmm_wire_guest_config_ok {
	__le32 state;		/* enum dmm_wire_guest_config_state */
	__le32 pad;
	__u8 path[256];		/* where it is put, CHECK too; at the source: what began the guest there; empty: not known, nothing */
	__u8 kept[256];		/* DONE: what was there before has this name now; empty: nothing was */
	__u8 why[256];		/* STAGED: why it could not be put in place, though it is over; empty: it was not tried */
};
#define DMM_WIRE_GUEST_CONFIG_OK_BYTES	776

/* Of a guest's disk that is said to be on storage that both hosts have. */
struct dmm_wire_identity {
	__u8 path[1024];	/* absolute, at the host that is asked */
};
#define DMM_WIRE_IDENTITY_BYTES	1024

enum dmm_wire_identity_kind {
	DMM_IDENTITY_NONE	= 0,	/* nothing is there, or neither of these */
	DMM_IDENTITY_BLOCK	= 1,
	DMM_IDENTITY_FILE	= 2,
	__DMM_IDENTITY_KIND_MAX,
};

struct dmm_wire_identity_ok {
	__le32 kind;		/* enum dmm_wire_identity_kind */
	__le32 pad;
	__le64 size_bytes;
	__u8 identity[1024];	/* as dmm_wire_prepare.source_identity */
};
#define DMM_WIRE_IDENTITY_OK_BYTES	1040

/*
 * Repeated for a disk that is there it replaces what may change: the statistics.  Of a group of no disks name and dest_path are both the
 * guest's name, sizes and statistics zero.
 */
struct dmm_wire_adopt {
	struct dmm_wire_disk id;
	__le32 group_disks;	/* 0 to DMM_MAX_GROUP */
	__le16 port;		/* of the receiver */
	__u8 flags;		/* DMM_ADOPT_* */
	__u8 pad;
	__le64 size_bytes;
	__le64 device_bytes;	/* with WITNESS: written, by sysfs, when the migration began */
	__le64 target_bytes;	/* and by the target */
	__le64 inflight;	/* its writes on their way then */
	__u8 host[256];		/* of the receiver; with FROM: DMM_ADOPT_HOST of it, and in the rest the address that is bound to */
	__u8 name[128];		/* dm name of the live device */
	__u8 dest_path[1024];
};
#define DMM_WIRE_ADOPT_BYTES	1472
#define DMM_ADOPT_WITNESS	(1u << 0)
#define DMM_ADOPT_FROM		(1u << 1)
#define DMM_ADOPT_HOST		192u	/* what is named by an address of a network needs no more */

#define DMM_SR_NAME		32u	/* of a storage repository, with a NUL */
#define DMM_VOLUME_LABEL	64u	/* the same */

/* dmm_wire_volume.flags */
#define DMM_VOLUME_CHECK	(1u << 0)	/* only look whether it could be made */

struct dmm_wire_volume {
	struct dmm_wire_disk id;
	__le32 group_disks;	/* of the migration, as PREPARE will say */
	__le32 flags;		/* DMM_VOLUME_* */
	__le64 size_bytes;	/* of the source */
	__u8 sr[DMM_SR_NAME];	/* where: a name of the receiver's configuration */
	__u8 label[DMM_VOLUME_LABEL];	/* what its name is to remind of: A-Z a-z 0-9 . + - */
	__u8 source_host[64];
};
#define DMM_WIRE_VOLUME_BYTES	200

/* dmm_wire_volume_ok.flags */
#define DMM_VOLUME_FILE		(1u << 0)	/* a file, else a block device */
#define DMM_VOLUME_THIN		(1u << 1)	/* of a thin pool */

struct dmm_wire_volume_ok {
	__le64 size_bytes;	/* that the volume has at least, or would have */
	__le64 room_bytes;	/* that were free there when it was asked for */
	__le32 flags;		/* DMM_VOLUME_* */
	__le32 pad;
	__u8 path[1024];	/* dest_path of PREPARE */
};
#define DMM_WIRE_VOLUME_OK_BYTES	1048

struct dmm_wire_leftovers {
	__u8 migration[DMM_ID_BYTES];	/* of this one; zero: of all that are who asks' business */
	__le32 first;		/* leave out so many: they have been told */
	__le32 flags;		/* 0 */
};
#define DMM_WIRE_LEFTOVERS_BYTES	24

enum dmm_wire_leftover_kind {
	DMM_LEFTOVER_PART	= 1,	/* a host's part in a migration: journal and manifest */
	DMM_LEFTOVER_JOURNAL	= 2,	/* a damaged one, or a manifest, that is nobody's or cannot be read */
	DMM_LEFTOVER_DEVICE	= 3,	/* a device-mapper device: origin, gate, fence */
	DMM_LEFTOVER_VOLUME	= 4,	/* a destination that was made, or a logical volume that is marked */
	DMM_LEFTOVER_GUEST	= 5,	/* configuration of a guest that waits for the end of a hand-over */
	DMM_LEFTOVER_DOMAIN	= 6,	/* of a move that was interrupted */
	__DMM_LEFTOVER_KIND_MAX,
};

enum dmm_wire_leftover_fate {
	DMM_LEFTOVER_REMOVE	= 1,	/* nobody's disk depends on it: `clean --all` of that host removes it */
	DMM_LEFTOVER_KEEP	= 2,	/* it does not: why, and which command decides */
	DMM_LEFTOVER_PEER	= 3,	/* kept as long as the other host knows the migration */
	DMM_LEFTOVER_GOES	= 4,	/* with its migration's part, whatever becomes of that */
	__DMM_LEFTOVER_FATE_MAX,
};

struct dmm_wire_leftover {
	__u8 migration[DMM_ID_BYTES];	/* zero: of none that is known */
	__le32 kind;		/* enum dmm_wire_leftover_kind */
	__le32 fate;		/* enum dmm_wire_leftover_fate */
	__le32 role;		/* PART: enum dmm_ho_role; else 0 */
	__le32 pad;
	__u8 name[128];
	__u8 why[160];		/* what it is */
	__u8 action[128];	/* a command for that host; empty: none */
};
#define DMM_WIRE_LEFTOVER_BYTES		448
#define DMM_LEFTOVERS_PAGE	9u
#define DMM_MAX_LEFTOVERS	4096u	/* that are told; what is beyond has to go first */

/* dmm_wire_leftovers_ok.flags */
#define DMM_LEFTOVERS_CUT	(1u << 0)	/* not everything could be looked at */
#define DMM_LEFTOVERS_PLAINTEXT	(1u << 1)	/* the daemon speaks without TLS */

struct dmm_wire_leftovers_ok {
	__le32 total;		/* of all there are now */
	__le32 nr;		/* of these */
	__le32 flags;		/* DMM_LEFTOVERS_* */
	__le32 pad;
	struct dmm_wire_leftover leftover[DMM_LEFTOVERS_PAGE];	/* zero beyond */
};
#define DMM_WIRE_LEFTOVERS_OK_BYTES	4048
enum dmm_wire_probe_kind {
	DMM_PROBE_LINK	= 1,	/* bytes follow, which are thrown away: how long did they take? */
	DMM_PROBE_DISK	= 2,	/* how long does reading of a destination take? */
	__DMM_PROBE_MAX
};

struct dmm_wire_probe {
	__le32 kind;		/* enum dmm_wire_probe_kind */
	__le32 pad;
	__le64 bytes;		/* LINK: how many follow, 1 to DMM_MAX_PROBE_BYTES; DISK: the source's size */
	__u8 path[1024];	/* DISK: of the destination, as in PREPARE; LINK: empty */
};
#define DMM_WIRE_PROBE_BYTES	1040
#define DMM_MAX_PROBE_BYTES	(1ull << 30)

struct dmm_wire_probe_ok {
	__le64 bytes;		/* that have come, or were read */
	__le64 ns;		/* that this took, by the receiver's clock */
};
#define DMM_WIRE_PROBE_OK_BYTES	16

#endif
