// SPDX-License-Identifier: GPL-2.0
/*
 * The file of peers: read, asked, changed, written, and read again.  After a NUL comes a name, a blank and addresses: who is
 * asked for, and trusted then.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "fuzz.h"
#include "keys_edit.h"
#include "keys_priv.h"

static char dir[64], path[80];
static int dir_fd;

static void fuzz_cleanup(void)
{
	unlink(path);
	rmdir(dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_dir(dir, sizeof(dir));
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fuzz_assert(dir_fd >= 0);
	snprintf(path, sizeof(path), "%s/" DMM_KEYS_PEERS, dir);
	atexit(fuzz_cleanup);
	return 0;
}

/* What each line says is what its text says, and it is found by all of its names. */
static void check_lines(const struct dmm_peers *p)
{
	char word[DMM_PEER_NAME], text[DMM_PIN_TEXT];
	const struct dmm_peer_line *l;
	struct dmm_pin pin;
	const char *at;
	unsigned int i;

	for (i = 0; i < p->nr; i++) {
		l = &p->lines[i];
		if (l->kind == DMM_PEER_NOTHING)
			continue;
		if (l->kind != DMM_PEER_CA) {
			dmm_pin_format(&l->pin, text);
			fuzz_assert(strstr(l->text, text) && !dmm_pin_parse(text, &pin) && dmm_pin_equal(&pin, &l->pin));
		}
		if (l->kind == DMM_PEER_REVOKED) {
			fuzz_assert(dmm_peers_revoked(p, &l->pin) && !dmm_peer_has_host(l, "revoked"));
			continue;
		}
		fuzz_assert(dmm_peer_name_ok(l->name) && dmm_peers_find(p, l->name) == l && dmm_peer_has_host(l, l->name));
		at = l->addresses;
		while (dmm_peer_address_next(&at, word))
			fuzz_assert(dmm_peer_word_ok(word) && dmm_peer_has_host(l, word));
	}
}

static void reload(struct dmm_peers *p)
{
	struct dmm_peers again;
	char why[DMM_KEYS_WHY];
	unsigned int i;

	fuzz_assert(!dmm_peers_save(dir_fd, p) && !dmm_peers_load(dir, &again, why));
	fuzz_assert(again.nr == p->nr);
	for (i = 0; i < p->nr; i++)
		fuzz_assert(again.lines[i].kind == p->lines[i].kind && !strcmp(again.lines[i].text, p->lines[i].text));
	dmm_peers_clear(&again);
}

static bool addresses_ok(const char *s)
{
	char word[DMM_PEER_NAME];

	while (dmm_peer_address_next(&s, word)) {
		/* one that fills it has been cut, and is too long */
		if (!dmm_peer_word_ok(word) || strlen(word) == sizeof(word) - 1)
			return false;
	}
	return true;
}

static void change(struct dmm_peers *p, const char *name, const char *addresses)
{
	struct dmm_pin pin = { { 1, 2, 3 } };
	char word[DMM_PEER_NAME];
	struct dmm_peer_line *l;
	int ret;

	ret = dmm_peers_set(p, name, addresses[0] == 'c' ? NULL : &pin, addresses);
	l = dmm_peers_find(p, name);
	fuzz_assert(!ret && l && dmm_peer_has_host(l, name) && (l->kind == DMM_PEER_CA || dmm_pin_equal(&l->pin, &pin)));
	while (dmm_peer_address_next(&addresses, word))
		fuzz_assert(dmm_peer_has_host(l, word));
	fuzz_assert(!dmm_peers_revoke(p, &pin) && !dmm_peers_revoke(p, &pin) && dmm_peers_revoked(p, &pin));
	reload(p);
	fuzz_assert(dmm_peers_remove_pin(p, DMM_PEER_REVOKED, &pin) >= 1 && !dmm_peers_revoked(p, &pin));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const u8 *end = memchr(data, '\0', size);
	size_t bytes = end ? (size_t)(end - data) : size;
	const struct dmm_peer_id who = { .name = "xen-b", .pin = { { 1 } } };
	struct dmm_keys k = { .dir = dir };
	char why[DMM_KEYS_WHY] = "", *name = NULL, *rest;
	struct dmm_peers p;
	int fd, ret;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	/* a NUL at the end belongs to the file */
	bytes += end && end == data + size - 1;
	fuzz_assert(fd >= 0 && write(fd, data, bytes) == (ssize_t)bytes);
	close(fd);
	ret = dmm_peers_load(dir, &p, why);
	if (ret) {
		fuzz_assert(ret == -EBADMSG && *why && memchr(why, '\0', sizeof(why)));
		fuzz_assert(dmm_keys_check_again(&k, &who, why));
		return 0;
	}
	dmm_keys_check_again(&k, &who, why);
	check_lines(&p);
	if (bytes < size) {
		name = fuzz_text(data + bytes + 1, size - bytes - 1);
		rest = name + strcspn(name, " ");
		if (*rest)
			*rest++ = '\0';
		/* as the tool asks first */
		if (dmm_peer_name_ok(name) && addresses_ok(rest))
			change(&p, name, rest);
	}
	dmm_peers_clear(&p);
	free(name);
	return 0;
}
