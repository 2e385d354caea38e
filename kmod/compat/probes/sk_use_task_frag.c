// SPDX-License-Identifier: GPL-2.0
/* Upstream: 6.2, fb87bd47516d "net: Introduce sk_use_task_frag in struct sock." */
#include <net/sock.h>

void probe(struct sock *sk);
void probe(struct sock *sk)
{
	sk->sk_use_task_frag = false;
}
