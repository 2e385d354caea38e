// SPDX-License-Identifier: GPL-2.0
/*
 * Who has a destination: another disk of ours, and of which migration.
 */
#include <string.h>
#include <sys/stat.h>

#include "nbduri.h"
#include "registry_priv.h"

bool dmm_dest_is(const struct dmm_dest *d, dev_t dev, ino_t ino)
{
	return d->size_bytes && !dmm_is_nbd(d->path) && d->dev == dev && d->ino == ino;
}

static int refuse_taken(const struct dmm_disk *d, const char *path, struct dmm_refusal *r)
{
	char hex[DMM_ID_HEX], buf[96];

	dmm_id_format(d->prepare.name.migration, hex);
	return dmm_refuse(r, DMM_WERR_BUSY, "%s is taken by disk %u of migration %s: "
			  "cancel that, or name another destination", dmm_short_path(path, buf),
			  d->prepare.name.disk, hex);
}

/* Nobody's lock tells that an export is taken: only our own records do. */
int dmm_registry_check_export(struct dmm_registry *reg, const struct dmm_prepare *p,
			      struct dmm_refusal *r)
{
	const char *uri = p->dest_path;
	struct dmm_disk *d;
	struct dmm_list *pos;
	bool taken;
	int ret = 0;

	pthread_mutex_lock(&reg->lock);
	dmm_list_for_each(pos, &reg->disks) {
		d = dmm_list_entry(pos, struct dmm_disk, node);
		/* one that is being opened counts: it is listed before */
		pthread_mutex_lock(&d->lock);
		taken = d->state != DMM_DISK_FINISHED && !strcmp(d->prepare.dest_path, uri) &&
			memcmp(&d->prepare.name, &p->name, sizeof(p->name));
		pthread_mutex_unlock(&d->lock);
		if (!taken)
			continue;
		ret = refuse_taken(d, uri, r);
		break;
	}
	pthread_mutex_unlock(&reg->lock);
	return ret;
}

/* When @path is busy because of us: say for which migration. */
void dmm_registry_explain_busy(struct dmm_registry *reg, const char *path, struct dmm_refusal *r)
{
	struct dmm_disk *d;
	struct dmm_list *pos;
	bool block, taken;
	struct stat st;

	if (stat(path, &st))
		return;
	block = S_ISBLK(st.st_mode);
	pthread_mutex_lock(&reg->lock);
	dmm_list_for_each(pos, &reg->disks) {
		d = dmm_list_entry(pos, struct dmm_disk, node);
		pthread_mutex_lock(&d->lock);
		taken = d->state != DMM_DISK_FINISHED && dmm_dest_is(&d->dest, block ? st.st_rdev : st.st_dev,
						   block ? 0 : st.st_ino);
		pthread_mutex_unlock(&d->lock);
		if (!taken)
			continue;
		refuse_taken(d, path, r);
		break;
	}
	pthread_mutex_unlock(&reg->lock);
}
