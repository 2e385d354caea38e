// SPDX-License-Identifier: GPL-2.0
/*
 * dmm-check: judges every sector of a disk, or of a copy of it, by the
 * journals of dmm-load: the last completed write or one that ran concurrently
 * with it; never older data, never another sector's, never half of one.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "sector.h"

#define READ_BYTES	(1u << 20)
#define SHOWN		20u

static const char help[] =
"usage: dmm-check DEV --journal FILE [--journal LATER-FILE]... [options]\n"
"       dmm-check --clock --journal FILE      print the counter, for --from and --to\n"
"  --at N             the journal named before as it was at counter N: what had not completed is pending\n"
"  --forbid-pending   data of writes that never completed must not be there\n"
"  --initial any      what no operation touched may be anything (zeroes otherwise)\n"
"  --buffered         read through the page cache\n"
"  --distinct BYTES   also print how many blocks of that size operations touched\n"
"  --from N, --to N   of those issued from counter N on, before counter N\n"
"  --latency          also print the longest operation and the longest gap\n"
"An operation that never completed counts as one that may still happen.\n"
"Exit: 0 every sector is right, 1 it is not, 2 usage or unreadable journal.\n";

enum verdict {
	V_OK,
	V_TORN,			/* checksum wrong */
	V_MISPLACED,		/* intact, of another sector */
	V_STALE,		/* intact, overwritten by something completed later */
	V_LOST,			/* zeroes or never written, though a write completed */
	V_PENDING,		/* of a write that must not be there */
	V_ALIEN,		/* nothing that the journals know */
	V_UNREADABLE,
	V_COUNT,
};

static const char *const verdict_names[V_COUNT] = {
	"ok", "torn", "misplaced", "stale", "lost", "pending", "alien", "unreadable",
};

static struct {
	const char *dev;
	struct history h;
	bool clock, buffered, initial_any, forbid_pending, latency;
	uint64_t distinct, from, to;
	uint64_t counts[V_COUNT];
	uint64_t shown;
} check = { .to = UINT64_MAX };

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "dmm-check: %s\n", what);
	exit(EXIT_USAGE);
}

static void parse(int argc, char **argv)
{
	enum { JOURNAL = 256, AT, CLOCK, FORBID, INITIAL, BUFFERED, DISTINCT, FROM, TO, LATENCY, HELP };
	static const struct option opts[] = {
		{ "journal", 1, NULL, JOURNAL }, { "at", 1, NULL, AT }, { "clock", 0, NULL, CLOCK },
		{ "forbid-pending", 0, NULL, FORBID }, { "initial", 1, NULL, INITIAL },
		{ "buffered", 0, NULL, BUFFERED }, { "distinct", 1, NULL, DISTINCT },
		{ "from", 1, NULL, FROM }, { "to", 1, NULL, TO },
		{ "latency", 0, NULL, LATENCY }, { "help", 0, NULL, HELP },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1)
		switch (c) {
		case JOURNAL:
			if (history_add(&check.h, optarg))
				exit(EXIT_USAGE);
			break;
		case AT:
			need(check.h.nr_journals, "--at stands behind a --journal");
			need(!history_at(&check.h, need_number(optarg, "--at", 0, UINT64_MAX)), "out of memory");
			break;
		case CLOCK:
			check.clock = true;
			break;
		case FORBID:
			check.forbid_pending = true;
			break;
		case INITIAL:
			need(!strcmp(optarg, "any"), "--initial can only be 'any'");
			check.initial_any = true;
			break;
		case BUFFERED:
			check.buffered = true;
			break;
		case DISTINCT:
			check.distinct = need_bytes(optarg, "--distinct");
			break;
		case FROM:
			check.from = need_number(optarg, "--from", 0, UINT64_MAX);
			break;
		case TO:
			check.to = need_number(optarg, "--to", 0, UINT64_MAX);
			break;
		case LATENCY:
			check.latency = true;
			break;
		case HELP:
			fputs(help, stdout);
			exit(0);
		default:
			fputs("dmm-check --help shows what there is\n", stderr);
			exit(EXIT_USAGE);
		}
	need(check.h.nr_journals, "needs --journal FILE");
	need(argc - optind == (check.clock ? 0 : 1), "needs one DEV, and none with --clock");
	check.dev = argv[optind];
}

/* Is content of operation @op of journal @ji right for sector @lba? */
static enum verdict judge_op(unsigned int ji, const struct op *op, uint64_t lba)
{
	uint64_t floor = check.h.floor[lba];

	if (op->type != OP_WRITE || !op->issued || lba < op->lba || lba - op->lba >= op->nr_sectors)
		return V_ALIEN;
	if (history_end(ji, op) < floor)
		return V_STALE;
	if (check.forbid_pending && !op_is_done(op))
		return V_PENDING;
	return V_OK;
}

static enum verdict judge(const struct sector *s, uint64_t lba)
{
	const struct history *h = &check.h;
	unsigned int ji;

