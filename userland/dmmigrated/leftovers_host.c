// SPDX-License-Identifier: GPL-2.0
/*
 * Looking for leftovers: what LVM, directories and the toolstack know of them.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fullio.h"
#include "leftovers_priv.h"
#include "lv_priv.h"
#include "runner.h"
#include "volume.h"

#define FRESH_MS	2000u	/* programs are run for it: not for every question of every peer */
#define ASK_MS		8000u	/* each */
#define TEXT_BYTES	(256u << 10)
#define NOT_FOUND	127

/* Protected by lock, which is held while it is asked. */
static struct answers {
	pthread_mutex_t lock;
	char *lvs, *domains;		/* NULL: not known */
	u64 until_ms;
} host = { .lock = PTHREAD_MUTEX_INITIALIZER };

const struct dmm_leftover_part *dmm_leftover_part_find(const struct dmm_leftover_part *parts, u32 nr, const u8 id[DMM_ID_BYTES],
						       enum dmm_ho_role role)
{
	u32 i;

	for (i = 0; i < nr; i++) {
		if (!memcmp(parts[i].id, id, DMM_ID_BYTES) && (!role || parts[i].role == role))
			return &parts[i];
	}
	return NULL;
}

/* --- logical volumes --- */

/* The id behind @prefix in the first of @tags that has one. */
static bool tag_id(const char *tags, const char *prefix, u8 id[DMM_ID_BYTES])
{
	char hex[DMM_ID_HEX];
	size_t n;

	for (;; tags += n + 1) {
		n = strcspn(tags, ",");
		snprintf(hex, sizeof(hex), "%.*s", n > strlen(prefix) ? (int)(n - strlen(prefix)) : 0, tags + strlen(prefix));
		if (n == strlen(prefix) + DMM_ID_HEX - 1 && !strncmp(tags, prefix, strlen(prefix)) && !dmm_id_parse(hex, id))
			return true;
		if (!tags[n])
			return false;
	}
}

/* One that is marked for a migration that is not known here. */
static void lv_item(struct dmm_leftovers *l, const char *line, const struct dmm_leftover_part *parts, u32 nr)
{
	struct dmm_leftover *o;
	u8 id[DMM_ID_BYTES], made[DMM_ID_BYTES];
	char hex[DMM_ID_HEX];
	struct dmm_lv lv;

	if (dmm_lv_parse(line, &lv) || !tag_id(lv.tags, DMM_LV_TAG, id) || dmm_leftover_part_find(parts, nr, id, 0))
		return;
	o = dmm_leftovers_add(l, DMM_LEFTOVER_VOLUME, DMM_LEFTOVER_KEEP, id);
	dmm_id_format(id, hex);
	dmm_leftover_name(o, "%s", lv.name);
	if (tag_id(lv.tags, DMM_VOLUME_TAG, made) && !memcmp(made, id, sizeof(id)))
		dmm_leftover_why(o, "it was made for a migration that has no journal here; whether its disk was handed over nobody knows");
	else
		dmm_leftover_why(o, "the old copy of a disk that was given up, or the destination of a migration that has no journal here");
	dmm_leftover_action(o, "lvremove %s, or lvchange -kn --deltag " DMM_LV_TAG "%s %s", lv.name, hex, lv.name);
	if (o && !o->action[0])
		dmm_leftover_action(o, "lvremove %s, if it is not needed", lv.name);
}

void dmm_leftovers_lvs(struct dmm_leftovers *l, const char *text, const struct dmm_leftover_part *parts, u32 nr)
{
	char line[DMM_LV_TAGS + 2 * DMM_LV_NAME];
	size_t n;

	for (; *text; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		if (n >= sizeof(line)) {
			l->cut = true;
			continue;
		}
		memcpy(line, text, n);
		line[n] = '\0';
		lv_item(l, line, parts, nr);
	}
}

/* --- files --- */

static bool is_listed(const struct dmm_leftovers *l, const char *name)
{
	u32 i;

	for (i = 0; i < l->nr; i++) {
		if (l->items[i].kind == DMM_LEFTOVER_VOLUME && !strcmp(l->items[i].name, name))
			return true;
	}
	return false;
}

/* One that says that it is of a migration that is not known here, and was not handed over before that was forgotten. */
static void file_item(struct dmm_leftovers *l, const char *path, const struct dmm_leftover_part *parts, u32 nr)
{
	struct dmm_leftover *o;
	u8 id[DMM_ID_BYTES];
	struct stat st;

	if (lstat(path, &st) || !S_ISREG(st.st_mode) || !dmm_volume_file_of(path, id) || dmm_leftover_part_find(parts, nr, id, DMM_HO_DEST) ||
	    is_listed(l, path))
		return;
	o = dmm_leftovers_add(l, DMM_LEFTOVER_VOLUME, DMM_LEFTOVER_KEEP, id);
	dmm_leftover_name(o, "%s", path);
	dmm_leftover_why(o, st.st_blocks ? "it was made for a migration that has no journal here; whether its disk was handed over nobody knows" :
			 "it was made for a migration that has no journal here, and nothing was ever written to it");
	dmm_leftover_action(o, st.st_blocks ? "rm %s, if it is not needed" : "rm %s", path);
}

