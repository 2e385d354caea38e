// SPDX-License-Identifier: GPL-2.0
/*
 * fire: a source that sends overlapping extents, zero runs and barriers over several connections
 * at once, cuts them, damages frames, attaches anew with the old connections open,
 * asks for hashes and has the receiver stopped, all at random, and compares the
 * destination with what it may hold.  Exit code 0, or 1 with the first lie of the receiver.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "fire.h"
#include "fullio.h"

#define GRANULE		4096u
#define MAX_GRANULES	64u

static u64 rng, seed;

void fire_die(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "fire: seed %llu, frame %llu: ", seed, fire.nr_frames);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

u64 fire_rnd(u64 below)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (rng >> 11) % below;
}

/* A range that is being hashed: nothing is sent there. */
static struct {
	u32 first, nr;		/* sectors; nr 0: none */
	u32 granules;
	u32 patience;		/* so much is done before the answer is read */
} hashed;

static struct fire_conn *some_conn(void)
{
	struct fire_conn *c = &fire.conns[fire_rnd(FIRE_CONNS)];

	return c->state == FIRE_LIVE && c->in_flight < FIRE_WINDOW && !c->barrier_seq ? c : NULL;
}

static void do_frame(void)
{
	u32 total = fire.bytes / 512, nr, first;
	struct fire_conn *c = some_conn();
	bool zero = !fire_rnd(4);

	if (!c)
		return;
	switch (fire_rnd(16)) {
	case 0:
		nr = 1 + fire_rnd(zero ? total : DMM_MAX_EXTENT_BYTES / 512);
		break;
	case 1 ... 8:
		nr = 1 + fire_rnd(16);
		break;
	default:
		nr = 1 + fire_rnd(256);
	}
	if (nr > total)
		nr = total;
	first = fire_rnd(8) ? fire_rnd(total - nr + 1) : total - nr;
	if (hashed.nr && first < hashed.first + hashed.nr && hashed.first < first + nr)
		return;
	fire_send_frame(c, zero, first, nr);
}

static void hashes_ask(void)
{
	u32 granules = (fire.bytes + GRANULE - 1) / GRANULE, first;
	struct dmm_wire_hashes h;
	u64 bytes;

	if (hashed.nr)
		return;
	hashed.granules = 1 + fire_rnd(MAX_GRANULES);
	if (hashed.granules > granules)
		hashed.granules = granules;
	first = fire_rnd(granules - hashed.granules + 1);
	bytes = hashed.granules * (u64)GRANULE;
	if (first * (u64)GRANULE + bytes > fire.bytes)
		bytes = fire.bytes - first * (u64)GRANULE;
	if (fire_model_unsure(first * (GRANULE / 512), bytes / 512))
		return;
	memset(&h, 0, sizeof(h));
	h.id = fire.id;
	h.offset_bytes = cpu_to_le64(first * (u64)GRANULE);
	h.length_bytes = cpu_to_le64(bytes);
	h.algorithm = cpu_to_le32(DMM_DIGEST_XXH3_128);
	h.granule_bytes = cpu_to_le32(GRANULE);
	if (dmm_client_send(&fire.control, DMM_MSG_HASHES, &h, sizeof(h)))
		fire_die("HASHES cannot be sent");
	hashed.first = first * (GRANULE / 512);
	hashed.nr = bytes / 512;
	hashed.patience = fire_rnd(30);
	fire.nr_hashes++;
}

static void hashes_compare(void)
{
	static u8 got[MAX_GRANULES * DMM_HASH_BYTES], buf[MAX_GRANULES * GRANULE];
	struct dmm_wire_refuse refuse = { 0 };
	XXH128_canonical_t want;
	u32 i, bytes, left = hashed.nr * 512;
	int fd, ret;

	if (!hashed.nr)
		return;
	ret = dmm_client_receive(&fire.control, DMM_MSG_HASHES_OK, got, hashed.granules * DMM_HASH_BYTES,
				 &refuse);
	if (ret)
		fire_die("HASHES of %u+%u: %s %s", hashed.first, hashed.nr, strerror(-ret),
			 (char *)refuse.text);
	fd = open(fire.file, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || dmm_pread_full(fd, buf, left, hashed.first * 512ull))
		fire_die("%s cannot be read", fire.file);
	close(fd);
	for (i = 0; i < hashed.granules; i++, left -= bytes) {
		bytes = left < GRANULE ? left : GRANULE;
		XXH128_canonicalFromHash(&want, XXH3_128bits(buf + i * GRANULE, bytes));
		if (memcmp(want.digest, got + i * DMM_HASH_BYTES, DMM_HASH_BYTES))
			fire_die("a wrong hash for the granule at sector %u", hashed.first + i * 8);
	}
	hashed.nr = 0;
}

