// SPDX-License-Identifier: GPL-2.0
/*
 * Identities of disks from sysfs, loop ioctls and LVM labels.  What cannot be
 * read is left out: an identity can only ever add a reason for refusing.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "dmtable.h"
#include "fullio.h"
#include "identity.h"
#include "parse.h"
#include "signature.h"
#include "sysfs.h"

#define IDENTITY_DEPTH	8	/* of stacked devices */
#define IDENTITY_VALUE	96	/* longest value spelt out; longer ones are hashed */

#define OWN	""
#define BENEATH	"<"
#define CONTENT	"="

struct identity_list {
	char *buf;
	size_t size;
	size_t used;		/* without the NUL */
	int count;
	unsigned int left_out;	/* did not fit */
	char boot[33];		/* boot id without dashes */
};

static bool identity_has(const char *list, const char *token, size_t n)
{
	const char *p = list;

	while ((p = strstr(p, token))) {
		if ((p == list || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
			return true;
		p += n;
	}
	return false;
}

/* Appends KIND + NAME:VALUE unless it is there or does not fit. Blanks in VALUE are squeezed to '_'. */
static void identity_add(struct identity_list *l, const char *kind, const char *name,
			 const char *value)
{
	char token[IDENTITY_VALUE + 32];
	uint64_t hash = 0xcbf29ce484222325ull;	/* FNV-1a */
	const char *s;
	size_t n, start;

	n = start = snprintf(token, sizeof(token), "%s%s:", kind, name);
	for (s = value; *s; s++) {
		char c = *s > ' ' && *s < 0x7f ? *s : '_';

		hash = (hash ^ (unsigned char)*s) * 0x100000001b3ull;
		if (c == '_' && (token[n - 1] == '_' || n == start))
			continue;
		if (n < start + IDENTITY_VALUE)
			token[n++] = c;
	}
	while (n > start && token[n - 1] == '_')
		n--;
	if (n == start)
		return;
	if (n == start + IDENTITY_VALUE)
		n = start + sprintf(token + start, "#%016llx", (unsigned long long)hash);
	token[n] = '\0';
	if (identity_has(l->buf, token, n))
		return;
	if (l->used + !!l->used + n + 1 > l->size) {	/* whole, or not at all */
		l->left_out++;
		return;
	}
	l->used += snprintf(l->buf + l->used, l->size - l->used, "%s%s", l->used ? " " : "",
			    token);
	l->count++;
}

/*
 * Emulators give every machine's disks the same t10 names ("QEMU HARDDISK QM00001"):
 * they identify nothing.
 */
static bool wwid_is_useful(const char *wwid)
{
	return strncmp(wwid, "t10.", 4) ||
	       (!strstr(wwid, "QEMU") && !strstr(wwid, "VBOX") && !strstr(wwid, "VMware"));
}

static void identity_wwid(struct identity_list *l, const char *kind, dev_t dev, const char *suffix)
{
	static const char * const attrs[] = { "wwid", "device/wwid" };
	char text[280], value[320];
	size_t i;

	for (i = 0; i < sizeof(attrs) / sizeof(attrs[0]); i++) {
		if (dmm_sysfs_read(major(dev), minor(dev), attrs[i], text, sizeof(text)) <= 0 || !wwid_is_useful(text))
			continue;
		snprintf(value, sizeof(value), "%s%s", text, suffix);
		identity_add(l, kind, "wwid", value);
		return;
	}
}

/* Opens a block device by number: its node may have any name, or none in this namespace. */
static int open_dev(dev_t dev)
{
	char name[256], path[300];
	const char *base;
	struct stat st;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(dev), minor(dev));
	n = readlink(path, name, sizeof(name) - 1);
	if (n < 0)
		return -errno;
	name[n] = '\0';
	base = strrchr(name, '/');
	snprintf(path, sizeof(path), "/dev/%s", base ? base + 1 : name);
	for (n = 0; path[n]; n++) {
		if (path[n] == '!')	/* sysfs for '/' */
			path[n] = '/';
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISBLK(st.st_mode) || st.st_rdev != dev) {
		close(fd);
		return -ENODEV;
	}
	return fd;
}

/* The UUID in an LVM label, if there is one. */
static void identity_pv(struct identity_list *l, const char *kind, int fd)
{
	char uuid[DMM_SIGNATURE_MAX];

	dmm_signature_pv(fd, uuid, sizeof(uuid));
	if (uuid[0])
		identity_add(l, kind, "pv", uuid);
}

static void identity_inode(struct identity_list *l, const char *kind, unsigned long long dev,
			   unsigned long long ino, unsigned long long offset)
{
	char value[128];
	int n;

	n = snprintf(value, sizeof(value), "%u:%u:%llu", major(dev), minor(dev), ino);
	if (offset)
		n += snprintf(value + n, sizeof(value) - n, "+%llu", offset);
	snprintf(value + n, sizeof(value) - n, "@%s", l->boot);
	identity_add(l, kind, "file", value);
}

static void identity_block(struct identity_list *l, const char *kind, dev_t dev, int depth);

/* What a loop device stands for: a file, or another block device. */
static void identity_loop(struct identity_list *l, const char *kind, dev_t dev, int depth)
{
	dmm_autoclose int fd = open_dev(dev);
	struct loop_info64 info;

	if (fd < 0 || ioctl(fd, LOOP_GET_STATUS64, &info))
		return;
	if (info.lo_offset || info.lo_sizelimit) {
		if (!info.lo_rdevice)
			identity_inode(l, kind, info.lo_device, info.lo_inode, info.lo_offset);
		kind = BENEATH;
	}
	if (info.lo_rdevice)
		identity_block(l, kind, info.lo_rdevice, depth + 1);
	else
		identity_inode(l, kind, info.lo_device, info.lo_inode, 0);
}

/* Adds the slaves of @dev; their own identities as its own when they are all as large. */
static void identity_slaves(struct identity_list *l, const char *kind, dev_t dev, int depth)
{
	unsigned long long sectors = dmm_sysfs_sectors(dev);
	dev_t slaves[16];
	unsigned int i, nr = dmm_sysfs_related(major(dev), minor(dev), "slaves", slaves, 16);

	for (i = 0; i < nr; i++) {
		if (dmm_sysfs_sectors(slaves[i]) != sectors)
			kind = BENEATH;
	}
	for (i = 0; i < nr; i++)
		identity_block(l, kind, slaves[i], depth + 1);
}

static void identity_block(struct identity_list *l, const char *kind, dev_t dev, int depth)
{
	char value[64], text[280], suffix[24] = "";
	unsigned int maj, min;

	if (depth > IDENTITY_DEPTH)
		return;
	if (dmm_sysfs_read(major(dev), minor(dev), "dm/uuid", text, sizeof(text)) > 0 && strncmp(text, DMM_UUID_PREFIX, strlen(DMM_UUID_PREFIX)) &&
	    strncmp(text, "DMM-", 4))
		identity_add(l, kind, "dm", text);
	if (dmm_sysfs_read(major(dev), minor(dev), "partition", text, sizeof(text)) > 0) {
		/* its own name is the disk's with the number; the disk is beneath */
		snprintf(suffix, sizeof(suffix), "-part%.8s", text);
		if (dmm_sysfs_read(major(dev), minor(dev), "../dev", text, sizeof(text)) > 0 &&
		    sscanf(text, "%u:%u", &maj, &min) == 2) {
			identity_wwid(l, kind, makedev(maj, min), suffix);
			identity_block(l, BENEATH, makedev(maj, min), depth + 1);
		}
	} else {
		identity_wwid(l, kind, dev, "");
	}
	snprintf(value, sizeof(value), "%u:%u@%s", major(dev), minor(dev), l->boot);
	identity_add(l, kind, "dev", value);
	if (major(dev) == 7)	/* LOOP_MAJOR */
		identity_loop(l, kind, dev, depth);
	if (depth) {
		dmm_autoclose int fd = open_dev(dev);

		if (fd >= 0)
			identity_pv(l, BENEATH, fd);
	}
	identity_slaves(l, kind, dev, depth);
}

static int identity_collect(const char *path, char *buf, size_t size, unsigned int *left_out)
{
	struct identity_list l = { .buf = buf, .size = size };
	dmm_autoclose int fd = -1;
	char text[64];
	struct stat st;
	size_t i, n = 0;

	if (!size)
		return -EINVAL;
	buf[0] = '\0';
	if (dmm_read_text("/proc/sys/kernel/random/boot_id", text, sizeof(text)) < 0)
		text[0] = '\0';
	for (i = 0; text[i] && n < sizeof(l.boot) - 1; i++) {
		if (text[i] != '-')
			l.boot[n++] = text[i];
	}
	l.boot[n] = '\0';

	/* stat before open: opening a fifo, or a tape, is not without effect */
	if (stat(path, &st))
		return -errno;
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		return -ENOTBLK;
	if (S_ISBLK(st.st_mode)) {
		identity_block(&l, OWN, st.st_rdev, 0);
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd >= 0)
			identity_pv(&l, CONTENT, fd);
	} else {
		identity_inode(&l, OWN, st.st_dev, st.st_ino, 0);
		if (major(st.st_dev))	/* a filesystem with a disk of its own */
			identity_block(&l, BENEATH, st.st_dev, 0);
	}
	*left_out = l.left_out;
	return l.count;
}

