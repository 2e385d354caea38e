#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# This test will have `dmmigrate doctor` look at this host, at a daemon that stands for another one, and at VMs, where xl and
# xenstore-ls say what Xen 4.17's have said; then see each answer, in lines and as JSON, and what it does when nobody answers.
DMM_ENGINE=${DMM_ENGINE:-auto}	# whichever: it is not what is looked at
. "$(dirname "$0")/functions"
. "$(dirname "$0")/copy-functions"

plaintext=no
data=$top/tests/unit/data/xen-4.17

# xen DIR INFO: programs that print what was recorded; list.json is made below
xen()
{
	mkdir -p "$tmp/$1"
	cat > "$tmp/$1/xl" <<-END
		#!/bin/sh
		[ ! -e $tmp/$1/broken ] || { echo "libxl: error" >&2; exit 1; }
		case \$* in
		info) echo "warning: nobody reads this" >&2; cat $data/$2 ;;
		'list -l') cat $tmp/list.json ;;
		*) exit 64 ;;
		esac
	END
	cat > "$tmp/$1/xenstore-ls" <<-END
		#!/bin/sh
		[ "\$*" = '-f /local/domain/1' ] && cat $data/xenstore-pvh.txt
	END
	chmod +x "$tmp/$1/xl" "$tmp/$1/xenstore-ls"
}
xen a info-a.txt
xen b info-b.txt
# Domain-0 and the PVH guest as they were, the other one beside them
{
	sed '$d' "$data/list-all.json" | sed '/^]/d'
	printf ',{"domid": 7, "config":'
	cat "$data/create-n-hvm.json"
	echo '}]'
} > "$tmp/list.json"

doctor() { PATH=$tmp/a:$PATH timeout 120 "$tool" doctor --keys "$tmp/keys" --control "$tmp/control" "$@" < /dev/null; }

# finds NAME CODE LINE ARGUMENT...: doctor ends with this exit code, and prints a LINE (extended regular expression).
# "-": with what goes with its lines, for what this machine lacks
finds()
{
	local name=$1 code=$2 line=$3 rc=0

	shift 3
	doctor "$@" > "$tmp/out" 2>&1 || rc=$?
	[ "$code" != - ] || code=$(grep -Eq '^FAIL|"level":"fail"' "$tmp/out" && echo 3 || echo 0)
	if [ $rc = "$code" ] && grep -Eq -- "$line" "$tmp/out"; then
		ok "$name"
	else
		bad "$name: exit $rc instead of $code, or no '$line'"
		cat "$tmp/out"
	fi
}

# also NAME LINE: of what it printed last
also()
{
	if grep -Eq -- "$2" "$tmp/out"; then
		ok "  $1"
	else
		bad "  $1: no '$2'"
		cat "$tmp/out"
	fi
}

# --- this host ---
finds "no daemon and no key" 3 '^FAIL  here     daemon .*No such file or directory'
also "how it is begun" '^ +-> systemctl enable --now dmmigrated'
also "the key" '^FAIL  here     keys .*there is no key'
also "Xen, whatever xl complains of" '^OK    here     xen +Xen 4.17.7, 372 of 767 MiB are free$'
also "how many there are of each" '^[0-9]+ OK, [0-9]+ WARN, [2-9] FAIL$'
touch "$tmp/a/broken"
finds "an xl that fails" 3 '^(WARN|FAIL)  here     xen .*xl info: exit code 1'
rm "$tmp/a/broken"
make_self_key "$tool" "$tmp/keys" 127.0.0.1
PATH=$tmp/b:$PATH start_daemon "control = $tmp/control"
finds "a daemon, and a key" - '^OK    here     daemon +dmmigrated [0-9.]+ answers$'
also "the key" '^OK    here     keys .*valid for 36[0-9][0-9] days$'
also "no line of another host" '^(OK|WARN|FAIL) +here '
! grep -Eq '^(OK|WARN|FAIL) +(there|between|domain)' "$tmp/out" || bad "of what was not asked for"

