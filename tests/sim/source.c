// SPDX-License-Identifier: GPL-2.0
/*
 * The source's host, a disk at a time: the module as it is, with a table, an origin that answers reads when it likes, and
 * what the daemon does with it by netlink.
 */
#include "kernel.h"
#include "args.h"
#include "gate.h"
#include "host.h"
#include "migration.h"
#include "netlink.h"
#include "sender.h"
#include "sink.h"
#include "stats.h"
#include "stop.h"
#include "target.h"

#include "device.h"

unsigned int dmm_max_bitmap_mib = 64;

struct sim_device devices[SIM_DISKS];

static struct target_type *target;

/* ---- the table ---- */

int dm_register_target(struct target_type *type)
{
	target = type;
	return 0;
}

int dm_get_device(struct dm_target *ti, const char *path, unsigned int mode, struct dm_dev **dev)
{
	(void)path;
	(void)mode;
	*dev = &container_of(ti, struct sim_device, ti)->dev;
	return 0;
}

void dm_put_device(struct dm_target *ti, struct dm_dev *dev)
{
	(void)ti;
	(void)dev;
}

/* Tables have tests of their own. */
int dmm_args_parse(struct dm_target *ti, unsigned int argc, char **argv, struct dmm_args *args)
{
	(void)ti;
	(void)argc;
	*args = (struct dmm_args){ .origin = argv[0], .block_sectors = 8, .block_shift = SIM_BLOCK_SHIFT };
	return 0;
}

int dmm_args_check_origin(struct dm_target *ti, struct block_device *bdev, const struct dmm_args *args)
{
	(void)ti;
	(void)bdev;
	(void)args;
	return 0;
}

int dmm_args_check_sink(struct dm_target *ti, struct block_device *sink, struct block_device *origin)
{
	(void)ti;
	(void)sink;
	(void)origin;
	return -EINVAL;
}

int dmm_sink_attach(struct dmm_sender *s, struct netlink_ext_ack *extack)
{
	(void)s;
	(void)extack;
	return -EOPNOTSUPP;
}

bool dmm_gate_written(const struct dmm_migration *m)
{
	(void)m;
	return false;
}

void dmm_stats_emit(struct dmm_migration *m, char *result, unsigned int maxlen)
{
	(void)m;
	(void)result;
	(void)maxlen;
}

/* A table of its own, of nothing yet. */
static void device_begin(u32 disk)
{
	struct sim_device *d = &devices[disk];
	char *argv[] = { d->dev.name, NULL };

	memset(d, 0, sizeof(*d));
	d->disk = disk;
	d->bdev.disk = disk;
	d->md.disk = disk;
	d->table.md = &d->md;
	d->dev.bdev = &d->bdev;
	d->ti.table = &d->table;
	d->ti.len = SIM_SECTORS * (SIM_SECTOR_BYTES >> SECTOR_SHIFT);
	if (target->ctr(&d->ti, 1, argv))
		sim_fail(the_sim, "no table for disk %u: %s", disk, d->ti.error);
	target->resume(&d->ti);
}

void sim_source_begin(struct sim *sim)
{
	u32 disk;

	for (disk = 0; disk < SIM_DISKS; disk++) {
		if (migration_of(disk))		/* of a life before: off the list of those that are */
			list_del_init(&migration_of(disk)->registry);
		devices[disk].ti.private = NULL;
	}
	sim_kernel_boot(sim);
	dmm_host_init();
	dmm_target_init();
	for (disk = 0; disk < sim->nr_disks; disk++)
		device_begin(disk);
}

/* The bitmap dies with the host: both disks are compared when it comes back, all counts as different. */
void sim_source_crash(struct sim *sim)
{
	u32 disk;

	sim_guest_dies(sim, SRC);
	sim_disconnect(sim);
	sim_source_begin(sim);
	for (disk = 0; disk < sim->nr_disks; disk++) {
		sim->s[disk].fenced = true;	/* nothing writes before the boot unit has run */
		sim->s[disk].epoch = 0;
	}
}

/* ---- the origin ---- */

void submit_bio_noacct(struct bio *bio)
{
	struct sim_device *d = &devices[bio->bi_bdev->disk];

	if (!bio->bi_end_io) {		/* the guest's, that was held */
		sim_guest_passes(the_sim, sim_io_of(bio)->write);
		return;
	}
	if (d->nr_reads == ARRAY_SIZE(d->reads))
		abort();
	d->reads[d->nr_reads++] = (struct sim_read){ .bio = bio };
}

void bio_endio(struct bio *bio)
{
	sim_guest_fails(the_sim, sim_io_of(bio)->write);
}

