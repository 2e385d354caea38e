// SPDX-License-Identifier: GPL-2.0
/*
 * The daemon's side of its acceptor.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "acceptor.h"
#include "fullio.h"
#include "ipc.h"
#include "keys_priv.h"

static void serve_key(struct dmm_receiver *rc, struct dmm_ipc_msg *msg)
{
	struct dmm_keyring *ring = &rc->channel->keyring;
	struct dmm_acceptor_key key;

	memset(&key, 0, sizeof(key));
	if (msg->bytes != DMM_KEY_IDENTITY_BYTES)
		key.ret = -EPROTO;
	else if (msg->op == DMM_ACCEPTOR_FIND)
		key.ret = dmm_keyring_find(ring, msg->data, dmm_now_ms(), key.secret);
	else
		key.ret = dmm_keyring_use(ring, msg->data, dmm_now_ms(), &key.use);
	dmm_ipc_answer(msg, &key, sizeof(key), -1, -1);
	gnutls_memset(&key, 0, sizeof(key));
}

/* Whoever shakes hands has to know whom we trust, and who we are, and nothing else of ours. */
static void serve_file(struct dmm_receiver *rc, struct dmm_ipc_msg *msg)
{
	static const char *const names[] = { DMM_KEYS_PEERS, DMM_KEYS_CA, DMM_KEYS_KEY, DMM_KEYS_CRT };
	struct dmm_acceptor_file *file = msg->data;
	int fd = -EACCES;
	size_t i;

	if (msg->bytes != sizeof(*file)) {
		dmm_ipc_free(msg);
		return;
	}
	file->name[sizeof(file->name) - 1] = '\0';
	snprintf(file->why, sizeof(file->why), "not one of the files of keys");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(file->name, names[i]))
			fd = dmm_keys_open(dmm_keys_dir(rc->channel->keys), names[i], file->forbidden, file->why);
	}
	file->ret = fd < 0 ? fd : 0;
	dmm_ipc_answer(msg, file, sizeof(*file), fd, -1);
}

static void serve_session(struct dmm_receiver *rc, struct dmm_ipc_msg *msg)
{
	struct dmm_log_id id = { .disk = DMM_LOG_NO_DISK };
	struct dmm_session *known = msg->data;
	int fd = dmm_ipc_take(msg, 0), ret;

	if (fd < 0 || msg->bytes != sizeof(*known)) {
		dmm_ipc_free(msg);
		return;
	}
	/* of another process: its pointers are none, and its texts may have no end */
	known->peer[sizeof(known->peer) - 1] = '\0';
	id.peer = known->peer;
	ret = dmm_session_start_known(rc, fd, known);
	if (ret && ret != -EUSERS)
		dmm_err(&id, "cannot serve a connection: %s", strerror(-ret));
	dmm_ipc_answer(msg, NULL, 0, -1, -1);
}

bool dmm_acceptor_serve(struct dmm_receiver *rc, int up, int *ready)
{
	struct dmm_ipc_msg msg;
	int ret = dmm_ipc_next(up, &msg);

	if (ret <= 0)
		return ret;	/* an error is that message's */
	switch ((enum dmm_acceptor_op)msg.op) {
	case DMM_ACCEPTOR_READY:
		if (msg.bytes == sizeof(*ready))
			memcpy(ready, msg.data, sizeof(*ready));
		dmm_ipc_answer(&msg, NULL, 0, -1, -1);
		return true;
	case DMM_ACCEPTOR_FIND:
	case DMM_ACCEPTOR_USE:
		serve_key(rc, &msg);
		return true;
	case DMM_ACCEPTOR_FILE:
		serve_file(rc, &msg);
		return true;
	case DMM_ACCEPTOR_SESSION:
		serve_session(rc, &msg);
		return true;
	}
	dmm_ipc_free(&msg);
	return true;
}
