// SPDX-License-Identifier: GPL-2.0
/*
 * The engines there are, by name, and which of them this machine runs.
 */
#include <stddef.h>
#include <string.h>

#include "engine.h"

/* the best first: what `auto` takes */
static const struct dmm_engine_ops * const engines[] = {
	&dmm_engine_uring,
	&dmm_engine_libaio,
	&dmm_engine_inline,
};
#define NR_ENGINES	(sizeof(engines) / sizeof(engines[0]))

const struct dmm_engine_ops *dmm_engine_find(const char *name)
{
	size_t i;

	for (i = 0; i < NR_ENGINES; i++) {
		if (!strcmp(engines[i]->name, name))
			return engines[i];
	}
	return NULL;
}

const char *dmm_engine_name(unsigned int i)
{
	return i ? i <= NR_ENGINES ? engines[i - 1]->name : NULL : DMM_ENGINE_AUTO;
}

const struct dmm_engine_ops *dmm_engine_choose(const struct dmm_engine_ops *wanted,
					       char why[DMM_ENGINE_WHY])
{
	size_t i;

	why[0] = '\0';
	if (wanted)
		return wanted->probe && wanted->probe(why) ? NULL : wanted;
	for (i = 0; engines[i]->probe && engines[i]->probe(why); i++)
		;
	return engines[i];
}
