// SPDX-License-Identifier: GPL-2.0
/*
 * Is it the same disk there?
 */
#include <stdio.h>
#include <string.h>

#include "doctor.h"
#include "remote.h"
#include "vm_shared.h"

struct both {
	char here[DMM_IDENTITY_ALL];
	u64 bytes;		/* of it here; 0: not known */
	struct dmm_wire_identity_ok there;
	enum dmm_identity_verdict verdict;
	char which[DMM_IDENTITY_MAX];
};

/* 0 or -errno with @r. */
static int look(const struct dmm_target *to, const char *path, struct both *b, struct dmm_remote *r)
{
	struct dmm_vbd v = { .kind = DMM_VBD_MISSING };
	int ret;

	memset(b, 0, sizeof(*b));
	dmm_remote_init(r);
	r->offer = DMM_FEATURE_IDENTITY;
	ret = dmm_remote_open(r, to);
	if (!ret)
		ret = dmm_remote_identity(r, path, &b->there);
	dmm_remote_close(r);
	if (ret)
		return ret;
	snprintf(v.path, sizeof(v.path), "%s", path);
	dmm_vbd_look(&v);
	b->bytes = v.size_bytes;
	if (dmm_disk_identity(path, b->here, sizeof(b->here)) < 0)
		b->here[0] = '\0';
	b->verdict = dmm_identity_compare(b->here, (const char *)b->there.identity, b->which);
	return 0;
}

bool dmm_vm_shared_is(const struct dmm_target *to, const char *path, char which[DMM_IDENTITY_MAX])
{
	struct dmm_remote r;
	struct both b;

	if (look(to, path, &b, &r) || b.verdict != DMM_IDENTITY_SAME)
		return false;
	memcpy(which, b.which, DMM_IDENTITY_MAX);
	return true;
}

int dmm_vm_shared_check(struct dmm_tool *t, const struct dmm_target *to, const char *vdev, const char *path)
{
	char host[DMM_HOST_MAX + 16];
	struct dmm_remote r;
	struct both b;
	int ret;

	dmm_hostport_format(to->host, to->port, host, sizeof(host));
	ret = look(to, path, &b, &r);
	if (ret) {
		dmm_next(t, "dmmigrate doctor %s", host);
		return dmm_fail(t, r.code || ret == -EPROTO ? DMM_EXIT_PREFLIGHT : r.exit, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
				"whether %s (%s) is shared: %s", vdev, path, r.why);
	}
	if (le32_to_cpu(b.there.kind) == DMM_IDENTITY_NONE) {
		dmm_next(t, "ls -l %s on %s; or --map %s=/DEVICE", path, host, vdev);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
				"%s is said to be shared, but %s has no disk %s", vdev, host, path);
	}
	if (b.verdict == DMM_IDENTITY_DIFFERENT) {
		dmm_next(t, "--map %s=/DEVICE, which copies it", vdev);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
				"%s is said to be shared, but %s is another disk on %s: %.120s here, %.120s there", vdev, path, host, b.here,
				(const char *)b.there.identity);
	}
	if (b.bytes != le64_to_cpu(b.there.size_bytes)) {
		dmm_next(t, "--map %s=/DEVICE, which copies it", vdev);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
				"%s is said to be shared, but %s is another disk on %s: it has %llu bytes here and %llu there", vdev, path,
				host, b.bytes, le64_to_cpu(b.there.size_bytes));
	}
	if (b.verdict == DMM_IDENTITY_SAME)
		dmm_say(t, "%s (%s) is the same disk on %s, and stays where it is: %s", vdev, path, host, b.which);
	else
		dmm_note(t, "%s (%s) stays where it is: whether it is the same disk on %s nobody can know, for it has no name of its own (WWN, "
			 "UUID of LVM); --map %s=shared is what counts", vdev, path, host, vdev);
	return 0;
}
