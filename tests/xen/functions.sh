# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What tests of the Xen lab share: sourced first by each of them, in bash, on the machine that runs the lab, which is up.
# Between tests dom0-clean puts both hosts back; a test that fails gets its successor fresh ones.
#
#	host a, 10.9.0.1			host b, 10.9.0.2
#	vda, vdb: its own			vda, vdb: its own
#	vdd ---------- the same, SHARED on this machine ---------- vdd
#
# A guest writes to its xvda all the time and keeps the journal of that on its xvdb (domu/init).  gjournal, of the shared disk, is
# there for that: so it is with the guest wherever that goes, and whatever becomes of it.

set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
: "${LAB:?is for tests/xen/run to say}"
. "$DMM_TOP/tests/xen/hosts.sh"

SHARED=$LAB/shared.disk
JOURNAL_SECTORS=8192

# for tests that do not come to their end
# shellcheck disable=SC2034 # hosts.sh and the tests
MY=$(mktemp -d "${TMPDIR:-/tmp}/dmm-xentest.XXXXXX")
WATCHER=''
end_of_test()
{
	[ -z "$WATCHER" ] || kill "$WATCHER" 2> /dev/null || true
	rm -rf "$MY"
}
trap end_of_test EXIT
trap 'exit 1' INT TERM

fail() { echo "FAILED: $*" >&2; exit 1; }
# says PATTERN: standard input does; all of it is read, for whoever writes it would die of a grep that ends early
says() { [ "$(grep -c -- "$1")" -gt 0 ]; }
note() { echo "# $SECONDS s: $*"; }

# must HOST COMMAND...: as on, and it has to succeed; its output is shown when it does not
must()
{
	local out rc=0

	out=$(on "$@" 2>&1) || rc=$?
	[ $rc = 0 ] || { printf '%s\n' "$out" >&2; fail "host $1: exit status $rc: ${*:2}"; }
	[ -z "$out" ] || printf '%s\n' "$out"
}

# must_wait_for SECONDS COMMAND...: until it succeeds
must_wait_for()
{
	local until=$((SECONDS + $1))
	shift
	until "$@" > "$MY/waited" 2>&1; do
		[ $SECONDS -lt $until ] || { tail -n 20 "$MY/waited" >&2; fail "waited in vain for: $*"; }
		sleep 0.3
	done
}

# daemon_ends HOST [-9]: its other processes die with it, before they are killed perhaps
daemon_ends()
{
	on "$1" "busybox killall -q ${2-} dmmigrated" || true
	must_wait_for 20 on "$1" "! busybox pidof dmmigrated"
}

# linear HOST NAME DEVICE FIRST-SECTOR SECTORS: a dm device there
linear() { must "$1" "dmsetup create $2 --table '0 $5 linear $3 $4'"; }

# shared_journal: on both hosts, for guests
shared_journal()
{
	linear a gjournal /dev/vdd 0 $JOURNAL_SECTORS
	linear b gjournal /dev/vdd 0 $JOURNAL_SECTORS
}

# guest_config HOST NAME DISK [LOAD-OPTION...]: /etc/xen/NAME.cfg there; DISK is the device that is to be its xvda
guest_config()
{
	local host=$1 name=$2 disk=$3 words
	shift 3

	words=$(IFS=,; echo "$*")
	cat > "$MY/$name.cfg" <<-EOS
		name = "$name"
		type = "pvh"
		kernel = "/guest/vmlinux"
		ramdisk = "/guest/initrd"
		extra = "console=hvc0 quiet panic=-1 $DMM_KERNEL_OPTIONS load=$words"
		memory = 96
		vcpus = 1
		disk = [ "phy:$disk,xvda,w", "phy:/dev/mapper/gjournal,xvdb,w" ]
		vif = []
		tsc_mode = "native"
		on_crash = "preserve"
	EOS
	put "$host" "$MY/$name.cfg" "/etc/xen/$name.cfg"
}

