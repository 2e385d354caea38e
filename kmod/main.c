// SPDX-License-Identifier: GPL-2.0
/*
 * dm-migrate: live migration of block devices.  Init ladder and exit mirror.
 */
#include <linux/module.h>

#include "dmm.h"
#include "host.h"
#include "netlink.h"
#include "stop.h"
#include "target.h"

#define MAX_BITMAP_MIB	2047	/* kvmalloc() refuses more than INT_MAX */

unsigned int dmm_max_bitmap_mib = 512;

static int set_max_bitmap(const char *val, const struct kernel_param *kp)
{
	unsigned int v;
	int r = kstrtouint(val, 0, &v);

	if (r)
		return r;
	if (!v || v > MAX_BITMAP_MIB)
		return -ERANGE;
	*(unsigned int *)kp->arg = v;
	return 0;
}

static const struct kernel_param_ops max_bitmap_ops = {
	.set = set_max_bitmap,
	.get = param_get_uint,
};

module_param_cb(max_bitmap_mib, &max_bitmap_ops, &dmm_max_bitmap_mib, 0644);
MODULE_PARM_DESC(max_bitmap_mib, "Memory for one device's dirty bitmap, MiB, 1 to 2047 (default 512)");

static int __init dmm_init(void)
{
	int r;

	dmm_host_init();
	dmm_stop_init();

	r = dmm_netlink_init();
	if (r)
		goto err_exit_stop;

	r = dmm_target_init();
	if (r)
		goto err_exit_netlink;

	return 0;

err_exit_netlink:
	dmm_netlink_exit();
err_exit_stop:
	dmm_stop_exit();
	return r;
}

static void __exit dmm_exit(void)
{
	dmm_target_exit();
	dmm_netlink_exit();
	dmm_stop_exit();
}

#if DMM_MUTANT
MODULE_INFO(dmm_mutant, __stringify(DMM_MUTANT));	/* a rule is broken on purpose: tests only */
#endif

module_init(dmm_init);
module_exit(dmm_exit);

MODULE_DESCRIPTION("device-mapper migrate target: live migration of block devices");
MODULE_VERSION(DMM_MODULE_VERSION);
MODULE_LICENSE("GPL");
