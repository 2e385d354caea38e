// SPDX-License-Identifier: GPL-2.0
/*
 * keys trust, list, revoke: the file of peers.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <json-c/json.h>
#include <libsmartcols.h>

#include "cmd_keys.h"
#include "status_json.h"

/* 0 or an exit code, reported. */
static int keys_edit(struct dmm_keys_cmd *k)
{
	char why[DMM_KEYS_WHY];
	int ret;

	ret = dmm_keys_cmd_edit(k);
	if (ret)
		return ret;
	ret = dmm_peers_load(k->dir, &k->peers, why);
	return ret ? dmm_keys_cmd_unread(k, ret, why) : 0;
}

static int keys_save(struct dmm_keys_cmd *k)
{
	int ret = dmm_peers_save(k->edit.dir_fd, &k->peers);

	return ret ? dmm_keys_cmd_fail(k, DMM_EXIT_LOCAL, "cannot write %.200s/peers: %s", k->dir, strerror(-ret)) : 0;
}

static int out_of_memory(struct dmm_keys_cmd *k)
{
	return dmm_keys_cmd_fail(k, DMM_EXIT_LOCAL, "out of memory");
}

/* --- trust --- */

/* The words behind NAME and PIN. 0 or an exit code, reported. */
static int trust_addresses(struct dmm_keys_cmd *k, char *words, size_t bytes)
{
	const struct dmm_args *a = &k->t->args;
	unsigned int i;

	*words = '\0';
	for (i = 3; i < a->nr_operands; i++) {
		if (!dmm_peer_word_ok(a->operands[i]))
			return dmm_usage(k->t, "'%.64s' is no address", a->operands[i]);
		if (strlen(words) + strlen(a->operands[i]) + 2 > bytes)
			return dmm_usage(k->t, "too many addresses");
		dmm_keys_words_add(words, bytes, a->operands[i]);
	}
	return 0;
}

/* A line of another name with this key; NULL: none. */
static const struct dmm_peer_line *other_name(struct dmm_keys_cmd *k, const char *name, const struct dmm_pin *pin)
{
	const struct dmm_peer_line *l;
	unsigned int i;

	for (i = 0; i < k->peers.nr; i++) {
		l = &k->peers.lines[i];
		if (l->kind == DMM_PEER_PIN && dmm_pin_equal(&l->pin, pin) && !dmm_peer_host_equal(l->name, name))
			return l;
	}
	return NULL;
}

/* What needs --yes. 0 or an exit code, reported. */
static int trust_allowed(struct dmm_keys_cmd *k, const char *name, const struct dmm_pin *pin)
{
	const struct dmm_peer_line *l = dmm_peers_find(&k->peers, name);
	char text[DMM_PIN_TEXT] = "ca", old[DMM_PIN_TEXT] = "";

	if (k->t->args.yes)
		return 0;
	if (pin)
		dmm_pin_format(pin, text);
	dmm_next(k->t, "dmmigrate keys trust --yes %s %s%s, once you know why", name, text, k->option);
	if (pin && dmm_peers_revoked(&k->peers, pin))
		return dmm_keys_cmd_fail(k, DMM_EXIT_PREFLIGHT, "%s is revoked here", text);
	if (l && l->kind == DMM_PEER_CA && pin)
		return dmm_keys_cmd_fail(k, DMM_EXIT_PREFLIGHT, "%s is trusted by a certificate of ca.crt, not by its key", l->name);
	if (l && l->kind == DMM_PEER_PIN && (!pin || !dmm_pin_equal(&l->pin, pin))) {
		dmm_pin_format(&l->pin, old);
		return dmm_keys_cmd_fail(k, DMM_EXIT_PREFLIGHT, "%s is trusted by another key, %s", l->name, old);
	}
	l = pin ? other_name(k, name, pin) : NULL;
	if (l) {
		dmm_next(k->t, "dmmigrate keys trust %s %s%s, with all addresses of it", l->name, text, k->option);
		return dmm_keys_cmd_fail(k, DMM_EXIT_PREFLIGHT, "%s is trusted as %s, and what that host migrates is %s's: nobody else "
					 "may go on with it", text, l->name, l->name);
	}
	*k->t->next = '\0';
	return 0;
}

