// SPDX-License-Identifier: GPL-2.0
/*
 * Destinations that are exports of an NBD server.  What local ones are asked
 * by the kernel, the server is asked; who else uses the export cannot be known.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dest_priv.h"
#include "fullio.h"
#include "nbd.h"
#include "nbduri.h"

#define PROBE_BYTES	(1u << 20)	/* at either end: where signatures are */

int dmm_dest_allow_export(struct dmm_allow *allow, const char *uri, const char *peer, struct dmm_refusal *r)
{
	const char *why = "?";
	char buf[96];

	if (dmm_nbd_uri_check(uri, &why))
		return dmm_refuse(r, DMM_WERR_DENIED, "%s: %s", dmm_short_path(uri, buf), why);
	if (!dmm_allow_match(allow, uri, peer))
		return dmm_refuse(r, DMM_WERR_DENIED, "%s is not on the allow-list: add 'allow = "
				  "nbd://HOST/', or the whole of it, to dmmigrated.conf and reload",
				  dmm_short_path(uri, buf));
	return 0;
}

static int nbd_check_geometry(struct dmm_dest *d, const struct dmm_dest_request *rq,
			      struct dmm_refusal *r)
{
	const struct dmm_nbd_info *info = dmm_nbd_info(d->nbd);
	char buf[96];

	d->size_bytes = info->size_bytes;
	d->lbs_bytes = d->align_bytes = info->min_block_bytes;
	d->flags = info->can_flush ? 0 : DMM_PREPARED_NOFLUSH;
	if (info->read_only)
		return dmm_refuse(r, DMM_WERR_DENIED, "%s is read-only: the server must permit writes",
				  dmm_short_path(d->path, buf));
	if (info->max_bytes < DMM_MAX_EXTENT_BYTES)
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "the server of %s takes %u bytes at a time: "
				  "%u are needed", dmm_short_path(d->path, buf), info->max_bytes,
				  DMM_MAX_EXTENT_BYTES);
	return dmm_dest_check_geometry(d, rq, r);
}

/* Both ends of the export in a sparse file of its size, for libblkid to look at. */
static int nbd_copy_ends(struct dmm_dest *d, int fd)
{
	u64 tail = d->size_bytes > PROBE_BYTES ? d->size_bytes - PROBE_BYTES : 0, at;
	u32 bytes;
	void *buf;
	int ret = 0, i;

	if (ftruncate(fd, d->size_bytes))
		return -errno;
	buf = malloc(PROBE_BYTES);
	if (!buf)
		return -ENOMEM;
	for (i = 0; i < 2 && !ret; i++) {
		at = i ? tail & ~(u64)(d->lbs_bytes - 1) : 0;
		bytes = d->size_bytes - at < PROBE_BYTES ? d->size_bytes - at : PROBE_BYTES;
		bytes &= ~(d->lbs_bytes - 1);
		if (bytes)
			ret = dmm_nbd_pread(d->nbd, buf, bytes, at);
		if (!ret && bytes)
			ret = dmm_pwrite_full(fd, buf, bytes, at);
	}
	free(buf);
	return ret;
}

static int nbd_check_signature(struct dmm_dest *d, const struct dmm_dest_request *rq,
			       struct dmm_refusal *r)
{
	int fd = memfd_create("dmm-probe", MFD_CLOEXEC), ret;
	char buf[96];

	ret = fd < 0 ? -errno : nbd_copy_ends(d, fd);
	if (ret)
		ret = dmm_refuse(r, DMM_WERR_IO, "cannot read %s to look for a signature: %s",
				 dmm_short_path(d->path, buf), strerror(-ret));
	else
		ret = dmm_dest_check_signature(d, fd, rq, r);
	if (fd >= 0)
		close(fd);
	return ret;
}

int dmm_dest_connect_export(const struct dmm_dest_request *rq, struct dmm_dest *d, struct dmm_refusal *r)
{
	int ret = dmm_nbd_open(rq->path, &d->nbd, r);

	if (ret)
		return ret;
	ret = nbd_check_geometry(d, rq, r);
	if (!ret)
		ret = nbd_check_signature(d, rq, r);
	if (!ret) {
		d->fd = memfd_create("dmm-export", MFD_CLOEXEC);
		if (d->fd < 0)
			ret = dmm_refuse(r, DMM_WERR_LIMIT, "out of file descriptors");
	}
	if (ret)
		dmm_dest_close(d);
	return ret;
}

int dmm_dest_open_nbd(struct dmm_allow *allow, const struct dmm_dest_request *rq,
		      struct dmm_dest *d, struct dmm_refusal *r)
{
	int ret = dmm_dest_allow_export(allow, rq->path, rq->peer, r);

	return ret ? ret : dmm_dest_connect_export(rq, d, r);
}

int dmm_dest_reopen_nbd(const struct dmm_dest *d, struct dmm_nbd **nbd, struct dmm_refusal *r)
{
	struct dmm_nbd *n;
	char buf[96];
	int ret = dmm_nbd_open(d->path, &n, r);

	if (ret)
		return ret;
	if (dmm_nbd_info(n)->size_bytes != d->size_bytes)
		ret = dmm_refuse(r, DMM_WERR_NOTFOUND, "%s has another size than when it was written",
				 dmm_short_path(d->path, buf));
	else
		ret = memfd_create("dmm-export", MFD_CLOEXEC);
	if (ret == -1)
		ret = dmm_refuse(r, DMM_WERR_LIMIT, "out of file descriptors");
	if (ret < 0)
		dmm_nbd_put(n);
	else
		*nbd = n;
	return ret;
}
