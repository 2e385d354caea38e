# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will have the target track what is written, without a migration: distinct blocks are counted, nothing is
# shipped; TRACK given again counts from nothing; STOP ends it; a migration that begins afterwards copies everything.
# check-kernels: uml
. functions.sh
requires ip
load_module
two_hosts
make_disk A 16
make_disk B 16
fill A
dev=/dev/mapper/A
attach_raw A
dirty() { nl A dirty_blocks; }
write_at() { dd if=/dev/urandom of=$dev bs=4k seek="$1" count="$2" oflag=direct conv=notrunc 2>/dev/null; }

say "distinct blocks are counted"
write_at 0 8
assert "nothing is tracked before" "$(dirty)" = 0
dmm-nl track $dev
assert "nothing is dirty at first" "$(dirty)" = 0
write_at 100 16
write_at 108 16
assert "what was written twice counts once" "$(dirty)" = 24
state_is A idle || fail "$(st A state)"
assert "bytes shipped" "$(nl A shipped_bytes)" = 0
dmm-nl track $dev
assert "it counts from nothing" "$(dirty)" = 0
write_at 5 1
assert "and counts" "$(dirty)" = 1

say "STOP ends it"
dmm-nl stop $dev
write_at 50 4
assert "nothing is tracked any more" "$(dirty)" = 0

say "a migration takes everything along, and is not tracked beside"
dmm-nl track $dev
write_at 7 3
PORT=$((PORT + 1))
phony --raw --write /dev/mapper/B good
nl_attach $dev "fd=tcp:$ADDR_B:$PORT" "migration=$TEST" disk=0 conn_epoch=1 conn_index=0
refused 1 EBUSY dmm-nl track $dev
dmm-nl start $dev
refused 1 EBUSY dmm-nl track $dev
await_quiet A
same_disks $dev /dev/mapper/B
stop_raw A
assert "nothing is tracked after its end" "$(dirty)" = 0
write_at 9 2
assert "nothing is tracked after its end, whatever is written" "$(dirty)" = 0
detach_raw A
