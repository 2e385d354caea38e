// SPDX-License-Identifier: GPL-2.0
/*
 * Connections between the module at the source and the destination: frames one way, acknowledgements the other.
 */
#include "kernel.h"
#include "core/poly32.h"
#include "core/wire.h"
#include "migration.h"
#include "sender.h"

#include "device.h"

static struct socket *socket_of(u32 disk, u32 link)
{
	return &devices[disk].sockets[link];
}

int dmm_conn_open(struct dmm_conn *c, int fd, enum dmm_security security, struct netlink_ext_ack *extack)
{
	(void)extack;
	c->sock = socket_of((u32)fd / SIM_LINKS, (u32)fd % SIM_LINKS);
	c->security = security;
	memset(c->sock, 0, sizeof(*c->sock));
	return 0;
}

void dmm_conn_close(struct dmm_conn *c)
{
	c->sock = NULL;
}

void dmm_conn_shutdown(struct dmm_conn *c)
{
	if (!c->sock)
		return;
	c->sock->down = true;
	wake_up(&c->sock->wait);
}

/* What the receiver reads: of what has not arrived whole it takes nothing. */
static void frame_of(const struct dmm_conn *c, const struct bio_vec *bv, unsigned int nr, struct sim_frame *f)
{
	const struct dmm_wire_hdr *hdr = page_address(bv[0].bv_page);
	u32 crc = dmm_wire_hdr_crc(hdr), sum = 0, i;
	struct sim_device *d = &devices[c->sock->disk];
	struct dmm_migration *m = migration_of(d->disk);
	struct dmm_frame frame;
	const char *why = "";

	for (i = 1; i < nr; i++)
		sum = dmm_poly32(sum, page_address(bv[i].bv_page), bv[i].bv_len);
	if (nr > 1)
		crc = dmm_wire_crc_poly32(crc, sum);
	if (dmm_wire_hdr_decode(hdr, &frame, &why) || !dmm_wire_crc_ok(&frame, crc))
		sim_fail(the_sim, "a frame of disk %u is damaged: %s", d->disk, why);
	*f = (struct sim_frame){ .type = frame.type, .seq = frame.seq, .arg = frame.arg };
	if (frame.type == DMM_MSG_BARRIER) {
		f->epoch = m->state == DMM_STATE_FREEZING && m->sender->phase == DMM_PHASE_BARRIER ? m->freeze.epoch : 0;
		f->acquired = the_sim->s[d->disk].acquired;
		return;
	}
	f->first = (u32)(frame.offset_bytes / SIM_SECTOR_BYTES);
	f->nr = (u32)(dmm_wire_extent_bytes(&frame) / SIM_SECTOR_BYTES);
	if (f->first + f->nr > SIM_SECTORS || f->nr > ARRAY_SIZE(f->data))
		sim_fail(the_sim, "a frame of disk %u is beyond its end", d->disk);
	for (i = 0; frame.type == DMM_MSG_DATA && i < f->nr; i++)
		memcpy(&f->data[i], (u8 *)page_address(bv[1 + i * SIM_SECTOR_BYTES / PAGE_SIZE].bv_page) +
		       i * SIM_SECTOR_BYTES % PAGE_SIZE, sizeof(f->data[i]));
}

int dmm_conn_send(struct dmm_conn *c, struct bio_vec *bv, unsigned int nr, size_t bytes)
{
	struct socket *sock = c->sock;

	(void)bytes;
	while (sock->nr_frames == SIM_FRAMES && !sock->down && !sock->broken)
		sim_wait(&sock->wait, sock->wait.wakes, sim_until(HZ));
	sim_yield();
	if (sock->down || sock->broken)
		return -EPIPE;
	if (!sock->heard_ns)
		sock->heard_ns = ktime_get_ns();
	frame_of(c, bv, nr, &sock->frames[sock->nr_frames++]);
	return 0;
}

int dmm_conn_recv(struct dmm_conn *c, void *buf, size_t len)
{
	struct socket *sock = c->sock;
	size_t n;

	if (!sock->nr_ack_bytes && !sock->down && !sock->broken)
		sim_wait(&sock->wait, sock->wait.wakes, sim_until(DMM_CONN_POLL_JIFFIES));
	if (sock->nr_ack_bytes) {
		n = dmm_min_u64(len, 1 + sim_random(the_sim, sock->nr_ack_bytes));
		memcpy(buf, sock->ack_bytes, n);
		sock->nr_ack_bytes -= n;
		memmove(sock->ack_bytes, sock->ack_bytes + n, sock->nr_ack_bytes);
		sock->heard_ns = ktime_get_ns();
		wake_up(&sock->wait);
		return (int)n;
	}
	return sock->down || sock->broken ? 0 : -EAGAIN;
}

