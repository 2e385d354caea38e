// SPDX-License-Identifier: GPL-2.0
/*
 * The configurations of the host's guests, once a disk has moved: none may name the old one, by which it would be begun after a
 * restart of the host.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "fullio.h"
#include "guest_config.h"
#include "lvm_lock.h"
#include "platform/xl.h"
#include "source.h"
#include "vdi.h"

#define SUFFIX	".cfg"

struct config_search {
	struct dmm_tool *t;
	const struct dmm_source *s;
	char names[3][2 * DMM_DM_NAME_BYTES + 32];	/* of the device, as they are after a restart, too; "": no more */
	struct json_object *list;		/* of those that name the new disk now */
	bool found;				/* some configuration did name the old one, whatever became of it */
};

static void search_init(struct config_search *c, struct dmm_tool *t, const struct dmm_source *s)
{
	char group[DMM_DM_NAME_BYTES], volume[DMM_DM_NAME_BYTES];

	memset(c, 0, sizeof(*c));
	c->t = t;
	c->s = s;
	snprintf(c->names[0], sizeof(c->names[0]), "/dev/mapper/%s", s->vdi.source);
	snprintf(c->names[1], sizeof(c->names[1]), "/dev/disk/by-id/dm-name-%s", s->vdi.source);
	if (s->vdi.lv[0] && !dmm_lvm_split(s->vdi.source, group, volume))
		snprintf(c->names[2], sizeof(c->names[2]), "/dev/%s/%s", group, volume);
}

/* Is it the device that has moved, by whatever name? */
static bool is_it(void *arg, const char *path)
{
	const struct config_search *c = arg;
	struct stat st;
	int i;

	for (i = 0; i < 3; i++) {
		if (c->names[i][0] && !strcmp(path, c->names[i]))
			return true;
	}
	return c->s->has_live && path[0] == '/' && !stat(path, &st) && S_ISBLK(st.st_mode) &&
	       st.st_rdev == makedev(c->s->live.major, c->s->live.minor);
}

static void say_edit(struct config_search *c, const char *file, const char *was, const char *why)
{
	dmm_note(c->t, "%s: %s; write %s there, in place of %s", file, why, c->s->vdi.dest, was);
}

/* DIR/NAME.cfg has @text from now on. */
static void config_rewrite(struct config_search *c, const char *dir, const char *file, const char *text, const char *was)
{
	char kept[DMM_GUEST_CONFIG_PATH], why[DMM_GUEST_CONFIG_WHY], path[DMM_PATH_MAX], name[DMM_GUEST_CONFIG_PATH];
	struct json_object *o;
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	snprintf(name, sizeof(name), "%.*s", (int)(strlen(file) - strlen(SUFFIX)), file);
	if (lstat(path, &st) || !S_ISREG(st.st_mode)) {
		say_edit(c, path, was, "it is no file of its own, and was not changed");
		return;
	}
	if (dmm_guest_config_place(dir, name, c->s->id, text, false, kept, why)) {
		say_edit(c, path, was, why);
		return;
	}
	dmm_say(c->t, "%s names %s now, in place of %s%s%s.", path, c->s->vdi.dest, was, *kept ? "; what it was is kept as " : "", kept);
	o = json_object_new_object();
	json_object_object_add(o, "path", json_object_new_string(path));
	json_object_object_add(o, "was", json_object_new_string(was));
	json_object_object_add(o, "kept", *kept ? json_object_new_string(kept) : NULL);
	json_object_array_add(c->list, o);
}

static void config_file(struct config_search *c, const char *dir, const char *file, bool change)
{
	dmm_autofree char *text = malloc(DMM_MAX_GUEST_CONFIG_BYTES + 2);
	char path[DMM_PATH_MAX], was[DMM_PATH_MAX], why[DMM_XL_TEXT], *out = NULL;
	int i, ret;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	if (!text || dmm_read_text(path, text, DMM_MAX_GUEST_CONFIG_BYTES) <= 0)
		return;
	strcat(text, "\n");	/* which was cut off */
	ret = dmm_xl_config_repath(text, is_it, c, c->s->vdi.dest, &out, was, why);
	for (i = 0; ret < 0 && i < 3; i++) {
		/* what cannot be read may be about something else */
		if (!c->names[i][0] || !strstr(text, c->names[i]))
			continue;
		c->found = true;
		say_edit(c, path, c->names[i], why);
		return;
	}
	if (ret <= 0)
		return;
	c->found = true;
	if (change)
		config_rewrite(c, dir, file, out, was);
	else
		say_edit(c, path, was, "it begins a guest with this host, and was not changed");
	free(out);
}

static int is_config(const struct dirent *e)
{
	size_t n = strlen(e->d_name), m = strlen(SUFFIX);

	return e->d_name[0] != '.' && n > m && !strcmp(e->d_name + n - m, SUFFIX);
}

/* A link leads to one that was looked at, or is the admin's: what it leads to is said where it is. */
static int is_auto(const struct dirent *e)
{
	struct stat st;
	char path[DMM_PATH_MAX];

	snprintf(path, sizeof(path), DMM_GUEST_CONFIG_DIR "/auto/%s", e->d_name);
	return !lstat(path, &st) && S_ISREG(st.st_mode);
}

static void search_dir(struct config_search *c, const char *dir, int (*filter)(const struct dirent *e), bool change)
{
	struct dirent **list = NULL;
	int i, nr = scandir(dir, &list, filter, alphasort);

	for (i = 0; i < nr; i++) {
		config_file(c, dir, list[i]->d_name, change);
		free(list[i]);
	}
	free(list);
}

/* A domain that was begun by a file which is elsewhere. */
static void search_domain(struct config_search *c)
{
	dmm_autofree struct dmm_xl_domain *d = malloc(sizeof(*d));
	char why[DMM_XL_TEXT];
	u32 i;
	int ret = d ? dmm_xl_domain_read_with(is_it, c, d, &i, why) : -ENOMEM;

	if (!ret)
		dmm_note(c->t, "the domain %s has it as its %s, and no configuration in " DMM_GUEST_CONFIG_DIR " names it: in that by which it is "
			 "created, write %s in place of %s", d->name, d->disks[i].vdev, c->s->vdi.dest, d->disks[i].path);
	else
		dmm_say(c->t, "Have the configuration of its user name %s, where it names %s.", c->s->vdi.dest,
			c->names[2][0] ? c->names[2] : c->names[0]);
}

void dmm_vdi_config_rename(struct dmm_tool *t, const struct dmm_source *s)
{
	struct config_search c;

	search_init(&c, t, s);
	c.list = json_object_new_array();
	dmm_result_add(t, "configurations", c.list);
	search_dir(&c, DMM_GUEST_CONFIG_DIR, is_config, true);
	search_dir(&c, DMM_GUEST_CONFIG_DIR "/auto", is_auto, false);
	if (!c.found)
		search_domain(&c);
}
