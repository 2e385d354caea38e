// SPDX-License-Identifier: GPL-2.0
/*
 * A domain, by what Xen's tools say of it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "doctor.h"
#include "jsonfield.h"
#include "platform/xl_domain.h"
#include "runner.h"

#define XL_MS		30000u
#define XL_BYTES	(1u << 20)	/* of all domains of a host */
#define MAX_KB		(1ull << 50)

/* A number that xl leaves out when it is 0. */
static u64 json_number(struct json_object *o, const char *key, u64 max)
{
	u64 v = 0;

	dmm_jsonfield_number(o, key, 0, max, &v);
	return v;
}

static void domain_disk(struct json_object *o, struct dmm_domain *d)
{
	struct dmm_xl_disk disk;
	struct dmm_vbd *v;
	int ret;

	if (d->nr_disks == DMM_DOMAIN_DISKS) {
		d->more_disks = true;
		return;
	}
	v = &d->disks[d->nr_disks++];
	ret = dmm_xl_disk_parse(o, &disk);
	strcpy(v->vdev, disk.vdev);
	strcpy(v->path, ret == -ENAMETOOLONG ? "(a path that is too long)" : disk.path);
	dmm_jsonfield_text(o, "format", v->format, sizeof(v->format));
	dmm_text_clean(v->vdev);
	dmm_text_clean(v->path);
	dmm_text_clean(v->format);
	v->writable = disk.readwrite;
	v->cdrom = disk.cdrom;
	v->kind = v->path[0] ? DMM_VBD_MISSING : DMM_VBD_EMPTY;
}

static void domain_pci(struct json_object *o, struct dmm_domain *d)
{
	if (d->nr_pci == DMM_DOMAIN_PCI)
		return;
	snprintf(d->pci[d->nr_pci++], sizeof(d->pci[0]), "%04x:%02x:%02x.%x", (unsigned int)json_number(o, "domain", 0xffff),
		 (unsigned int)json_number(o, "bus", 0xff), (unsigned int)json_number(o, "dev", 0x1f),
		 (unsigned int)json_number(o, "func", 7));
}

static void each(struct json_object *config, const char *key, void (*take)(struct json_object *o, struct dmm_domain *d),
		 struct dmm_domain *d)
{
	struct json_object *list = dmm_xl_member(config, key, json_type_array);
	size_t i;

	for (i = 0; list && i < json_object_array_length(list); i++)
		take(json_object_array_get_idx(list, i), d);
}

/* Is the element of xl's list the one of this name, or number? */
static bool domain_take(struct json_object *o, const char *name, struct dmm_domain *d)
{
	struct json_object *config = dmm_xl_member(o, "config", json_type_object);
	struct json_object *c_info = dmm_xl_member(config, "c_info", json_type_object);
	struct json_object *b_info = dmm_xl_member(config, "b_info", json_type_object);
	char number[16];
	u64 id;

	if (!c_info || !b_info || dmm_jsonfield_number(o, "domid", 0, 0xffff, &id))
		return false;
	if (dmm_jsonfield_text(c_info, "name", d->name, sizeof(d->name)))
		return false;
	snprintf(number, sizeof(number), "%llu", id);
	if (strcmp(d->name, name) && strcmp(number, name))
		return false;
	dmm_text_clean(d->name);
	dmm_jsonfield_text(c_info, "type", d->type, sizeof(d->type));
	dmm_text_clean(d->type);
	d->id = (u32)id;
	d->vcpus = (u32)json_number(b_info, "max_vcpus", 65536);
	d->max_bytes = json_number(b_info, "max_memkb", MAX_KB) << 10;
	d->target_bytes = json_number(b_info, "target_memkb", MAX_KB) << 10;
	each(config, "disks", domain_disk, d);
	each(config, "pcidevs", domain_pci, d);
	return true;
}

