// SPDX-License-Identifier: GPL-2.0
/*
 * Control frames over a socket, and the client's half of the conversation.
 * A frame that was sent or received in part leaves the connection useless:
 * every failure but a refusal means that the caller closes it.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fullio.h"
#include "local.h"
#include "parse.h"
#include "wireio.h"

int dmm_wireio_send_until(int fd, u16 type, u64 *seq, const void *payload, u32 bytes,
			  u64 deadline_ms, int stop_fd)
{
	struct dmm_frame f = { .type = type, .seq = *seq + 1, .payload_bytes = bytes };
	struct dmm_wire_hdr hdr;
	struct iovec iov[2] = {
		{ .iov_base = &hdr, .iov_len = sizeof(hdr) },
		{ .iov_base = (void *)payload, .iov_len = bytes },
	};
	u64 grace_ms;
	u32 crc;
	int ret;

	if (bytes > (type == DMM_MSG_HASHES_OK ? DMM_MAX_HASHES_BYTES : DMM_MAX_CONTROL_BYTES))
		return -EMSGSIZE;
	dmm_wire_hdr_encode(&hdr, &f);
	crc = dmm_wire_hdr_crc(&hdr);
	if (bytes)
		crc = dmm_crc32c(crc, payload, bytes);
	dmm_wire_hdr_seal(&hdr, crc);
	(*seq)++;
	ret = dmm_sock_writev(fd, iov, 2, deadline_ms, stop_fd);
	if (ret != -ECANCELED)
		return ret;
	/* a frame that has begun is finished (@iov says how far it got), in short time */
	grace_ms = dmm_now_ms() + DMM_STOP_GRACE_MS;
	return dmm_sock_writev(fd, iov, 2, grace_ms < deadline_ms ? grace_ms : deadline_ms, -1);
}

int dmm_wireio_recv_until(int fd, struct dmm_frame *f, void *payload, u32 cap, u64 deadline_ms,
			  int stop_fd, const char **why)
{
	struct dmm_wire_hdr hdr;
	const char *text = NULL;
	u32 crc;
	int ret;

	if (why)
		*why = NULL;
	ret = dmm_sock_read(fd, &hdr, sizeof(hdr), deadline_ms, stop_fd);
	if (ret)
		return ret;
	ret = dmm_wire_hdr_decode(&hdr, f, &text);
	if (ret)
		goto out_why;
	if (f->payload_bytes > cap)
		return -EMSGSIZE;
	crc = dmm_wire_hdr_crc(&hdr);
	if (f->payload_bytes) {
		ret = dmm_sock_read(fd, payload, f->payload_bytes, deadline_ms, stop_fd);
		if (ret)
			return ret == -ENODATA ? -ECONNRESET : ret;
		crc = dmm_crc32c(crc, payload, f->payload_bytes);
	}
	if (dmm_wire_crc_ok(f, crc))
		return 0;
	text = "checksum mismatch";
	ret = -EBADMSG;
out_why:
	if (why)
		*why = text;
	return ret;
}

int dmm_wireio_send(int fd, u16 type, u64 *seq, const void *payload, u32 bytes, int timeout_ms)
{
	return dmm_wireio_send_until(fd, type, seq, payload, bytes, dmm_now_ms() + timeout_ms, -1);
}

int dmm_wireio_recv(int fd, struct dmm_frame *f, void *payload, u32 cap, int timeout_ms,
		    const char **why)
{
	return dmm_wireio_recv_until(fd, f, payload, cap, dmm_now_ms() + timeout_ms, -1, why);
}

/* Where connections of this process come from; of no family: wherever the kernel says. */
static struct sockaddr_storage from;
static _Thread_local struct sockaddr_storage from_here;	/* before that */

void dmm_client_from(const struct sockaddr_storage *own)
{
	from = *own;
}

/* An address in numbers, with its zone; of anything else *@address stays as it is. */
static void address_of(const char *text, struct sockaddr_storage *address)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST };
	struct addrinfo *list;

	if (!*text || getaddrinfo(text, NULL, &hints, &list))
		return;
	memcpy(address, list->ai_addr, list->ai_addrlen);
	freeaddrinfo(list);
}

void dmm_client_from_before(const char *own)
{
	if (!from.ss_family)
		address_of(own, &from);
}

