/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The module is written for the newest kernel; what the target kernel lacks of
 * that is supplied here.  DMM_HAVE_x comes from probes/x.c.  Included everywhere
 * by the compiler's -include: sources need not mention it.
 */
#ifndef DMM_COMPAT_H
#define DMM_COMPAT_H

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/tcp.h>
#include <linux/device-mapper.h>
#include <linux/pagemap.h>
#include <linux/uio.h>
#include <net/genetlink.h>
#include <net/sock.h>

/* --- block ------------------------------------------------------------------ */

#ifndef DMM_HAVE_BLK_OPF_T
typedef unsigned int blk_opf_t;
#endif

/* Of dm_table_get_mode(), which once spoke of files. */
#ifndef BLK_OPEN_WRITE
#define BLK_OPEN_WRITE		FMODE_WRITE
#endif

#ifndef DMM_HAVE_BIO_INIT_BDEV
static inline void dmm_compat_bio_init(struct bio *bio, struct block_device *bdev,
				       struct bio_vec *table, unsigned short max_vecs,
				       blk_opf_t opf)
{
	bio_init(bio, table, max_vecs);
	bio_set_dev(bio, bdev);
	bio->bi_opf = opf;
}

#define bio_init		dmm_compat_bio_init
#endif

#ifndef DMM_HAVE_SUBMIT_BIO_NOACCT
#define submit_bio_noacct	generic_make_request
#endif

#ifndef DMM_HAVE_BDEV_NR_BYTES
static inline loff_t dmm_compat_bdev_nr_bytes(struct block_device *bdev)
{
	return i_size_read(bdev->bd_inode);
}

#define bdev_nr_bytes		dmm_compat_bdev_nr_bytes
#define bdev_nr_sectors(bdev)	((sector_t)(dmm_compat_bdev_nr_bytes(bdev) >> SECTOR_SHIFT))
#endif

/* The whole disk's, NULL on very old kernels when it goes away; put again by dmm_bdev_put(). */
static inline struct block_device *dmm_bdev_get(struct gendisk *disk)
{
#ifdef DMM_HAVE_GENDISK_PART0_BDEV
	return disk->part0;
#else
	return bdget_disk(disk, 0);
#endif
}

static inline void dmm_bdev_put(struct block_device *bdev)
{
#ifndef DMM_HAVE_GENDISK_PART0_BDEV
	bdput(bdev);
#endif
}

#ifdef DMM_HAVE_BDEV_MAPPING
#define dmm_bdev_mapping(bdev)	((bdev)->bd_mapping)
#else
#define dmm_bdev_mapping(bdev)	((bdev)->bd_inode->i_mapping)
#endif

/* Begin to write out what is cached of the whole disk and is dirty.  Context: process; waits for no I/O but room in the queue. */
static inline void dmm_disk_write_cache(struct gendisk *disk)
{
	struct block_device *bdev = dmm_bdev_get(disk);

	if (!bdev)
		return;
	filemap_flush(dmm_bdev_mapping(bdev));
	dmm_bdev_put(bdev);
}

/* Forget what is cached of the whole disk and not dirty, and that writing some of it has failed.  Context: process; waits for no I/O. */
static inline void dmm_disk_forget_cache(struct gendisk *disk)
{
	struct block_device *bdev = dmm_bdev_get(disk);

	if (!bdev)
		return;
	filemap_check_errors(dmm_bdev_mapping(bdev));
	invalidate_bdev(bdev);
	dmm_bdev_put(bdev);
}

/* Is something of the whole disk's cache on its way to it?  Waits for nothing. */
static inline bool dmm_disk_is_writing(struct gendisk *disk)
{
	struct block_device *bdev = dmm_bdev_get(disk);
	bool writing;

	if (!bdev)
		return true;
	writing = mapping_tagged(dmm_bdev_mapping(bdev), PAGECACHE_TAG_WRITEBACK);
	dmm_bdev_put(bdev);
	return writing;
}

/* Is something in the whole disk's cache that the disk has not got?  Waits for nothing. */
static inline bool dmm_disk_is_dirty(struct gendisk *disk)
{
	struct block_device *bdev = dmm_bdev_get(disk);
	bool dirty;

	if (!bdev)
		return true;
	dirty = mapping_tagged(dmm_bdev_mapping(bdev), PAGECACHE_TAG_DIRTY) ||
		mapping_tagged(dmm_bdev_mapping(bdev), PAGECACHE_TAG_WRITEBACK);
	dmm_bdev_put(bdev);
	return dirty;
}

/* --- network ---------------------------------------------------------------- */

#ifndef DMM_HAVE_ITER_SOURCE
#define ITER_SOURCE		WRITE
#define ITER_DEST		READ
#endif

#ifndef DMM_HAVE_ITER_TYPE_ENUM
#define iov_iter_bvec(i, dir, bv, nr, count)	iov_iter_bvec(i, ITER_BVEC | (dir), bv, nr, count)
#endif

/*
 * A socket used on the way of block I/O must not share the task's page
 * fragment, which may be in use by the very task that reclaim interrupted.
 * Before the field there was no choice but by sk_allocation.
 */
static inline void dmm_sk_no_task_frag(struct sock *sk)
{
#ifdef DMM_HAVE_SK_USE_TASK_FRAG
	sk->sk_use_task_frag = false;
#endif
}

#ifndef DMM_HAVE_TCP_SOCK_SET_NODELAY
static inline void tcp_sock_set_nodelay(struct sock *sk)
{
	int one = 1;

	kernel_setsockopt(sk->sk_socket, SOL_TCP, TCP_NODELAY, (char *)&one, sizeof(one));
}
#endif

/*
 * Initialisers of struct genl_ops: a policy of each command's own, except where only the
 * family may have one (5.2 to 5.9).  All header bytes are validated from the first command
 * on, and a multicast group is closed to the unprivileged, where that can be asked for.
 */
#if defined(DMM_HAVE_GENL_OP_MAXATTR)
#define DMM_GENL_OP_POLICY(p, max)	.policy = (p), .maxattr = (max),
#define DMM_GENL_FAMILY_POLICY(p)
#elif !defined(DMM_HAVE_GENL_FAMILY_POLICY)
#define DMM_GENL_OP_POLICY(p, max)	.policy = (p),
#define DMM_GENL_FAMILY_POLICY(p)
#else
#define DMM_GENL_OP_POLICY(p, max)
#define DMM_GENL_FAMILY_POLICY(p)	.policy = (p),
#endif

#ifndef NLA_POLICY_EXACT_LEN
#define NLA_POLICY_EXACT_LEN(n)		{ .type = NLA_UNSPEC, .len = (n) }
#endif

#ifdef GENL_MCAST_CAP_SYS_ADMIN
#define DMM_GENL_MCGRP_PRIVILEGED	.flags = GENL_MCAST_CAP_SYS_ADMIN,
#else
#define DMM_GENL_MCGRP_PRIVILEGED
#endif

#ifdef DMM_HAVE_GENL_RESV_START_OP
#define DMM_GENL_RESV_START_OP(op)	.resv_start_op = (op),
#else
#define DMM_GENL_RESV_START_OP(op)
#endif

/* --- device mapper ---------------------------------------------------------- */

/* Features that a target passes through; where there is no such flag nothing is to be passed. */
#ifndef DM_TARGET_NOWAIT
#define DM_TARGET_NOWAIT	0
#endif
#ifndef DM_TARGET_PASSES_CRYPTO
#define DM_TARGET_PASSES_CRYPTO	0
#endif
#ifndef DM_TARGET_ATOMIC_WRITES
#define DM_TARGET_ATOMIC_WRITES	0
#endif

#endif
