/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One data connection: the only code that touches struct socket.
 */
#ifndef DMM_CONN_H
#define DMM_CONN_H

#include <linux/bvec.h>
#include <linux/list.h>
#include <linux/types.h>

#include <dmmigrate/uapi.h>

struct netlink_ext_ack;
struct socket;

struct dmm_conn {
	struct socket *sock;	/* constant from open to close; a reference of ours */
	enum dmm_security security;	/* the same */
	u64 sent_bytes;		/* by the key that it has; the send thread's */
	struct list_head node;	/* of all that are open */
};

/**
 * dmm_conn_open() - Take over the socket behind a descriptor of the caller.
 * @c: the connection.
 * @fd: established, initial network namespace; TCP, or of @security RELAY one of a Unix pair.
 * @security: what it has to have.
 * @extack: says why not; may be NULL.
 *
 * Context: process, in the task that owns @fd.
 * Return: 0, -EBADF, -ENOTSOCK, -EPROTONOSUPPORT, -ENONET, -ENOTCONN, -ENOKEY (no TLS), -EPROTOTYPE (TLS), -EBUSY (ours already).
 */
int dmm_conn_open(struct dmm_conn *c, int fd, enum dmm_security security, struct netlink_ext_ack *extack);
/* Drops the reference.  No send or receive may be running.  Accepts a closed one. */
void dmm_conn_close(struct dmm_conn *c);
/*
 * Wakes whoever sends or receives, with an error; later calls fail at once.  Accepts a closed one.
 * Context: process, sleeps.
 */
void dmm_conn_shutdown(struct dmm_conn *c);

/**
 * dmm_conn_send() - Send it all.
 * @c: the connection.
 * @bv: pages of the module's own; copied, free for reuse on return.
 * @nr: entries of @bv.
 * @bytes: their sum.
 *
 * Resumes partial sends; after an error the stream is broken and the caller
 * never sends on it again.  Context: the send thread; sleeps while the peer is slow.
 * Return: 0 or negative errno; -EKEYEXPIRED: no more by this key, there has to be another connection.
 */
int dmm_conn_send(struct dmm_conn *c, struct bio_vec *bv, unsigned int nr, size_t bytes);

/*
 * Receive what is there, at most @len.  Context: the receive thread; sleeps at
 * most DMM_CONN_POLL_JIFFIES.  Return: bytes, 0 at the end of the stream, -EAGAIN
 * when nothing came, or negative errno.
 */
int dmm_conn_recv(struct dmm_conn *c, void *buf, size_t len);
#define DMM_CONN_POLL_JIFFIES	(HZ / 2)

#endif
