// SPDX-License-Identifier: GPL-2.0
/*
 * dmm-order: writes as a database does, and what that promises.  Each writer puts number n on the log, waits until that is there, puts n on
 * the data, waits for that, and goes on with n + 1.  So no disks that are of one moment have a data write without its log write, nor a
 * log that is two ahead.
 */
#include "sector.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WRITERS		4u
#define ID		0x4f524452u	/* of our sectors, in any run */
#define CHUNK_SECTORS	256u

static const char help[] =
"usage: dmm-order write LOG DATA PAUSE-MS   until SIGTERM, or a disk fails; goes on with the numbers that are there\n"
"       dmm-order judge LOG DATA            both of one moment\n"
"Exit: 0, 1 the order is another one, or nothing was written (judge); a disk failed (write); 2 usage.\n";

struct order {
	struct disk log, data;
	uint64_t on_log[WRITERS], on_data[WRITERS];	/* the highest number */
};

static struct order order;
static unsigned int pause_ms;
static bool stop, failed;

static void on_signal(int sig)
{
	(void)sig;
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
}

/* Each writer has a part of its own of each disk. */
static uint64_t place(const struct disk *d, uint32_t writer, uint64_t n)
{
	uint64_t part = d->size_bytes / SECTOR_BYTES / WRITERS;

	return writer * part + n % part;
}

static bool put(const struct disk *d, struct sector *s, uint32_t writer, uint64_t n)
{
	uint64_t lba = place(d, writer, n);
	ssize_t done;

	sector_fill(s, lba, n, writer, ID);
	do {
		done = pwrite(d->fd, s, sizeof(*s), (off_t)(lba * SECTOR_BYTES));
	} while (done < 0 && errno == EINTR);
	if (done == sizeof(*s))
		return true;
	printf("order: %s: number %llu: %s\n", d->path, (unsigned long long)n, done < 0 ? strerror(errno) : "a short write");
	__atomic_store_n(&failed, true, __ATOMIC_RELEASE);
	return false;
}

static void *writer_run(void *arg)
{
	uint32_t writer = (uint32_t)(uintptr_t)arg;
	struct sector *s = aligned_alloc(4096, 4096);
	uint64_t n = order.on_log[writer] + 1;

	/* what was interrupted between the two is no promise broken; the next one would make it one */
	if (!s || (order.on_data[writer] + 1 < n && !put(&order.data, s, writer, n - 1)))
		return NULL;
	for (; !__atomic_load_n(&stop, __ATOMIC_ACQUIRE); n++) {
		if (!put(&order.log, s, writer, n) || !put(&order.data, s, writer, n))
			break;
		usleep(pause_ms * 1000);
	}
	free(s);
	return NULL;
}

/* The highest numbers of a disk. 0; 1: something there is not what a writer has put there, said. */
static int look(const struct disk *d, uint64_t highest[WRITERS])
{
	struct sector *chunk = aligned_alloc(4096, CHUNK_SECTORS * SECTOR_BYTES), *s;
	uint64_t sectors = d->size_bytes / SECTOR_BYTES, lba;
	ssize_t n;

	for (lba = 0; chunk && lba < sectors; lba += (uint64_t)n / SECTOR_BYTES) {
		n = pread(d->fd, chunk, CHUNK_SECTORS * SECTOR_BYTES, (off_t)(lba * SECTOR_BYTES));
		if (n < (ssize_t)SECTOR_BYTES) {
			printf("order: %s: cannot read: %s\n", d->path, n < 0 ? strerror(errno) : "a short read");
			return 1;
		}
		for (s = chunk; s < chunk + n / SECTOR_BYTES; s++) {
			uint64_t at = lba + (uint64_t)(s - chunk);

			if (sector_kind(s) == SECTOR_ZERO)
				continue;
			if (sector_kind(s) != SECTOR_OURS || s->journal != ID || s->writer >= WRITERS || s->lba != at ||
			    place(d, s->writer, s->seq) != at) {
				printf("order: FAULTY: sector %llu of %s is none of ours, or torn\n", (unsigned long long)at, d->path);
				return 1;
			}
			if (s->seq > highest[s->writer])
				highest[s->writer] = s->seq;
		}
	}
	free(chunk);
	return 0;
}

static int judge(void)
{
	unsigned long long all = 0, log, data;
	uint32_t i;
	int ret = 0;

	for (i = 0; i < WRITERS; i++) {
		log = order.on_log[i];
		data = order.on_data[i];
		all += data;
		if (data > log)
			printf("order: INVERTED: writer %u: data has %llu, the log only %llu\n", i, data, log);
		else if (log > data + 1)
			printf("order: LOST: writer %u: the log has %llu, data only %llu\n", i, log, data);
		ret |= data > log || log > data + 1;
	}
	if (!all)
		puts("order: NOTHING was written");
	else if (!ret)
		printf("order: OK: %llu writes, each after its log\n", all);
	return ret || !all;
}

static int run(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	pthread_t threads[WRITERS];
	uint32_t i;

	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	for (i = 0; i < WRITERS; i++) {
		if (pthread_create(&threads[i], NULL, writer_run, (void *)(uintptr_t)i)) {
			perror("pthread_create");
			return 1;
		}
	}
	for (i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	return failed;
}

int main(int argc, char **argv)
{
	bool writes = argc == 5 && !strcmp(argv[1], "write");
	int flags = writes ? O_RDWR : O_RDONLY;

	if (!writes && (argc != 4 || strcmp(argv[1], "judge"))) {
		fputs(help, stderr);
		return EXIT_USAGE;
	}
	setlinebuf(stdout);
	if (writes)
		pause_ms = (unsigned int)need_number(argv[4], "PAUSE-MS", 0, 10000);
	disk_open(&order.log, argv[2], flags, false);
	disk_open(&order.data, argv[3], flags, false);
	if (look(&order.log, order.on_log) || look(&order.data, order.on_data))
		return 1;
	return writes ? run() : judge();
}
