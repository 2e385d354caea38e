// SPDX-License-Identifier: GPL-2.0
/*
 * A host whose lvm says anything: a byte that tells what is asked for, one how it goes, then what `lvm lvs` prints of the volume.  What is
 * done about it is held against what the volume has: of the tags only ours change, and those of other programs stay.
 */
#include <errno.h>

#include "dm.h"
#include "fuzz.h"
#include "lv_priv.h"

#define UUID	"LVM-AAAAAAaaaaaaaaaaaaaaaaaaaaaaaaaaBBBBBBbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ASIDE	".moved-0100"
#define OWN	DMM_LV_TAG "11000000000000000000000000000000"

enum { ACTIVE = 1, OPEN = 2 };

static const u8 id[DMM_ID_BYTES] = { 0x11 };
static struct {
	const char *says;		/* what lvs prints */
	unsigned int flags;
	unsigned int fails, code;	/* the one of that number does, if it is not 0, by that exit code; beyond those: it does not begin */
	unsigned int ran;
	unsigned int changed;		/* commands that change it and came to their end */
	struct dmm_lv lv;		/* what it has become */
} host;

/* A tag goes, wherever it stands. */
static void untag(const char *tag)
{
	char left[DMM_LV_TAGS] = "", *word, *save = NULL;

	for (word = strtok_r(host.lv.tags, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		if (!strcmp(word, tag))
			continue;
		if (*left)
			strcat(left, ",");
		strcat(left, word);
	}
	strcpy(host.lv.tags, left);
}

/* Words of a command behind "env LC_ALL=C lvm NAME --config ..." */
static void change(char *const word[], bool rename)
{
	size_t n;

	if (rename) {
		fuzz_assert(!strcmp(word[0], host.lv.name) && word[1] && !word[2]);
		snprintf(host.lv.name, sizeof(host.lv.name), "%s", word[1]);
		return;
	}
	fuzz_assert(word[1] && !strcmp(word[2], host.lv.name) && !word[3]);
	if (!strcmp(word[0], "--addtag")) {
		fuzz_assert(!strcmp(word[1], OWN));
		n = strlen(host.lv.tags);
		/* more than lvs may say of them is not said again */
		if (n + strlen(OWN) + 2 <= sizeof(host.lv.tags))
			snprintf(host.lv.tags + n, sizeof(host.lv.tags) - n, "%s" OWN, n ? "," : "");
	} else if (!strcmp(word[0], "--deltag")) {
		fuzz_assert(!strncmp(word[1], DMM_LV_TAG, strlen(DMM_LV_TAG)));
		untag(word[1]);
	} else if (!strcmp(word[0], "-k")) {
		host.lv.skip = *word[1] == 'y';
	} else {
		fuzz_assert(!strncmp(word[0], "-a", 2));
		host.flags = *word[1] == 'K' || word[1][1] == 'K' ? host.flags | ACTIVE : host.flags & ~ACTIVE;
	}
}

int __wrap_dmm_runner_begin(struct dmm_runner *r, char *const argv[])
{
	bool lvs = !strcmp(argv[3], "lvs");

	memset(r, 0, offsetof(struct dmm_runner, text));
	r->bytes = 0;
	fuzz_assert(!strcmp(argv[0], "env") && !strcmp(argv[2], "lvm") && !strcmp(argv[4], "--config"));
	if (++host.ran == host.fails && host.code > 255)
		return host.code & 1 ? -ENOENT : -EAGAIN;
	if (lvs || host.ran == host.fails) {
		r->bytes = strlen(host.says);
		memcpy(r->text, host.says, r->bytes);
	}
	if (host.ran != host.fails && !lvs) {
		change(argv + 6, !strcmp(argv[3], "lvrename"));
		host.changed++;
	}
	return 0;
}

int __wrap_dmm_runner_wait(struct dmm_runner *r, u64 deadline_ms, int stop_fd)
{
	(void)r;
	(void)deadline_ms;
	(void)stop_fd;
	return 0;
}

int __wrap_dmm_runner_end(struct dmm_runner *r)
{
	(void)r;
	return host.ran == host.fails ? (int)host.code : 0;
}

int __wrap_dmm_dm_find_uuid(const char *uuid, struct dmm_dm_dev *dev)
{
	fuzz_assert(!strcmp(uuid, UUID));
	if (!(host.flags & ACTIVE))
		return -ENODEV;
	dev->open_count = host.flags & OPEN ? 1 : 0;
	return 0;
}

/* Tags that are not ours, in their order. */
static void others(const char *tags, char out[DMM_LV_TAGS])
{
	char copy[DMM_LV_TAGS], *word, *save = NULL;

	strcpy(copy, tags);
	*out = '\0';
	for (word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		if (!strncmp(word, DMM_LV_TAG, strlen(DMM_LV_TAG)))
			continue;
		strcat(out, word);
		strcat(out, "\n");
	}
}

/* Has it a tag of a migration but ours? */
static bool of_another(const char *tags)
{
	char copy[DMM_LV_TAGS], *word, *save = NULL;
	bool any = false;

	strcpy(copy, tags);
	for (word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save))
		any |= !strncmp(word, DMM_LV_TAG, strlen(DMM_LV_TAG)) && strcmp(word, OWN);
	return any;
}