/* Some page more of a read, or its end. */
static void read_step(struct sim_device *d, u32 at)
{
	struct sim_read *r = &d->reads[at];
	struct bio *bio = r->bio;
	struct bio_vec *v;
	u32 sector, i;
	u32 *words;

	if (r->pages < bio->bi_vcnt) {
		v = &bio->bi_io_vec[r->pages];
		words = page_address(v->bv_page);
		sector = (u32)(bio->bi_iter.bi_sector << SECTOR_SHIFT) / SIM_SECTOR_BYTES +
			 r->pages * (PAGE_SIZE / SIM_SECTOR_BYTES);
		memset(words, 0, v->bv_len);
		for (i = 0; i < v->bv_len / SIM_SECTOR_BYTES; i++)
			words[i * SIM_SECTOR_BYTES / sizeof(words[0])] = the_sim->s[d->disk].origin[sector + i];
		r->pages++;
		return;
	}
	*r = d->reads[--d->nr_reads];
	bio->bi_end_io(bio);
}

bool sim_source_answers(struct sim *sim)
{
	struct sim_device *d = &devices[sim_random(sim, sim->nr_disks)];

	if (!d->nr_reads)
		return false;
	read_step(d, sim_random(sim, d->nr_reads));
	return true;
}

/* ---- the guest's writes ---- */

bool sim_source_write(struct sim *sim, u32 write)
{
	const struct sim_write *w = &sim->w[write];
	struct sim_device *d = &devices[w->disk];
	struct sim_io *io = sim_alloc(sizeof(*io));
	int r;

	io->write = write;
	io->bio.bi_opf = REQ_OP_WRITE;
	io->bio.bi_iter.bi_sector = w->first * (SIM_SECTOR_BYTES >> SECTOR_SHIFT);
	io->bio.bi_iter.bi_size = w->nr * SIM_SECTOR_BYTES;
	d->ios[write] = io;
	r = target->map(&d->ti, &io->bio);
	if (r == DM_MAPIO_KILL)
		sim_guest_fails(sim, write);
	return r == DM_MAPIO_REMAPPED;
}

void sim_source_wrote(struct sim *sim, u32 write)
{
	struct sim_device *d = &devices[sim->w[write].disk];
	blk_status_t error = 0;

	target->end_io(&d->ti, &d->ios[write]->bio, &error);
}

void sim_source_forget(struct sim *sim, u32 write)
{
	struct sim_device *d = &devices[sim->w[write].disk];

	sim_free(d->ios[write]);
	d->ios[write] = NULL;
}

bool sim_source_admits(const struct sim *sim, u32 disk)
{
	return !sim->s[disk].fenced && migration_of(disk)->admit == DMM_ADMIT_ALL;
}

bool sim_source_is_given_up(const struct sim *sim, u32 disk)
{
	return sim->s[disk].fenced || migration_of(disk)->state == DMM_STATE_RELEASED;
}

/* With the network back, a guest that writes no more, and nobody who wants anything else. */
bool sim_source_copies(const struct sim *sim)
{
	const struct dmm_migration *m;
	u32 disk;

	for (disk = 0; disk < sim->nr_disks; disk++) {
		m = migration_of(disk);
		if (m->state != DMM_STATE_COPYING || m->ship.inflight_bytes || dmm_tracker_dirty(&m->tracker) || m->nr_held)
			return false;
	}
	return true;
}

/* ---- the daemon ---- */

/* Whoever gives a peer up for its silence has heard nothing of it for as long as that takes. */
static void check_silence(const struct sim_device *d)
{
	u64 now = ktime_get_ns(), silent_ns = 0;
	u32 i;

	for (i = 0; i < SIM_LINKS; i++)
		silent_ns = dmm_max_u64(silent_ns, now - d->sockets[i].heard_ns);
	if (silent_ns < dmm_stop_ack_timeout_ns())
		sim_fail(the_sim, "disk %u: given up after %llu ms of silence", d->disk,
			 (unsigned long long)silent_ns / NSEC_PER_MSEC);
}

void dmm_netlink_event(struct dmm_migration *m, const struct dmm_event_note *note)
{
	struct sim_device *d = container_of(m->ti, struct sim_device, ti);
	bool froze = note->old_state == DMM_STATE_FREEZING || note->old_state == DMM_STATE_FROZEN;
	struct dmm_ho_event *ev;

	sim_say(the_sim, "disk %u: %s -> %s", d->disk, dmm_state_name(note->old_state), dmm_state_name(note->state));
	if (note->state == DMM_STATE_DISCONNECTED && m->state == note->state && m->error == -ETIMEDOUT)
		check_silence(d);
	if (note->state == DMM_STATE_FAILED)
		sim_fail(the_sim, "disk %u fails: %s", d->disk, m->reason);
	if (note->state != DMM_STATE_FROZEN && (!froze || note->state == DMM_STATE_COMMITTED))
		return;
	if (d->nr_events == ARRAY_SIZE(d->events))	/* the oldest is lost */
		memmove(&d->events[0], &d->events[1], --d->nr_events * sizeof(*ev));
	ev = &d->events[d->nr_events++];
	*ev = (struct dmm_ho_event){ .epoch = note->epoch, .disk = d->disk,
				     .type = note->state == DMM_STATE_FROZEN ? DMM_HO_EV_FROZEN : DMM_HO_EV_THAWED };
}