# create_guest HOST NAME DISK [LOAD-OPTION...]: and it writes
create_guest()
{
	guest_config "$@"
	must "$1" "xl -f create /etc/xen/$2.cfg" > /dev/null
	must_wait_for 180 guest_writes "$1" "$2"
}

# guest_log HOST NAME: what it has said on its console there
guest_log() { on "$1" "cat /var/log/xen/guest-$2.log /var/log/xen/guest-$2--incoming.log 2> /dev/null; true" | tr -d '\r'; }

# guest_count HOST NAME: of the operations that it has said
guest_count() { guest_log "$1" "$2" | awk '/^load: / { n = $2 } END { print n + 0 }'; }
guest_writes() { [ "$(guest_count "$1" "$2")" -gt 0 ]; }
# guest_gap HOST NAME: the longest time, in ms, in which none of its operations completed, by its own clock
guest_gap() { guest_log "$1" "$2" | awk '/^load: / { n = $(NF - 1) } END { print n + 0 }'; }

# guest_goes_on HOST NAME: it says that it has done more than now
guest_goes_on()
{
	local count

	count=$(guest_count "$1" "$2")
	must_wait_for 60 guest_beyond "$1" "$2" "$count"
}
guest_beyond() { [ "$(guest_count "$1" "$2")" -gt "$3" ]; }

# guests HOST: their names and states as xl has them
guests() { on "$1" "xl list | sed 1,2d | awk '{ print \$1, \$5 }'"; }
no_guests() { [ -z "$(guests "$1")" ]; }

# watch_writes: from here on, when is the shared disk written to
watch_writes()
{
	local now last=''

	while :; do
		now=$(stat -c %.3Y "$SHARED")
		[ "$now" = "$last" ] || echo "$now"
		last=$now
		sleep 0.03
	done > "$MY/writes" &
	WATCHER=$!
}
# longest_pause: ms without a write to the shared disk, since watch_writes
longest_pause()
{
	awk '{ if (NR > 1 && $1 - last > max) max = $1 - last; last = $1 } END { printf "%d\n", max * 1000 }' "$MY/writes"
}

# disks_part FILE: of what dmmigrate vm has said, ms in which the guest waited for its disks
disks_part() { awk '/^  (hold|ship|barrier|journal|there)/ { ms += $(NF - ($NF ~ /\)$/ ? 3 : 1)) } END { printf "%d\n", ms }' "$1"; }

# judge HOST DEVICE [CHECKER-OPTION...]: every sector there, by the guest's journal
judge()
{
	local host=$1 device=$2
	shift 2
	must "$host" "dd if=/dev/mapper/gjournal of=/tmp/journal bs=1M iflag=direct 2> /dev/null &&
		dmm-check $device --journal /tmp/journal $*" > "$MY/judged"
	note "$(tail -n 1 "$MY/judged")"
}

# move_plain: web goes from a to b by xl migrate alone, watched; its disk is one that both have; $took: seconds
move_plain()
{
	local began

	must b "socat -t 60 TCP-LISTEN:5001,reuseaddr EXEC:'xl migrate-receive' > /tmp/receive.log 2>&1 < /dev/null &"
	must_wait_for 20 on b "grep -q ':1389 .* 0A ' /proc/net/tcp"
	watch_writes
	began=$SECONDS
	LIMIT=300 must a "xl migrate -s '' web 'socat -t 60 - TCP:b:5001' 2>&1" > "$MY/migrate" ||
		{ on b "cat /tmp/receive.log"; cat "$MY/migrate"; fail "xl migrate"; }
	# shellcheck disable=SC2034 # for the tests
	took=$((SECONDS - began))
}

# What tests of `dmmigrate vm` share: web at a, whose xvda moves from gdisk to gdest at b.
VM='dmmigrate vm web --to b --map xvda=/dev/mapper/gdest --map xvdb=shared --timeout 15000'

# guest_to_move [LOAD-OPTION...]: it writes, at a
# shellcheck disable=SC2120	# optional
guest_to_move()
{
	shared_journal
	linear a gdisk /dev/vda 0 32768
	linear b gdest /dev/vdb 0 32768
	create_guest a web /dev/mapper/gdisk "$@"
}