/* Everything acknowledged or known to be lost for good: compares. */
static void do_check(void)
{
	u32 i;

	fire_settle();
	hashes_compare();
	for (i = 0; i < FIRE_CONNS; i++) {
		if (fire.conns[i].state != FIRE_LIVE) {
			fire_attach_all(fire_rnd(2));
			break;
		}
	}
	fire_model_check(fire.file, true);
}

/* Whoever runs us stops the receiver when told so, and says where the next one is. */
static void do_restart(void)
{
	char line[128], host[DMM_HOST_MAX];
	const char *why = "?";
	u32 i;

	hashes_compare();
	puts("restart");
	fflush(stdout);
	fire.stopping = true;
	for (i = 0; i < 200; i++)
		do_frame();
	fire_settle();
	if (!fgets(line, sizeof(line), stdin))
		fire_die("no new receiver: %s", feof(stdin) ? "end of file" : strerror(errno));
	line[strcspn(line, "\n")] = '\0';
	if (dmm_parse_hostport(line, host, &fire.to.port, &why))
		fire_die("%s: %s", line, why);
	strcpy(fire.to.host, host);
	fire.stopping = false;
	fire.acked_bytes = 0;
	dmm_client_close(&fire.control);
	fire_prepare(false);
	fire_attach_all(true);
	do_check();
}

static void do_something(void)
{
	struct fire_conn *c;
	u32 i;

	for (i = 0; i < FIRE_CONNS; i++)
		fire_take_acks(&fire.conns[i]);
	if (hashed.nr && !hashed.patience--)
		hashes_compare();
	switch (fire_rnd(400)) {
	case 0 ... 1:
		return do_check();
	case 2 ... 3:
		hashes_compare();
		return fire_attach_all(fire_rnd(2));
	case 4 ... 11:
		return hashes_ask();
	case 12 ... 13:
		c = some_conn();
		if (c)
			fire_cut(c);
		return;
	case 14 ... 17:
		c = some_conn();
		if (c)
			fire_send_bad(c);
		return;
	case 18:
		c = some_conn();
		if (c)
			fire_send_end(c);
		return;
	case 19 ... 25:
		c = some_conn();
		if (c)
			fire_send_barrier(c);
		return;
	case 26 ... 27:
		hashes_compare();
		fire_query();
		return fire_prepare(false);
	default:
		return do_frame();
	}
}

static void the_end(void)
{
	u32 i;

	do_check();
	fire_send_barrier(&fire.conns[0]);
	fire_settle();
	for (i = 0; i < FIRE_CONNS; i++)
		fire_send_end(&fire.conns[i]);
	fire_settle();
	fire_finish();
	fire_model_check(fire.file, true);
}

int main(int argc, char **argv)
{
	const char *why = "?";
	u64 until_ms, restart_ms;
	u32 i;
	char host[DMM_HOST_MAX];

	if (argc < 6 || argc > 7 || (argc == 7 && strcmp(argv[6], "no-restart")) ||
	    dmm_parse_size(argv[3], &fire.bytes)) {
		fputs("Usage: fire HOST:PORT PATH SIZE SECONDS SEED [no-restart]\n"
		      "  PATH is all zeros; `URI FILE`: FILE is what lies there.  In the middle it says `restart`: whoever runs it stops the\n"
		      "  receiver then, and writes HOST:PORT of the next one to its standard input.\n", stderr);
		return 2;
	}
	seed = strtoull(argv[5], NULL, 10);
	rng = seed * 0x9e3779b97f4a7c15ull | 1;
	fire.path = argv[2];
	fire.file = strchr(argv[2], ' ');
	if (fire.file)
		*(char *)fire.file++ = '\0';
	else
		fire.file = fire.path;
	fire.to.port = DMM_DEFAULT_PORT;
	if (dmm_parse_hostport(argv[1], host, &fire.to.port, &why))
		fire_die("%s: %s", argv[1], why);
	strcpy(fire.to.host, host);
	fire.id.migration[0] = 1;
	memcpy(&fire.id.migration[1], &(pid_t){ getpid() }, sizeof(pid_t));
	fire.control.fd = -1;
	for (i = 0; i < FIRE_CONNS; i++)
		fire.conns[i].c.fd = -1;
	fire_model_init(fire.bytes);
	fire_prepare(true);
	fire_attach_all(true);
	until_ms = dmm_now_ms() + strtoull(argv[4], NULL, 10) * 1000;
	restart_ms = (dmm_now_ms() + until_ms) / 2;
	while (dmm_now_ms() < until_ms) {
		do_something();
		if (argc == 6 && restart_ms && dmm_now_ms() >= restart_ms) {
			restart_ms = 0;
			do_restart();
		}
	}
	the_end();
	printf("%llu frames, %llu acknowledged, %llu barriers, %llu cuts, %llu bad ones, %llu epochs, "
	       "%llu hashes\n", fire.nr_frames, fire.nr_acks, fire.nr_barriers, fire.nr_cuts, fire.nr_bad,
	       fire.nr_epochs, fire.nr_hashes);
	return 0;
}