/* What has become of a freeze that it wants. */
static void daemon_hears(struct sim *sim, struct sim_device *d)
{
	struct dmm_ho_event ev;

	if (!d->nr_events)
		return;
	ev = d->events[0];
	memmove(&d->events[0], &d->events[1], --d->nr_events * sizeof(ev));
	if (ev.epoch == sim->s[d->disk].epoch)
		sim_give(sim, SRC, &ev);
}

static void freeze(struct sim *sim, const struct dmm_ho_action *a)
{
	struct dmm_ho_event ev = { .type = DMM_HO_EV_THAWED, .epoch = a->epoch };
	struct sim_device *d;
	u32 disk;
	int r = 0;

	for (disk = 0; disk < sim->nr_disks; disk++) {
		sim->s[disk].epoch = a->epoch;
		sim->s[disk].acquired = a->flag;
		d = &devices[disk];
		if (!r)
			r = sim->s[disk].fenced ? -ENODEV :
			    dmm_cmd_freeze(migration_of(disk), a->epoch, SIM_FREEZE_MS);
	}
	if (!r)
		return;
	sim_say(sim, "disks do not freeze: %d", r);
	d = &devices[0];
	d->events[0] = ev;
	d->nr_events = 1;
}

static void fence(struct sim *sim, u32 disk)
{
	enum dmm_state state = migration_of(disk)->state;

	if (sim->s[disk].fenced || state == DMM_STATE_COMMITTED || state == DMM_STATE_RELEASED)
		return;
	/* there is somebody at work; of a journal that was lost that is no news */
	if (sim->host[SRC].ho.state != DMM_HO_LOST)
		sim_fail(sim, "disk %u was given up and is %s", disk, dmm_state_name(state));
}

static void reclaim(struct sim *sim, u32 disk)
{
	struct dmm_migration *m = migration_of(disk);

	if (m->state == DMM_STATE_COMMITTED && dmm_cmd_reclaim(m, m->freeze.epoch))
		sim_fail(sim, "disk %u cannot be reclaimed", disk);
	sim->s[disk].fenced = false;
}

static void thaw(struct sim *sim, u32 disk)
{
	struct dmm_migration *m = migration_of(disk);

	if (sim->s[disk].fenced || m->state == DMM_STATE_COMMITTED || m->state == DMM_STATE_RELEASED)
		sim_fail(sim, "disk %u is thawed, which is %s", disk, dmm_state_name(m->state));
	else if (m->state == DMM_STATE_FREEZING || m->state == DMM_STATE_FROZEN)
		dmm_cmd_thaw(m, m->freeze.epoch);
	sim->s[disk].epoch = 0;
}

static void release(struct sim *sim, u32 disk)
{
	struct dmm_migration *m = migration_of(disk);

	if (m->state == DMM_STATE_COMMITTED)
		dmm_cmd_release(m, m->freeze.epoch);
	else
		fence(sim, disk);
}

void sim_source_act(struct sim *sim, const struct dmm_ho_action *a, struct dmm_ho_event *answer)
{
	u32 disk;

	if (a->type == DMM_HO_DO_COMMIT) {
		answer->type = DMM_HO_EV_COMMIT_FAILED;
		if (!sim->s[a->disk].fenced && !dmm_cmd_commit(migration_of(a->disk), a->epoch) &&
		    !sim_chance(sim, sim->faults / 4))		/* else the answer is lost */
			answer->type = DMM_HO_EV_COMMITTED;
		return;
	}
	if (a->type == DMM_HO_DO_FREEZE) {
		freeze(sim, a);
		return;
	}
	for (disk = 0; disk < sim->nr_disks; disk++) {
		if (a->type == DMM_HO_DO_RECLAIM)
			reclaim(sim, disk);
		else if (a->type == DMM_HO_DO_THAW)
			thaw(sim, disk);
		else if (a->type == DMM_HO_DO_FENCE)
			fence(sim, disk);
		else
			release(sim, disk);
	}
}

/* Whatever is next. */
void sim_source_step(struct sim *sim, u32 disk)
{
	if (!sim->host[SRC].up)
		return;
	daemon_hears(sim, &devices[disk]);
	if (!sim->host[SRC].up || sim->failed)
		return;
	sim_kernel_run(sim, 1 + sim_random(sim, 6));
	sim_source_answers(sim);
	if (sim->connected && !sim->s[disk].fenced && !sim_random(sim, 8))
		sim_network_connect(sim, disk);
	if (sim->connected && !sim->failed)
		sim_network_receive(sim, disk);
}
