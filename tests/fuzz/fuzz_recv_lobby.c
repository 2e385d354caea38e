// SPDX-License-Identifier: GPL-2.0
/*
 * What a stranger says before anybody knows it: is there a first record of TLS, and is it whole?  The input comes in pieces, each
 * behind a byte that says how long it is; nobody goes on before its record is complete, and who speaks no TLS is put out.
 */
#include <errno.h>
#include <sys/socket.h>

#include "dmmigrated/lobby.h"
#include "dmmigrated/session.h"
#include "fuzz.h"

static struct dmm_lobby lobby;
static struct dmm_receiver rc;
static size_t said_bytes;
static u8 said[8192];
static bool tls, went_on;

int __wrap_dmm_session_start(struct dmm_receiver *r, int fd, const char *peer, bool local, u64 hello_ms)
{
	(void)r;
	(void)hello_ms;
	fuzz_assert(!local && !strcmp(peer, "10.0.0.1:5"));
	/* a whole record, of a handshake; without TLS anything */
	fuzz_assert(said_bytes && (!tls || (said_bytes >= 5 && said[0] == 22 && said[1] == 3 &&
					    said_bytes >= 5u + (said[3] << 8 | said[4]))));
	went_on = true;
	close(fd);
	return said[0] & 1 ? -EUSERS : 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	dmm_log_set_max(-1);
	rc.handshake_ms = 3600000;
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct pollfd p[DMM_LOBBY_PLACES];
	u64 until_ms = ~0ull;
	int pair[2];
	size_t n;
	u32 nr;

	if (size < 2 || size > sizeof(said))
		return 0;
	tls = data[0] & 1;
	said_bytes = 0;
	went_on = false;
	fuzz_assert(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	dmm_lobby_init(&lobby, &rc, tls);
	dmm_lobby_enter(&lobby, pair[1], "10.0.0.1:5");
	for (data++, size--; size && lobby.nr; data += n, size -= n) {
		n = 1 + data[0] < size ? 1 + data[0] : size;
		if (n == 1)		/* it closes; or the daemon rests, and hears of nothing but that */
			shutdown(pair[0], said_bytes % 2 ? SHUT_RDWR : SHUT_WR);
		else if (send(pair[0], data + 1, n - 1, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)(n - 1))
			memcpy(said + said_bytes, data + 1, n - 1);
		said_bytes += n - 1;
		nr = dmm_lobby_poll(&lobby, p, n == 2 && data[1] == 'r', &until_ms);
		fuzz_assert(nr == 1 && poll(p, nr, 0) >= 0);
		dmm_lobby_serve(&lobby, p, nr, 0);
		/* who does not begin like a handshake is not waited for; who has said it all goes on */
		if (tls && said_bytes && said[0] != 22)
			fuzz_assert(!went_on);
	}
	dmm_lobby_exit(&lobby);
	close(pair[0]);
	return 0;
}
