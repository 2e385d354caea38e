// SPDX-License-Identifier: GPL-2.0
/*
 * Facts of a host: FACTS_OK, what xl, xenstore-ls and lvm print, and LEFTOVERS_OK; one byte that says which, then its text.
 */
#include <errno.h>

#include "doctor.h"
#include "facts_host.h"
#include "fuzz.h"
#include "leftover.h"

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

static void store(const char *text)
{
	static struct dmm_domain d;

	memset(&d, 0, sizeof(d));
	d.id = 1;
	dmm_domain_store(text, &d);
	fuzz_assert(d.store && d.connected <= d.fronts && memchr(d.os, '\0', sizeof(d.os)));
}

/* The domain of that name, or number. */
static void domain(const char *text, const char *name, u32 id)
{
	static struct dmm_domain d;
	unsigned int i;

	if (!dmm_domain_parse(text, name, &d)) {
		fuzz_assert(!d.there && d.why[0] && !d.nr_disks);
		return;
	}
	fuzz_assert(d.nr_disks <= DMM_DOMAIN_DISKS && d.nr_pci <= DMM_DOMAIN_PCI && (!strcmp(d.name, name) || (id && d.id == id)));
	fuzz_assert(memchr(d.type, '\0', sizeof(d.type)) && d.id <= 0xffff);
	for (i = 0; i < d.nr_disks; i++)
		fuzz_assert((d.disks[i].kind == DMM_VBD_EMPTY) == !d.disks[i].path[0] && !strchr(d.disks[i].path, '\n'));
	for (i = 0; i < d.nr_pci; i++)
		fuzz_assert(strlen(d.pci[i]) == 12);
}

/* Masks of processors, two with a blank between them. */
static void masks(char *text)
{
	char names[40], *second = text + strcspn(text, " ");

	if (*second)
		*second++ = '\0';
	fuzz_assert(dmm_cpu_missing(text, text, names, sizeof(names)) <= 0);
	if (dmm_cpu_missing(text, second, names, sizeof(names)) > 0)
		fuzz_assert(names[0] && memchr(names, '\0', sizeof(names)));
}

/* Nothing that waits for another is left waiting once that is forgotten, and nothing else goes by it. */
static void forget(struct dmm_leftovers *l, struct dmm_leftover *part)
{
	bool waited = part->fate == DMM_LEFTOVER_PEER;
	enum dmm_wire_leftover_fate was[DMM_LEFTOVERS_PAGE];
	bool of_it;
	u32 i;

	for (i = 0; i < l->nr; i++)
		was[i] = l->items[i].fate;
	dmm_leftover_forgotten(l, part);
	fuzz_assert(part->forgotten == waited);
	for (i = 0; i < l->nr; i++) {
		of_it = &l->items[i] == part ||
			(l->items[i].kind != DMM_LEFTOVER_PART && !memcmp(l->items[i].migration, part->migration, DMM_ID_BYTES));
		fuzz_assert(l->items[i].fate == (waited && of_it && was[i] == DMM_LEFTOVER_PEER ? DMM_LEFTOVER_REMOVE : was[i]));
	}
}

/* What was accepted encodes to what it came from, page by page, and each has one of two fates. */
static void leftovers(const u8 *data, size_t size)
{
	struct dmm_wire_leftovers_ok w = { 0 }, back;
	struct dmm_leftovers l = { 0 };
	struct dmm_leftover *part;
	enum dmm_wire_leftover_fate fate;
	const char *why = NULL;
	u32 i;
	int ret;

	memcpy(&w, data, size < sizeof(w) ? size : sizeof(w));
	ret = dmm_leftovers_decode(&l, &w, &why);
	if (ret < 0) {
		fuzz_assert(ret == -EBADMSG && why && *why && !l.nr);
		dmm_leftovers_clear(&l);
		return;
	}
	fuzz_assert(l.nr == le32_to_cpu(w.nr) && ret == (l.nr && l.nr < le32_to_cpu(w.total)));
	dmm_leftovers_encode(&l, 0, &back);
	fuzz_assert(back.nr == w.nr && !memcmp(back.leftover, w.leftover, sizeof(w.leftover)));
	dmm_leftovers_encode(&l, l.nr, &back);
	fuzz_assert(!back.nr && le32_to_cpu(back.total) == l.nr);
	fuzz_assert(!strcmp(dmm_leftover_kind_name(0), "?") && !strcmp(dmm_leftover_kind_name(__DMM_LEFTOVER_KIND_MAX), "?"));
	for (i = 0; i < l.nr; i++) {
		fuzz_assert(strcmp(dmm_leftover_kind_name(l.items[i].kind), "?"));
		fate = dmm_leftover_fate(&l, &l.items[i]);
		part = dmm_leftovers_part(&l, l.items[i].migration, 0);
		fuzz_assert(fate == DMM_LEFTOVER_KEEP || (fate == DMM_LEFTOVER_REMOVE && (l.items[i].fate == DMM_LEFTOVER_REMOVE ||
			    (l.items[i].fate == DMM_LEFTOVER_GOES && part->fate == DMM_LEFTOVER_REMOVE))));
		if (l.items[i].kind != DMM_LEFTOVER_PART)
			continue;
		part = dmm_leftovers_part(&l, l.items[i].migration, l.items[i].role);
		fuzz_assert(part && part <= &l.items[i] && part->role == l.items[i].role);
	}
	for (i = 0; i < l.nr; i++) {
		if (l.items[i].kind == DMM_LEFTOVER_PART)
			forget(&l, &l.items[i]);
	}
	dmm_leftovers_clear(&l);
}

/* Pages of a peer that never comes to its end: what is beyond is cut off, and that is said. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct dmm_wire_leftovers_ok w = { .total = cpu_to_le32(DMM_MAX_LEFTOVERS), .nr = cpu_to_le32(1) };
	struct dmm_leftovers l = { 0 };
	const char *why;
	int ret;

	(void)argc;
	(void)argv;
	w.leftover[0].kind = cpu_to_le32(DMM_LEFTOVER_DEVICE);
	w.leftover[0].fate = cpu_to_le32(DMM_LEFTOVER_KEEP);
	do {
		ret = dmm_leftovers_decode(&l, &w, &why);
	} while (ret > 0);
	fuzz_assert(!ret && l.nr == DMM_MAX_LEFTOVERS && !l.cut);
	fuzz_assert(dmm_leftovers_decode(&l, &w, &why) < 0 && l.nr == DMM_MAX_LEFTOVERS && l.cut);
	dmm_leftovers_clear(&l);
	return 0;
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
	if (data[0] == 7) {
		leftovers(data + 1, size - 1);
		return 0;
	}
	text = fuzz_text(data + 1, size - 1);
	dmm_facts_init(&f);
	if (data[0] == 1)
		dmm_facts_xl_info(&f, text);
	else if (data[0] == 2)
		dmm_facts_vgs(&f, text);
	else if (data[0] == 3)
		dmm_facts_pools(&f, text);
	else if (data[0] == 6)
		masks(text);
	else if (data[0] == 5) {
		store(text);
	} else {
		domain(text, "pvh", 0);
		domain(text, "7", 7);
	}
	check(&f);
	free(text);
	return 0;
}