void dmm_client_from_here(const char *own)
{
	memset(&from_here, 0, sizeof(from_here));
	address_of(own, &from_here);
}

static const struct sockaddr_storage *from_where(void)
{
	return from_here.ss_family ? &from_here : &from;
}

void dmm_client_own(char own[DMM_OWN_ADDRESS])
{
	if (!from.ss_family || getnameinfo((const struct sockaddr *)&from, sizeof(from), own, DMM_OWN_ADDRESS, NULL, 0, NI_NUMERICHOST))
		own[0] = '\0';
}

/* 0, or -errno: what is to come from an address goes by no other. */
static int bind_from(int fd, int family)
{
	struct sockaddr_storage own = *from_where();

	if (!own.ss_family)
		return 0;
	if (own.ss_family != family)
		return -EAFNOSUPPORT;
	if (family == AF_INET)
		((struct sockaddr_in *)&own)->sin_port = 0;
	else
		((struct sockaddr_in6 *)&own)->sin6_port = 0;
	return bind(fd, (struct sockaddr *)&own, family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)) ?
	       -errno : 0;
}

/* Connects one address within the deadline. Returns the descriptor, blocking again, or -errno. */
static int connect_one(const struct addrinfo *ai, u64 deadline_ms)
{
	int fd, ret, err = 0, one = 1;
	socklen_t len = sizeof(err);

	fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    ai->ai_protocol);
	if (fd < 0)
		return -errno;
	ret = bind_from(fd, ai->ai_family);
	if (ret)
		goto err_close;
	if (connect(fd, ai->ai_addr, ai->ai_addrlen)) {
		ret = -errno;
		if (ret != -EINPROGRESS)
			goto err_close;
		ret = dmm_wait_fd(fd, POLLOUT, deadline_ms, -1);
		if (ret)
			goto err_close;
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len))
			err = errno;
		ret = -err;
		if (ret)
			goto err_close;
	}
	/* The kernel sender wants an ordinary, blocking socket. */
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one))) {
		ret = -errno;
		goto err_close;
	}
	return fd;

err_close:
	close(fd);
	return ret;
}

static void client_init(struct dmm_client *c)
{
	memset(c, 0, sizeof(*c));
	c->fd = -1;
	c->timeout_ms = DMM_CLIENT_TIMEOUT_MS;
}

int dmm_client_connect_local(const char *path, struct dmm_client *c)
{
	int fd = dmm_local_connect(path);

	client_init(c);
	if (fd < 0)
		return fd;
	c->fd = fd;
	return 0;
}

/* The handshake on a new connection. */
static int client_protect(const char *host, int timeout_ms, const struct dmm_tls_client *tls,
			  struct dmm_client *c)
{
	struct dmm_tls_client config = *tls;
	int ret;

	config.host = host;
	ret = dmm_tls_connect(&c->fd, &config, dmm_now_ms() + timeout_ms, -1, &c->tls, c->tls_why);
	if (!ret)
		return 0;
	dmm_client_close(c);
	c->why = c->tls_why;
	return ret;
}

int dmm_client_connect(const char *host, u16 port, int timeout_ms, const struct dmm_tls_client *tls,
		       struct dmm_client *c)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_NUMERICSERV };
	u64 deadline_ms = dmm_now_ms() + timeout_ms, now_ms, share_ms;
	struct addrinfo *list, *ai;
	unsigned int left = 0;
	int fd = -EADDRNOTAVAIL;
	char service[8];
	int err;

	client_init(c);
	snprintf(service, sizeof(service), "%u", port);
	err = getaddrinfo(host, service, &hints, &list);
	if (err) {
		c->why = gai_strerror(err);
		return -EADDRNOTAVAIL;
	}
	for (ai = list; ai; ai = ai->ai_next)
		left++;
	for (ai = list; ai; ai = ai->ai_next, left--) {
		now_ms = dmm_now_ms();
		/* one that does not answer leaves the next ones their share */
		share_ms = deadline_ms > now_ms ? (deadline_ms - now_ms) / left : 0;
		fd = connect_one(ai, now_ms + share_ms);
		if (fd >= 0)
			break;
	}
	freeaddrinfo(list);
	if (fd == -EADDRNOTAVAIL && from_where()->ss_family)
		c->why = "the address that --network had it come from is not this host's any more: dmmigrate start again, with --network";
	if (fd < 0)
		return fd;
	c->fd = fd;
	return tls ? client_protect(host, timeout_ms, tls, c) : 0;
}