static void mark(const struct dmm_lv *before, bool marked)
{
	bool own = dmm_lv_has_tag(before->tags, OWN), full = strlen(before->tags) + sizeof(OWN) + 1 > sizeof(before->tags);
	char was[DMM_LV_TAGS], now[DMM_LV_TAGS];

	others(before->tags, was);
	others(host.lv.tags, now);
	fuzz_assert(!strcmp(was, now));
	if (!marked) {
		fuzz_assert(own ? !host.lv.skip && !dmm_lv_has_tag(host.lv.tags, OWN) : !host.changed);
		fuzz_assert(of_another(before->tags) == of_another(host.lv.tags));
	} else if (!own && before->skip && !of_another(before->tags)) {
		fuzz_assert(!host.changed);	/* somebody else's, and enough */
	} else {
		fuzz_assert(host.lv.skip && !of_another(host.lv.tags) && (full || dmm_lv_has_tag(host.lv.tags, OWN)));
	}
}

static void put_aside(const struct dmm_lv *before, int ret, const char *name)
{
	const char *end = name + strlen(name) - strlen(ASIDE);

	if (host.flags & OPEN && host.flags & ACTIVE)
		fuzz_assert(ret == -EBUSY && !host.ran);
	if (ret)
		return;
	fuzz_assert(!(host.flags & ACTIVE) && !strcmp(name, host.lv.name) && end > name && !strcmp(end, ASIDE));
	fuzz_assert(strlen(strchr(name, '/')) <= 128 && !strncmp(name, before->name, strcspn(before->name, "/") + 1));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	enum { MARK, CLEAR, ACTIVATE, ASIDE_IT } what;
	char why[DMM_LV_WHY] = "", name[DMM_LV_NAME] = "", read[DMM_RUNNER_TEXT], *text;
	struct dmm_lv before = { 0 };
	bool there;
	size_t n;
	int ret;

	if (size < 2)
		return 0;
	text = fuzz_text(data + 2, size - 2);
	memset(&host, 0, sizeof(host));
	what = data[0] & 3;
	/* the end of it is kept, and of that one byte less than fits is read */
	n = strlen(text);
	host.says = n > DMM_RUNNER_TEXT ? text + n - DMM_RUNNER_TEXT : text;
	snprintf(read, sizeof(read), "%s", host.says);
	there = !dmm_lv_parse(read, &before);
	host.flags = data[0] >> 2 & (ACTIVE | OPEN);
	host.fails = data[1] & 7;
	host.code = data[1] & 8 ? 127 : data[1] & 0x10 ? 256 + (data[1] >> 7) : 5;
	host.lv = before;
	if (what == ACTIVATE)
		ret = dmm_lv_activate(UUID, -1, why);
	else if (what == ASIDE_IT)
		ret = dmm_lv_put_aside(UUID, ASIDE, -1, name, why);
	else
		ret = dmm_lv_mark(UUID, id, what == MARK, -1, why);
	if (ret)
		fuzz_assert(why[0] && memchr(why, '\0', sizeof(why)));
	else if (!there)
		fuzz_assert(!host.changed);
	fuzz_assert(!ret || ret == -EBUSY || !there || (host.fails && host.fails <= host.ran));
	if (!ret && there && what <= CLEAR)
		mark(&before, what == MARK);
	else if (what == ASIDE_IT)
		put_aside(&before, ret, name);
	else if (!ret && what == ACTIVATE)
		fuzz_assert(host.flags & ACTIVE);
	free(text);
	return 0;
}
