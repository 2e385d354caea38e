// SPDX-License-Identifier: GPL-2.0
/*
 * An answer of the kernel, and everything that is shown of it: figures, progress line, JSON.
 */
#include <json-c/json.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>

#include "dmmigrate/monitor.h"
#include "dmmigrate/status_json.h"
#include "fuzz.h"
#include "nl.h"
#include "progress.h"

static void show(const struct dmm_nl_info *info)
{
	struct dmm_progress p = { 0 };
	struct dmm_figures f;
	struct dmm_sample s = {
		.now_ns = info->start_ns + info->hold_ns, .start_ns = info->start_ns,
		.state = info->state, .block_bytes = info->block_bytes,
		.size_bytes = info->size_bytes, .sweep_blocks = info->sweep_blocks,
		.dirty_blocks = info->dirty_blocks, .inflight_bytes = info->inflight_bytes,
		.acked_bytes = info->acked_bytes, .redirtied_blocks = info->redirtied_blocks,
	};
	struct json_object *o;
	char line[256];
	u32 before;

	dmm_progress_add(&p, &s, &f);
	before = f.percent_x100;
	s.now_ns += 1000000000;
	s.sweep_blocks += info->barrier % 1024;
	s.acked_bytes += info->ship_ns % (1ull << 30);
	dmm_progress_add(&p, &s, &f);
	fuzz_assert(f.phase && f.percent_x100 <= 10000 && f.percent_x100 >= before);
	dmm_format_progress(line, sizeof(line), &f);
	fuzz_assert(memchr(line, '\0', sizeof(line)));
	o = dmm_status_json(info, &f, "source", NULL, DMM_OWNER_UNKNOWN);
	fuzz_assert(o && json_object_to_json_string(o));
	json_object_put(o);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	size_t bytes = sizeof(struct nlmsghdr) + sizeof(struct genlmsghdr) + size, i;
	struct nlmsghdr *nlh = calloc(1, bytes);
	struct dmm_nl_info info;

	/* the header is the kernel's; libnl has checked its length */
	fuzz_assert(nlh);
	nlh->nlmsg_len = bytes;
	nlh->nlmsg_type = 30;
	memcpy((u8 *)nlh + bytes - size, data, size);
	if (!dmm_nl_parse(nlh, &info)) {
		fuzz_assert(info.present & DMM_NL_BIT(DMM_A_DEV));
		fuzz_assert(memchr(info.reason, '\0', sizeof(info.reason)));
		for (i = 0; info.reason[i]; i++)
			fuzz_assert((u8)info.reason[i] >= 0x20 && info.reason[i] != 0x7f);
		show(&info);
	}
	free(nlh);
	return 0;
}
