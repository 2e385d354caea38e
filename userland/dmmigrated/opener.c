// SPDX-License-Identifier: GPL-2.0
/*
 * The opener's life, and how it is asked.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dmtable.h"
#include "fullio.h"
#include "ipc.h"
#include "log.h"
#include "opener.h"
#include "opener_msg.h"

#define ALLOW_MS	5000u

int dmm_dest_create_open(struct dmm_allow *allow, const struct dmm_dest_request *rq, bool create, bool check,
			 struct dmm_dest *d, struct dmm_dest_made *made, bool *would, struct dmm_refusal *r)
{
	int ret = 0;

	made->dir_fd = -1;
	*would = false;
	d->fd = -1;
	if (create)
		ret = dmm_dest_create(allow, rq, check, would, made, r);
	if (ret || (*would && check))
		return ret;
	ret = dmm_dest_open(allow, rq, d, r);
	if (ret)
		dmm_dest_made_remove(made);
	return ret;
}

/* --- the process --- */

static void open_one(struct dmm_allow *allow, const struct opener_ask *ask, struct opener_answer *answer)
{
	const struct dmm_dest_request rq = {
		.path = ask->path, .peer = ask->peer, .size_bytes = ask->size_bytes, .lbs_bytes = ask->lbs_bytes,
		.overwrite = ask->overwrite, .made = ask->made, .source_identity = ask->source_identity, .gate = ask->gate,
	};

	answer->ret = dmm_dest_create_open(allow, &rq, ask->create, ask->check, &answer->dest, &answer->made, &answer->would, &answer->refusal);
}

static int replace_allow(struct dmm_allow *allow, const char *text, u32 bytes)
{
	const char *end = text + bytes;
	char **globs = calloc(DMM_ALLOW_MAX, sizeof(*globs));
	u32 nr = 0;

	if (!globs)
		return -ENOMEM;
	while (text < end && nr < DMM_ALLOW_MAX) {
		globs[nr] = strdup(text);
		if (!globs[nr])
			break;
		text += strlen(globs[nr++]) + 1;
	}
	dmm_allow_replace(allow, globs, nr);
	return text == end ? 0 : -ENOMEM;
}

static void opener_handle(void *ctx, struct dmm_ipc_msg *msg)
{
	struct opener_answer *answer = calloc(1, sizeof(*answer));
	struct dmm_nbd *nbd = NULL;

	if (!answer) {
		dmm_ipc_free(msg);
		return;
	}
	answer->dest.fd = answer->made.dir_fd = -1;
	if (msg->op == OPENER_ALLOW && (!msg->bytes || !((char *)msg->data)[msg->bytes - 1]))
		answer->ret = replace_allow(ctx, msg->data, msg->bytes);
	else if (msg->bytes != sizeof(struct opener_ask))
		answer->ret = dmm_refuse(&answer->refusal, DMM_WERR_INTERNAL, "a request of another size");
	else if (msg->op == OPENER_OPEN)
		open_one(ctx, msg->data, answer);
	else
		answer->dest.fd = answer->ret = dmm_dest_reopen(&((struct opener_ask *)msg->data)->dest, &nbd, &answer->refusal);
	dmm_ipc_answer(msg, answer, sizeof(*answer), answer->dest.fd, answer->made.dir_fd);
	free(answer);
}

void dmm_opener_run(struct dmm_config *c, int sock, const struct dmm_sandbox *box)
{
	static struct dmm_allow allow;
	char what[DMM_SANDBOX_WHAT];

	dmm_allow_init(&allow);
	dmm_allow_replace(&allow, c->allow, c->nr_allow);
	if (dmm_sandbox_enter(box, what)) {
		dmm_err(NULL, "no destination can be opened: %s", what);
		_exit(EXIT_FAILURE);
	}
	dmm_debug(NULL, "opener: %s", what);
	dmm_ipc_serve(sock, opener_handle, NULL, &allow, 0);
	_exit(EXIT_SUCCESS);
}

/* --- the daemon --- */

static void opener_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void end_text(char *s, size_t bytes)
{
	s[bytes - 1] = '\0';
	dmm_text_clean(s);
}

/* Is what it says of OPEN an answer?  It is no refusal. */
static int opener_check(bool check, struct opener_answer *answer, struct dmm_refusal *r)
{
	struct dmm_dest_made *made = &answer->made;

	made->name[sizeof(made->name) - 1] = '\0';
	/* what was made is removed by its name, in its directory, by us: no other file is */
	if (!answer->ret && (check && answer->would) == (answer->dest.fd < 0) &&
	    (made->dir_fd < 0 || (made->name[0] && !strchr(made->name, '/'))))
		return 0;
	return dmm_refuse(r, DMM_WERR_INTERNAL, "the process that opens destinations has given an answer that is none: see the log, and "
			  "restart dmmigrated");
}

