/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A domain, as `xl list -l` tells of it, and its configuration file.
 */
#ifndef DMM_XL_DOMAIN_H
#define DMM_XL_DOMAIN_H

#include <stdbool.h>

#include <json-c/json.h>

#include "core/env.h"
#include "dmtable.h"
#include "parse.h"
#include <dmmigrate/wire.h>

#define DMM_XL_VDEV	32
#define DMM_XL_NAME	64		/* that GUEST can tell */
#define DMM_XL_TEXT	256

struct dmm_xl_disk {
	char vdev[DMM_XL_VDEV];		/* "xvda": what the guest calls it */
	char path[DMM_PATH_MAX];	/* "": an empty drive */
	bool readwrite;
	bool cdrom;
};

struct dmm_xl_domain {
	u64 domid;
	char name[DMM_XL_NAME];
	bool passthrough;		/* it has a device of its own: PCI, USB */
	u32 nr;
	struct dmm_xl_disk disks[DMM_MAX_GROUP];
};

/* What @o, if it is an object, has by that name, if it is of that type; borrowed.  NULL: nothing. */
struct json_object *dmm_xl_member(struct json_object *o, const char *key, enum json_type type);

/* One of xl's "disks". 0; -EBADMSG: it has no name, which is ""; -ENAMETOOLONG: its path is too long, or none, and is "". */
int dmm_xl_disk_parse(struct json_object *o, struct dmm_xl_disk *disk);

/*
 * What `xl list -l NAME` prints. 0; -ENODATA: it is there, but nothing is known of it, as long as it is being made; -EBADMSG; each with
 * @why (DMM_XL_TEXT).
 */
int dmm_xl_domain_parse(const char *json, struct dmm_xl_domain *d, char *why);

/*
 * @text, an xl.cfg(5), with another list of disks: each a specification of xl-disk-configuration(5).  Everything else, comments included,
 * stays as it is.  0 with *out for the caller to free; -ENOENT: no disks are named in it; -EBADMSG: it is not understood;
 * -ENOMEM; each with @why (DMM_XL_TEXT).
 */
int dmm_xl_config_disks(const char *text, const char *const *disks, u32 nr, char **out, char *why);

/*
 * @text, with @to in place of every path in its list of disks that is @is_it: how many those are, with *out for the caller to free and the
 * last of them in @was; 0: none; -EBADMSG, -ENOMEM with @why (DMM_XL_TEXT).  Everything else stays as it is.
 */
int dmm_xl_config_repath(const char *text, bool (*is_it)(void *arg, const char *path), void *arg, const char *to, char **out,
			 char was[DMM_PATH_MAX], char *why);

/*
 * Of what `xl list -l` prints the first domain that has a disk which is @is_it, by the disk's path: 0 with *which its number in
 * d->disks; -ENOENT; -EBADMSG with @why (DMM_XL_TEXT).
 */
int dmm_xl_domain_with(const char *json, bool (*is_it)(void *arg, const char *path), void *arg, struct dmm_xl_domain *d, u32 *which,
		       char *why);

#endif
