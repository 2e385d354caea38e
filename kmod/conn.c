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
#include <net/tls.h>

#include "conn.h"
#include "core/env.h"
#include "stop.h"

#define CONN_KVECS	16	/* at a time, on the stack */

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

/* In how many directions does the kernel encrypt?  That cannot be taken back as long as the socket lives. */
static unsigned int tls_directions(struct sock *sk)
{
	const struct inet_connection_sock *icsk = inet_csk(sk);
	const struct tls_context *tls;
	unsigned int nr = 0;

	lock_sock(sk);
	if (icsk->icsk_ulp_ops && !strcmp(icsk->icsk_ulp_ops->name, "tls")) {
		tls = tls_get_ctx(sk);
		nr = (tls->tx_conf != TLS_BASE) + (tls->rx_conf != TLS_BASE);
	}
	release_sock(sk);
	return nr;
}

static bool is_tcp(const struct socket *sock)
{
	return (sock->sk->sk_family == AF_INET || sock->sk->sk_family == AF_INET6) &&
	       sock->type == SOCK_STREAM && sock->sk->sk_protocol == IPPROTO_TCP;
}

static bool is_unix(const struct socket *sock)
{
	return sock->sk->sk_family == AF_UNIX && sock->type == SOCK_STREAM;
}

static int check_socket(struct socket *sock, enum dmm_security security, struct netlink_ext_ack *extack)
{
	struct sock *sk = sock->sk;

#if DMM_MUTANT == 30	/* hazard 30 */
	return 0;
#endif
	if (security == DMM_SECURITY_RELAY && !is_unix(sock)) {
		NL_SET_ERR_MSG(extack, "the descriptor is not a Unix stream socket, as a relay's is");
		return -EPROTONOSUPPORT;
	}
	if (security != DMM_SECURITY_RELAY && !is_tcp(sock)) {
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
	if (security == DMM_SECURITY_TLS && tls_directions(sk) != 2) {
		NL_SET_ERR_MSG(extack, "the socket has no TLS, or only in one direction");
		return -ENOKEY;
	}
	if (security == DMM_SECURITY_NONE && tls_directions(sk)) {
		NL_SET_ERR_MSG(extack, "the socket has TLS, of which nothing is said");
		return -EPROTOTYPE;
	}
	return 0;
}

int dmm_conn_open(struct dmm_conn *c, int fd, enum dmm_security security, struct netlink_ext_ack *extack)
{
	struct socket *sock;
	int r;

	sock = sockfd_lookup(fd, &r);
	if (!sock) {
		NL_SET_ERR_MSG(extack, "the descriptor is not a socket");
		return r;
	}
	r = check_socket(sock, security, extack);
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
	c->security = security;
	c->sent_bytes = 0;
	if (security != DMM_SECURITY_RELAY)
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

/*
 * What waits as long as it takes is short for an error only.  The next call would tell which; not so of TLS, which forgets
 * the error of the socket together with what it could not send: nothing would be received any more, and nobody told.
 */
static int send_msg(struct dmm_conn *c, struct msghdr *msg)
{
	size_t left;
	int r;

	while ((left = msg_data_left(msg))) {
		r = sock_sendmsg(c->sock, msg);
		if (r <= 0 || (c->security == DMM_SECURITY_TLS && (size_t)r < left))
			return r < 0 ? r : -EPIPE;
	}
	return 0;
}

/* Of pages that it is given TLS encrypts the very bytes, and may hold on to them: it is given addresses. */
static int send_copied(struct dmm_conn *c, struct bio_vec *bv, unsigned int nr)
{
	struct kvec kv[CONN_KVECS];
	struct msghdr msg;
	unsigned int n;
	size_t bytes;
	int r;

	while (nr) {
		for (n = 0, bytes = 0; nr && n < CONN_KVECS; n++, nr--, bv++) {
			kv[n].iov_base = page_address(bv->bv_page) + bv->bv_offset;
			kv[n].iov_len = bv->bv_len;
			bytes += bv->bv_len;
		}
		memset(&msg, 0, sizeof(msg));
		msg.msg_flags = MSG_NOSIGNAL | (nr ? MSG_MORE : 0);
		iov_iter_kvec(&msg.msg_iter, ITER_SOURCE, kv, n, bytes);
		r = send_msg(c, &msg);
		if (r)
			return r;
	}
	return 0;
}

int dmm_conn_send(struct dmm_conn *c, struct bio_vec *bv, unsigned int nr, size_t bytes)
{
	struct msghdr msg = { .msg_flags = MSG_NOSIGNAL };

	c->sent_bytes += bytes;
	if (c->security != DMM_SECURITY_NONE && c->sent_bytes > dmm_stop_key_bytes() &&
	    DMM_MUTANT != 128)	/* hazard 28 */
		return -EKEYEXPIRED;
	if (c->security == DMM_SECURITY_TLS)
		return send_copied(c, bv, nr);
	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, bv, nr, bytes);
	return send_msg(c, &msg);
}

int dmm_conn_recv(struct dmm_conn *c, void *buf, size_t len)
{
	struct msghdr msg = { .msg_flags = MSG_NOSIGNAL };
	struct kvec iov = { .iov_base = buf, .iov_len = len };

	return kernel_recvmsg(c->sock, &msg, &iov, 1, len, 0);
}
