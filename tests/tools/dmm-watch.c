// SPDX-License-Identifier: GPL-2.0
/*
 * dmm-watch: looks at both sides of a hand-over until it is told to end, straight from the kernel: a look by dmsetup
 * takes more of an emulated processor than the daemons do.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "util.h"

static const char help[] =
"usage: dmm-watch MS NAME...\n"
"Every MS milliseconds, until SIGTERM: may anybody write to both a source NAME and a gate NAME.dmm, of one disk here\n"
"and of another there?  A source may be written to in a look before that at the gates and in one after it, too.\n"
"Says so at once to standard error, with what it saw; at the end `N looks, gate open in N`.\n"
"Exit: 0 never both, 1 both, 2 usage or device-mapper does not answer.\n";

#define MAX_DISKS	16
#define REPLY_BYTES	4096u
#define STATUS_BYTES	512u

struct device {
	char name[DM_NAME_LEN];
	char type[DM_MAX_TYPE_NAME];	/* "": there is none, or it has no table */
	char status[STATUS_BYTES];
};

static int control;
static bool ended;

static void on_signal(int nr)
{
	(void)nr;
	__atomic_store_n(&ended, true, __ATOMIC_RELAXED);
}

/* How @d is now, of its first target; every device here has one. */
static void look(struct device *d)
{
	static union {
		struct dm_ioctl io;
		char bytes[REPLY_BYTES];
	} u;
	struct dm_target_spec spec;
	const char *text;

	memset(&u, 0, sizeof(u));
	u.io.version[0] = DM_VERSION_MAJOR;
	u.io.data_size = sizeof(u);
	u.io.data_start = sizeof(u.io);
	u.io.flags = DM_NOFLUSH_FLAG;
	snprintf(u.io.name, sizeof(u.io.name), "%s", d->name);
	d->type[0] = d->status[0] = '\0';
	if (ioctl(control, DM_TABLE_STATUS, &u)) {
		if (errno == ENXIO)
			return;
		perror("dmm-watch: DM_TABLE_STATUS");
		exit(EXIT_USAGE);
	}
	if (!u.io.target_count || u.io.data_start > sizeof(u) - sizeof(spec))
		return;
	memcpy(&spec, u.bytes + u.io.data_start, sizeof(spec));
	text = u.bytes + u.io.data_start + sizeof(spec);
	snprintf(d->type, sizeof(d->type), "%.*s", (int)sizeof(spec.target_type) - 1, spec.target_type);
	snprintf(d->status, sizeof(d->status), " %.*s ", (int)(u.bytes + sizeof(u) - 1 - text), text);
}

static bool is(const struct device *d, const char *type)
{
	return !strcmp(d->type, type);
}

/* Does the source let writes pass, now or once it is resumed? */
static bool source_open(const struct device *d)
{
	return d->type[0] && !is(d, "error") && !strstr(d->status, " committed ") && !strstr(d->status, " released ");
}

static bool gate_open(const struct device *d)
{
	return is(d, "migrate") && strstr(d->status, " open ");
}

static void show(const struct device *d)
{
	fprintf(stderr, " %s: %s%s;", d->name, d->type[0] ? d->type : "none", d->status);
}

int main(int argc, char **argv)
{
	static struct device before[MAX_DISKS], gates[MAX_DISKS], after[MAX_DISKS];
	struct sigaction sa = { .sa_handler = on_signal };
	unsigned long long looks = 0, opens = 0;
	useconds_t pause_us;
	bool both = false;
	int i, n = argc - 2;

	if (argc < 3 || n > MAX_DISKS) {
		fputs(help, stderr);
		return EXIT_USAGE;
	}
	pause_us = (useconds_t)need_number(argv[1], "MS", 1, 1000) * 1000;
	control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (control < 0) {
		perror("dmm-watch: /dev/mapper/control");
		return EXIT_USAGE;
	}
	sigaction(SIGTERM, &sa, NULL);
	for (i = 0; i < n; i++) {
		if (snprintf(gates[i].name, DM_NAME_LEN, "%s.dmm", argv[i + 2]) >= DM_NAME_LEN) {
			fputs(help, stderr);
			return EXIT_USAGE;
		}
		strcpy(before[i].name, argv[i + 2]);
		strcpy(after[i].name, argv[i + 2]);
	}
	while (!__atomic_load_n(&ended, __ATOMIC_RELAXED)) {
		bool source = false, gate = false, taken = false;

		for (i = 0; i < n; i++)
			look(&before[i]);
		for (i = 0; i < n; i++)
			look(&gates[i]);
		for (i = 0; i < n; i++)
			look(&after[i]);
		for (i = 0; i < n; i++) {
			source |= source_open(&before[i]) && source_open(&after[i]);
			gate |= gate_open(&gates[i]);
			/* once everybody knows, the volume itself */
			taken |= gate_open(&gates[i]) || is(&gates[i], "linear");
		}
		looks++;
		opens += gate;
		if (source && taken) {
			fprintf(stderr, "both sides are writable:");
			for (i = 0; i < n; i++) {
				show(&before[i]);
				show(&gates[i]);
				show(&after[i]);
			}
			fputc('\n', stderr);
			both = true;
		}
		usleep(pause_us);
	}
	printf("%llu looks, gate open in %llu\n", looks, opens);
	return both;
}
