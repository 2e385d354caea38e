#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Break one rule of the library's journal at a time, in a copy, and see its unit tests fail.
# A rule whose breaking no test notices is an untested one: exit 1, and its line.
#
# usage: tests/unit/can-fail-lib.sh [PATTERN]	only rules whose line matches
set -euo pipefail
. "$(dirname "$0")/can-fail-functions"

kind=lib
cp "$top/tests/vectors/journal_golden.h" "$tree/tests/vectors/"
cp "$top"/tests/unit/test_lib_journal*.c "$tree/tests/unit/"
begin test_lib_journal{,_disk}

f='rule journal lib/journal_record.c'
$f 's/if \(!w\.end && bytes - at == sizeof\(w\)\)/if (0)/' 'a record that did not come is damage'
$f 's/ && bytes - at == sizeof\(w\)\)/)/' 'what lies behind a hole is not looked at'
$f 's/wrong = wire_wrong\(&w\);/wrong = bytes - at < 2 * sizeof(w) \&\& wire_wrong(\&w) ? NULL : wire_wrong(\&w);/' 'a damaged last record counts'
$f 's/if \(le32_to_cpu\(w->crc\) != wire_crc\(w\)\)/if (0)/' 'any checksum'
$f 's/ \|\| w->end != cpu_to_le32\(JOURNAL_END\)//' 'any end mark'
$f 's/ \|\| w->reserved//' 'a reserved field'
$f 's/!all_zero\(w->pad, sizeof\(w->pad\)\) \|\| //' 'padding'
$f 's/le16_to_cpu\(w->flags\) & ~DMM_JOURNAL_FORCED \|\|//' 'unknown flags'
$f 's/(if \(w\.magic == [^&]*&& )[^\n]*/\10) {/' 'any version'
$f 's/if \(r->seq != [^\n]*/if (0)/' 'records left out'
$f 's/return r->epoch < before->epoch \? [^:]*: NULL/return NULL/' 'epochs that go back'
$f 's/r->role != before->role \|\|//; s/memcmp\(r->id, before->id, sizeof\(r->id\)\) \|\|//' 'records of others'
$f 's/\tif \(id && memcmp[^\n]*\n[^\n]*//' 'the journal of another migration'
$f 's/offsetof\(struct journal_wire, crc\)\)/offsetof(struct journal_wire, by))/' 'a checksum of a part'
$f 's/\tdmm_text_clean\(s\);//' 'texts that can not be read back'
f='rule journal_disk lib/journal.c'
$f 's/(\*err = journal_write\([^;]*;\n\tif \(!\*err\)\n\t\t\*err = )journal_sync\(j->io, j->fd\)/\10/' 'an append without sync'
$f 's/(journal_sync\(j->io, j->fd\);\n\tif \(!\*err\)\n\t\t\*err = )journal_sync\(j->io, j->dir_fd\)/\10/' 'the directory is not synced'
$f 's/\treturn ret \? ret : journal_sync\(j->io, j->dir_fd\);/\treturn ret;/' 'a new name is not synced'
$f 's/ret = journal_sync_dir\(io, dir\);/ret = 0;/' 'the directory above is not synced'
$f 's/\tint ret = journal_write\(j->io, j->fd, j->last[^;]*;/\tint ret = 0;/' 'what was read is not written again'
$f 's/(\t\tret = journal_settle\(j\);\n\tif \(ret\) \{\n\t\tsnprintf)/\t\tret = 0;\n\tif (ret) {\n\t\tsnprintf/' 'what was read is believed unsynced'
$f 's/\tif \(!j->settled\)\n\t\tret = journal_settle\(j\);//' 'an append in doubt is built upon'
$f 's/j->view\.torn_bytes && j->io->ftruncate\(j->fd, \(off_t\)at\)/0/' 'a torn end stays'
$f 's/return DMM_HO_EV_APPEND_UNSURE/return DMM_HO_EV_APPEND_NOTHING/' 'a failed sync means that nothing was written'
$f 's/if \(memcmp\(last, j->last, sizeof\(last\)\) &&/if (0 \&\&/' 'appends on top of anything'
$f 's/if \(st\.st_ino != now\.st_ino\)/if (0)/' 'appends to a journal that was replaced'
$f 's/if \(flock\(j->fd, LOCK_EX \| LOCK_NB\)\)/if (0)/' 'appends without the lock'
$f 's/r->epoch < j->view\.last\.epoch \|\| //' 'an older epoch is written'
$f 's/O_NOFOLLOW \| O_CLOEXEC, 0600/O_NOFOLLOW | O_CLOEXEC, 0644/' 'everybody may read it'
$f 's/mkdir\(path, 0700\)/mkdir(path, 0755)/g' 'everybody may look into the directory'
$f 's/linkat\(j->dir_fd, JOURNAL_NEW, j->dir_fd, JOURNAL_NAME, 0\)/renameat(j->dir_fd, JOURNAL_NEW, j->dir_fd, JOURNAL_NAME)/; s/unlinkat\(j->dir_fd, JOURNAL_NEW, 0\) && !ret/0/' 'a second beginning overwrites'

finish
