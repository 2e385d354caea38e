# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will have `dmmigrate plan` say what a migration would be like, of disks by name and of a VM's, with a guest that writes:
# how much of that is distinct, over which link, whether it converges; killed, refused or done, everything is as before, and
# both disks hold what they held.
# check-kernels: long
. functions.sh
requires ip tc dmmigrate dmmigrated
load_module
two_hosts
make_disk A 32
make_disk B 32
make_disk C 8
make_disk D 8
fill A
fill B
fill C
md5() { dd if="/dev/mapper/$1" bs=1M iflag=direct 2>/dev/null | md5sum; }
there=$(md5 B)
remember_devices
start_receiver

# plan CODE [ARGUMENT...]: its lines are in $TMP/plan.out
plan() {
	local code=$1 rc=0
	shift
	dmmigrate plan "$@" >"$TMP/plan.out" 2>&1 || rc=$?
	[ $rc = "$code" ] || fail "plan $*: exit $rc instead of $code: $(cat "$TMP/plan.out")"
	restored "plan $*"
}
says() { grep -Eq -- "$1" "$TMP/plan.out" || fail "no '$1' in: $(cat "$TMP/plan.out")"; }
tracks() { dmsetup table "$1" | grep -q " migrate "; }
# number KEY: of the JSON, of the first disk
number() { grep -o "\"$1\": *[0-9]*" "$TMP/plan.out" | head -n 1 | grep -o '[0-9]*$'; }

say "an idle guest"
plan 0 A "$ADDR_B:/dev/mapper/B" --time 2
says '^A: 32\.0 MiB; the guest writes 0 B/s of it .*; it is read with .*/s, there with .*/s$'
says "^link to $ADDR_B:[0-9]+: .*/s by one connection, round trip [0-9]+\.[0-9]+ ms$"
says '^copy: .*at most 32\.0 MiB in '
says '^in the end: 0 B left, a pause of the disks of about 0 ms$'
assert "what was on the destination" "$(md5 B)" = "$there"

say "what is written, in distinct blocks"
background writer sh -c 'while :; do dd if=/dev/urandom of=/dev/mapper/A bs=64k count=32 oflag=direct conv=notrunc 2>/dev/null; done'
writer=$PID
plan 0 A "$ADDR_B:/dev/mapper/B" C "$ADDR_B:/dev/mapper/D" --time 3 --bandwidth 256K --max-pause 10s --json
assert "bytes that it writes again and again" "$(number written_bytes)" = $((2 << 20))
assert "bytes left, with which it converges" "$(number left_bytes)" = $((2 << 20))
assert "milliseconds of pause" "$(number pause_ms)" = 8000
says '"converges": *true'
says '"bound": *"--bandwidth"'
assert "bytes per second" "$(number copy_bps)" = $((256 << 10))
plan 7 A "$ADDR_B:/dev/mapper/B" --time 2 --bandwidth 256K --max-pause 500
says 'it would not converge: .*the pause would be 8000 ms, and 500 are allowed'
says 'with --max-pause 8000'

say "the link"
tc qdisc add dev dmm-b root tbf rate 4mbit burst 32k latency 200ms
plan 0 A "$ADDR_B:/dev/mapper/B" --time 1 --max-pause 15s --json
says '"bound": *"the link"'
assert "bytes per second of 4 Mbit" "$(number link_bps)" -lt 600000
assert "bytes per second of 4 Mbit" "$(number link_bps)" -gt 250000
tc qdisc del dev dmm-b root
kill $writer
wait $writer || true

say "a VM's disks"
mkdir "$TMP/bin"
cat >"$TMP/bin/xl" <<'END'
#!/bin/sh
echo '[{"domid": 3, "config": {"c_info": {"type": "pvh", "name": "web01"}, "b_info": {},
	"disks": [{"vdev": "xvda", "pdev_path": "/dev/mapper/A", "format": "raw", "readwrite": 1},
		  {"vdev": "xvdb", "pdev_path": "/dev/mapper/C", "format": "raw", "readwrite": 1},
		  {"vdev": "xvdc", "pdev_path": "/nowhere.raw", "format": "raw", "readwrite": 1},
		  {"vdev": "xvde", "format": "empty", "is_cdrom": 1}]}}]'
END
chmod +x "$TMP/bin/xl"
PATH=$TMP/bin:$PATH
plan 0 --domain web01 --to "$ADDR_B" --time 1
says '^A: 32\.0 MiB'
says '^C: 8\.0 MiB'
says 'xvdc .* is left out'
says 'and that of the VM.s memory'
plan 3 --domain web02 --to "$ADDR_B"
plan 2 --domain web01
plan 2 A

say "what is in the way"
plan 3 A "$ADDR_B:/dev/mapper/none"
plan 3 A "$ADDR_B:/etc/passwd"
says 'allow'
plan 3 none "$ADDR_B:/dev/mapper/B"
plan 2 A "$ADDR_B:/dev/mapper/B" A "$ADDR_B:/dev/mapper/D"
plan 2 A "$ADDR_B:/dev/mapper/B" --time 2h
start_migration --bandwidth 1M
refused 3 'attached to a migration already' dmmigrate plan A "$ADDR_B:/dev/mapper/B"
dmmigrate cancel A >/dev/null || fail "cancel: exit $?"
restored "cancelled"

say "killed while it tracks, or asked to stop"
background plan dmmigrate plan A "$ADDR_B:/dev/mapper/B" --time 60
must_wait_for 30 tracks A
kill -9 "$PID"
wait "$PID" || true
dmmigrate list | grep -q '^A ' || fail "list: $(dmmigrate list)"
dmmigrate cancel A >/dev/null || fail "cancel: exit $?"
restored "killed"
background plan dmmigrate plan A "$ADDR_B:/dev/mapper/B" --time 60
must_wait_for 30 tracks A
kill -INT "$PID"
rc=0
wait "$PID" || rc=$?
assert "exit code when interrupted" $rc = 8
restored "interrupted"
