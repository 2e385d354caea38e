// SPDX-License-Identifier: GPL-2.0
/*
 * The engines there are, by name.
 */
#include <stddef.h>
#include <string.h>

#include "engine.h"

static const struct dmm_engine_ops * const engines[] = {
	&dmm_engine_libaio,
};

const struct dmm_engine_ops *dmm_engine_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
		if (!strcmp(engines[i]->name, name))
			return engines[i];
	}
	return NULL;
}

const char *dmm_engine_name(unsigned int i)
{
	return i < sizeof(engines) / sizeof(engines[0]) ? engines[i]->name : NULL;
}
