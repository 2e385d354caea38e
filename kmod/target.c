// SPDX-License-Identifier: GPL-2.0
/*
 * device-mapper callbacks of the `migrate` target; no policy here.
 */
#include <linux/blkdev.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "admit.h"
#include "args.h"
#include "gate.h"
#include "migration.h"
#include "stats.h"
#include "stop.h"
#include "target.h"

/*
 * What a bio does to the origin's data.  Every operation is on this list; a
 * new one is remapped like any other, marks its range and raises an alert.
 */
enum dmm_op dmm_target_op(const struct bio *bio)
{
	if (dmm_stop_unknown(bio))
		return DMM_OP_UNKNOWN;
	switch (bio_op(bio)) {
	case REQ_OP_READ:
		return DMM_OP_READ;
	case REQ_OP_FLUSH:
		return DMM_OP_FLUSH;
	case REQ_OP_WRITE:
		/* dm sends an empty write with REQ_PREFLUSH ahead of the data */
		return bio_sectors(bio) ? DMM_OP_MODIFY : DMM_OP_FLUSH;
	case REQ_OP_DISCARD:
#if DMM_MUTANT == 11	/* hazard 11 */
		return DMM_OP_READ;
#endif
	case REQ_OP_SECURE_ERASE:
		return DMM_OP_MODIFY;
	case REQ_OP_WRITE_ZEROES:
#if DMM_MUTANT == 211	/* hazard 11 */
		return DMM_OP_READ;
#endif
		return DMM_OP_MODIFY;
	default:
		return DMM_OP_UNKNOWN;
	}
}

static struct dmm_tracked_io *tracked_io(struct bio *bio)
{
	return dm_per_bio_data(bio, sizeof(struct dmm_tracked_io));
}

void dmm_target_count(struct dmm_migration *m, struct bio *bio, enum dmm_op op)
{
	struct dmm_tracked_io *io = tracked_io(bio);

	if (unlikely(m->gated)) {
		io->gated = true;
		this_cpu_inc(m->tracker.counts->passed);
	}
	switch (op) {
	case DMM_OP_READ:
		dmm_tracker_read(&m->tracker, io);
		break;
	case DMM_OP_FLUSH:
		break;
	case DMM_OP_UNKNOWN:
#if DMM_MUTANT == 111	/* hazard 11 */
		break;
#endif
	case DMM_OP_MODIFY:
		dmm_tracker_submit(&m->tracker, io, (u64)bio->bi_iter.bi_sector << SECTOR_SHIFT,
				   (u64)bio_sectors(bio) << SECTOR_SHIFT);
		break;
	}
}

static void alert_unknown(struct dmm_migration *m, struct bio *bio)
{
	this_cpu_inc(m->tracker.counts->alerts);
	DMWARN_LIMIT("%s: bio of unknown kind %#x, its range is marked dirty",
		     m->name, (__force unsigned int)bio->bi_opf);
	if (!bio_sectors(bio))	/* names no range: it may be anything */
		dmm_migration_fail(m, -EOPNOTSUPP, DMM_SIDE_LOCAL, 0,
				   "an operation of unknown kind and extent");
}

static int migrate_map(struct dm_target *ti, struct bio *bio)
{
	struct dmm_tracked_io *io = tracked_io(bio);
	struct dmm_migration *m = ti->private;
	enum dmm_op op = dmm_target_op(bio);
	int r = DM_MAPIO_REMAPPED;

	bio_set_dev(bio, m->origin->bdev);
	bio->bi_iter.bi_sector = dm_target_offset(ti, bio->bi_iter.bi_sector);
	io->counted = false;
	io->timed = false;
	io->gated = false;

	if (unlikely(op == DMM_OP_UNKNOWN))
		alert_unknown(m, bio);

#if DMM_MUTANT == 12	/* hazard 12: more than remapped */
	bio->bi_opf &= ~REQ_FUA;
#elif DMM_MUTANT == 19	/* hazard 19: the guest keeps step with the network */
	while (op == DMM_OP_MODIFY && READ_ONCE(m->ship.inflight_bytes) &&
	       dmm_state_ships(READ_ONCE(m->state)))
		schedule_timeout_idle(1);
#elif DMM_MUTANT == 21	/* hazard 21: the guest waits for a command */
	mutex_lock(&m->ctl);
	mutex_unlock(&m->ctl);
#endif
	rcu_read_lock();	/* pairs with dmm_admit_settle() */
	if (unlikely(READ_ONCE(m->admit) != DMM_ADMIT_ALL))
		r = dmm_admit_bio(m, bio, op);
	/* a flush is held like a write, or passes a freeze: held writes have not been acknowledged */
	if (likely(r == DM_MAPIO_REMAPPED))
		dmm_target_count(m, bio, op);
	rcu_read_unlock();
	return r;
}

static int migrate_end_io(struct dm_target *ti, struct bio *bio, blk_status_t *error)
{
	struct dmm_migration *m = ti->private;
	struct dmm_tracked_io *io = tracked_io(bio);

	if (unlikely(io->timed))
		dmm_tracker_time(&m->tracker, io);
	if (io->counted) {
		dmm_tracker_complete(&m->tracker, io);
		if (unlikely(READ_ONCE(m->admit) != DMM_ADMIT_ALL))
			dmm_kick(m);	/* the drain may be over */
	}
	if (unlikely(io->gated))
		dmm_gate_returned(m);
	return DM_ENDIO_DONE;
}

