/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * The wire protocol between the source (tool and kernel sender) and the
 * receiver.  doc/protocol.rst is the specification; this header holds the
 * layouts, the numbers and the limits that both sides assert.
 *
 * All integers are little endian.  Every structure has explicit padding that
 * must be zero, a size asserted at build time, and unknown flags are refused.
 *
 * Two kinds of TCP connection go to the same port.  Both begin alike:
 *
 *	source				receiver
 *	HELLO			-->
 *				<--	HELLO_OK | REFUSE
 *
 * A control connection (the tool's) goes on with requests, each answered by
 * exactly one reply (PREPARED, DIGEST_OK, ... or REFUSE):
 *
 *	PREPARE			-->	opens and checks the destination
 *				<--	PREPARED
 *	DIGEST			-->	digest of a byte range, read from the disk
 *				<--	DIGEST_OK
 *	HASHES			-->	the same, one digest a granule
 *				<--	HASHES_OK
 *	QUERY			-->	what the receiver knows of the disk
 *				<--	QUERY_OK
 *	FINISH			-->	flush, close; DIGEST goes on working (read only)
 *				<--	FINISH_OK
 *	FORGET			-->	close, drop the record; contents stay as they are
 *				<--	FORGET_OK
 *	KEY			-->	within TLS: a secret for one data connection of the disk
 *				<--	KEY_OK
 *	FACTS			-->	what kind of host is the receiver's, how much is free?
 *				<--	FACTS_OK
 *	GUEST_CONFIG		-->	configuration of the guest whose disks come, for after the hand-over
 *				<--	GUEST_CONFIG_OK
 *	IDENTITY		-->	which disk is what has this path there?
 *				<--	IDENTITY_OK
 *	VOLUME			-->	makes a destination in a storage repository, for PREPARE
 *				<--	VOLUME_OK
 *	LEFTOVERS		-->	what have migrations left there?
 *				<--	LEFTOVERS_OK
 *	PROBE			-->	how fast is the way there, or the disk?
 *	bytes			-->	of the way: as many as it says, no frames
 *				<--	PROBE_OK
 *
 * A data connection belongs to one prepared disk and is handed to the kernel
 * after ATTACHED; from then on the source sends DATA, ZERO, BARRIER and END, and
 * the receiver answers each but END with one struct dmm_wire_ack:
 *
 *	ATTACH			-->
 *				<--	ATTACHED | REFUSE
 *	DATA seq=1		-->
 *	DATA seq=2		-->
 *				<--	ack seq=2 status=0	(in any order)
 *				<--	ack seq=1 status=0
 *	BARRIER seq=3 arg=n	-->
 *				<--	ack seq=3 arg=n		(after the flush)
 *	END seq=4		-->	(no acknowledgement; the receiver closes)
 *
 * A hand-over connection belongs to one migration and is between the daemons of both hosts, for as long as
 * the source has a part in it.  Both send HANDOVER whenever they have something to say, in any order and
 * again and again; none is answered.  Anything may be lost with the connection.
 *
 *	HANDOVER JOIN		-->
 *				<--	HANDOVER JOIN | REFUSE
 *	HANDOVER		<-->	HANDOVER
 *
 * A guest's memory has a connection of its own, on which no frames follow GUEST_OK.
 *
 *	GUEST			-->
 *				<--	GUEST_OK
 *	bytes			<-->	bytes	of the toolstacks on both sides
 *
 * Tools speak GROUP to a daemon of either host, by TCP or by its local socket; ADOPT only by that.
 *
 *	GROUP			-->	what is asked of a migration's hand-over
 *				<--	GROUP_OK
 *	ADOPT			-->	a disk of a migration whose source is here
 *				<--	GROUP_OK
 */
#ifndef DMMIGRATE_WIRE_H
#define DMMIGRATE_WIRE_H

#include <linux/types.h>

#define DMM_WIRE_MAGIC		0x314d4d44u	/* "DMM1" on the wire */
#define DMM_WIRE_VERSION	1
#define DMM_DEFAULT_PORT	7790

#ifndef DMM_MAX_EXTENT_BYTES	/* those of the simulator are small */
#define DMM_MAX_EXTENT_BYTES	(1u << 20)	/* payload of one DATA frame */
#endif
#define DMM_MAX_CONTROL_BYTES	4096u		/* payload of any other frame but HASHES_OK */
#define DMM_MAX_ZERO_BYTES	(1u << 30)	/* run of one ZERO frame */
#define DMM_SECTOR_BYTES	512u		/* offsets and lengths are multiples */
#define DMM_MIN_BLOCK_BYTES	4096u
#define DMM_MAX_BLOCK_BYTES	(1u << 20)
#define DMM_MAX_CONNS		16u		/* data connections of one disk */
#define DMM_MAX_DISKS		256u		/* disks of one migration */
#define DMM_MAX_GROUP		64u		/* disks of one that hands over as a group */
#define DMM_ID_BYTES		16		/* migration, instance and boot ids */
#define DMM_KEY_IDENTITY_BYTES	16
#define DMM_KEY_SECRET_BYTES	32
#define DMM_KEY_MS		30000u

/* Features: offered in HELLO, used only when HELLO_OK has them too. */
#define DMM_FEATURE_ZERO	(1ull << 0)	/* DMM_MSG_ZERO */
#define DMM_FEATURE_HASHES	(1ull << 1)	/* DMM_MSG_HASHES */
#define DMM_FEATURE_CREATE	(1ull << 2)	/* DMM_PREPARE_CREATE */
#define DMM_FEATURE_GROUP	(1ull << 3)	/* dmm_wire_prepare.group_disks, GROUP, HANDOVER */
#define DMM_FEATURE_PROVE	(1ull << 4)	/* DMM_MSG_PROVE, DMM_MSG_COMPARE */
#define DMM_FEATURE_GUEST	(1ull << 5)	/* DMM_MSG_GUEST */
#define DMM_FEATURE_FACTS	(1ull << 6)	/* DMM_MSG_FACTS */
#define DMM_FEATURE_GUEST_CONFIG (1ull << 7)	/* DMM_MSG_GUEST_CONFIG */
#define DMM_FEATURE_IDENTITY	(1ull << 8)	/* DMM_MSG_IDENTITY */
#define DMM_FEATURE_VOLUME	(1ull << 9)	/* DMM_MSG_VOLUME */
#define DMM_FEATURE_LEFTOVERS	(1ull << 10)	/* DMM_MSG_LEFTOVERS */
#define DMM_FEATURE_PROBE	(1ull << 11)	/* DMM_MSG_PROBE */
#define DMM_FEATURE_POLY32	(1ull << 12)	/* DATA has another checksum: struct dmm_wire_hdr */
#define DMM_FEATURE_ADOPT_FROM	(1ull << 13)	/* DMM_ADOPT_FROM */

enum dmm_msg {
	/* either kind of connection, before anything else */
	DMM_MSG_HELLO		= 1,	/* struct dmm_wire_hello */
	DMM_MSG_HELLO_OK	= 2,	/* struct dmm_wire_hello_ok */
	DMM_MSG_REFUSE		= 3,	/* struct dmm_wire_refuse; the connection closes */
	/* control */
	DMM_MSG_PREPARE		= 16,	/* struct dmm_wire_prepare */
	DMM_MSG_PREPARED	= 17,	/* struct dmm_wire_prepared */
	DMM_MSG_DIGEST		= 18,	/* struct dmm_wire_digest */
	DMM_MSG_DIGEST_OK	= 19,	/* struct dmm_wire_digest_ok */
	DMM_MSG_QUERY		= 20,	/* struct dmm_wire_disk */
	DMM_MSG_QUERY_OK	= 21,	/* struct dmm_wire_query_ok */
	DMM_MSG_FINISH		= 22,	/* struct dmm_wire_disk */
	DMM_MSG_FINISH_OK	= 23,	/* no payload */
	DMM_MSG_FORGET		= 24,	/* struct dmm_wire_disk */
	DMM_MSG_FORGET_OK	= 25,	/* no payload */
	DMM_MSG_HASHES		= 26,	/* struct dmm_wire_hashes */
	DMM_MSG_HASHES_OK	= 27,	/* payload: DMM_HASH_BYTES a granule */
	DMM_MSG_GROUP		= 28,	/* struct dmm_wire_group */
	DMM_MSG_GROUP_OK	= 29,	/* struct dmm_wire_group_ok */
	DMM_MSG_ADOPT		= 30,	/* struct dmm_wire_adopt */
	/* data */
	DMM_MSG_ATTACH		= 32,	/* struct dmm_wire_attach */
	DMM_MSG_ATTACHED	= 33,	/* no payload */
	DMM_MSG_DATA		= 34,	/* payload: the bytes of the extent */
	DMM_MSG_BARRIER		= 35,	/* no payload; arg is the barrier's number */
	DMM_MSG_END		= 36,	/* no payload; nothing follows */
	DMM_MSG_ZERO		= 37,	/* no payload; arg is the length of the run */
	/* control, again */
	DMM_MSG_PROVE		= 40,	/* struct dmm_wire_prove */
	DMM_MSG_PROVE_OK	= 41,	/* struct dmm_wire_prove_ok */
	DMM_MSG_COMPARE		= 42,	/* struct dmm_wire_compare */
	DMM_MSG_COMPARE_OK	= 43,	/* struct dmm_wire_compare_ok */
	DMM_MSG_KEY		= 44,	/* struct dmm_wire_attach: for that very connection */
	DMM_MSG_KEY_OK		= 45,	/* struct dmm_wire_key_ok */
	DMM_MSG_FACTS		= 46,	/* no payload */
	DMM_MSG_FACTS_OK	= 47,	/* struct dmm_wire_facts_ok */
	/* hand-over */
	DMM_MSG_HANDOVER	= 48,	/* struct dmm_wire_handover */

	DMM_MSG_GUEST		= 52,	/* struct dmm_wire_guest, a connection's first request */
	DMM_MSG_GUEST_OK	= 53,	/* no payload; what follows is no frames */
	/* control */
	DMM_MSG_GUEST_CONFIG	= 54,	/* struct dmm_wire_guest_config */
	DMM_MSG_GUEST_CONFIG_OK	= 55,	/* struct dmm_wire_guest_config_ok */
	DMM_MSG_IDENTITY	= 56,	/* struct dmm_wire_identity */
	DMM_MSG_IDENTITY_OK	= 57,	/* struct dmm_wire_identity_ok */
	DMM_MSG_VOLUME		= 58,	/* struct dmm_wire_volume */
	DMM_MSG_VOLUME_OK	= 59,	/* struct dmm_wire_volume_ok */
	DMM_MSG_LEFTOVERS	= 60,	/* struct dmm_wire_leftovers */
	DMM_MSG_LEFTOVERS_OK	= 61,	/* struct dmm_wire_leftovers_ok */
	DMM_MSG_PROBE		= 62,	/* struct dmm_wire_probe; DMM_PROBE_LINK: bytes that are no frame follow */
	DMM_MSG_PROBE_OK	= 63,	/* struct dmm_wire_probe_ok */
};

/*
 * Header of every frame but the acknowledgement.  crc is crc32c (Castagnoli,
 * reflected, initial value ~0, final inversion: the iSCSI one) of the header
 * with crc taken as zero, followed by the payload.  On data connections with
 * DMM_FEATURE_POLY32, of DATA: that of the header alone, xor the payload's poly32 (core/poly32.h).
 */
struct dmm_wire_hdr {
	__le32 magic;		/* DMM_WIRE_MAGIC */
	__le16 type;		/* enum dmm_msg */
	__le16 flags;		/* none defined: zero */
	__le64 seq;		/* from 1, one more per frame of this direction */
	__le64 offset_bytes;	/* DATA, ZERO: where on the disk; else zero */
	__le64 arg;		/* BARRIER: its number, from 1; ZERO: bytes; else zero */
	__le32 payload_bytes;	/* what follows this header */
	__le32 reserved;	/* zero */
	__le32 pad;		/* zero */
	__le32 crc;
};
#define DMM_WIRE_HDR_BYTES	48

/*
 * Acknowledgement: the only thing that the kernel parses from the peer.
 * DATA and ZERO are acknowledged when their write completed, BARRIER when every frame
 * acknowledged before it has been flushed.  crc covers the 28 bytes before it.
 */
struct dmm_wire_ack {
	__le32 magic;		/* DMM_WIRE_MAGIC */
	__le16 type;		/* DMM_MSG_DATA, DMM_MSG_ZERO or DMM_MSG_BARRIER */
	__le16 reserved;	/* zero */
	__le64 seq;		/* of the frame */
	__le64 arg;		/* of the frame */
	__le32 status;		/* enum dmm_wire_err; not zero ends the migration */
	__le32 crc;
};
#define DMM_WIRE_ACK_BYTES	32

/* Errors as the wire carries them; values never change. */
enum dmm_wire_err {
	DMM_WERR_OK		= 0,
	DMM_WERR_PROTOCOL	= 1,	/* malformed or out of place */
	DMM_WERR_VERSION	= 2,	/* no common version */
	DMM_WERR_CRC		= 3,	/* checksum mismatch */
	DMM_WERR_RANGE		= 4,	/* outside the disk, or misaligned */
	DMM_WERR_IO		= 5,	/* the destination failed a read, write or flush */
	DMM_WERR_NOSPC		= 6,	/* the destination is full */
	DMM_WERR_NOTFOUND	= 7,	/* no such destination, or not prepared */
	DMM_WERR_BUSY		= 8,	/* in use, mounted, or taken by another migration */
	DMM_WERR_TOOSMALL	= 9,	/* destination smaller than the source */
	DMM_WERR_DENIED		= 10,	/* not on the allow-list */
	DMM_WERR_SIGNATURE	= 11,	/* carries a signature and no confirmation was given */
	DMM_WERR_SAMEDISK	= 12,	/* the very disk that is the source */
	DMM_WERR_LIMIT		= 13,	/* too many sessions or disks */
	DMM_WERR_UNSUPPORTED	= 14,	/* a feature or geometry that this side lacks */
	DMM_WERR_SHUTDOWN	= 15,	/* the receiver is going down */
	DMM_WERR_INTERNAL	= 16,
	DMM_WERR_DIFFERS	= 17,	/* the destination's disk has not what it was given */
	DMM_WERR_COUNT
};

struct dmm_wire_hello {
	__le16 version_min;
	__le16 version_max;
	__le32 reserved;
	__le64 features;	/* that the source can use: DMM_FEATURE_* */
	__u8 program[48];	/* "dmmigrate 0.1", NUL padded, for the log */
};
#define DMM_WIRE_HELLO_BYTES	64

struct dmm_wire_hello_ok {
	__le16 version;		/* chosen */
	__le16 pad[3];
	__le64 features;	/* common to both */
	__u8 instance[DMM_ID_BYTES];	/* random, new whenever the receiver starts */
	__u8 boot[DMM_ID_BYTES];	/* the host's boot id */
	__u8 program[48];
};
#define DMM_WIRE_HELLO_OK_BYTES	96

struct dmm_wire_refuse {
	__le32 code;		/* enum dmm_wire_err, not OK */
	__le32 pad;
	__u8 text[248];		/* one line, UTF-8, NUL terminated and padded */
};
#define DMM_WIRE_REFUSE_BYTES	256

/* Names a disk of a migration. */
struct dmm_wire_disk {
	__u8 migration[DMM_ID_BYTES];
	__le32 disk;		/* from 0 */
	__le32 pad;
};
#define DMM_WIRE_DISK_BYTES	24

/* dmm_wire_prepare.flags */
#define DMM_PREPARE_OVERWRITE	(1u << 0)	/* a signature there was confirmed */
#define DMM_PREPARE_CHECK	(1u << 1)	/* only check (--dry-run): prepare nothing */
#define DMM_PREPARE_CREATE	(1u << 2)	/* a file that is not there is created */
/* No disk: a guest all of whose disks stay; dest_path is its name (as dmm_wire_guest's), numbers are zero, no other flag, no gate */
#define DMM_PREPARE_GUEST	(1u << 3)

struct dmm_wire_prepare {
	struct dmm_wire_disk id;
	__le64 size_bytes;	/* of the source */
	__le32 block_bytes;	/* tracking granularity */
	__le32 lbs_bytes;	/* logical block size of the source */
	__le32 conns;		/* data connections that will attach, 1 to DMM_MAX_CONNS */
	__le32 flags;		/* DMM_PREPARE_* */
	__u8 source_identity[256];	/* identities of the source LUNs, space separated; may be empty */
	__u8 source_host[64];	/* for the log */
	__u8 source_path[256];
	__u8 dest_path[1024];	/* absolute, NUL terminated and padded */
	__le32 group_disks;	/* of the migration, when it hands over as a group; 0: it does not */
	__u8 gate[124];		/* dm name of the gate above dest_path; empty: none, or no group */
};
#define DMM_WIRE_PREPARE_BYTES	1776

struct dmm_wire_prepared {
	__le64 size_bytes;	/* of the destination */
	__le32 lbs_bytes;	/* logical block size of the destination */
	__le32 flags;		/* DMM_PREPARED_* */
	__u8 signature[40];	/* what was found there ("ext4"), or empty */
	__le64 conn_epoch;	/* the largest that ATTACH has named for this disk; 0: none */
};
#define DMM_PREPARED_FILE	(1u << 0)	/* a regular file, not a block device */
#define DMM_PREPARED_BUFFERED	(1u << 1)	/* it refused O_DIRECT */
#define DMM_PREPARED_EMPTY	(1u << 2)	/* a file that reads as zeros; with DMM_FEATURE_HASHES */
#define DMM_PREPARED_NOFLUSH	(1u << 3)	/* it cannot be flushed: barriers promise nothing */
#define DMM_PREPARED_GATED	(1u << 4)	/* it has a gate above it, of the name that was asked for */
#define DMM_WIRE_PREPARED_BYTES	64

/* Digest algorithms */
#define DMM_DIGEST_XXH3_128	1		/* XXH3 128 bit, seed 0, canonical form */

struct dmm_wire_digest {
	struct dmm_wire_disk id;
	__le64 offset_bytes;
	__le64 length_bytes;	/* at most DMM_MAX_DIGEST_BYTES */
	__le32 algorithm;
	__le32 pad;
};
#define DMM_WIRE_DIGEST_BYTES	48
#define DMM_MAX_DIGEST_BYTES	(1ull << 30)

struct dmm_wire_digest_ok {
	__u8 digest[32];	/* the algorithm's bytes first, zero padded */
};
#define DMM_WIRE_DIGEST_OK_BYTES 32

/* One digest for each @granule_bytes of the range, the last of which may be shorter. */
struct dmm_wire_hashes {
	struct dmm_wire_disk id;
	__le64 offset_bytes;	/* multiple of granule_bytes */
	__le64 length_bytes;	/* at most DMM_MAX_HASHES granules */
	__le32 algorithm;	/* DMM_DIGEST_XXH3_128 */
	__le32 granule_bytes;	/* power of two, DMM_MIN_BLOCK_BYTES to DMM_MAX_BLOCK_BYTES */
};
#define DMM_WIRE_HASHES_BYTES	48
#define DMM_HASH_BYTES		16u	/* of each digest in HASHES_OK, in the order of the disk */
#define DMM_MAX_HASHES		4096u
#define DMM_MAX_HASHES_BYTES	(DMM_MAX_HASHES * DMM_HASH_BYTES)

/* Of a disk's extents of DMM_PROVE_BYTES, the last of which may be shorter. */
#define DMM_PROVE_BYTES		(1u << 20)
#define DMM_MAX_PROVE		64u	/* extents of one PROVE or COMPARE */

/* dmm_wire_prove.flags */
#define DMM_PROVE_READ		(1u << 0)	/* from the disk; else only generations are told */

struct dmm_wire_prove {
	struct dmm_wire_disk id;
	__le64 offset_bytes;	/* multiple of DMM_PROVE_BYTES */
	__le32 extents;		/* 1 to DMM_MAX_PROVE, which begin within the disk */
	__le32 flags;		/* DMM_PROVE_* */
};
#define DMM_WIRE_PROVE_BYTES	40

enum dmm_wire_proved {
	DMM_PROVED_BUSY		= 0,	/* not read, or written meanwhile */
	DMM_PROVED_READ		= 1,	/* crc is of what the disk has; what was received is not known */
	DMM_PROVED_SAME		= 2,	/* and it is what was received */
	__DMM_PROVED_MAX,
};

struct dmm_wire_prove_ok {
	struct {
		__le32 generation;	/* another one whenever the extent is written */
		__le32 crc;		/* crc32c, as in frames; 0 with BUSY */
		__le32 state;		/* enum dmm_wire_proved */
	} extents[DMM_MAX_PROVE];	/* zero beyond those asked for */
};
#define DMM_WIRE_PROVE_OK_BYTES	768

/* dmm_wire_compare.flags */
#define DMM_COMPARE_JUDGE	(1u << 0)	/* what differs now differs for good: the disk fails */

/* What the source has read, each extent after it had heard of this generation of it. */
struct dmm_wire_compare {
	struct dmm_wire_disk id;
	__le32 extents;		/* 0 to DMM_MAX_PROVE */
	__le32 flags;		/* DMM_COMPARE_* */
	struct {
		__le64 offset_bytes;
		__le32 generation;
		__le32 crc;
	} extent[DMM_MAX_PROVE];	/* zero beyond */
};
#define DMM_WIRE_COMPARE_BYTES	1056

struct dmm_wire_compare_ok {
	__le32 differ;		/* how many of these do, and were not written since */
	__le32 pad;
};
#define DMM_WIRE_COMPARE_OK_BYTES 8

struct dmm_wire_query_ok {
	__le64 size_bytes;
	__le64 received_bytes;	/* written since PREPARE */
	__le64 barrier;		/* number of the last one flushed, 0 = none */
	__le32 state;		/* enum dmm_disk_state */
	__le32 conns;		/* data connections now */
	__le32 error;		/* enum dmm_wire_err: the first one */
	__le32 pad;
};
#define DMM_WIRE_QUERY_OK_BYTES	40

enum dmm_disk_state {
	DMM_DISK_PREPARED	= 1,
	DMM_DISK_RECEIVING	= 2,
	DMM_DISK_FINISHED	= 3,
	DMM_DISK_FAILED		= 4,
};

struct dmm_wire_attach {
	struct dmm_wire_disk id;
	__le64 conn_epoch;	/* grows with every set of connections; 1 */
	__le32 conn_index;	/* from 0 */
	__le32 conns;		/* must be what PREPARE said */
};
#define DMM_WIRE_ATTACH_BYTES	40

/*
 * What the data connection that KEY describes proves itself by, once, as a TLS 1.3 external PSK: identity (32
 * hexadecimal digits, lower case) and secret, both random.  It is void after DMM_KEY_MS.
 */
struct dmm_wire_key_ok {
	__u8 identity[DMM_KEY_IDENTITY_BYTES];
	__u8 secret[DMM_KEY_SECRET_BYTES];
};
#define DMM_WIRE_KEY_OK_BYTES	48

/* dmm_wire_facts_ok.flags */
#define DMM_FACTS_CUT		(1u << 0)	/* there were more than fit */

/* Lines KEY=VALUE, each with its newline: DMM_MAX_FACTS at most.  doc/protocol.rst has the keys. */
#define DMM_MAX_FACTS		96u
#define DMM_FACTS_BYTES		4072u
#define DMM_FACT_KEY		32u		/* with a NUL */
#define DMM_FACT_VALUE		256u		/* the same */

struct dmm_wire_facts_ok {
	__le64 received_ns;	/* clock of the receiver's host when FACTS had come, since 1970 */
	__le64 sent_ns;		/* and when this was sent */
	__le32 bytes;		/* of text */
	__le32 flags;		/* DMM_FACTS_* */
	__u8 text[DMM_FACTS_BYTES];	/* zero beyond */
};
#define DMM_WIRE_FACTS_OK_BYTES	4096

#include <dmmigrate/wire_group.h>

#endif
