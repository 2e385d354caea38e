// SPDX-License-Identifier: GPL-2.0
/*
 * Names of storage repositories, and of what they are.
 */
#include <stdio.h>
#include <string.h>

#include "sr.h"

#define LETTERS	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS	"0123456789"

static const char *const kind_names[__DMM_SR_KIND_MAX] = {
	[DMM_SR_LVM] = "lvm", [DMM_SR_THIN] = "thin", [DMM_SR_DIR] = "dir",
};

const char *dmm_sr_kind_name(enum dmm_sr_kind kind)
{
	return kind < __DMM_SR_KIND_MAX ? kind_names[kind] : NULL;
}

enum dmm_sr_kind dmm_sr_kind_find(const char *name)
{
	enum dmm_sr_kind kind;

	for (kind = DMM_SR_LVM; kind < __DMM_SR_KIND_MAX; kind++) {
		if (!strcmp(kind_names[kind], name))
			return kind;
	}
	return DMM_SR_NONE;
}

/* One of @first, then @rest only; of less than @cap. */
static bool word_ok(const char *s, size_t n, const char *first, const char *rest, size_t cap)
{
	return n && n < cap && strchr(first, s[0]) && strspn(s, rest) >= n;
}

bool dmm_sr_name_ok(const char *name)
{
	return word_ok(name, strlen(name), LETTERS, LETTERS DIGITS ".+_-", DMM_SR_NAME) && strcmp(name, DMM_SR_SHARED);
}

/* As LVM has it, which refuses some more. */
static bool lvm_name_ok(const char *s, size_t n)
{
	return word_ok(s, n, LETTERS DIGITS "+_.", LETTERS DIGITS "+_.-", 128) && strspn(s, ".") < n;
}

/* From the root, without "//", "." and "..", and not of devices, which are not made so. */
static bool dir_ok(const char *s)
{
	size_t n;

	if (strlen(s) >= DMM_SR_PLACE || !strncmp(s, "/dev/", 5) || s[0] != '/')
		return false;
	while (*s == '/') {
		s++;
		n = strcspn(s, "/");
		if (!n || (n <= 2 && strspn(s, ".") >= n))
			return false;
		s += n;
	}
	return true;
}

bool dmm_sr_place_ok(enum dmm_sr_kind kind, const char *place)
{
	size_t n = strcspn(place, "/");

	switch (kind) {
	case DMM_SR_LVM:
		return !place[n] && lvm_name_ok(place, n);
	case DMM_SR_THIN:
		return place[n] && lvm_name_ok(place, n) && lvm_name_ok(place + n + 1, strlen(place + n + 1));
	case DMM_SR_DIR:
		return dir_ok(place);
	default:
		return false;
	}
}

const char *dmm_sr_parse(const char *text, struct dmm_sr *sr)
{
	size_t n = strcspn(text, " \t"), kind_bytes;
	const char *place;
	char kind[8];

	if (n >= sizeof(sr->name))
		return "the name is too long: at most 31 characters";
	snprintf(sr->name, sizeof(sr->name), "%.*s", (int)n, text);
	if (!dmm_sr_name_ok(sr->name))
		return "a name is a letter, then letters, digits and .+_-, and not '" DMM_SR_SHARED "'";
	place = text + n + strspn(text + n, " \t");
	kind_bytes = strcspn(place, ":");
	if (!place[kind_bytes] || kind_bytes >= sizeof(kind))
		return "not NAME lvm:VG, NAME thin:VG/POOL or NAME dir:/DIRECTORY";
	snprintf(kind, sizeof(kind), "%.*s", (int)kind_bytes, place);
	sr->kind = dmm_sr_kind_find(kind);
	place += kind_bytes + 1;
	if (!sr->kind)
		return "not NAME lvm:VG, NAME thin:VG/POOL or NAME dir:/DIRECTORY";
	if (strlen(place) >= sizeof(sr->place))
		return "the place is too long: at most 255 characters";
	strcpy(sr->place, place);
	if (dmm_sr_place_ok(sr->kind, place))
		return NULL;
	return sr->kind == DMM_SR_DIR ? "the directory must be absolute, without //, . and .., and not in /dev" :
	       sr->kind == DMM_SR_THIN ? "not thin:VG/POOL, in names of LVM" : "not lvm:VG, in a name of LVM";
}

bool dmm_sr_label_ok(const char *label)
{
	return word_ok(label, strlen(label), LETTERS DIGITS, LETTERS DIGITS ".+-", DMM_VOLUME_LABEL);
}

bool dmm_sr_volume_ok(const char *name)
{
	return !strncmp(name, "dmm-", 4) && word_ok(name + 4, strlen(name + 4), LETTERS DIGITS, LETTERS DIGITS ".+-",
						   DMM_VOLUME_NAME - 4);
}

void dmm_sr_label(const char *name, char label[DMM_VOLUME_LABEL])
{
	size_t i, n = 0;

	/* room for what is put behind it, where names have 127 characters */
	for (i = 0; name[i] && n < DMM_VOLUME_LABEL - 16; i++) {
		if (strchr(LETTERS DIGITS, name[i]))
			label[n++] = name[i];
		else if (n)	/* "_" too: LVM reserves some names by it */
			label[n++] = strchr(".+", name[i]) ? name[i] : '-';
	}
	label[n] = '\0';
	if (!n)
		strcpy(label, "disk");
}
