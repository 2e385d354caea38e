// SPDX-License-Identifier: GPL-2.0
/*
 * The record of a migration: read, written, and read again.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "dmmigrate/record.h"
#include "fuzz.h"

static char dir[64], path[128];
static u8 id[DMM_ID_BYTES];

static void fuzz_cleanup(void)
{
	unlink(path);
	rmdir(dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char hex[DMM_ID_HEX];

	(void)argc;
	(void)argv;
	fuzz_dir(dir, sizeof(dir));
	memset(id, 0x11, sizeof(id));
	dmm_id_format(id, hex);
	snprintf(path, sizeof(path), "%s/%s.json", dir, hex);
	atexit(fuzz_cleanup);
	return 0;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct dmm_record r = { 0 }, again = { 0 };
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	fuzz_assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
	if (dmm_record_load(dir, id, 0, &r))
		return 0;
	fuzz_assert(!memcmp(r.id, id, sizeof(id)));
	fuzz_assert(r.to.port && r.size_bytes && r.block_bytes >= 4096 && r.block_bytes <= 1 << 20);
	fuzz_assert(memchr(r.source, '\0', sizeof(r.source)) && memchr(r.to.path, '\0', sizeof(r.to.path)));
	fuzz_assert(!dmm_record_save(dir, &r) && !dmm_record_load(dir, id, 0, &again));
	fuzz_assert(!strcmp(r.to.host, again.to.host) && !strcmp(r.to.path, again.to.path) &&
		    !strcmp(r.source, again.source) && same_text(r.table, again.table));
	fuzz_assert(r.to.port == again.to.port && r.major == again.major && r.minor == again.minor &&
		    r.size_bytes == again.size_bytes && r.block_bytes == again.block_bytes &&
		    r.started_s == again.started_s && r.conn_epoch == again.conn_epoch &&
		    r.disk == again.disk && r.disks == again.disks && r.disk < r.disks &&
		    r.conns == again.conns && r.start_begun == again.start_begun &&
		    !strcmp(r.gate, again.gate));
	fuzz_assert(!strcmp(r.to.from, again.to.from) && !strcmp(r.to.sr, again.to.sr) && r.to.plaintext == again.to.plaintext &&
		    r.moves_guest == again.moves_guest && !strcmp(r.guest, again.guest));
	dmm_record_clear(&r);
	dmm_record_clear(&again);
	return 0;
}
