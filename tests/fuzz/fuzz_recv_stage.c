// SPDX-License-Identifier: GPL-2.0
/*
 * A configuration of a guest that waits for the end of a hand-over, as the journal's directory has it: read, written, and read again.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dmmigrated/guest_stage.h"
#include "fuzz.h"
#include <dmmigrate/wire.h>

static const u8 id[DMM_ID_BYTES] = { 0x11 };
static char top[64], dir[96], path[160];

static void fuzz_cleanup(void)
{
	unlink(path);
	rmdir(dir);
	rmdir(top);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char hex[DMM_ID_HEX];

	(void)argc;
	(void)argv;
	fuzz_dir(top, sizeof(top));
	dmm_id_format(id, hex);
	snprintf(dir, sizeof(dir), "%s/%s", top, hex);
	fuzz_assert(!mkdir(dir, 0700));
	dmm_guest_stage_path(top, id, path, sizeof(path));
	atexit(fuzz_cleanup);
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct dmm_guest_stage g, again;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	fuzz_assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
	if (dmm_guest_stage_load(top, id, &g)) {
		fuzz_assert(!g.text);
		return 0;
	}
	fuzz_assert(memchr(g.name, '\0', sizeof(g.name)) && memchr(g.path, '\0', sizeof(g.path)) && memchr(g.kept, '\0', sizeof(g.kept)) &&
		    strlen(g.text) <= DMM_MAX_GUEST_CONFIG_BYTES);
	fuzz_assert(!dmm_guest_stage_save(top, id, &g) && !dmm_guest_stage_load(top, id, &again));
	fuzz_assert(!strcmp(g.name, again.name) && !strcmp(g.path, again.path) && !strcmp(g.kept, again.kept) &&
		    !strcmp(g.text, again.text) && g.autostart == again.autostart && g.done == again.done);
	dmm_guest_stage_clear(&g);
	dmm_guest_stage_clear(&again);
	return 0;
}