static void dir_items(struct dmm_leftovers *l, const char *dir, const struct dmm_leftover_part *parts, u32 nr)
{
	char path[DMM_PATH_MAX];
	struct dirent *e;
	DIR *d = opendir(dir);

	if (!d) {
		l->cut = true;
		return;
	}
	while ((e = readdir(d))) {
		if (dmm_sr_volume_ok(e->d_name) && (size_t)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) < sizeof(path))
			file_item(l, path, parts, nr);
	}
	closedir(d);
}

void dmm_leftovers_files(struct dmm_leftovers *l, const struct dmm_sr *srs, u32 nr_srs, const struct dmm_leftover_part *parts, u32 nr)
{
	u32 i;

	for (i = 0; i < nr_srs; i++) {
		if (srs[i].kind == DMM_SR_DIR)
			dir_items(l, srs[i].place, parts, nr);
	}
}

/* --- domains --- */

static const struct dmm_leftover_part *guest_part(const struct dmm_leftover_part *parts, u32 nr, const char *guest, enum dmm_ho_role role)
{
	u32 i;

	for (i = 0; i < nr; i++) {
		if (parts[i].role == role && !strcmp(parts[i].guest, guest))
			return &parts[i];
	}
	return NULL;
}

static void incoming_item(struct dmm_leftovers *l, const char *name, const struct dmm_leftover_part *p)
{
	static const u8 none[DMM_ID_BYTES];
	struct dmm_leftover *o;
	char hex[DMM_ID_HEX];
	bool shut = p && (p->state == DMM_HO_REFUSED || p->state == DMM_HO_RECEIVING);

	if (p && p->live && p->state != DMM_HO_REFUSED)
		return;		/* it comes */
	o = dmm_leftovers_add(l, DMM_LEFTOVER_DOMAIN, shut && !p->linked && p->state == DMM_HO_REFUSED ? DMM_LEFTOVER_REMOVE :
			      shut && !p->linked ? DMM_LEFTOVER_PEER : DMM_LEFTOVER_KEEP, p ? p->id : none);
	dmm_leftover_name(o, "%s", name);
	if (p && !shut) {
		dmm_id_format(p->id, hex);
		dmm_leftover_why(o, "half of a guest that came here, whose disks are, or may be, this host's: it may be the only one");
		dmm_leftover_action(o, "dmmigrate recover %s", hex);
		return;
	}
	dmm_leftover_why(o, "half of a guest that came here%s; the guest is where its disks are",
			 shut ? ", whose disks are the source's" : ", by a move that has no journal here any more");
	dmm_leftover_action(o, "xl destroy %s", name);
}

static void gone_item(struct dmm_leftovers *l, const char *name, const struct dmm_leftover_part *p)
{
	static const u8 none[DMM_ID_BYTES];
	bool over = p && p->state == DMM_HO_RELEASED;
	struct dmm_leftover *o;
	char hex[DMM_ID_HEX];

	o = dmm_leftovers_add(l, DMM_LEFTOVER_DOMAIN, over ? DMM_LEFTOVER_REMOVE : DMM_LEFTOVER_KEEP, p ? p->id : none);
	dmm_leftover_name(o, "%s", name);
	if (over) {
		dmm_leftover_why(o, "the memory of a guest that runs at the destination, which owns its disks");
		dmm_leftover_action(o, "xl destroy %s", name);
		return;
	}
	dmm_leftover_why(o, "the memory of a guest whose move was interrupted: it may be the only one");
	if (!p) {
		dmm_leftover_action(o, "dmmigrate recover");
		return;
	}
	dmm_id_format(p->id, hex);
	dmm_leftover_action(o, "dmmigrate recover %s", hex);
}

/*
 * One that came here and got its name, but was not let run: xl, or what it was connected to, has ended between the two.  It may be another one of
 * that name, or have been paused by a person: nobody but a person removes it.
 */
