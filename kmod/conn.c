// SPDX-License-Identifier: GPL-2.0
/*
 * One data connection: checks of a descriptor that userland hands in, sending
 * of whole frames, receiving with a bounded wait.
 */
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/netlink.h>
#include <linux/tcp.h>
#include <linux/uio.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "conn.h"
#include "core/env.h"

static DEFINE_MUTEX(conns_mutex);
static LIST_HEAD(conns);	/* conns_mutex; all that are open, of every disk */

/* Two connections on one stream would garble each other's frames.  -EBUSY if it is ours already. */
static int add_conn(struct dmm_conn *c, struct socket *sock)
{
	struct dmm_conn *other;

	mutex_lock(&conns_mutex);
	list_for_each_entry(other, &conns, node) {
		if (other->sock == sock) {
			mutex_unlock(&conns_mutex);
			return -EBUSY;
		}
	}
	c->sock = sock;
	list_add(&c->node, &conns);
	mutex_unlock(&conns_mutex);
	return 0;
}

static int check_socket(struct socket *sock, struct netlink_ext_ack *extack)
{
	struct sock *sk = sock->sk;

#if DMM_MUTANT == 30	/* hazard 30 */
	return 0;
#endif
	if ((sk->sk_family != AF_INET && sk->sk_family != AF_INET6) ||
	    sock->type != SOCK_STREAM || sk->sk_protocol != IPPROTO_TCP) {
		NL_SET_ERR_MSG(extack, "the descriptor is not a TCP socket");
		return -EPROTONOSUPPORT;
	}
	if (!net_eq(sock_net(sk), &init_net)) {
		NL_SET_ERR_MSG(extack, "the socket is not of the initial network namespace");
		return -ENONET;
	}
	if (READ_ONCE(sk->sk_state) != TCP_ESTABLISHED) {
		NL_SET_ERR_MSG(extack, "the socket is not connected");
		return -ENOTCONN;
	}
	return 0;
}

int dmm_conn_open(struct dmm_conn *c, int fd, struct netlink_ext_ack *extack)
{
	struct socket *sock;
	int r;

	sock = sockfd_lookup(fd, &r);
	if (!sock) {
		NL_SET_ERR_MSG(extack, "the descriptor is not a socket");
		return r;
	}
	r = check_socket(sock, extack);
	if (!r) {
		r = add_conn(c, sock);
		if (r)
			NL_SET_ERR_MSG(extack, "the socket is attached already");
	}
	if (r) {
		sockfd_put(sock);
		return r;
	}

	/* never into the block layer for memory: the writes we copy may be what reclaim waits for */
	sock->sk->sk_allocation = GFP_NOIO;
	dmm_sk_no_task_frag(sock->sk);
	sock->sk->sk_rcvtimeo = DMM_CONN_POLL_JIFFIES;
	sock->sk->sk_sndtimeo = MAX_SCHEDULE_TIMEOUT;	/* ack.c watches the clock */
	tcp_sock_set_nodelay(sock->sk);
	return 0;
}

void dmm_conn_close(struct dmm_conn *c)
{
	if (!c->sock)
		return;
	mutex_lock(&conns_mutex);
	list_del(&c->node);
	mutex_unlock(&conns_mutex);
	sockfd_put(c->sock);
	c->sock = NULL;
}

void dmm_conn_shutdown(struct dmm_conn *c)
{
	if (c->sock)
		kernel_sock_shutdown(c->sock, SHUT_RDWR);
}

int dmm_conn_send(struct dmm_conn *c, struct bio_vec *bv, unsigned int nr, size_t bytes)
{
	struct msghdr msg = { .msg_flags = MSG_NOSIGNAL };
	int r;

	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, bv, nr, bytes);
	while (msg_data_left(&msg)) {
		r = sock_sendmsg(c->sock, &msg);
		if (r <= 0)
			return r ? r : -EPIPE;
	}
	return 0;
}

int dmm_conn_recv(struct dmm_conn *c, void *buf, size_t len)
{
	struct msghdr msg = { .msg_flags = MSG_NOSIGNAL };
	struct kvec iov = { .iov_base = buf, .iov_len = len };

	return kernel_recvmsg(c->sock, &msg, &iov, 1, len, 0);
}
