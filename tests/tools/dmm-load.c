// SPDX-License-Identifier: GPL-2.0
/*
 * dmm-load: writers that leave self-describing sectors on a disk and keep a
 * journal of every operation outside it.  dmm-check judges the disk, or a copy
 * of it, by that journal.
 */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
"usage: dmm-load DEV --journal FILE [options]\n"
"  --fill               write the whole region first, in order\n"
"  --writers N          threads, each with one operation at a time (4)\n"
"  --seconds S | --ops N  how long; with neither, only --fill and --op are done\n"
"  --seed X             repeats the sequence of operations\n"
"  --region OFF:LEN     stay within (the whole disk)\n"
"  --sizes MIN..MAX     bytes of an operation (logical block size..1M)\n"
"  --align BYTES        of offsets and sizes (logical block size)\n"
"  --hot PERCENT        of the operations go to one 64th of the region\n"
"  --zipf               the r-th most popular block of 4096 bytes is chosen about 1/r as often\n"
"  --discard PERCENT, --zeroes PERCENT  of the operations\n"
"  --fua PERCENT        of the writes are written through (RWF_DSYNC)\n"
"  --flush PERCENT      of the operations are followed by fdatasync\n"
"  --rate N             operations a second, of all writers together\n"
"  --op KIND:OFF:LEN    one operation: write fua discard zeroes secerase flush; may be repeated\n"
"  --buffered           through the page cache, synced before it counts as completed\n"
"  --journal-ops N      capacity of a new journal\n"
"  --mirror DEV         the journal is kept there, too, by writes that go through; a new one goes on with what is there\n"
"  --lines              print a line each second\n"
"  --errors-ok          failing operations are expected: journalled, not fatal\n"
"  --hard               on SIGTERM leave at once, operations in flight stay as issued\n"
"SIGTERM and SIGINT end it; operations in flight are finished first.\n"
"Exit: 0, 1 an operation failed or the journal is full, 2 usage.\n";

static struct load load = {
	.writers = 4,
	.max_bytes = 1 << 20,
	.seed = 1,
};

static void on_signal(int sig)
{
	(void)sig;
	if (load.hard)
		_exit(0);
	__atomic_store_n(&load.stop, true, __ATOMIC_RELEASE);
}

static int parse_kind(const char *name, size_t len)
{
	static const struct {
		const char *name;
		int kind;
	} kinds[] = {
		{ "write", OP_WRITE }, { "fua", OP_WRITE | LOAD_FUA }, { "discard", OP_DISCARD },
		{ "zeroes", OP_ZEROES }, { "secerase", OP_SECERASE }, { "flush", OP_FLUSH },
	};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strlen(kinds[i].name) == len && !memcmp(kinds[i].name, name, len))
			return kinds[i].kind;
	return -1;
}

static void add_single(const char *text)
{
	struct load_single *s = &load.singles[load.nr_singles];
	const char *colon = strchr(text, ':');

	s->kind = parse_kind(text, colon ? (size_t)(colon - text) : strlen(text));
	if (s->kind < 0 || (!colon && s->kind != OP_FLUSH)) {
		fprintf(stderr, "--op: '%s' is not KIND:OFF:LEN\n", text);
		exit(EXIT_USAGE);
	}
	if (colon)
		need_pair(colon + 1, "--op", ":", &s->off_bytes, &s->len_bytes);
	if (++load.nr_singles == LOAD_MAX_SINGLES) {
		fprintf(stderr, "--op: at most %u\n", LOAD_MAX_SINGLES - 1);
		exit(EXIT_USAGE);
	}
}

