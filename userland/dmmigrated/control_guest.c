// SPDX-License-Identifier: GPL-2.0
/*
 * GUEST_CONFIG: the configuration of a guest whose disks come here, for after the hand-over; IDENTITY: disks of it that need not.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "control_priv.h"
#include "guest.h"
#include "guest_config.h"
#include "identity.h"
#include "migrations.h"
#include "sysfs.h"

/* Of one connection: what has come of the configuration of one migration. */
struct dmm_guest_pieces {
	u8 migration[DMM_ID_BYTES];
	enum dmm_ho_role role;
	u32 total_bytes, bytes;
	char text[DMM_MAX_GUEST_CONFIG_BYTES + 1];
};

static int who_may(const struct dmm_session *s, const struct dmm_guest_config_request *rq, struct dmm_refusal *r)
{
	if (!(s->features & DMM_FEATURE_GUEST_CONFIG))
		return dmm_refuse(r, DMM_WERR_PROTOCOL, "GUEST_CONFIG without its feature in HELLO");
	if (!s->rc->migrations)
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "no journals are kept here");
	if (rq->role == DMM_HO_SOURCE && !s->local)
		return dmm_refuse(r, DMM_WERR_DENIED, "only the host itself may ask for that");
	return s->local ? 0 : dmm_guest_check(s, r);
}

static int config_check(struct dmm_session *s, const struct dmm_guest_config_request *rq, struct dmm_wire_guest_config_ok *ok,
			struct dmm_refusal *r)
{
	char path[DMM_GUEST_CONFIG_PATH], why[DMM_GUEST_CONFIG_WHY];
	const char *dir = s->rc->migrations->guest_configs;
	int ret;

	if (rq->role != DMM_HO_DEST)
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "a configuration is put in place at the destination");
	ret = dmm_guest_config_check(dir, rq->name, rq->total_bytes, rq->autostart, why);
	if (!ret)
		ret = dmm_guest_config_path(dir, rq->name, path, why);
	if (ret)
		return dmm_refuse(r, DMM_WERR_DENIED, "%s", why);
	dmm_text_put(ok->path, sizeof(ok->path), path);
	return 0;
}

/* 1: it is complete; 0: there is more to come. */
static int config_collect(struct dmm_guest_pieces **pieces, const struct dmm_guest_config_request *rq, struct dmm_refusal *r)
{
	struct dmm_guest_pieces *p = *pieces;

	if (!p)
		p = *pieces = calloc(1, sizeof(*p));
	if (!p)
		return dmm_refuse(r, DMM_WERR_INTERNAL, "out of memory");
	if (!rq->offset_bytes) {
		memcpy(p->migration, rq->migration, sizeof(p->migration));
		p->role = rq->role;
		p->total_bytes = rq->total_bytes;
		p->bytes = 0;
	}
	if (memcmp(p->migration, rq->migration, sizeof(p->migration)) || p->role != rq->role ||
	    p->total_bytes != rq->total_bytes || p->bytes != rq->offset_bytes)
		return dmm_refuse(r, DMM_WERR_PROTOCOL, "a piece of a configuration is out of place");
	memcpy(p->text + p->bytes, rq->text, rq->bytes);
	p->bytes += rq->bytes;
	p->text[p->bytes] = '\0';
	return p->bytes == p->total_bytes;
}

static int config_of_migration(struct dmm_session *s, struct dmm_migration *m, struct dmm_guest_pieces **pieces,
			       const struct dmm_guest_config_request *rq, struct dmm_wire_guest_config_ok *ok, struct dmm_refusal *r)
{
	int ret = s->local ? 0 : dmm_migration_check_peer(m, s->peer_name, r);

	if (!ret && rq->verb == DMM_GUEST_CONFIG_STAGE) {
		ret = config_collect(pieces, rq, r);
		if (ret != 1)
			return ret;
		ret = dmm_migration_guest_stage(m, rq->name, rq->autostart, (*pieces)->text, r);
	}
	return ret ? ret : dmm_migration_guest_status(m, ok, r);
}

int dmm_control_guest_config(struct dmm_session *s, const u8 *payload, struct dmm_guest_pieces **pieces,
			     struct dmm_wire_guest_config_ok *ok, struct dmm_refusal *r)
{
	struct dmm_guest_config_request rq;
	struct dmm_migration *m;
	int ret;

	ret = dmm_guest_config_decode(payload, &rq, r);
	if (!ret)
		ret = who_may(s, &rq, r);
	if (ret)
		return ret;
	memset(ok, 0, sizeof(*ok));
	if (rq.verb == DMM_GUEST_CONFIG_CHECK)
		return config_check(s, &rq, ok, r);
	memcpy(s->log_id.migration, rq.migration, sizeof(s->log_id.migration));
	m = dmm_migrations_get_part(s->rc->migrations, rq.migration, rq.role);
	if (!m)
		return dmm_refuse(r, DMM_WERR_NOTFOUND, "this migration is not known here: its disks come first");
	ret = config_of_migration(s, m, pieces, &rq, ok, r);
	dmm_migration_put(m);
	return ret;
}

int dmm_control_prepare_guest(struct dmm_session *s, const struct dmm_prepare *p, struct dmm_wire_prepared *prepared, struct dmm_refusal *r)
{
	int ret;

	if (!(s->features & DMM_FEATURE_GROUP))
		return dmm_refuse(r, DMM_WERR_PROTOCOL, "a group without its feature in HELLO");
	if (!s->rc->migrations)
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "no journals are kept here");
	ret = dmm_guest_check(s, r);
	if (!ret)
		ret = dmm_migrations_prepare_guest(s->rc->migrations, p, r);
	if (ret)
		return ret;
	memset(prepared, 0, sizeof(*prepared));
	dmm_info(&s->log_id, "guest %s of %s prepared, no disk of which moves", p->dest_path, p->source_host);
	return 0;
}

int dmm_control_identity(struct dmm_session *s, const u8 *payload, struct dmm_wire_identity_ok *ok, struct dmm_refusal *r)
{
	char path[DMM_PATH_MAX], identity[sizeof(ok->identity)];
	struct stat st;
	int ret;

	if (!(s->features & DMM_FEATURE_IDENTITY))
		return dmm_refuse(r, DMM_WERR_PROTOCOL, "IDENTITY without its feature in HELLO");
	ret = dmm_identity_decode(payload, path, r);
	if (!ret && !s->local)
		ret = dmm_guest_check(s, r);
	if (ret)
		return ret;
	memset(ok, 0, sizeof(*ok));
	if (stat(path, &st) || dmm_disk_identity(path, identity, sizeof(identity)) < 0)
		return 0;
	ok->kind = cpu_to_le32(S_ISBLK(st.st_mode) ? DMM_IDENTITY_BLOCK : DMM_IDENTITY_FILE);
	ok->size_bytes = cpu_to_le64(S_ISBLK(st.st_mode) ? dmm_sysfs_sectors(st.st_rdev) * DMM_SECTOR_BYTES : (u64)st.st_size);
	dmm_text_put(ok->identity, sizeof(ok->identity), identity);
	return 0;
}
