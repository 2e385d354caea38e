// SPDX-License-Identifier: GPL-2.0
/*
 * dmm-alg: makes an AEAD of the kernel's crypto from a template, and removes it again.
 */
#include <errno.h>
#include <linux/cryptouser.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util.h"

#define TYPE_AEAD	0x03	/* CRYPTO_ALG_TYPE_AEAD and its mask, which are the kernel's alone */
#define TYPE_MASK	0x0f

static const char help[] =
"usage: dmm-alg new|del DRIVER\n"
"DRIVER: as /proc/crypto has it, cryptd(...) for instance.  The one with the highest priority of a name is what the kernel takes.\n";

int main(int argc, char **argv)
{
	struct {
		struct nlmsghdr h;
		struct crypto_user_alg alg;
	} rq = { .h = { .nlmsg_len = sizeof(rq), .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK } };
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
	} answer = { 0 };
	bool new = argc == 3 && !strcmp(argv[1], "new");
	int fd;

	if (argc != 3 || (!new && strcmp(argv[1], "del")) || strlen(argv[2]) >= sizeof(rq.alg.cru_driver_name)) {
		fputs(help, stderr);
		return EXIT_USAGE;
	}
	rq.h.nlmsg_type = new ? CRYPTO_MSG_NEWALG : CRYPTO_MSG_DELALG;
	rq.alg.cru_type = TYPE_AEAD;
	rq.alg.cru_mask = TYPE_MASK;
	if (new)
		rq.h.nlmsg_flags |= NLM_F_CREATE;
	strcpy(rq.alg.cru_driver_name, argv[2]);
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_CRYPTO);
	if (fd < 0 || send(fd, &rq, sizeof(rq), 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < (ssize_t)sizeof(answer.h)) {
		perror("dmm-alg: netlink");
		return EXIT_USAGE;
	}
	close(fd);
	if (answer.h.nlmsg_type == NLMSG_ERROR && !answer.e.error)
		return 0;
	fprintf(stderr, "dmm-alg: %s %s: %s\n", argv[1], argv[2], strerror(-answer.e.error));
	return 1;
}