# guest_has_moved: it is at b and nowhere else, and goes on
guest_has_moved()
{
	no_guests a || fail "guests at a: $(guests a)"
	guests b | says '^web ' || fail "guests at b: $(guests b)"
	guest_goes_on b web
}

# move_guest: now
move_guest()
{
	LIMIT=250 must a "$VM" > "$MY/vm"
	cat "$MY/vm"
	guest_has_moved
}

# begins_there CONFIG: at b, by the configuration that came with it, and ends
begins_there()
{
	must b "xl -f create $1" > /dev/null
	must_wait_for 120 guest_writes b web
	must b "xl destroy web"
}

# guest_stays: it is at a, by its own name, and nowhere else, and goes on
guest_stays()
{
	must_wait_for 60 no_guests b
	[[ "$(guests a)" =~ ^web\ [-r][-b]----$ ]] || fail "guests at a: $(guests a)"
	guest_goes_on a web
}

# vm_held STEP [OPTION...]: dmmigrate vm web, in the background, until it is at this step (dmm_stop_at() of the tool), where it waits
vm_held()
{
	local step=$1
	shift

	must a "rm -f /tmp/held /tmp/vm.rc"
	LIMIT=400 on a "DMM_TOOL_RUN_AT='$step touch /tmp/held; while [ -e /tmp/held ]; do usleep 50000; done' \
		timeout 390 $VM $* > /tmp/vm.out 2>&1; echo \$? > /tmp/vm.rc" &
	must_wait_for 380 on a '[ -e /tmp/held ] || [ -e /tmp/vm.rc ]'
	on a '[ -e /tmp/held ]' || fail "dmmigrate vm did not come to $step: $(on a 'cat /tmp/vm.out')"
}

# kill_xl HOST VERB: `xl migrate` or `xl migrate-receive` there, with the process that it has left to watch the domain
kill_xl()
{
	must "$1" "found=1
		for process in /proc/[0-9]*; do
			{ tr '\\0' ' ' < \$process/cmdline; } 2> /dev/null | grep -q '^[^ ]*xl $2 ' || continue
			kill -9 \${process#/proc/} && found=0
		done
		exit \$found"
}

# vm_goes_on: from there; vm_ends CODE PATTERN...: and it ends so, with one line that has PATTERN, each
vm_goes_on() { must a "rm /tmp/held"; }
vm_ends()
{
	local code=$1 pattern
	shift

	must_wait_for 380 on a '[ -e /tmp/vm.rc ]'
	on a "cat /tmp/vm.out" | tee "$MY/vm"
	[ "$(on a 'cat /tmp/vm.rc')" = "$code" ] || fail "dmmigrate vm: exit status $(on a 'cat /tmp/vm.rc'), wanted $code"
	for pattern in "$@"; do
		grep -q "$pattern" "$MY/vm" || fail "dmmigrate vm does not say '$pattern'"
	done
	! grep -q ': *;' "$MY/vm" || fail "dmmigrate vm leaves out a reason"
}

# mirrors_again: its disks are copied as before, and nobody works on them
mirrors_again() { must_wait_for 60 on a "dmmigrate list | grep -q '^gdisk *copying' && ! busybox pidof dmmigrate"; }

# judge_stays: it ends at a, without an error, and its disk there is right
judge_stays()
{
	must a "xl shutdown -w web" > /dev/null
	guest_log a web | says 'the load has ended with exit status 0' || { guest_log a web | tail; fail "the guest's load"; }
	judge a /dev/mapper/gdisk
}

# judge_moved: it ends, without an error, and its disk at b is right
judge_moved()
{
	must b "xl shutdown -w web" > /dev/null
	guest_log b web | says 'the load has ended with exit status 0' || { guest_log b web | tail; fail "the guest's load"; }
	judge b /dev/mapper/gdisk.dmm
}
