// SPDX-License-Identifier: GPL-2.0
/*
 * debugfs dm-migrate/ack_timeout_ms: how long a link waits for an acknowledgement; key_bytes: how much it sends by
 * one key.
 * debugfs dm-migrate/unknown_discards: Y takes discards for an unknown operation.
 * debugfs dm-migrate/stop: `<point> <count>` arms: the thread that reaches the
 * point for the count-th time waits there; `go <point>` lets it go and
 * disarms; reading lists the points.  Debug builds only.
 */
#include <linux/bio.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "stop.h"

#define POLL_JIFFIES	(HZ / 20)	/* how soon an abort is noticed */

static const char *const point_name[__DMM_STOP_MAX] = {
	[DMM_STOP_AFTER_CLEAR] = "after-clear",
	[DMM_STOP_AFTER_SUBMIT] = "after-submit",
	[DMM_STOP_AFTER_READ] = "after-read",
	[DMM_STOP_BEFORE_SEND] = "before-send",
	[DMM_STOP_AFTER_SEND] = "after-send",
	[DMM_STOP_BEFORE_ACK] = "before-ack",
	[DMM_STOP_AFTER_ACK] = "after-ack",
	[DMM_STOP_BEFORE_SEND_BARRIER] = "before-send-barrier",
	[DMM_STOP_AFTER_SEND_BARRIER] = "after-send-barrier",
	[DMM_STOP_BEFORE_BARRIER_ACK] = "before-barrier-ack",
	[DMM_STOP_AFTER_BARRIER_ACK] = "after-barrier-ack",
	[DMM_STOP_BEFORE_LOST] = "before-lost",
	[DMM_STOP_AFTER_LOST] = "after-lost",
	[DMM_STOP_BEFORE_CLOSE] = "before-close",
	[DMM_STOP_AFTER_CLOSE] = "after-close",
	[DMM_STOP_BEFORE_END] = "before-end",
	[DMM_STOP_AFTER_END] = "after-end",
	[DMM_STOP_BEFORE_DRAIN] = "before-drain",
	[DMM_STOP_AFTER_DRAIN] = "after-drain",
	[DMM_STOP_BEFORE_BARRIER] = "before-barrier",
	[DMM_STOP_BEFORE_FROZEN] = "before-frozen",
	[DMM_STOP_AFTER_FROZEN] = "after-frozen",
	[DMM_STOP_BEFORE_ATTACH] = "before-attach",
	[DMM_STOP_AFTER_ATTACH] = "after-attach",
	[DMM_STOP_BEFORE_START] = "before-start",
	[DMM_STOP_AFTER_START] = "after-start",
	[DMM_STOP_BEFORE_COMPARE] = "before-compare",
	[DMM_STOP_AFTER_COMPARE] = "after-compare",
	[DMM_STOP_BEFORE_MARK] = "before-mark",
	[DMM_STOP_AFTER_MARK] = "after-mark",
	[DMM_STOP_BEFORE_COMPARED] = "before-compared",
	[DMM_STOP_AFTER_COMPARED] = "after-compared",
	[DMM_STOP_BEFORE_FREEZE] = "before-freeze",
	[DMM_STOP_AFTER_FREEZE] = "after-freeze",
	[DMM_STOP_BEFORE_THAW] = "before-thaw",
	[DMM_STOP_AFTER_THAW] = "after-thaw",
	[DMM_STOP_BEFORE_TIMEOUT] = "before-timeout",
	[DMM_STOP_AFTER_TIMEOUT] = "after-timeout",
	[DMM_STOP_IN_COMMIT] = "in-commit",
	[DMM_STOP_AFTER_COMMIT] = "after-commit",
	[DMM_STOP_BEFORE_RECLAIM] = "before-reclaim",
	[DMM_STOP_AFTER_RECLAIM] = "after-reclaim",
	[DMM_STOP_BEFORE_RELEASE] = "before-release",
	[DMM_STOP_AFTER_RELEASE] = "after-release",
	[DMM_STOP_BEFORE_STOP] = "before-stop",
	[DMM_STOP_AFTER_STOP] = "after-stop",
	[DMM_STOP_BEFORE_SHUT] = "before-shut",
	[DMM_STOP_IN_SHUT] = "in-shut",
	[DMM_STOP_AFTER_SHUT] = "after-shut",
	[DMM_STOP_BEFORE_READS] = "before-reads",
	[DMM_STOP_AFTER_READS] = "after-reads",
	[DMM_STOP_BEFORE_OPEN] = "before-open",
	[DMM_STOP_AFTER_OPEN] = "after-open",
	[DMM_STOP_IN_STATS] = "in-stats",
};

