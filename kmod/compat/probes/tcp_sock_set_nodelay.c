// SPDX-License-Identifier: GPL-2.0
/* Upstream: 5.8, 12abc5ee7873 "tcp: add tcp_sock_set_nodelay" */
#include <linux/tcp.h>

void probe(struct sock *sk);
void probe(struct sock *sk)
{
	tcp_sock_set_nodelay(sk);
}
