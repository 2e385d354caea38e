// SPDX-License-Identifier: GPL-2.0
/*
 * The receiver's configuration file, and after a NUL its command line, a NUL between words; a word that begins with an "@"
 * is a destination that a source asks for.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dmmigrated/allow.h"
#include "dmmigrated/bufpool.h"
#include "dmmigrated/options.h"
#include "fuzz.h"
#include "nbduri.h"

#define MAX_WORDS	16

static void check_config(const struct dmm_config *c)
{
	u32 i;

	fuzz_assert((c->engine || c->engine_auto) && c->port);
	fuzz_assert(c->nr_listen <= DMM_MAX_LISTEN && c->nr_allow <= DMM_ALLOW_MAX);
	for (i = 0; i < c->nr_listen; i++)
		fuzz_assert(memchr(c->listen[i].host, '\0', DMM_HOST_MAX));
	for (i = 0; i < c->nr_allow; i++)
		fuzz_assert((c->allow[i][0] == '/' || dmm_is_nbd(c->allow[i])) &&
			    !strpbrk(c->allow[i], "\t#"));
	fuzz_assert(c->buffer_bytes >= DMM_BUFPOOL_GUARANTEE * DMM_MAX_EXTENT_BYTES &&
		    c->buffer_bytes <= 1ull << 40);
	fuzz_assert(c->max_sessions >= 1 && c->max_sessions <= 65536);
	fuzz_assert(c->max_disks >= 1 && c->max_disks <= 65536);
	fuzz_assert(c->handshake_ms >= 100 && c->stall_ms >= 100 && c->ack_ms >= 100 &&
		    c->orphan_ms >= 100);
}

/* Only what the list matches as it is may be written, and by one name each. */
static void check_allow(struct dmm_config *c, const char *path)
{
	struct dmm_allow a;
	bool ok;

	dmm_allow_init(&a);
	dmm_allow_replace(&a, c->allow, c->nr_allow);
	fuzz_assert(dmm_allow_empty(&a) == !c->nr_allow);
	c->allow = NULL;
	c->nr_allow = 0;
	ok = dmm_is_nbd(path) ? dmm_allow_match(&a, path, "xen-a") : dmm_allow_destination(&a, path, path, "xen-a");
	fuzz_assert(!ok || dmm_is_nbd(path) || (dmm_path_is_canonical(path) && dmm_allow_match(&a, path, "xen-a") && !strstr(path, "/../")));
	/* a link out of it */
	if (strncmp(path, "/dev/", 5))
		fuzz_assert(!dmm_allow_destination(&a, path, "", "xen-a"));
	dmm_allow_destination(&a, path, "/dev/dm-0", "xen-a");
	dmm_allow_exit(&a);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char *argv[MAX_WORDS + 4] = { "dmmigrated", "--config" };
	const u8 *end = memchr(data, '\0', size);
	size_t text = end ? (size_t)(end - data) : size, n;
	int argc = 3, fd = memfd_create("config", MFD_CLOEXEC);
	struct dmm_config c;
	char path[32], *asked = NULL;

	fuzz_assert(fd >= 0 && write(fd, data, text) == (ssize_t)text);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	argv[2] = path;
	data += text;
	size -= text;
	while (size > 1 && argc < MAX_WORDS + 3) {
		argv[argc++] = fuzz_text(data + 1, size - 1);
		n = 1 + strlen(argv[argc - 1]);
		if (argv[argc - 1][0] == '@') {
			free(asked);
			asked = argv[--argc];
		}
		data += n;
		size -= n;
	}
	if (dmm_options_parse(argc, argv, &c) == DMM_OPTIONS_RUN) {
		check_config(&c);
		if (asked)
			check_allow(&c, asked + 1);
		dmm_config_exit(&c);
	}
	close(fd);
	free(asked);
	for (argc--; argc >= 3; argc--)
		free(argv[argc]);
	return 0;
}