static DEFINE_SPINLOCK(stop_lock);
static struct {
	unsigned int armed;	/* stop_lock: passes left until it stops; 0 = disarmed */
	bool reached;		/* stop_lock */
} stops[__DMM_STOP_MAX];
static DECLARE_WAIT_QUEUE_HEAD(stop_wait);
static struct dentry *stop_dir;

void dmm_stop_at(enum dmm_stop_point point, const bool *abort)
{
	bool stop = false;

	spin_lock(&stop_lock);
	if (stops[point].armed && !--stops[point].armed) {
		stops[point].reached = true;
		stop = true;
	}
	spin_unlock(&stop_lock);

	while (stop && READ_ONCE(stops[point].reached) && !(abort && READ_ONCE(*abort)))
		wait_event_idle_timeout(stop_wait, !READ_ONCE(stops[point].reached), POLL_JIFFIES);
}

static u32 ack_timeout_ms = DMM_ACK_TIMEOUT_MS;

u64 dmm_stop_ack_timeout_ns(void)
{
	return READ_ONCE(ack_timeout_ms) * (u64)NSEC_PER_MSEC;
}

static u64 key_bytes = DMM_KEY_BYTES;

u64 dmm_stop_key_bytes(void)
{
	return READ_ONCE(key_bytes);
}

static bool unknown_discards;

bool dmm_stop_unknown(const struct bio *bio)
{
	return READ_ONCE(unknown_discards) && bio_op(bio) == REQ_OP_DISCARD;
}

static int find_point(const char *name)
{
	int i;

	for (i = 0; i < __DMM_STOP_MAX; i++)
		if (!strcmp(name, point_name[i]))
			return i;
	return -EINVAL;
}

static ssize_t stop_write(struct file *file, const char __user *ubuf, size_t len, loff_t *pos)
{
	char buf[48], a[24], b[24];
	unsigned int count = 0;
	bool go;
	int i;

	if (len >= sizeof(buf))
		return -EINVAL;
	if (copy_from_user(buf, ubuf, len))
		return -EFAULT;
	buf[len] = '\0';
	if (sscanf(buf, "%23s %23s", a, b) != 2)
		return -EINVAL;
	go = !strcmp(a, "go");
	i = find_point(go ? b : a);
	if (i < 0 || (!go && (kstrtouint(b, 10, &count) || !count)))
		return -EINVAL;

	spin_lock(&stop_lock);
	stops[i].armed = count;
	stops[i].reached = false;
	spin_unlock(&stop_lock);
	wake_up_all(&stop_wait);
	return len;
}

static int stop_show(struct seq_file *s, void *unused)
{
	int i;

	for (i = 0; i < __DMM_STOP_MAX; i++)
		seq_printf(s, "%s armed=%u reached=%d\n", point_name[i], READ_ONCE(stops[i].armed),
			   READ_ONCE(stops[i].reached));
	return 0;
}

static int stop_open(struct inode *inode, struct file *file)
{
	return single_open(file, stop_show, NULL);
}

static const struct file_operations stop_fops = {
	.owner = THIS_MODULE,
	.open = stop_open,
	.read = seq_read,
	.write = stop_write,
	.llseek = seq_lseek,
	.release = single_release,
};

void dmm_stop_init(void)
{
	stop_dir = debugfs_create_dir("dm-migrate", NULL);
	debugfs_create_u32("ack_timeout_ms", 0600, stop_dir, &ack_timeout_ms);
	debugfs_create_u64("key_bytes", 0600, stop_dir, &key_bytes);
	debugfs_create_bool("unknown_discards", 0600, stop_dir, &unknown_discards);
	debugfs_create_file("stop", 0600, stop_dir, NULL, &stop_fops);
}

void dmm_stop_exit(void)
{
	debugfs_remove_recursive(stop_dir);
}