	switch (sector_kind(s)) {
	case SECTOR_TORN:
		return V_TORN;
	case SECTOR_ZERO:
		/* Zeroed by an operation that counts, from the beginning, or while the disk is being read. */
		if (h->zeroed[lba] && h->zeroed[lba] >= h->floor[lba])
			return V_OK;
		return h->floor[lba] && !history_zeroed_since(h, lba) ? V_LOST : V_OK;
	case SECTOR_ALIEN:
		return check.initial_any && !h->floor[lba] ? V_OK : V_ALIEN;
	case SECTOR_OURS:
		break;
	}
	for (ji = 0; ji < h->nr_journals; ji++) {
		const struct journal *j = &h->journals[ji];

		if (j->hdr->id != s->journal || s->seq - 1 >= history_ops(h, ji))
			continue;
		if (s->lba != lba)
			return V_MISPLACED;
		return judge_op(ji, &j->ops[s->seq - 1], lba);
	}
	return V_ALIEN;
}

static void show(enum verdict v, const struct sector *s, uint64_t lba)
{
	if (++check.shown > SHOWN)
		return;
	printf("dmm-check %s: lba %llu: %s:", check.dev, (unsigned long long)lba,
	       verdict_names[v]);
	if (s && s->magic == SECTOR_MAGIC)
		printf(" found seq %llu of lba %llu by writer %u;", (unsigned long long)s->seq,
		       (unsigned long long)s->lba, s->writer);
	else if (s && sector_kind(s) == SECTOR_ZERO)
		printf(" found zeroes;");
	history_show_allowed(&check.h, lba);
}

static void count(enum verdict v, const struct sector *s, uint64_t lba)
{
	check.counts[v]++;
	if (v != V_OK)
		show(v, s, lba);
}

static void check_sectors(const uint8_t *buf, uint64_t off, uint64_t len)
{
	uint64_t i;

	for (i = 0; i < len; i += SECTOR_BYTES) {
		const struct sector *s = (const struct sector *)(buf + i);
		uint64_t lba = (off + i) / SECTOR_BYTES;

		count(judge(s, lba), s, lba);
	}
}

/* A chunk that does not read as a whole is read by logical blocks, to find the bad ones. */
static void check_slowly(const struct disk *d, uint8_t *buf, uint64_t off, uint64_t len)
{
	uint64_t i, j;

	for (i = 0; i < len; i += d->lbs) {
		if (pread(d->fd, buf, d->lbs, (off_t)(off + i)) == (ssize_t)d->lbs) {
			check_sectors(buf, off + i, d->lbs);
			continue;
		}
		for (j = 0; j < d->lbs; j += SECTOR_BYTES)
			count(V_UNREADABLE, NULL, (off + i + j) / SECTOR_BYTES);
	}
}

static void check_disk(const struct disk *d)
{
	uint8_t *buf = aligned_alloc(4096, READ_BYTES);
	uint64_t off, len;

	need(buf, "out of memory");
	for (off = 0; off < check.h.size_bytes; off += len) {
		len = check.h.size_bytes - off;
		if (len > READ_BYTES)
			len = READ_BYTES;
		if (pread(d->fd, buf, len, (off_t)off) == (ssize_t)len)
			check_sectors(buf, off, len);
		else
			check_slowly(d, buf, off, len);
	}
	free(buf);
}

static int verdict(void)
{
	const struct history *h = &check.h;
	uint64_t bad = 0;
	int v;

	for (v = V_OK + 1; v < V_COUNT; v++)
		bad += check.counts[v];
	if (check.shown > SHOWN)
		printf("dmm-check %s: and %llu more\n", check.dev,
		       (unsigned long long)(check.shown - SHOWN));
	printf("dmm-check: %s: %llu sectors", bad ? "FAULTY" : "OK",
	       (unsigned long long)(h->size_bytes / SECTOR_BYTES));
	for (v = V_OK + 1; v < V_COUNT; v++)
		if (check.counts[v])
			printf(", %s %llu", verdict_names[v], (unsigned long long)check.counts[v]);
	printf("; writes %llu discards %llu zeroes %llu pending %llu failed %llu\n",
	       (unsigned long long)h->writes, (unsigned long long)h->discards,
	       (unsigned long long)h->zeroes, (unsigned long long)h->pending,
	       (unsigned long long)h->failed);
	return bad ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct disk d;

	parse(argc, argv);
	if (check.clock) {
		printf("%llu\n", (unsigned long long)
		       __atomic_load_n(&check.h.journals[0].hdr->clock, __ATOMIC_SEQ_CST));
		return 0;
	}
	disk_open(&d, check.dev, O_RDONLY, check.buffered);
	if (d.size_bytes < check.h.size_bytes) {
		fprintf(stderr, "dmm-check %s: %llu bytes, but the disk of the journal has %llu\n",
			check.dev, (unsigned long long)d.size_bytes,
			(unsigned long long)check.h.size_bytes);
		return EXIT_USAGE;
	}
	if (history_build(&check.h)) {
		fprintf(stderr, "dmm-check: out of memory, or a journal with impossible operations\n");
		return EXIT_USAGE;
	}
	check_disk(&d);
	if (check.distinct)
		printf("dmm-check: distinct=%llu blocks of %llu bytes\n",
		       (unsigned long long)history_distinct(&check.h, check.distinct, check.from,
							    check.to),
		       (unsigned long long)check.distinct);
	if (check.latency)
		history_show_latency(&check.h);
	return verdict();
}
