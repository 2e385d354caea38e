// SPDX-License-Identifier: GPL-2.0
/*
 * What people type: HOST:/DEST, addresses, sizes, rates, times, ids; and a whole command line of
 * every verb, a NUL between words.
 */
#include <stdio.h>

#include "dmmigrate/commands.h"
#include "fuzz.h"
#include "nbduri.h"
#include "parse.h"
#include "wireio.h"

#define MAX_WORDS	(DMM_MAX_OPERANDS + 32)	/* more than any verb takes */

static void one_target(const char *s)
{
	struct dmm_target t, again;
	char text[DMM_HOST_MAX + DMM_PATH_MAX + 16];
	const char *why = NULL;
	bool v6;

	why = NULL;
	if (dmm_parse_destination(s, &t, &why))
		fuzz_assert(why && *why);
	else
		fuzz_assert(t.host[0] && t.port && (t.sr[0] ? !t.path[0] && memchr(t.sr, '\0', sizeof(t.sr)) : t.path[0]));
	why = NULL;
	if (dmm_parse_target(s, &t, &why)) {
		fuzz_assert(why && *why);
		return;
	}
	fuzz_assert(t.host[0] && t.port && (t.path[0] == '/' || dmm_is_nbd(t.path)));
	v6 = strchr(t.host, ':');
	snprintf(text, sizeof(text), "%s%s%s:%u:%s", v6 ? "[" : "", t.host, v6 ? "]" : "", t.port, t.path);
	fuzz_assert(!dmm_parse_target(text, &again, NULL));
	fuzz_assert(!strcmp(t.host, again.host) && !strcmp(t.path, again.path) && t.port == again.port);
}

/* Where connections come from, as a record has it: said again it is the same, and what has been said first stays. */
static void one_address(const char *s)
{
	const struct sockaddr_storage none = { .ss_family = AF_UNSPEC };
	char own[DMM_OWN_ADDRESS], again[DMM_OWN_ADDRESS];

	dmm_client_from(&none);
	dmm_client_own(own);
	fuzz_assert(!own[0]);
	dmm_client_from_before(s);
	dmm_client_own(own);
	fuzz_assert(memchr(own, '\0', sizeof(own)));
	if (own[0]) {
		dmm_client_from_before("192.0.2.1");
		dmm_client_own(again);
		fuzz_assert(!strcmp(own, again));
		dmm_client_from(&none);
		dmm_client_from_before(own);
		dmm_client_own(again);
		fuzz_assert(!strcmp(own, again));
	}
	dmm_client_from(&none);
	/* a thread's own is no other's, and goes into no record */
	dmm_client_from_here(s);
	dmm_client_own(again);
	fuzz_assert(!again[0]);
	dmm_client_from_before(s);
	dmm_client_own(again);
	fuzz_assert(!strcmp(own, again));
	dmm_client_from_here("");
	dmm_client_from(&none);
}

static void one_word(const char *s)
{
	char host[DMM_HOST_MAX], hex[DMM_ID_HEX];
	u8 id[DMM_ID_BYTES], again[DMM_ID_BYTES];
	u8 field[64];
	u16 port = 7790;
	char *copy;
	u64 v;

	one_target(s);
	one_address(s);
	if (!dmm_parse_hostport(s, host, &port, NULL))
		fuzz_assert(host[0] && memchr(host, '\0', sizeof(host)) && port);
	if (!dmm_parse_size(s, &v))
		fuzz_assert(v <= 1ull << 63);
	dmm_parse_rate(s, &v);
	dmm_parse_duration_ms(s, &v);
	if (!dmm_parse_u64(s, 5, 5000, &v))
		fuzz_assert(v >= 5 && v <= 5000);
	if (!dmm_id_parse(s, id)) {
		dmm_id_format(id, hex);
		fuzz_assert(!dmm_id_parse(hex, again) && !memcmp(id, again, sizeof(id)));
	}
	if (!dmm_text_put(field, sizeof(field), s))
		fuzz_assert(!strcmp((char *)field, s));
	copy = strdup(s);
	fuzz_assert(copy);
	dmm_text_clean(copy);
	fuzz_assert(strlen(copy) == strlen(s) && !dmm_text_check((u8 *)copy, strlen(copy) + 1));
	free(copy);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char *words[MAX_WORDS + 1] = { NULL }, *argv[MAX_WORDS + 2], why[256];
	struct dmm_args args;
	unsigned int i, v;
	int argc = 0;
	size_t n;

	while (size && argc < MAX_WORDS) {
		words[argc] = fuzz_text(data, size);
		one_word(words[argc]);
		n = strlen(words[argc++]);
		n += n < size;
		data += n;
		size -= n;
	}
	for (v = 0; dmm_verbs[v]; v++) {
		argv[0] = "verb";	/* getopt_long() permutes */
		memcpy(argv + 1, words, sizeof(words));
		memset(why, 0, sizeof(why));
		if (dmm_options_parse(dmm_verbs[v]->options, argc + 1, argv, &args, why, sizeof(why))) {
			fuzz_assert(why[0] && memchr(why, '\0', sizeof(why)));
			continue;
		}
		fuzz_assert(args.nr_operands <= DMM_MAX_OPERANDS);
		for (i = 0; i < args.nr_operands; i++)
			fuzz_assert(args.operands[i]);
		if (args.block_bytes != DMM_UNSET)
			fuzz_assert(args.block_bytes >= 4096 && args.block_bytes <= 1 << 20 &&
				    !(args.block_bytes & (args.block_bytes - 1)));
	}
	while (argc)
		free(words[--argc]);
	return 0;
}
