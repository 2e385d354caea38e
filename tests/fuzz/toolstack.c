// SPDX-License-Identifier: GPL-2.0
/*
 * A toolstack's receiver; see toolstack.h.
 */
#include <errno.h>
#include <sys/eventfd.h>

#include <dmmigrate/wire.h>

#include "toolstack.h"
#include "xl_words.h"

#define NEVER	(~(size_t)0)

/* After it was told to run: a result that is not 0, and that the source may go on. */
static const char report[] = DMM_XL_REPORT, go[] = DMM_XL_GO;

static struct toolstack {
	bool there, pidfd, over;
	bool ended[2];			/* its standard output; its standard error; both: it is no more */
	struct world_sock *sock, *words;
	int process;			/* -1: the kernel cannot tell */
	size_t told_at;			/* what it had said when the guest was told to run */
	size_t heard;			/* by the source */
} t;

void toolstack_init(bool is_there, bool pidfd)
{
	t = (struct toolstack){ .there = is_there, .pidfd = pidfd, .process = -1, .told_at = NEVER };
}

static void end(bool on_stderr)
{
	if (!t.sock || t.ended[on_stderr])
		return;
	t.ended[on_stderr] = true;
	world_hang_up(on_stderr ? t.words : t.sock);
	if (t.ended[!on_stderr] && t.process >= 0 && !world_sock_closed(t.sock))
		eventfd_write(t.process, 1);
}

int toolstack_begin(int *stream, int *words, int *process)
{
	if (!t.there)
		return -ENOENT;
	if (t.sock)
		return -EAGAIN;
	t.sock = world_sock_new(stream);
	t.words = world_sock_new(words);
	if (t.pidfd)
		t.process = eventfd(0, EFD_CLOEXEC);
	*process = t.process;
	if (t.over)
		toolstack_over();
	return 0;
}

size_t toolstack_record(const u8 *data, size_t size, bool on_stderr, bool deaf, bool ends)
{
	struct dmm_wire_hdr hdr;
	size_t at = 0, bytes = size;

	if (size >= sizeof(hdr)) {
		memcpy(&hdr, data, sizeof(hdr));
		at = sizeof(hdr);
		bytes = dmm_min_u64(le32_to_cpu(hdr.payload_bytes), size - at);
	}
	if (!t.sock || t.ended[on_stderr])
		return at + bytes;
	if (deaf)
		world_deafen(t.sock);
	world_say(on_stderr ? t.words : t.sock, data + at, bytes);
	if (ends)
		end(on_stderr);
	return at + bytes;
}

void toolstack_over(void)
{
	t.over = true;
	end(false);
	end(true);
}

/* Its source said HELLO and GUEST, and from then on what is the receiver's. */
static size_t stream_begins(const u8 *said, size_t bytes)
{
	struct dmm_wire_hdr hdr;
	size_t at = 0;
	int i;

	for (i = 0; i < 2; i++) {
		fuzz_assert(bytes - at >= sizeof(hdr));
		memcpy(&hdr, said + at, sizeof(hdr));
		at += sizeof(hdr) + le32_to_cpu(hdr.payload_bytes);
		fuzz_assert(at <= bytes);
	}
	return at;
}

void toolstack_check(const struct world_sock *from, const u8 *heard, size_t bytes)
{
	size_t said_bytes, passed_bytes, from_bytes, begins;
	const u8 *said, *passed, *source;

	fuzz_assert(t.sock);
	said = world_said(t.sock, &said_bytes);
	fuzz_assert(bytes <= said_bytes && (!bytes || !memcmp(said, heard, bytes)));
	t.heard = bytes;
	source = world_said(from, &from_bytes);
	begins = stream_begins(source, from_bytes);
	passed = world_heard(t.sock, &passed_bytes);
	fuzz_assert(passed_bytes <= from_bytes - begins && (!passed_bytes || !memcmp(source + begins, passed, passed_bytes)));
}

/* By how many streams guests were told to run, and have not said that they do not. */
static u32 nr_told(struct dmm_migrations *migrations)
{
	struct dmm_migration **list;
	u32 i, nr, told = 0;

	if (!migrations)
		return 0;
	fuzz_assert(!dmm_migrations_get_all(migrations, &list, &nr));
	for (i = 0; i < nr; i++)
		told += list[i]->guest_gate.nr_told;
	dmm_migrations_put_all(list, nr);
	return told;
}

void toolstack_check_gates(struct dmm_migrations *migrations)
{
	u32 told = nr_told(migrations);
	size_t bytes;
	const u8 *said;

	fuzz_assert(told <= 1 && (!told || t.sock));
	if (!t.sock)
		return;
	/* a gate that was shut lets nothing through */
	fuzz_assert(!world_passed_shut(t.sock));
	said = world_said(t.sock, &bytes);
	if (told && t.told_at == NEVER)
		t.told_at = bytes;
	/* who has heard that it does not run there goes on with the guest: it may be asked for it */
	if (t.told_at == NEVER || t.heard < t.told_at || t.heard - t.told_at < sizeof(report) + 1 + sizeof(go))
		return;
	said += t.told_at;
	if (!memcmp(said, report, sizeof(report)) && said[sizeof(report)] && !memcmp(said + sizeof(report) + 1, go, sizeof(go)))
		fuzz_assert(!told);
}

void toolstack_exit(void)
{
	if (!t.sock)
		return;
	world_sock_free(t.sock);
	world_sock_free(t.words);
	t.sock = NULL;
}
