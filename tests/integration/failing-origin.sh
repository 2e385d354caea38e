# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will let the origin fail guest writes: the guest sees exactly the
# origin's errors, the target goes on, and what failed is tracked all the same.
# check-kernels: uml
. functions.sh
requires target:flakey
load_module
make_disk A 16
fill A
attach_raw A
sectors=$(sectors_of A)

dm_replace A-low "0 $sectors flakey $(raw_of A) 0 0 60 1 error_writes"
background failing dmm-load /dev/mapper/A --journal "$TMP/A.journal" --ops 200 --errors-ok --writers 2
wait "$PID" || fail "failing writes were no errors that the load expects"
errors=$(sed -n 's/.*errors=\([0-9]*\).*/\1/p' "$TMP/failing.log")
assert "errors seen by the guest" "$errors" = 200
assert "every one was completed" "$(st A submitted)" = "$(st A completed)"
assert "the state" "$(st A state)" = idle
dm_replace A-low "$(low_table A)"
one A write:1M:64K
checker_verdict /dev/mapper/A A

# reads: half of the disk answers with errors
dm_replace A-low "0 $((sectors / 2)) linear $(raw_of A) 0
$((sectors / 2)) $((sectors - sectors / 2)) error"
refused 1 '' dd if=/dev/mapper/A of=/dev/null bs=64k skip=128 count=1 iflag=direct
dd if=/dev/mapper/A of=/dev/null bs=64k count=1 iflag=direct 2>/dev/null || fail "the good half can't be read"
dm_replace A-low "$(low_table A)"
checker_verdict /dev/mapper/A A
detach_raw A
