# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# check-kernels: uml
# timeout: 5000
# This test will send thousands ($CYCLES of them, 3; 1000 in check-long) of random, half right and right netlink messages
# from several threads while a guest writes: each is answered, none without
# CAP_SYS_ADMIN succeeds, no write of the guest fails, and after STOP the device
# is idle with the right data. DRBD crashed on crafted messages (hazard 30).
# shellcheck source=functions.sh
. functions.sh
requires dmm-nlfuzz
load_module
ip link set lo up
make_disk A 16
fill A
attach_raw A
dev=/dev/mapper/A
majmin=$(dmsetup info -c --noheadings -o major,minor --separator : A)

# to the last message
start_load A --writers 2 --rate 30 --seconds $((600 + ${CYCLES:-3} * 5))
dmm-nlfuzz --dev "$majmin" --count $((${CYCLES:-3} * 1000)) --seed "${DMM_SEED:-1}" --no-commit >"$TMP/fuzz.out" || {
	cat "$TMP/fuzz.out"
	fail "fuzzing"
}
cat "$TMP/fuzz.out"
for cmd in 1 2 6 9 10; do
	grep -q "^succeeded:.* $cmd=" "$TMP/fuzz.out" || fail "command $cmd never succeeded: that fuzzed nothing"
done
dmm-nlfuzz --dev "$majmin" --count 500 --seed 2 --no-cap || fail "without the capability"
dmm-nl stop $dev
stop_load
assert "state" "$(st A state)" = idle
assert "bios held" "$(st A held)" = 0
checker_verdict $dev A

for errno in ENOTSOCK ENOTCONN EPROTONOSUPPORT ENONET EBUSY ENODEV EINVAL ESTALE; do
	grep -q "^$errno " "$TMP/fuzz.out" || fail "no $errno among the answers"
done

# a comparison, by threads that are in nobody's way for long
seed=300
while [ $seed -lt 320 ]; do
	dmm-nlfuzz --dev "$majmin" --count 1500 --threads 2 --seed $seed --no-commit >"$TMP/fuzz.out" ||
		fail "fuzzing comparisons, seed $seed: $(cat "$TMP/fuzz.out")"
	grep "^succeeded:" "$TMP/fuzz.out" >>"$TMP/compared"
	! grep -q " 17=" "$TMP/compared" || ! grep -q " 16=" "$TMP/compared" || break
	seed=$((seed + 1))
done
for cmd in 15 16 17; do
	grep -q " $cmd=" "$TMP/compared" || fail "command $cmd never succeeded: $(cat "$TMP/compared")"
done
dmm-nl stop $dev
assert "state" "$(st A state)" = idle

# With COMMIT, and RELEASE, after which nothing is left to do but to replace the table.  The threads
# are in each other's way: it may take more than one run to get that far, and the first few shall have many a RECLAIM.
seed=3 often=
while [ $seed -lt 53 ]; do
	[ $seed -lt 13 ] || often=--release-often
	dmm-nlfuzz --dev "$majmin" --count 1000 --threads 2 --seed $seed $often >"$TMP/fuzz.out" || {
		cat "$TMP/fuzz.out"
		fail "fuzzing with commits, seed $seed"
	}
	grep "^succeeded:" "$TMP/fuzz.out" >>"$TMP/succeeded"
	! grep -q " 13=" "$TMP/succeeded" || break
	seed=$((seed + 1))
done
# RECLAIM (12) may or may not come between a COMMIT and the RELEASE that ends it
for cmd in 8 13; do
	grep -q " $cmd=" "$TMP/succeeded" || fail "command $cmd never succeeded: $(cat "$TMP/succeeded")"
done
say "released with seed $seed"
assert "state" "$(st A state)" = released
dmm-nlfuzz --dev "$majmin" --count 1000 --seed 100 || fail "fuzzing what is released"
assert "state" "$(st A state)" = released
give_up_raw A

# a gate, which is no source
dm_create G "0 $(sectors_of A-low) migrate /dev/mapper/A-low 8 1 gate"
dmm-nlfuzz --dev "$(dmsetup info -c --noheadings -o major,minor --separator : G)" --count 1500 --seed 101 \
	>"$TMP/fuzz.out" || fail "fuzzing a gate: $(cat "$TMP/fuzz.out")"
grep -q "^succeeded:.* 14=" "$TMP/fuzz.out" || fail "GATE never succeeded: that fuzzed nothing"
! grep -Eq "^succeeded:.* ([136]|1[567])=" "$TMP/fuzz.out" || fail "a gate is a source: $(cat "$TMP/fuzz.out")"
assert "state of the gate" "$(st G state)" = gated