/* An address on two lines is no error: either host may answer there. But it may be news. */
static void trust_shared(struct dmm_keys_cmd *k, const struct dmm_peer_line *mine)
{
	const char *at = mine->addresses;
	char word[DMM_PEER_NAME];
	unsigned int i;

	while (dmm_peer_address_next(&at, word)) {
		for (i = 0; i < k->peers.nr; i++) {
			if (&k->peers.lines[i] != mine && dmm_peer_has_host(&k->peers.lines[i], word))
				dmm_note(k->t, "%s is an address of %s, too: either may answer there", word,
					 k->peers.lines[i].name);
		}
	}
}

int dmm_keys_cmd_trust(struct dmm_keys_cmd *k)
{
	const char *name = k->t->args.operands[1], *what = k->t->args.operands[2];
	const struct dmm_pin *pin = NULL;
	char words[DMM_KEYS_WORDS];
	const struct dmm_peer_line *other;
	struct dmm_peer_line *l;
	struct dmm_pin given;
	struct stat st;
	int ret;

	if (!dmm_peer_name_ok(name))
		return dmm_usage(k->t, "'%.64s' is no name of a peer", name);
	if (strcmp(what, "ca")) {
		if (dmm_pin_parse(what, &given))
			return dmm_usage(k->t, "'%.64s' is neither SHA256:PIN, as 'dmmigrate keys show' prints it there, nor ca",
					 what);
		pin = &given;
	}
	ret = trust_addresses(k, words, sizeof(words));
	if (!ret)
		ret = keys_edit(k);
	if (!ret)
		ret = trust_allowed(k, name, pin);
	if (ret)
		return ret;
	if (pin && dmm_peers_remove_pin(&k->peers, DMM_PEER_REVOKED, pin))
		dmm_note(k->t, "%s is not revoked any more", what);
	/* without any they stay: to have none, revoke it first */
	if (dmm_peers_set(&k->peers, name, pin, *words ? words : NULL))
		return out_of_memory(k);
	ret = keys_save(k);
	if (ret)
		return ret;
	l = dmm_peers_find(&k->peers, name);
	trust_shared(k, l);
	other = pin ? other_name(k, name, pin) : NULL;
	if (other)
		dmm_note(k->t, "%s has the same key: a host that comes with it is the one whose line is first", other->name);
	if (!pin && fstatat(k->edit.dir_fd, "ca.crt", &st, 0))
		dmm_note(k->t, "there is no ca.crt yet: dmmigrate keys ca FILE");
	dmm_say(k->t, "%s is trusted %s%s%s%s.", name, pin ? "by its key " : "by a certificate of ca.crt", pin ? what : "",
		*l->addresses ? ", at " : "", l->addresses);
	dmm_result_text(k->t, "name", name);
	dmm_result_text(k->t, "pin", pin ? what : NULL);
	dmm_result_add(k->t, "addresses", dmm_keys_words_json(l->addresses));
	return DMM_EXIT_OK;
}

/* --- list --- */

enum { COL_NAME, COL_KEY, COL_ADDRESSES };

static struct libscols_table *list_table(void)
{
	struct libscols_table *tb;

	scols_init_debug(0);
	tb = scols_new_table();
	if (tb) {
		scols_table_new_column(tb, "NAME", 0, 0);
		scols_table_new_column(tb, "KEY", 0, 0);
		scols_table_new_column(tb, "ADDRESSES", 0, 0);
	}
	return tb;
}

static bool list_row(struct libscols_table *tb, const struct dmm_peer_line *l, const char *pin)
{
	struct libscols_line *ln = scols_table_new_line(tb, NULL);

	return ln && !scols_line_set_data(ln, COL_NAME, l->name) && !scols_line_set_data(ln, COL_KEY, pin) &&
	       !scols_line_set_data(ln, COL_ADDRESSES, l->addresses);
}

