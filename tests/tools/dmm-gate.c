// SPDX-License-Identifier: GPL-2.0
/*
 * dmm-gate: what the daemon does to a gate, one verb at a time; from a thread, as it does.  Linked with
 * the product's gate.c, by userland/Makefile.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gate.h"

static const char help[] =
"usage: dmm-gate VERB ID NAME VOLUME\n"
"verbs: possible make shut shut-if-clean reads open settle remove\n"
"Prints \"written\" where shut-if-clean finds that.\n"
"Exit: 0, 1 with the errno's name and the refusal, 2 usage.\n";

static const char *const verbs[] = {
	"possible", "make", "shut", "shut-if-clean", "reads", "open", "settle", "remove",
};

enum verb { POSSIBLE, MAKE, SHUT, SHUT_IF_CLEAN, READS, OPEN, SETTLE, REMOVE, NR_VERBS };

struct job {
	enum verb verb;
	struct dmm_manifest *m;
	struct dmm_refusal r;
	int ret;
};

static void *run(void *arg)
{
	struct job *j = arg;
	bool written = false;

	switch (j->verb) {
	case POSSIBLE:
		j->ret = dmm_gate_possible(&j->r);
		break;
	case MAKE:
		j->ret = dmm_gate_make(j->m, 0, &j->r);
		break;
	case SETTLE:
		j->ret = dmm_gate_settle(j->m, 0);
		break;
	case REMOVE:
		j->ret = dmm_gate_remove(j->m, 0);
		break;
	default:
		j->ret = dmm_gate_set(j->m, 0, j->verb == OPEN ? DMM_HO_GATE_OPEN :
				      j->verb == READS ? DMM_HO_GATE_READS : DMM_HO_GATE_SHUT,
				      j->verb == SHUT_IF_CLEAN ? &written : NULL);
		break;
	}
	if (written)
		puts("written");
	return NULL;
}

int main(int argc, char **argv)
{
	struct job j = { .verb = POSSIBLE };
	struct dmm_manifest_disk *d;
	u8 id[DMM_ID_BYTES];
	pthread_t thread;

	while (argc == 5 && j.verb < NR_VERBS && strcmp(argv[1], verbs[j.verb]))
		j.verb++;
	if (argc != 5 || j.verb == NR_VERBS || dmm_id_parse(argv[2], id)) {
		fputs(help, stderr);
		return 2;
	}
	j.m = dmm_manifest_new(id, DMM_HO_DEST, 1);
	if (!j.m)
		return 1;
	d = &j.m->disks[0];
	d->known = true;
	d->block_bytes = 4096;
	snprintf(d->name, sizeof(d->name), "%s", argv[3]);
	snprintf(d->path, sizeof(d->path), "%s", argv[4]);
	if (pthread_create(&thread, NULL, run, &j) || pthread_join(thread, NULL))
		return 1;
	free(j.m);
	if (!j.ret)
		return 0;
	fprintf(stderr, "%s: %s\n", strerrorname_np(-j.ret), j.r.text);
	return 1;
}
