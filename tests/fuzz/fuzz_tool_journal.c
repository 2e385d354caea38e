// SPDX-License-Identifier: GPL-2.0
/*
 * The journal's reader.  The first byte says whether the records are sealed, so that what is behind the
 * checksum is reached, too; the rest is the file.
 */
#include "dmmigrated/group.h"
#include "fuzz.h"
#include "journal_record.h"

#define RECORD	DMM_JOURNAL_RECORD_BYTES

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static void seal(u8 *file, size_t bytes)
{
	size_t at;
	u32 crc;

	for (at = 0; at + RECORD <= bytes; at += RECORD) {
		crc = cpu_to_le32(~dmm_crc32c(~0u, file + at, RECORD - 8));
		memcpy(file + at + RECORD - 8, &crc, sizeof(crc));
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct dmm_journal_view v = { .nr = 12345 }, again;
	u8 *file, buf[RECORD], other[DMM_ID_BYTES];
	char why[DMM_JOURNAL_WHY] = "";
	struct dmm_ho_config cfg;
	struct dmm_ho_actions out;
	struct dmm_ho ho;
	int ret;

	if (!size)
		return 0;
	file = fuzz_copy(data + 1, size - 1);
	if (data[0] & 1)
		seal(file, size - 1);
	ret = dmm_journal_scan(file, size - 1, NULL, &v, why);
	if (ret) {
		fuzz_assert(ret == -ENODATA || ret == -EBADMSG || ret == -EPROTONOSUPPORT);
		fuzz_assert(v.nr == 12345 && *why);
		free(file);
		return 0;
	}
	fuzz_assert(v.nr && v.whole_bytes == v.nr * RECORD && v.torn_bytes <= RECORD &&
		    v.whole_bytes + v.torn_bytes == size - 1 && v.last.seq == v.nr);
	fuzz_assert(memchr(v.last.host, '\0', sizeof(v.last.host)) &&
		    memchr(v.last.by, '\0', sizeof(v.last.by)));
	/* what was read is what is written */
	dmm_journal_encode(&v.last, buf);
	fuzz_assert(!memcmp(buf, file + v.whole_bytes - RECORD, RECORD));
	/* and every record before it was the last one once */
	if (v.nr > 1) {
		fuzz_assert(!dmm_journal_scan(file, v.whole_bytes - RECORD, v.last.id, &again, why));
		fuzz_assert(again.last.epoch <= v.last.epoch && again.last.role == v.last.role);
	}
	/* it is of that migration, and of no other */
	memcpy(other, v.last.id, sizeof(other));
	other[0] ^= 1;
	again.nr = 12345;
	fuzz_assert(!dmm_journal_scan(file, size - 1, v.last.id, &again, why) && again.nr == v.nr);
	again.nr = 12345;
	fuzz_assert(dmm_journal_scan(file, size - 1, other, &again, why) == -EBADMSG && again.nr == 12345);
	/* a machine can boot from it */
	memset(&cfg, 0, sizeof(cfg));
	cfg.role = v.last.role;
	cfg.nr_disks = dmm_group_units(v.last.nr_disks);
	cfg.instance.b[0] = 1;
	cfg.journal = DMM_HO_JOURNAL_LAST;
	cfg.state = v.last.state;
	cfg.epoch = v.last.epoch;
	fuzz_assert(!dmm_ho_boot(&ho, &cfg, &out) && ho.epoch == v.last.epoch);
	free(file);
	return 0;
}