/* *@sink: NULL where the table names none. */
static int get_sink(struct dm_target *ti, const struct dmm_args *args, const struct dm_dev *origin,
		    struct dm_dev **sink)
{
	int r;

	*sink = NULL;
	if (!args->sink)
		return 0;
	if (!(dm_table_get_mode(ti->table) & BLK_OPEN_WRITE)) {
		ti->error = "A read-only table has no sink";
		return -EINVAL;
	}
	r = dm_get_device(ti, args->sink, dm_table_get_mode(ti->table), sink);
	if (r) {
		ti->error = "Cannot open the sink: it does not exist, or somebody else has it";
		return r;
	}
	r = dmm_args_check_sink(ti, (*sink)->bdev, origin->bdev);
	if (r)
		dm_put_device(ti, *sink);
	return r;
}

/* What was written went round the page cache of the sink: nobody is to find there what was before. */
static void put_sink(struct dm_target *ti, struct dm_dev *sink)
{
	if (!sink)
		return;
	invalidate_bdev(sink->bdev);
	dm_put_device(ti, sink);
}

static int migrate_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct dmm_args args;
	struct dm_dev *origin, *sink;
	int r;

	r = dmm_args_parse(ti, argc, argv, &args);
	if (r)
		return r;

	r = dm_get_device(ti, args.origin, dm_table_get_mode(ti->table), &origin);
	if (r) {
		ti->error = "Cannot open the origin device";
		return r;
	}

	r = dmm_args_check_origin(ti, origin->bdev, &args);
	if (r)
		goto err_put_origin;

	r = get_sink(ti, &args, origin, &sink);
	if (r)
		goto err_put_origin;

	r = dmm_migration_create(ti, origin, sink, args.block_shift, args.gate);
	if (r) {
		ti->error = args.gate ? "Cannot allocate the gate" :
			    "Cannot allocate the dirty bitmap: use a larger block size";
		goto err_put_sink;
	}

	ti->num_flush_bios = 1;
	ti->num_discard_bios = 1;
	ti->num_secure_erase_bios = 1;
	ti->num_write_zeroes_bios = 1;
	ti->per_io_data_size = sizeof(struct dmm_tracked_io);
	return 0;

err_put_sink:
	put_sink(ti, sink);
err_put_origin:
	dm_put_device(ti, origin);
	return r;
}

static void migrate_dtr(struct dm_target *ti)
{
	struct dmm_migration *m = ti->private;
	struct dm_dev *origin = m->origin, *sink = m->sink;

	/* no bio is left and no read either: dm drained ours, this waits for the module's */
	dmm_migration_destroy(m);
	put_sink(ti, sink);
	dm_put_device(ti, origin);
}

/*
 * Before the filesystem is locked: hundreds of writes may still come, so
 * tracking goes on.  A hold must not: dm waits for held bios.
 */
static void migrate_presuspend(struct dm_target *ti)
{
	dmm_migration_presuspend(ti->private, dm_noflush_suspending(ti));
}

static void migrate_presuspend_undo(struct dm_target *ti)
{
	dmm_migration_unsuspend(ti->private);
}

static void migrate_postsuspend(struct dm_target *ti)
{
	dmm_migration_postsuspend(ti->private);
}

static void migrate_resume(struct dm_target *ti)
{
	dmm_migration_publish(ti->private);
	dmm_migration_unsuspend(ti->private);
}

static void migrate_status(struct dm_target *ti, status_type_t type, unsigned int flags,
			   char *result, unsigned int maxlen)
{
	struct dmm_migration *m = ti->private;
	unsigned int sz = 0;

	switch (type) {
	case STATUSTYPE_INFO:
		dmm_stats_emit(m, result, maxlen);
		break;
	case STATUSTYPE_TABLE:
		DMEMIT("%s %u%s", m->origin->name, 1u << (m->tracker.block_shift - SECTOR_SHIFT),
		       m->gated ? " 1 gate" : "");
		if (m->sink)
			DMEMIT(" 2 sink %s", m->sink->name);
		break;
	default:	/* IMA measurement: the table says it all */
		*result = '\0';
		break;
	}
}

static int migrate_iterate_devices(struct dm_target *ti, iterate_devices_callout_fn fn, void *data)
{
	struct dmm_migration *m = ti->private;

	return fn(ti, m->origin, 0, ti->len, data);
}

static struct target_type migrate_target = {
	.name = "migrate",
	.version = {0, 3, 0},
	/* SINGLETON: a dev_t names one migration; the rest is what dm-linear passes */
	.features = DM_TARGET_SINGLETON | DM_TARGET_PASSES_INTEGRITY | DM_TARGET_NOWAIT |
		    DM_TARGET_PASSES_CRYPTO | DM_TARGET_ATOMIC_WRITES,
	.module = THIS_MODULE,
	.ctr = migrate_ctr,
	.dtr = migrate_dtr,
	.map = migrate_map,
	.end_io = migrate_end_io,
	.presuspend = migrate_presuspend,
	.presuspend_undo = migrate_presuspend_undo,
	.postsuspend = migrate_postsuspend,
	.resume = migrate_resume,
	.status = migrate_status,
	.iterate_devices = migrate_iterate_devices,
};

int dmm_target_init(void)
{
	return dm_register_target(&migrate_target);
}

void dmm_target_exit(void)
{
	dm_unregister_target(&migrate_target);
}