bool dmm_domain_parse(const char *json, const char *name, struct dmm_domain *d)
{
	struct json_object *list = json_tokener_parse(json);
	size_t i;

	memset(d, 0, sizeof(*d));
	for (i = 0; json_object_is_type(list, json_type_array) && i < json_object_array_length(list) && !d->there; i++) {
		memset(d, 0, sizeof(*d));
		d->there = domain_take(json_object_array_get_idx(list, i), name, d);
	}
	if (!d->there) {
		memset(d, 0, sizeof(*d));
		snprintf(d->why, sizeof(d->why), list ? "xl list does not have it: it does not run here" :
			 "xl list -l prints no JSON");
	}
	json_object_put(list);
	return d->there;
}

/* @line is "PATH = "VALUE"": its value when PATH is /local/domain/ID@key. */
static const char *store_value(const char *line, const char *key, char value[64])
{
	size_t n = strlen(key);

	if (strncmp(line, key, n) || strncmp(line + n, " = \"", 4))
		return NULL;
	line += n + 4;
	snprintf(value, 64, "%.*s", (int)strcspn(line, "\"\n"), line);
	dmm_text_clean(value);
	return value;
}

/* "/device/vbd/51712/state": is that what stands in @key's place? */
static bool store_front(const char *line, char value[64])
{
	static const char vbd[] = "/device/vbd/";
	const char *at = line + strlen(vbd);

	if (strncmp(line, vbd, strlen(vbd)))
		return false;
	at += strspn(at, "0123456789");
	return store_value(at, "/state", value);
}

void dmm_domain_store(const char *text, struct dmm_domain *d)
{
	char value[64], prefix[32];
	const char *line;

	snprintf(prefix, sizeof(prefix), "/local/domain/%u", d->id);
	d->store = true;
	for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
		if (strncmp(text, prefix, strlen(prefix)))
			continue;
		line = text + strlen(prefix);
		if (store_value(line, "/control/feature-suspend", value))
			d->suspends = !strcmp(value, "1");
		else if (store_value(line, "/attr/os/uname", value))
			strcpy(d->os, value);
		else if (!strncmp(line, "/attr/", 6) && strcspn(line, "=") > 6 && memmem(line, strcspn(line, "="), "/ipv6/", 6))
			d->ipv6 = true;
		else if (store_front(line, value)) {
			d->fronts++;
			d->connected += !strcmp(value, "4");	/* XenbusStateConnected */
		}
	}
}

static void domain_ask_store(struct dmm_domain *d)
{
	dmm_autofree char *out = malloc(XL_BYTES);
	char path[32];
	char *const argv[] = { (char *)"xenstore-ls", (char *)"-f", path, NULL };

	snprintf(path, sizeof(path), "/local/domain/%u", d->id);
	if (out && !dmm_runner_ask(argv, XL_MS, -1, out, XL_BYTES))
		dmm_domain_store(out, d);
}

void dmm_domain_find(const char *name, struct dmm_domain *d)
{
	char *const argv[] = { (char *)"xl", (char *)"list", (char *)"-l", NULL };
	dmm_autofree char *out = malloc(XL_BYTES);
	unsigned int i;
	int ret;

	memset(d, 0, sizeof(*d));
	ret = out ? dmm_runner_ask(argv, XL_MS, -1, out, XL_BYTES) : -ENOMEM;
	if (ret) {
		if (ret == -ENOENT)
			snprintf(d->why, sizeof(d->why), "xl is not installed: this is no Xen host, or another toolstack's");
		else if (ret > 0)
			snprintf(d->why, sizeof(d->why), "xl list -l fails (exit code %d)", ret);
		else
			snprintf(d->why, sizeof(d->why), "xl list -l: %s", strerror(-ret));
		return;
	}
	if (!dmm_domain_parse(out, name, d))
		return;
	domain_ask_store(d);
	for (i = 0; i < d->nr_disks; i++)
		dmm_vbd_look(&d->disks[i]);
}
