// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors of every kind for dmm-nl's ATTACH.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ktls.h"
#include "nlfd.h"
#include "util.h"

static int tcp_socket(const char *spec)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	char host[64];
	const char *colon = strrchr(spec, ':');
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!colon || (size_t)(colon - spec) >= sizeof(host))
		usage("fd=tcp:ADDRESS:PORT");
	memcpy(host, spec, (size_t)(colon - spec));
	host[colon - spec] = 0;
	a.sin_port = htons((uint16_t)need_number(colon + 1, "port", 1, 65535));
	if (inet_pton(AF_INET, host, &a.sin_addr) != 1)
		usage("fd=tcp:ADDRESS:PORT, the address as 10.0.0.1");
	if (connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		perror("dmm-nl: connect");
		exit(EXIT_USAGE);
	}
	return fd;
}

static void enter_netns(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET)) {
		perror(path);
		exit(EXIT_USAGE);
	}
	close(fd);
}

/* A socket keeps the namespace in which it was made. */
static int netns_socket(const char *spec)
{
	const char *colon = strchr(spec, ':');
	char path[80];
	int fd;

	if (!colon)
		usage("fd=netns:NAME:ADDRESS:PORT");
	snprintf(path, sizeof(path), "/run/netns/%.*s", (int)(colon - spec), spec);
	enter_netns(path);
	fd = tcp_socket(colon + 1);
	enter_netns("/proc/1/ns/net");
	return fd;
}

/* Sends by TLS, and takes what comes as it is, unless @both. */
static int tls_socket(const char *spec, bool both)
{
	int fd = tcp_socket(spec);

	if (!ktls_give_keys(fd, TLS_TX) || (both && !ktls_give_keys(fd, TLS_RX)))
		exit(EXIT_USAGE);
	return fd;
}

int nl_make_fd(const char *kind)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int pair[2], fd;

	if (!strncmp(kind, "tcp:", 4))
		return tcp_socket(kind + 4);
	if (!strncmp(kind, "netns:", 6))
		return netns_socket(kind + 6);
	if (!strncmp(kind, "half-tls:", 9))
		return tls_socket(kind + 9, false);
	if (!strncmp(kind, "tls:", 4))
		return tls_socket(kind + 4, true);
	if (!strcmp(kind, "unconnected"))
		return socket(AF_INET, SOCK_STREAM, 0);
	if (!strcmp(kind, "listening")) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		return bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 1) ? -1 : fd;
	}
	if (!strcmp(kind, "udp"))
		return socket(AF_INET, SOCK_DGRAM, 0);
	if (!strcmp(kind, "unix"))
		return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) ? -1 : pair[0];
	if (!strcmp(kind, "file"))
		return open("/dev/zero", O_RDWR);
	if (!strcmp(kind, "9999"))
		return 9999;
	usage("unknown kind of fd");
}
