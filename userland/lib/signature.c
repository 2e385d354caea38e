// SPDX-License-Identifier: GPL-2.0
/*
 * By libblkid, and what that does not know.
 */
#include <blkid/blkid.h>
#include <errno.h>
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

int dmm_signature(int fd, char *name, size_t size)
{
	const char *found = image_signature(fd);
	blkid_probe pr;
	int n, ret = 0;

	name[0] = '\0';
	if (found) {
		strncat(name, found, size - 1);
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
		strncat(name, "several", size - 1);
	} else if (n < 0) {
		ret = errno ? -errno : -EIO;
	} else if (!n) {
		if (blkid_probe_lookup_value(pr, "TYPE", &found, NULL) &&
		    blkid_probe_lookup_value(pr, "PTTYPE", &found, NULL))
			found = "unknown";
		strncat(name, found, size - 1);
	}
out_free:
	blkid_free_probe(pr);
	return ret;
}
