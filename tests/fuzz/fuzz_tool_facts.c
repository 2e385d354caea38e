// SPDX-License-Identifier: GPL-2.0
/*
 * Facts of a host: FACTS_OK, and what xl and lvm print; one byte that says which, then its text.
 */
#include "facts_host.h"
#include "fuzz.h"

/* What was accepted encodes to what it came from, and says of itself only what it has. */
static void check(const struct dmm_facts *f)
{
	struct dmm_wire_facts_ok w;
	char value[DMM_FACT_VALUE], word[DMM_FACT_VALUE];
	struct dmm_facts again;
	const char *why;
	u64 n;

	fuzz_assert(f->bytes <= DMM_FACTS_BYTES && strlen(f->text) == f->bytes && f->nr <= DMM_MAX_FACTS);
	dmm_facts_encode(f, &w);
	fuzz_assert(!dmm_facts_decode(&w, &again, &why) && again.nr == f->nr && again.cut == f->cut && !strcmp(again.text, f->text));
	dmm_facts_merge(&again, f);
	fuzz_assert(again.nr == f->nr);
	dmm_facts_init(&again);
	dmm_facts_merge(&again, f);
	fuzz_assert(again.nr == f->nr && !strcmp(again.text, f->text));
	if (dmm_facts_get(f, "xen-memory-free", value))
		fuzz_assert(!dmm_facts_u64(f, "xen-memory-free", &n) || *value);
	if (dmm_facts_get(f, "vg", value) && dmm_fact_word_u64(value, 2, &n))
		fuzz_assert(dmm_fact_word(value, 2, word, sizeof(word)));
	dmm_facts_yes(f, "vg");
}

static void message(const u8 *data, size_t size)
{
	struct dmm_wire_facts_ok w = { 0 }, back;
	const char *why = NULL;
	struct dmm_facts f;

	memcpy(&w, data, size < sizeof(w) ? size : sizeof(w));
	if (dmm_facts_decode(&w, &f, &why)) {
		fuzz_assert(why && *why);
		return;
	}
	dmm_facts_encode(&f, &back);
	back.received_ns = w.received_ns;
	back.sent_ns = w.sent_ns;
	fuzz_assert(!memcmp(&w, &back, sizeof(w)));
	check(&f);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct dmm_facts f;
	char *text;

	if (!size)
		return 0;
	if (!data[0]) {
		message(data + 1, size - 1);
		return 0;
	}
	text = fuzz_text(data + 1, size - 1);
	dmm_facts_init(&f);
	if (data[0] == 1)
		dmm_facts_xl_info(&f, text);
	else if (data[0] == 2)
		dmm_facts_vgs(&f, text);
	else
		dmm_facts_pools(&f, text);
	check(&f);
	free(text);
	return 0;
}