static void parse(int argc, char **argv)
{
	enum { FILL = 256, WRITERS, SECONDS, OPS, SEED, REGION, SIZES, ALIGN, HOT, DISCARD, ZEROES,
	       FUA, FLUSH, RATE, ZIPF, OP, BUFFERED, JOURNAL, JOURNAL_OPS_, ERRORS_OK, HARD, MIRROR, LINES, HELP };
	static const struct option opts[] = {
		{ "fill", 0, NULL, FILL }, { "writers", 1, NULL, WRITERS },
		{ "seconds", 1, NULL, SECONDS }, { "ops", 1, NULL, OPS },
		{ "seed", 1, NULL, SEED }, { "region", 1, NULL, REGION },
		{ "sizes", 1, NULL, SIZES }, { "align", 1, NULL, ALIGN }, { "hot", 1, NULL, HOT },
		{ "discard", 1, NULL, DISCARD }, { "zeroes", 1, NULL, ZEROES },
		{ "zipf", 0, NULL, ZIPF }, { "fua", 1, NULL, FUA }, { "flush", 1, NULL, FLUSH }, { "rate", 1, NULL, RATE },
		{ "op", 1, NULL, OP }, { "buffered", 0, NULL, BUFFERED },
		{ "journal", 1, NULL, JOURNAL }, { "journal-ops", 1, NULL, JOURNAL_OPS_ },
		{ "errors-ok", 0, NULL, ERRORS_OK }, { "hard", 0, NULL, HARD },
		{ "mirror", 1, NULL, MIRROR }, { "lines", 0, NULL, LINES },
		{ "help", 0, NULL, HELP }, { NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1)
		switch (c) {
		case FILL:
			load.fill = true;
			break;
		case WRITERS:
			load.writers = need_number(optarg, "--writers", 1, LOAD_MAX_WRITERS);
			break;
		case SECONDS:
			load.seconds = need_number(optarg, "--seconds", 1, 86400);
			break;
		case OPS:
			load.max_ops = need_number(optarg, "--ops", 1, UINT32_MAX);
			break;
		case SEED:
			load.seed = need_number(optarg, "--seed", 0, UINT64_MAX);
			break;
		case REGION:
			need_pair(optarg, "--region", ":", &load.off_bytes, &load.len_bytes);
			break;
		case SIZES:
			need_pair(optarg, "--sizes", "..", &load.min_bytes, &load.max_bytes);
			break;
		case ALIGN:
			load.align = need_bytes(optarg, "--align");
			break;
		case HOT:
			load.hot = need_number(optarg, "--hot", 0, 100);
			break;
		case ZIPF:
			load.zipf = true;
			break;
		case DISCARD:
			load.discard = need_number(optarg, "--discard", 0, 100);
			break;
		case ZEROES:
			load.zeroes = need_number(optarg, "--zeroes", 0, 100);
			break;
		case FUA:
			load.fua = need_number(optarg, "--fua", 0, 100);
			break;
		case FLUSH:
			load.flush = need_number(optarg, "--flush", 0, 100);
			break;
		case RATE:
			load.rate = need_number(optarg, "--rate", 1, 10000000);
			break;
		case OP:
			add_single(optarg);
			break;
		case BUFFERED:
			load.buffered = true;
			break;
		case JOURNAL:
			load.journal_path = optarg;
			break;
		case JOURNAL_OPS_:
			load.journal_ops = (uint32_t)need_number(optarg, "--journal-ops", 1, 1u << 26);
			break;
		case ERRORS_OK:
			load.errors_ok = true;
			break;
		case HARD:
			load.hard = true;
			break;
		case MIRROR:
			load.mirror_path = optarg;
			break;
		case LINES:
			load.lines = true;
			break;
		case HELP:
			fputs(help, stdout);
			exit(0);
		default:
			fputs("dmm-load --help shows what there is\n", stderr);
			exit(EXIT_USAGE);
		}
	if (argc - optind != 1 || !load.journal_path) {
		fputs("dmm-load needs one DEV and --journal FILE\n", stderr);
		exit(EXIT_USAGE);
	}
	load.dev = argv[optind];
}

static void __attribute__((noreturn)) unfit(const char *why)
{
	fprintf(stderr, "dmm-load %s: %s\n", load.dev, why);
	exit(EXIT_USAGE);
}

/* Options against the disk. */
static void fit(void)
{
	if (!load.align)
		load.align = load.disk.lbs;
	if (!load.min_bytes)
		load.min_bytes = load.align;
	if (!load.len_bytes && load.off_bytes < load.disk.size_bytes)
		load.len_bytes = load.disk.size_bytes - load.off_bytes;
	if (load.align % load.disk.lbs || load.off_bytes % load.align || load.len_bytes % load.align)
		unfit("alignment and region must be multiples of the logical block size");
	if (!load.len_bytes || load.off_bytes > load.disk.size_bytes ||
	    load.len_bytes > load.disk.size_bytes - load.off_bytes)
		unfit("the region is not on the disk");
	if (load.max_bytes > load.len_bytes)
		load.max_bytes = load.len_bytes;
	if (load.max_bytes > LOAD_MAX_BYTES || load.min_bytes % load.align ||
	    load.max_bytes < load.min_bytes)
		unfit("sizes must be multiples of the alignment, at most 1M");
	if (load.discard + load.zeroes > 100)
		unfit("--discard and --zeroes together are more than all");
}

static void report(const struct load_stats *s)
{
	printf("dmm-load: ops=%llu bytes=%llu discards=%llu zeroes=%llu flushes=%llu errors=%llu "
	       "max_latency_us=%llu p50_us=%llu p99_us=%llu max_gap_us=%llu\n",
	       (unsigned long long)s->ops, (unsigned long long)s->bytes,
	       (unsigned long long)s->discards, (unsigned long long)s->zeroes,
	       (unsigned long long)s->flushes, (unsigned long long)s->errors,
	       (unsigned long long)s->max_latency_ns / 1000,
	       (unsigned long long)load_percentile_us(s, 50),
	       (unsigned long long)load_percentile_us(s, 99),
	       (unsigned long long)__atomic_load_n(&load.max_gap_ns, __ATOMIC_RELAXED) / 1000);
}

int main(int argc, char **argv)
{
	static struct load_writer writers[LOAD_MAX_WRITERS];
	struct sigaction sa = { .sa_handler = on_signal };
	struct load_stats total = { 0 };
	pthread_t lines;
	unsigned int i;
	int err;

	parse(argc, argv);
	disk_open(&load.disk, load.dev, O_RDWR, load.buffered);
	fit();
	if (journal_open(&load.journal, load.journal_path, load.disk.size_bytes, load.journal_ops))
		return EXIT_USAGE;
	if (load.mirror_path && mirror_open(&load.mirror, load.mirror_path, &load.journal))
		return EXIT_USAGE;
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);

	for (i = 0; i < load.writers; i++) {
		err = load_writer_init(&writers[i], &load, i);
		if (err) {
			fprintf(stderr, "dmm-load: %s\n", strerror(-err));
			return EXIT_USAGE;
		}
	}
	if (load.fill)
		load_fill(&writers[0]);
	load_singles(&writers[0]);
	if (load.seconds || load.max_ops) {
		load.begin_ns = clock_ns(CLOCK_BOOTTIME);
		load.last_ns = load.begin_ns;
		load.pace_ns = load.begin_ns;
		for (i = 0; i < load.writers; i++)
			if (pthread_create(&writers[i].thread, NULL, load_thread, &writers[i]))
				unfit("cannot start a thread");
		if (load.lines && pthread_create(&lines, NULL, load_lines, &load))
			unfit("cannot start a thread");
		for (i = 0; i < load.writers; i++)
			pthread_join(writers[i].thread, NULL);
		__atomic_store_n(&load.stop, true, __ATOMIC_RELEASE);
		if (load.lines)
			pthread_join(lines, NULL);
	}
	for (i = 0; i < load.writers; i++)
		load_stats_add(&total, &writers[i].stats);
	report(&total);
	return load.failed ? 1 : 0;
}
