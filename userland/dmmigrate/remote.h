/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The receiver, as the verbs see it: one control or data connection, requests,
 * and one sentence that says what went wrong.
 */
#ifndef DMM_REMOTE_H
#define DMM_REMOTE_H

#include "exitcode.h"
#include "facts.h"
#include "leftover.h"
#include "parse.h"
#include "wireio.h"

#define DMM_REMOTE_CONNECT_MS	10000
#define DMM_REMOTE_SLOW_MS	120000	/* DIGEST, FINISH: a flush or 64 MiB from a busy disk */

/* Owned by one thread; zeroed and then dmm_remote_init()ed. */
struct dmm_remote {
	struct dmm_client client;
	u64 offer;			/* DMM_FEATURE_*: to offer in HELLO */
	enum dmm_tls_carrier carrier;	/* of a data connection; AUTO: as dmm_remote_security() says */
	struct dmm_wire_hello_ok hello;
	struct dmm_wire_refuse refuse;
	char where[DMM_HOST_MAX + 16];	/* "host:port", for messages */
	char why[768];			/* after a failure: a sentence */
	enum dmm_exit exit;		/* after a failure: its exit code */
	int err;			/* after a failure: its errno */
	u32 code;			/* after a refusal: enum dmm_wire_err, else 0 */
};

/*
 * Where keys and peers are (NULL: where they are by default), and who encrypts ("auto"...; NULL: auto).  -EINVAL.
 * Context: before the first is opened.
 */
int dmm_remote_security(const char *keys, const char *tls);

void dmm_remote_init(struct dmm_remote *r);
void dmm_remote_close(struct dmm_remote *r);	/* idempotent */

/* All of these: 0, or a negative errno with why, exit and code filled. */
int dmm_remote_open(struct dmm_remote *r, const struct dmm_target *to);	/* connects, HELLO */
int dmm_remote_open_local(struct dmm_remote *r, const char *path);	/* the daemon of this host */
/* The texts of PREPARE: who asks, for what, where to. 0 or -ENAMETOOLONG. */
int dmm_remote_texts(struct dmm_wire_prepare *req, const char *identity, const char *path,
		     const char *dest);
int dmm_remote_prepare(struct dmm_remote *r, const struct dmm_wire_prepare *req,
		       struct dmm_wire_prepared *prepared);
int dmm_remote_query(struct dmm_remote *r, const u8 id[DMM_ID_BYTES], u32 disk, struct dmm_wire_query_ok *q);
int dmm_remote_finish(struct dmm_remote *r, const u8 id[DMM_ID_BYTES], u32 disk);
int dmm_remote_forget(struct dmm_remote *r, const u8 id[DMM_ID_BYTES], u32 disk);
int dmm_remote_digest(struct dmm_remote *r, const u8 id[DMM_ID_BYTES], u32 disk, u64 offset_bytes,
		      u64 length_bytes, u8 digest[16]);
/* With DMM_FEATURE_PROVE offered and agreed upon. */
int dmm_remote_prove(struct dmm_remote *r, const struct dmm_wire_prove *req, struct dmm_wire_prove_ok *ok);
int dmm_remote_compare(struct dmm_remote *r, const struct dmm_wire_compare *req,
		       struct dmm_wire_compare_ok *ok);

/*
 * Opens a data connection and attaches it: @at says which.  Within TLS its key is asked for on @control, which is
 * opened should it not be; a failure there is told as @data's.  @outlives: a relay stays when this process ends.
 */
int dmm_remote_open_data(struct dmm_remote *data, struct dmm_remote *control, const struct dmm_target *to,
			 const struct dmm_wire_attach *at, bool outlives);
int dmm_remote_attach(struct dmm_remote *r, const struct dmm_wire_attach *at);
void dmm_remote_attach_to(struct dmm_wire_attach *at, const u8 id[DMM_ID_BYTES], u32 disk, u64 conn_epoch,
			  u32 conn_index, u32 conns);

/* The receiver of a guest's memory, whose stream the connection is from here on. */
int dmm_remote_guest(struct dmm_remote *r, const u8 id[DMM_ID_BYTES], const char *name);

/* Of the configuration of a guest; with DMM_FEATURE_GUEST_CONFIG offered. @ok is zeroed after a failure. */
int dmm_remote_guest_config(struct dmm_remote *r, const struct dmm_wire_guest_config *req, struct dmm_wire_guest_config_ok *ok);

/* Which disk has @path there; with DMM_FEATURE_IDENTITY offered. @ok is zeroed after a failure. */
int dmm_remote_identity(struct dmm_remote *r, const char *path, struct dmm_wire_identity_ok *ok);

/* With DMM_FEATURE_VOLUME offered and agreed upon. */
int dmm_remote_volume(struct dmm_remote *r, const struct dmm_wire_volume *req, struct dmm_wire_volume_ok *ok);

/* With DMM_FEATURE_LEFTOVERS offered: adds all of @id's, or all (@id NULL), to @l.  *plaintext: that daemon speaks without TLS. */
int dmm_remote_leftovers(struct dmm_remote *r, const u8 *id, struct dmm_leftovers *l, bool *plaintext);
/*
 * Sends @bytes that the receiver throws away, 1 to DMM_MAX_PROBE_BYTES; *took_ns, by our clock, until it says that it has them.  With
 * DMM_FEATURE_PROBE offered.
 */
int dmm_remote_probe_link(struct dmm_remote *r, u64 bytes, u64 *took_ns);
/* Has the destination @path for a source of @size_bytes read for a moment: so many *bytes in *took_ns. The same. */
int dmm_remote_probe_disk(struct dmm_remote *r, const char *path, u64 size_bytes, u64 *bytes, u64 *took_ns);

/* With DMM_FEATURE_FACTS offered and agreed upon; *offset_ns: that host's clock less ours, within *error_ns. */
int dmm_remote_facts(struct dmm_remote *r, struct dmm_facts *f, s64 *offset_ns, u64 *error_ns);

/* Of a group; @ok is zeroed after a failure. */
int dmm_remote_group(struct dmm_remote *r, const struct dmm_wire_group *req,
		     struct dmm_wire_group_ok *ok);
int dmm_remote_adopt(struct dmm_remote *r, const struct dmm_wire_adopt *req,
		     struct dmm_wire_group_ok *ok);

#endif
