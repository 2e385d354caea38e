// SPDX-License-Identifier: GPL-2.0
/*
 * A source that is the kernel's: the module ships what a guest writes to its device, by a connection that we have made.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "attack.h"
#include "fullio.h"
#include "nl.h"

static struct dmm_nl *nl;
static u64 dev;
static u8 migration[DMM_ID_BYTES];
static int guest;		/* the device, as a guest has it */
static u8 *page;		/* as O_DIRECT wants it */
static u64 epoch;		/* of the freezes */

void attack_module_open(const char *device, const u8 id[DMM_ID_BYTES])
{
	struct stat st;

	guest = open(device, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (guest < 0 || fstat(guest, &st) || !S_ISBLK(st.st_mode))
		attack_die("%s is no block device", device);
	if (dmm_nl_open(&nl))
		attack_die("no module");
	dev = dmm_nl_dev(major(st.st_rdev), minor(st.st_rdev));
	memcpy(migration, id, sizeof(migration));
	page = aligned_alloc(ATTACK_BLOCK, ATTACK_BLOCK);
	if (!page)
		attack_die("no memory");
}

void attack_module_write(u32 block, u8 version)
{
	attack_fill(page, block, version);
	if (dmm_pwrite_full(guest, page, ATTACK_BLOCK, (u64)block * ATTACK_BLOCK))
		attack_die("a write of the guest's has failed");
}

static u32 look(void)
{
	struct dmm_nl_info info;

	if (dmm_nl_get(nl, dev, &info))
		attack_die("GET: %s", dmm_nl_reason(nl));
	if (info.state == DMM_STATE_FAILED)
		attack_die("the migration has failed for good: %s", info.reason);
	return info.state;
}

/* -EBUSY goes by: the origin owes a read to the connection before.  0, or -ENOTCONN: that is what the attack has come to. */
static int command(const struct dmm_nl_req *req, const char *what)
{
	u64 until_ms = dmm_now_ms() + ATTACK_WAIT_MS;
	int ret;

	while ((ret = dmm_nl_do(nl, req)) == -EBUSY && dmm_now_ms() < until_ms)
		usleep(1000);
	if (ret && ret != -ENOTCONN)
		attack_die("%s: %s: %s", what, strerror(-ret), dmm_nl_reason(nl));
	return ret;
}

int attack_module_begin(int fd, u64 conn_epoch, u32 security, const struct dmm_wire_hello_ok *ok)
{
	struct dmm_nl_req req = {
		.cmd = DMM_CMD_ATTACH, .dev = dev, .conn_epoch = conn_epoch, .conns = 1, .fd = (u32)fd, .security = security,
		.set = DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_MIGRATION) | DMM_NL_BIT(DMM_A_DISK) |
		       DMM_NL_BIT(DMM_A_CONN_EPOCH) | DMM_NL_BIT(DMM_A_CONN_INDEX) | DMM_NL_BIT(DMM_A_CONNS) |
		       DMM_NL_BIT(DMM_A_FD) | DMM_NL_BIT(DMM_A_SECURITY) | DMM_NL_BIT(DMM_A_INSTANCE) | DMM_NL_BIT(DMM_A_BOOT),
	};
	const struct dmm_nl_req start = { .cmd = DMM_CMD_START, .dev = dev, .set = DMM_NL_BIT(DMM_A_DEV) };
	int ret;

	memcpy(req.migration, migration, sizeof(req.migration));
	memcpy(req.instance, ok->instance, sizeof(req.instance));
	memcpy(req.boot, ok->boot, sizeof(req.boot));
	ret = command(&req, "ATTACH");
	return ret ? ret : command(&start, "START");
}

int attack_module_arrive(int patience_ms)
{
	const struct dmm_nl_req freeze = {
		.cmd = DMM_CMD_FREEZE, .dev = dev, .epoch = ++epoch, .timeout_ms = DMM_MAX_FREEZE_MS,
		.set = DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_EPOCH) | DMM_NL_BIT(DMM_A_TIMEOUT_MS),
	};
	const struct dmm_nl_req thaw = {
		.cmd = DMM_CMD_THAW, .dev = dev, .epoch = epoch, .set = DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_EPOCH),
	};
	u64 until_ms = dmm_now_ms() + (u64)patience_ms;
	u32 state;

	if (dmm_nl_do(nl, &freeze))
		return -ENOTCONN;	/* lost before */
	while ((state = look()) == DMM_STATE_FREEZING && dmm_now_ms() < until_ms)
		usleep(500);
	if (state == DMM_STATE_FREEZING || state == DMM_STATE_FROZEN)
		dmm_nl_do(nl, &thaw);	/* or it was lost just now */
	return state == DMM_STATE_FROZEN ? 0 : state == DMM_STATE_FREEZING ? -ETIMEDOUT : -ECONNRESET;
}

void attack_module_end(void)
{
	u32 state = look();

	/* what was lost goes on where it was, by another connection */
	if (state == DMM_STATE_DISCONNECTED)
		return;
	dmm_nl_simple(nl, DMM_CMD_STOP, dev);
	while (look() == DMM_STATE_STOPPING)
		usleep(1000);
}