int dmm_disk_identity_fit(const char *path, char *buf, size_t size, unsigned int *left_out)
{
	*left_out = 0;
	return identity_collect(path, buf, size, left_out);
}

int dmm_disk_identity(const char *path, char *buf, size_t size)
{
	unsigned int left_out;

	return identity_collect(path, buf, size, &left_out);
}

static bool kinds_conflict(char a, char b)
{
	if (a == '<')
		return b != '<';
	if (a == '=')
		return b == '<';
	return b != '=';
}

static char token_kind(const char **p)
{
	if (**p == '<' || **p == '=')
		return *(*p)++;
	return 0;
}

bool dmm_identity_same(const char *a, const char *b, char *which, size_t size)
{
	const char *p, *q, *s, *t;
	size_t n, m;
	char ka, kb;

	for (p = a; *(p += strspn(p, " ")); p += n) {
		n = strcspn(p, " ");
		s = p;
		ka = token_kind(&s);
		for (q = b; *(q += strspn(q, " ")); q += m) {
			m = strcspn(q, " ");
			t = q;
			kb = token_kind(&t);
			if (!kinds_conflict(ka, kb) || p + n - s != q + m - t ||
			    memcmp(s, t, p + n - s))
				continue;
			if (which)
				snprintf(which, size, "%.*s", (int)(p + n - s), s);
			return true;
		}
	}
	return false;
}

/* The next of @list's own names that outlive a host; its length, 0: there is none. */
static size_t lasting_next(const char **list, const char **token)
{
	size_t n;

	while (*(*list += strspn(*list, " "))) {
		*token = *list;
		n = strcspn(*list, " ");
		*list += n;
		if ((!strncmp(*token, "wwid:", 5) || !strncmp(*token, "dm:", 3)) && !memchr(*token, '@', n))
			return n;
	}
	return 0;
}

enum dmm_identity_verdict dmm_identity_compare(const char *a, const char *b, char *which)
{
	bool of_a_kind = false;
	const char *p, *q, *s, *t;
	size_t n, m;

	for (p = a; (n = lasting_next(&p, &s)); ) {
		for (q = b; (m = lasting_next(&q, &t)); ) {
			if (n == m && !memcmp(s, t, n)) {
				snprintf(which, DMM_IDENTITY_MAX, "%.*s", (int)n, s);
				return DMM_IDENTITY_SAME;
			}
			of_a_kind |= s[0] == t[0];
		}
	}
	return of_a_kind ? DMM_IDENTITY_DIFFERENT : DMM_IDENTITY_UNKNOWN;
}
