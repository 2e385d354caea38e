/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For test_tool_prove: what it puts in the place of the tool's own, by the linker's --wrap.
 */
#ifndef TOOL_PROVE_H
#define TOOL_PROVE_H

#include "dmmigrate/cutover_prove.h"
#include "dmmigrate/remote.h"
#include "dmmigrate/verify.h"

int __wrap_dmm_remote_open(struct dmm_remote *r, const struct dmm_target *to);
int __wrap_dmm_remote_prove(struct dmm_remote *r, const struct dmm_wire_prove *req, struct dmm_wire_prove_ok *ok);
int __wrap_dmm_remote_compare(struct dmm_remote *r, const struct dmm_wire_compare *req,
			      struct dmm_wire_compare_ok *ok);
int __wrap_dmm_verify_origin(const struct dmm_source *s, u64 *size_bytes);
int __wrap_dmm_source_info(struct dmm_tool *t, const struct dmm_source *s, struct dmm_nl_info *info);

#endif
