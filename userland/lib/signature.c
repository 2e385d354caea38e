// SPDX-License-Identifier: GPL-2.0
/*
 * By libblkid, and what that does not know.
 */
#include <blkid/blkid.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fullio.h"
#include "signature.h"

/* Images of virtual disks that libblkid does not know. */
static const char *image_signature(int fd)
{
	char head[512];

	if (dmm_pread_full(fd, head, sizeof(head), 0))
		return NULL;
	if (!memcmp(head, "conectix", 8))
		return "vhd";
	if (!memcmp(head, "vhdxfile", 8))
		return "vhdx";
	if (!memcmp(head, "QFI\xfb", 4))
		return "qcow2";
	return NULL;
}

static int probe_signature(int fd, char name[DMM_SIGNATURE_MAX])
{
	const char *found = image_signature(fd);
	blkid_probe pr;
	int n, ret = 0;

	if (found) {
		strcpy(name, found);
		return 0;
	}
	pr = blkid_new_probe();
	if (!pr)
		return -ENOMEM;
	errno = 0;
	if (blkid_probe_set_device(pr, fd, 0, 0) ||
	    blkid_probe_enable_superblocks(pr, 1) ||
	    blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_BADCSUM) ||
	    blkid_probe_enable_partitions(pr, 1)) {
		ret = errno ? -errno : -EIO;
		goto out_free;
	}
	n = blkid_do_safeprobe(pr);
	if (n == -2) {
		strcpy(name, "several");
	} else if (n < 0) {
		ret = errno ? -errno : -EIO;
	} else if (!n) {
		if (blkid_probe_lookup_value(pr, "TYPE", &found, NULL) &&
		    blkid_probe_lookup_value(pr, "PTTYPE", &found, NULL))
			found = "unknown";
		snprintf(name, DMM_SIGNATURE_MAX, "%s", found);
	}
out_free:
	blkid_free_probe(pr);
	return ret;
}

static int probe_pv(int fd, char name[DMM_SIGNATURE_MAX])
{
	blkid_probe pr = blkid_new_probe();
	const char *type, *uuid;

	if (!pr)
		return -ENOMEM;
	if (!blkid_probe_set_device(pr, fd, 0, 0) &&
	    !blkid_probe_enable_superblocks(pr, 1) &&
	    !blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_UUID | BLKID_SUBLKS_TYPE) &&
	    blkid_do_safeprobe(pr) == 0 &&
	    !blkid_probe_lookup_value(pr, "TYPE", &type, NULL) && !strcmp(type, "LVM2_member") &&
	    !blkid_probe_lookup_value(pr, "UUID", &uuid, NULL))
		snprintf(name, DMM_SIGNATURE_MAX, "%s", uuid);
	blkid_free_probe(pr);
	return 0;
}

void dmm_probe_here(int fd, bool pv, struct dmm_probed *p)
{
	memset(p, 0, sizeof(*p));
	p->ret = pv ? probe_pv(fd, p->name) : probe_signature(fd, p->name);
}

void (*dmm_probe)(int fd, bool pv, struct dmm_probed *p) = dmm_probe_here;

int dmm_signature(int fd, char *name, size_t size)
{
	struct dmm_probed p;

	dmm_probe(fd, false, &p);
	snprintf(name, size, "%s", p.ret ? "" : p.name);
	return p.ret;
}

void dmm_signature_pv(int fd, char *uuid, size_t size)
{
	struct dmm_probed p;

	dmm_probe(fd, true, &p);
	snprintf(uuid, size, "%s", p.ret ? "" : p.name);
}
