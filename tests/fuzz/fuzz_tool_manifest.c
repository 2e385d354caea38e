// SPDX-License-Identifier: GPL-2.0
/*
 * The manifest of a migration: read, written, and read again.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "manifest.h"

static char dir[64], one[96], path[128];
static u8 id[DMM_ID_BYTES];

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(name);
}

static void fuzz_cleanup(void)
{
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char hex[DMM_ID_HEX], why[DMM_MANIFEST_WHY] = "";
	struct dmm_manifest *m = NULL;

	(void)argc;
	(void)argv;
	fuzz_dir(dir, sizeof(dir));
	memset(id, 0x11, sizeof(id));
	dmm_id_format(id, hex);
	snprintf(one, sizeof(one), "%s/%s", dir, hex);
	fuzz_assert(!mkdir(one, 0700));
	snprintf(path, sizeof(path), "%s/manifest", one);
	atexit(fuzz_cleanup);
	/* one that is not there is missing, not damaged */
	fuzz_assert(dmm_manifest_load(dir, id, &m, why) == -ENOENT && !m && *why && !strstr(why, "damaged"));
	return 0;
}

static void check(const struct dmm_manifest *m)
{
	const struct dmm_manifest_disk *d;
	bool all = true;
	u32 i;

	fuzz_assert(!memcmp(m->id, id, sizeof(id)) && m->nr_disks <= DMM_MAX_GROUP && !m->nr_disks == !!m->guest[0]);
	fuzz_assert(memchr(m->host, '\0', sizeof(m->host)) && memchr(m->peer, '\0', sizeof(m->peer)));
	fuzz_assert(m->role == DMM_HO_DEST || (m->role == DMM_HO_SOURCE && m->host[0] && m->port));
	for (i = 0; i < m->nr_disks; i++) {
		d = &m->disks[i];
		all &= d->known;
		if (d->volume.sr.kind)
			fuzz_assert(m->role == DMM_HO_DEST && dmm_sr_name_ok(d->volume.sr.name) && dmm_sr_volume_ok(d->volume.name) &&
				    dmm_sr_place_ok(d->volume.sr.kind, d->volume.sr.place) && d->volume.size_bytes);
		if (!d->known)
			continue;
		fuzz_assert(d->path[0] && d->size_bytes && d->size_bytes <= ~0ull >> 1);
		fuzz_assert(memchr(d->name, '\0', sizeof(d->name)) && memchr(d->path, '\0', sizeof(d->path)) &&
			    memchr(d->identity, '\0', sizeof(d->identity)) && memchr(d->lv, '\0', sizeof(d->lv)));
		if (m->role == DMM_HO_DEST)
			fuzz_assert(d->block_bytes >= DMM_MIN_BLOCK_BYTES && !(d->block_bytes & (d->block_bytes - 1)));
		else
			fuzz_assert(d->name[0]);
	}
	fuzz_assert(dmm_manifest_complete(m) == all);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct dmm_manifest *m = NULL, *again = NULL;
	char why[DMM_MANIFEST_WHY] = "";
	int ret;

	fuzz_assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
	ret = dmm_manifest_load(dir, id, &m, why);
	if (ret) {
		fuzz_assert(ret == -EBADMSG && *why && memchr(why, '\0', sizeof(why)) && !m);
		return 0;
	}
	check(m);
	fuzz_assert(!dmm_manifest_save(dir, m) && !dmm_manifest_load(dir, id, &again, why));
	fuzz_assert(again->nr_disks == m->nr_disks &&
		    !memcmp(again, m, sizeof(*m) + m->nr_disks * sizeof(m->disks[0])));
	free(again);
	free(m);
	return 0;
}
