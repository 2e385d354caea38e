// SPDX-License-Identifier: GPL-2.0
/*
 * dmm-datagrams: in place of systemd and its journal: prints what comes on a
 * socket.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "util.h"

int main(int argc, char **argv)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char text[8192];
	ssize_t n;
	int fd;

	if (argc != 2 || argv[1][0] != '/' || strlen(argv[1]) >= sizeof(addr.sun_path)) {
		fputs("usage: dmm-datagrams SOCKET (a path): prints each datagram, then an empty line\n", stderr);
		return EXIT_USAGE;
	}
	memcpy(addr.sun_path, argv[1], strlen(argv[1]));
	unlink(argv[1]);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		fprintf(stderr, "dmm-datagrams: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	while ((n = recv(fd, text, sizeof(text), 0)) >= 0 || errno == EINTR) {
		if (n < 0)
			continue;
		printf("%.*s\n\n", (int)n, text);
		fflush(stdout);
	}
	return 1;
}