static int opener_call(int sock, enum opener_op op, const struct opener_ask *ask, struct opener_answer *answer,
		       struct dmm_refusal *r)
{
	struct dmm_ipc_msg msg;
	int ret;

	answer->dest.fd = answer->made.dir_fd = -1;
	/* as long as the device takes */
	ret = dmm_ipc_ask(sock, op, ask, sizeof(*ask), NULL, 0, &msg, DMM_NO_DEADLINE, -1);

	if (ret)
		return dmm_refuse(r, DMM_WERR_INTERNAL, "the process that opens destinations has ended: see the log, and restart "
				  "dmmigrated");
	if (msg.bytes != sizeof(*answer)) {
		dmm_ipc_free(&msg);
		return dmm_refuse(r, DMM_WERR_INTERNAL, "an answer of another size");
	}
	memcpy(answer, msg.data, sizeof(*answer));
	answer->dest.fd = dmm_ipc_take(&msg, 0);
	answer->made.dir_fd = dmm_ipc_take(&msg, 1);
	dmm_ipc_free(&msg);
	/* it has read what lies on disks, and may not be ours any more: texts end, and are texts */
	end_text(answer->dest.signature, sizeof(answer->dest.signature));
	end_text(answer->dest.identity, sizeof(answer->dest.identity));
	answer->dest.nbd = NULL;
	answer->would = dmm_ipc_flag(&answer->would);
	if (answer->ret < 0) {
		answer->ret = dmm_refusal_heard(&answer->refusal);
		*r = answer->refusal;
	}
	return answer->ret;
}

int dmm_opener_open(int sock, const struct dmm_dest_request *rq, bool create, bool check, struct dmm_dest *d,
		    struct dmm_dest_made *made, bool *would, struct dmm_refusal *r)
{
	struct opener_ask *ask = calloc(1, sizeof(*ask));
	struct opener_answer *answer = calloc(1, sizeof(*answer));
	int ret = -ENOMEM;

	made->dir_fd = -1;
	if (ask && answer) {
		ask->create = create;
		ask->check = check;
		ask->size_bytes = rq->size_bytes;
		ask->lbs_bytes = rq->lbs_bytes;
		ask->overwrite = rq->overwrite;
		ask->made = rq->made;
		snprintf(ask->path, sizeof(ask->path), "%s", rq->path);
		snprintf(ask->peer, sizeof(ask->peer), "%s", rq->peer);
		snprintf(ask->source_identity, sizeof(ask->source_identity), "%s", rq->source_identity);
		snprintf(ask->gate, sizeof(ask->gate), "%s", rq->gate);
		ret = opener_call(sock, OPENER_OPEN, ask, answer, r);
		if (ret >= 0)
			ret = opener_check(check, answer, r);
		if (ret) {
			opener_close(&answer->dest.fd);
			opener_close(&answer->made.dir_fd);
		}
		snprintf(answer->dest.path, sizeof(answer->dest.path), "%s", rq->path);
		*d = answer->dest;
		*made = answer->made;
		*would = answer->would;
	} else {
		dmm_refuse(r, DMM_WERR_INTERNAL, "out of memory");
	}
	free(ask);
	free(answer);
	return ret;
}

int dmm_opener_reopen(int sock, const struct dmm_dest *d, struct dmm_refusal *r)
{
	struct opener_ask *ask = calloc(1, sizeof(*ask));
	struct opener_answer *answer = calloc(1, sizeof(*answer));
	int ret = -ENOMEM;

	if (ask && answer) {
		ask->dest = *d;
		ret = opener_call(sock, OPENER_REOPEN, ask, answer, r);
		if (ret >= 0)
			ret = answer->dest.fd >= 0 ? answer->dest.fd : dmm_refuse(r, DMM_WERR_INTERNAL, "no descriptor came");
		else
			opener_close(&answer->dest.fd);
		opener_close(&answer->made.dir_fd);	/* of no use here */
	} else {
		dmm_refuse(r, DMM_WERR_INTERNAL, "out of memory");
	}
	free(ask);
	free(answer);
	return ret;
}

int dmm_opener_allow(int sock, struct dmm_allow *allow)
{
	struct dmm_ipc_msg msg;
	char *text = malloc(DMM_IPC_BYTES);
	u32 bytes;
	int ret;

	if (!text)
		return -ENOMEM;
	bytes = dmm_allow_texts(allow, text, DMM_IPC_BYTES - 64);
	ret = bytes == ~0u ? -E2BIG : dmm_ipc_ask(sock, OPENER_ALLOW, text, bytes, NULL, 0, &msg, dmm_now_ms() + ALLOW_MS, -1);
	free(text);
	if (ret)
		return ret;
	if (msg.bytes == sizeof(struct opener_answer))
		ret = ((struct opener_answer *)msg.data)->ret;
	dmm_ipc_free(&msg);
	return ret;
}