static void paused_item(struct dmm_leftovers *l, const char *name, const struct dmm_leftover_part *p)
{
	struct dmm_leftover *o;
	char hex[DMM_ID_HEX];

	if (p->live && p->state != DMM_HO_REFUSED)
		return;
	o = dmm_leftovers_add(l, DMM_LEFTOVER_DOMAIN, DMM_LEFTOVER_KEEP, p->id);
	dmm_id_format(p->id, hex);
	dmm_leftover_name(o, "%s", name);
	switch (p->state) {
	case DMM_HO_RECEIVING:
	case DMM_HO_REFUSED:
		dmm_leftover_why(o, "a guest that came here and is paused, whose disks are the source's; the guest is where its disks are");
		dmm_leftover_action(o, "xl destroy %s", name);
		break;
	case DMM_HO_RUNNING:
		dmm_leftover_why(o, "a guest that came here and is paused: unless its move is under way, it may be the only one");
		dmm_leftover_action(o, "xl unpause %s, then dmmigrate run %s", name, hex);
		break;
	case DMM_HO_SETTLED:
		dmm_leftover_why(o, "a guest that came here and is paused, by its move or by a person: its disks are this host's");
		dmm_leftover_action(o, "xl unpause %s", name);
		break;
	default:
		dmm_leftover_why(o, "a guest that came here and is paused, whose disks may be this host's: it may be the only one");
		dmm_leftover_action(o, "dmmigrate recover %s", hex);
	}
}

/* "NAME  ID  MEM VCPUS STATE TIME" */
static void domain_item(struct dmm_leftovers *l, const char *line, const struct dmm_leftover_part *parts, u32 nr)
{
	static const char incoming[] = "--incoming", gone[] = "--migratedaway";
	const struct dmm_leftover_part *p;
	char name[96], guest[96], state[8] = "";
	size_t n = strcspn(line, " ");
	bool came;

	if (n >= sizeof(name))
		return;
	snprintf(name, sizeof(name), "%.*s", (int)n, line);
	dmm_text_clean(name);
	came = n > strlen(incoming) && !strcmp(name + n - strlen(incoming), incoming);
	if (!came && (n <= strlen(gone) || strcmp(name + n - strlen(gone), gone))) {
		p = guest_part(parts, nr, name, DMM_HO_DEST);
		if (p && sscanf(line + n, "%*s %*s %*s %7s", state) == 1 && strchr(state, 'p'))
			paused_item(l, name, p);
		return;
	}
	snprintf(guest, sizeof(guest), "%.*s", (int)(n - (came ? strlen(incoming) : strlen(gone))), name);
	if (came)
		incoming_item(l, name, guest_part(parts, nr, guest, DMM_HO_DEST));
	else
		gone_item(l, name, guest_part(parts, nr, guest, DMM_HO_SOURCE));
}

void dmm_leftovers_domains(struct dmm_leftovers *l, const char *text, const struct dmm_leftover_part *parts, u32 nr)
{
	for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
		char line[160];

		snprintf(line, sizeof(line), "%.*s", (int)strcspn(text, "\n"), text);
		domain_item(l, line, parts, nr);
	}
}

/* --- asking --- */

/* What @argv prints, to be freed; NULL: it failed, or is not there, which is no failure. */
static char *ask(char *const argv[], int stop_fd, bool *failed)
{
	char *out = malloc(TEXT_BYTES);
	int ret = out ? dmm_runner_ask(argv, ASK_MS, stop_fd, out, TEXT_BYTES) : -ENOMEM;

	if (!ret)
		return out;
	free(out);
	*failed |= ret != NOT_FOUND && ret != -ENOENT;
	return NULL;
}

void dmm_leftovers_ask(struct find *f, int stop_fd)
{
	char *const lvs[] = {
		(char *)"env", (char *)"LC_ALL=C", (char *)"lvm", (char *)"lvs", DMM_LVM_CONFIG, (char *)"--noheadings",
		(char *)"--nameprefixes", (char *)"--binary", (char *)"-o", (char *)"vg_name,lv_name,lv_skip_activation,lv_tags", NULL,
	};
	char *const xl[] = { (char *)"env", (char *)"xl", (char *)"list", NULL };
	bool failed = false;

	pthread_mutex_lock(&host.lock);
	if (dmm_now_ms() >= host.until_ms) {
		free(host.lvs);
		free(host.domains);
		host.lvs = ask(lvs, stop_fd, &failed);
		host.domains = ask(xl, stop_fd, &failed);
		host.until_ms = failed ? 0 : dmm_now_ms() + FRESH_MS;
	}
	f->l->cut |= failed;
	if (host.lvs)
		dmm_leftovers_lvs(f->l, host.lvs, f->parts, f->nr_parts);
	dmm_leftovers_files(f->l, f->who->srs, f->who->nr_srs, f->parts, f->nr_parts);
	if (host.domains)
		dmm_leftovers_domains(f->l, host.domains, f->parts, f->nr_parts);
	pthread_mutex_unlock(&host.lock);
}