int dmm_keys_cmd_list(struct dmm_keys_cmd *k)
{
	struct json_object *peers = json_object_new_array(), *revoked = json_object_new_array(), *o;
	const struct dmm_peer_line *l;
	struct libscols_table *tb;
	char pin[DMM_PIN_TEXT], why[DMM_KEYS_WHY];
	unsigned int i;
	bool ok;
	int ret;

	dmm_result_add(k->t, "peers", peers);
	dmm_result_add(k->t, "revoked", revoked);
	ret = dmm_peers_load(k->dir, &k->peers, why);
	if (ret)
		return dmm_keys_cmd_unread(k, ret, why);
	tb = list_table();
	ok = tb;
	for (i = 0; i < k->peers.nr && ok; i++) {
		l = &k->peers.lines[i];
		if (l->kind == DMM_PEER_NOTHING)
			continue;
		dmm_pin_format(&l->pin, pin);
		if (l->kind == DMM_PEER_REVOKED) {
			json_object_array_add(revoked, dmm_json_text(pin));
			continue;
		}
		o = json_object_new_object();
		json_object_object_add(o, "name", dmm_json_text(l->name));
		json_object_object_add(o, "pin", dmm_json_text(l->kind == DMM_PEER_PIN ? pin : NULL));
		json_object_object_add(o, "ca", json_object_new_boolean(l->kind == DMM_PEER_CA));
		json_object_object_add(o, "addresses", dmm_keys_words_json(l->addresses));
		json_object_array_add(peers, o);
		ok = list_row(tb, l, l->kind == DMM_PEER_PIN ? pin : "ca");
	}
	if (ok && !k->t->args.json && json_object_array_length(peers))
		scols_print_table(tb);
	scols_unref_table(tb);
	if (!ok)
		return out_of_memory(k);
	if (!json_object_array_length(peers))
		dmm_say(k->t, "no peers");
	for (i = 0; i < json_object_array_length(revoked); i++)
		dmm_say(k->t, "revoked %s", json_object_get_string(json_object_array_get_idx(revoked, i)));
	return DMM_EXIT_OK;
}

/* --- revoke --- */

static int revoke_pin(struct dmm_keys_cmd *k, const struct dmm_pin *pin)
{
	struct json_object *names = json_object_new_array();
	char text[DMM_PIN_TEXT];
	unsigned int i;
	int ret;

	dmm_pin_format(pin, text);
	dmm_result_text(k->t, "pin", text);
	dmm_result_add(k->t, "peers", names);
	for (i = 0; i < k->peers.nr; i++) {
		if (k->peers.lines[i].kind == DMM_PEER_PIN && dmm_pin_equal(&k->peers.lines[i].pin, pin))
			json_object_array_add(names, dmm_json_text(k->peers.lines[i].name));
	}
	dmm_peers_remove_pin(&k->peers, DMM_PEER_PIN, pin);
	if (dmm_peers_revoke(&k->peers, pin))
		return out_of_memory(k);
	ret = keys_save(k);
	if (ret)
		return ret;
	for (i = 0; i < json_object_array_length(names); i++)
		dmm_say(k->t, "%s is no peer any more.", json_object_get_string(json_object_array_get_idx(names, i)));
	dmm_say(k->t, "%s is revoked: no new connection is accepted with it.", text);
	return DMM_EXIT_OK;
}

int dmm_keys_cmd_revoke(struct dmm_keys_cmd *k)
{
	const char *what = k->t->args.operands[1];
	struct dmm_peer_line *l;
	struct dmm_pin pin;
	char name[DMM_PEER_NAME];
	int ret;

	if (dmm_pin_parse(what, &pin) && !dmm_peer_name_ok(what))
		return dmm_usage(k->t, "'%.64s' is neither a name nor SHA256:PIN", what);
	ret = keys_edit(k);
	if (ret)
		return ret;
	if (!dmm_pin_parse(what, &pin))
		return revoke_pin(k, &pin);
	l = dmm_peers_find(&k->peers, what);
	if (!l) {
		dmm_next(k->t, "dmmigrate keys list%s", k->option);
		return dmm_keys_cmd_fail(k, DMM_EXIT_PREFLIGHT, "no peer is called '%s'", what);
	}
	pin = l->pin;
	if (l->kind == DMM_PEER_PIN)
		return revoke_pin(k, &pin);
	snprintf(name, sizeof(name), "%s", l->name);
	dmm_peers_remove(&k->peers, l - k->peers.lines);
	ret = keys_save(k);
	if (ret)
		return ret;
	dmm_result_text(k->t, "pin", NULL);
	dmm_result_add(k->t, "peers", dmm_keys_words_json(name));
	dmm_say(k->t, "%s is no peer any more. Its key is not known here and is not revoked: dmmigrate keys revoke SHA256:PIN does "
		"that.", name);
	return DMM_EXIT_OK;
}