/* A refusal is shown to people: whatever came, make it one printable line. */
static void refuse_take(struct dmm_wire_refuse *dst, const struct dmm_wire_refuse *src)
{
	*dst = *src;
	if (dmm_text_check(dst->text, sizeof(dst->text))) {
		memset(dst->text, 0, sizeof(dst->text));
		dmm_text_put(dst->text, sizeof(dst->text), "(unreadable reason)");
	}
}

int dmm_client_send(struct dmm_client *c, u16 type, const void *payload, u32 bytes)
{
	int ret;

	c->why = NULL;
	ret = dmm_wireio_send(c->fd, type, &c->tx_seq, payload, bytes, c->timeout_ms);
	/*
	 * A receiver that refuses and closes may do so before it has read everything:
	 * its reason is worth more than our EPIPE.
	 */
	return ret == -EPIPE || ret == -ECONNRESET ? 0 : ret;
}

int dmm_client_receive(struct dmm_client *c, u16 expect, void *reply, u32 reply_bytes,
		       struct dmm_wire_refuse *refuse)
{
	union {
		u8 bytes[DMM_MAX_CONTROL_BYTES];
		struct dmm_wire_refuse refuse;
	} in;
	bool large = reply_bytes > sizeof(in);
	void *to = large ? reply : &in;
	struct dmm_frame f;
	int ret;

	c->why = NULL;
	ret = dmm_wireio_recv(c->fd, &f, to, large ? reply_bytes : sizeof(in), c->timeout_ms, &c->why);
	if (ret == -ENODATA) {
		c->why = "the receiver closed the connection";
		return -ECONNRESET;
	}
	if (ret == -EBADMSG || ret == -EMSGSIZE)
		return -EPROTO;
	if (ret)
		return ret;
	if (f.seq != c->rx_seq + 1) {
		c->why = "wrong sequence number";
		return -EPROTO;
	}
	c->rx_seq++;
	if (f.type == DMM_MSG_REFUSE) {
		memcpy(&in.refuse, to, sizeof(in.refuse));
		refuse_take(refuse, &in.refuse);
		return -EREMOTEIO;
	}
	if (f.type != expect || f.payload_bytes != reply_bytes) {
		c->why = "an answer of another kind than asked for";
		return -EPROTO;
	}
	if (reply_bytes && !large)
		memcpy(reply, in.bytes, reply_bytes);
	return 0;
}

int dmm_client_request(struct dmm_client *c, u16 type, const void *payload, u32 bytes,
		       u16 expect, void *reply, u32 reply_bytes, struct dmm_wire_refuse *refuse)
{
	int ret = dmm_client_send(c, type, payload, bytes);

	return ret ? ret : dmm_client_receive(c, expect, reply, reply_bytes, refuse);
}

int dmm_client_hello(struct dmm_client *c, const char *program, struct dmm_wire_hello_ok *ok,
		     struct dmm_wire_refuse *refuse)
{
	struct dmm_wire_hello hello;
	int ret;

	memset(&hello, 0, sizeof(hello));
	hello.version_min = cpu_to_le16(DMM_WIRE_VERSION);
	hello.version_max = cpu_to_le16(DMM_WIRE_VERSION);
	hello.features = cpu_to_le64(c->features);
	ret = dmm_text_put(hello.program, sizeof(hello.program), program);
	if (ret)
		return ret;
	ret = dmm_client_request(c, DMM_MSG_HELLO, &hello, sizeof(hello), DMM_MSG_HELLO_OK,
				 ok, sizeof(*ok), refuse);
	if (ret)
		return ret;
	if (le16_to_cpu(ok->version) != DMM_WIRE_VERSION) {
		c->why = "it chose a version that was not offered";
		return -EPROTO;
	}
	if (dmm_text_check(ok->program, sizeof(ok->program))) {
		c->why = "its name is not text";
		return -EPROTO;
	}
	if (le64_to_cpu(ok->features) & ~c->features) {
		c->why = "it chose features that were not offered";
		return -EPROTO;
	}
	c->features = le64_to_cpu(ok->features);
	return 0;
}

void dmm_client_close(struct dmm_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}