/* Of two extents that have been written either may be said first. */
static void acknowledge(struct sim *sim, struct socket *sock, const struct dmm_ack *ack)
{
	u8 *at = sock->ack_bytes + sock->nr_ack_bytes;
	struct dmm_wire_ack wire, last;
	struct dmm_ack before;

	dmm_wire_ack_encode(&wire, ack);
	sock->nr_ack_bytes += sizeof(wire);
	wake_up(&sock->wait);
	if (sock->nr_ack_bytes >= 2 * sizeof(wire) && dmm_wire_is_extent(ack->type) && !sim_random(sim, 2)) {
		memcpy(&last, at - sizeof(last), sizeof(last));
		if (!dmm_wire_ack_decode(&last, &before) && dmm_wire_is_extent(before.type)) {
			memcpy(at, &last, sizeof(last));
			at -= sizeof(last);
		}
	}
	memcpy(at, &wire, sizeof(wire));
}

/* The receiver's turn: one frame of one connection, in the order sent, and its acknowledgement. */
void sim_network_receive(struct sim *sim, u32 disk)
{
	struct socket *sock = socket_of(disk, sim_random(sim, SIM_LINKS));
	struct sim_frame f;
	struct dmm_ack ack;

	if (!sock->nr_frames || sock->broken || sock->nr_ack_bytes + DMM_WIRE_ACK_BYTES > sizeof(sock->ack_bytes))
		return;
	f = sock->frames[0];
	memmove(&sock->frames[0], &sock->frames[1], --sock->nr_frames * sizeof(f));
	wake_up(&sock->wait);
	if (f.type == DMM_MSG_END)
		return;
	ack = (struct dmm_ack){ .type = f.type, .seq = f.seq, .arg = f.arg };
	acknowledge(sim, sock, &ack);
	sim_dest_apply(sim, disk, &f);	/* last: it may crash */
}

/* What was on its way is lost; what was acknowledged may still be read. */
void sim_disconnect(struct sim *sim)
{
	u32 disk, link;

	if (!sim->connected)
		return;
	sim->connected = false;
	sim_say(sim, "disconnected");
	for (disk = 0; disk < sim->nr_disks; disk++) {
		for (link = 0; link < SIM_LINKS; link++) {
			socket_of(disk, link)->broken = true;
			socket_of(disk, link)->nr_frames = 0;
			wake_up(&socket_of(disk, link)->wait);
		}
	}
}

void sim_connect(struct sim *sim)
{
	sim->connected = true;
	sim_say(sim, "connected");
}

/* A new set of connections for a disk that has none, by the daemon. */
void sim_network_connect(struct sim *sim, u32 disk)
{
	struct dmm_start_args start = { .barrier_bytes = 4 << SIM_BLOCK_SHIFT, .barrier_ms = 300 };
	struct dmm_attach_args a = { .disk = disk, .conns = SIM_LINKS, .features = DMM_FEATURE_ZERO | DMM_FEATURE_POLY32 };
	struct dmm_migration *m = migration_of(disk);
	int r = 0;

	if (m->state != DMM_STATE_IDLE && m->state != DMM_STATE_DISCONNECTED)
		return;
	a.id[0] = 1;
	a.conn_epoch = ++sim->s[disk].conn_epoch;
	memcpy(a.peer.instance, &sim->host[DST].life, sizeof(sim->host[DST].life));
	a.peer.boot[0] = (u8)(1 + sim->host[DST].boot_id);
	for (; a.conn_index < a.conns && !r; a.conn_index++) {
		a.fd = (int)(disk * SIM_LINKS + a.conn_index);
		r = dmm_cmd_attach(m, &a, NULL);
		socket_of(disk, a.conn_index)->disk = disk;
	}
	if (!r)
		r = dmm_cmd_start(m, &start);
	sim_say(sim, "disk %u: connections of epoch %llu: %d", disk, (unsigned long long)a.conn_epoch, r);
}