# --- another host ---
finds "another host" - '^OK    between  reach ' "$to"
also "each trusts the other" "^OK    between  trust .*this host is 'self' there\$"
also "the protocol" '^OK    between  protocol .*with all features'
also "its Xen" '^OK    there    xen +Xen 4.17.7, 118 of 511 MiB are free$'
also "both of a version" '^OK    between  versions +Xen is 4.17.7 here and 4.17.7 there$'
also "its processors" '^WARN  between  cpu .*lack 4 features of this host.s: sse4.2 aes rdrand bmi2$'
also "its clock" '^OK    between  offset '
also "its allow-list" "^OK    between  allow .*lets this host write $tmp/\*\.img\$"
also "what is free" "^OK    between  room +directory $tmp: [0-9]+ of [0-9]+ MiB are free\$"
finds "as JSON" - '"exit_code":[03]' "$to" --json
python3 - "$tmp/out" <<-'END' || bad "the JSON is not as it should be"
	import json, sys
	r = json.load(open(sys.argv[1]))
	f = r["findings"]
	assert r["fail"] == sum(x["level"] == "fail" for x in f) and r["ok"] > 10 and r["domain"] is None, r
	assert all(set(x) == {"rule", "where", "level", "text", "mend", "figures"} for x in f)
	assert all((x["mend"] is None) or x["level"] != "ok" for x in f)
	free = [x["figures"]["memory_free_bytes"] for x in f if x["rule"] == "xen" and x["where"] == "there"]
	assert free == [118 << 20], free
END

# --- and a VM ---
finds "a VM that runs here" 3 '^OK    domain   domain +pvh runs here as domain 1: pvh, 1 processors, 96 MiB of memory, 2 disks$' "$to" --domain pvh
also "its drivers" '^OK    domain   drivers +2 of 2 disks of pvh are connected'
also "features that it would miss" '^FAIL  between  cpu '
also "where it may not go" '^FAIL  between  guests .*no guest of this host'
also "and what to write there" "^ +-> guests = self in dmmigrated.conf of $to"
also "memory" '^OK    between  memory +pvh needs 100 MiB, and 118 MiB are free'
also "a disk that is not here" '^FAIL  domain   disks +xvda \(/dev/mapper/gdisk\) cannot be looked at: '
finds "a VM by its number, with much in the way" 3 '^FAIL  domain   cdrom +/srv/iso/debian-12.iso is in the drive hdc of win01$' \
	"$to" --domain 7
also "how it is ejected" '^ +-> xl cd-eject win01 hdc$'
also "PCI" '^ +-> xl pci-detach win01 0000:04:00.1$'
also "memory" '^FAIL  between  memory +win01 needs [0-9]+ MiB of memory, and only 118 MiB are free'
truncate -s 5M "$tmp/disk.raw"
sed -i "s|/srv/images/data.img|$tmp/disk.raw|" "$tmp/list.json"
finds "a file" 3 "^FAIL  domain   disks +xvdb \($tmp/disk.raw\) is a file of 5 MiB, and no device-mapper device" --domain win01
finds "a VM that is not there" 3 '^FAIL  domain   domain +domain gone: xl list does not have it' --domain gone

# --- nobody, or not us ---
doctor_stranger() { "$tool" doctor --keys "$tmp/stranger" --control "$tmp/control" "$to" 2>&1 || [ $? = 3 ]; }
"$tool" keys init --keys "$tmp/stranger" > /dev/null
"$tool" keys trust --keys "$tmp/stranger" there "$(key_pin "$tool" "$tmp/keys")" 127.0.0.1 > /dev/null
expect_text "a host that does not know us" '-> dmmigrate keys trust \.\.\. on ' doctor_stranger
"$tool" keys revoke --keys "$tmp/stranger" there > /dev/null
expect_text "a host that we do not know" '-> dmmigrate keys trust \.\.\. here' doctor_stranger
stop_daemon
finds "a host that does not answer" 3 "^FAIL  between  reach .*$to" "$to"
also "what to look at" '^ +-> systemctl status dmmigrated on '
finds "no host at all" 2 'is not HOST' 'xen-b:/dev/vg0'
finds "two of them" 2 'one operand too many' a b

finish
