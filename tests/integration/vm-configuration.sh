# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will move a domain whose toolstack, on both hosts, is a script that says what xl says, and look at what is left:
# its configuration is put in place at the destination once it lives there, whatever the daemon there goes through, and what begins it at boot
# changes hosts with it; nothing of that after a dry run, or a move that fails.  What doctor finds refuses it before anything begins.
# check-kernels: uml
. functions.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
make_disk A 12
make_disk B 12

. functions-guest.sh
ln -s ../web.cfg /etc/xen/auto/web
cleanup_fn "dm_drop A.dmm"

# vm CODE [OPTION...]: moves it, its disk to TO; exit code, and what it says in $TMP/vm.out
TO=/dev/mapper/B
vm() {
	local want=$1 rc=0
	shift
	timeout 100 dmmigrate vm web --to "$ADDR_B" --map "xvda=$TO" "$@" >"$TMP/vm.out" 2>&1 || rc=$?
	[ $rc = "$want" ] || fail "vm $*: exit $rc, wanted $want: $(cat "$TMP/vm.out")"
}

vm 0 --dry-run
says "configuration of web is to be $TMP/xen-b/web.cfg at $ADDR_B, and stays as /etc/xen/web.cfg here"
says '/etc/xen/auto/web goes'
nothing_there "after a dry run"
cp "$TMP/list" "$TMP/list.plain"
sed -i 's/"readwrite": 1 } ]/"readwrite": 1 } ], "pcidevs": [ { "bus": 3 } ]/' "$TMP/list"
vm 3
says 'domain: pci: PCI device 0000:03:00.0 is passed through to web.*next: xl pci-detach web 0000:03:00.0'
mv "$TMP/list.plain" "$TMP/list"
# both hosts are this machine: it is the same disk, and stays
TO=shared
vm 3
says 'web begins with this host (/etc/xen/auto/web), and no disk of it moves.*the source owns the data.*next: rm /etc/xen/auto/web'
nothing_there "when all disks are shared"
assert "migrations when all disks are shared" "$(find /var/lib/dmmigrate/source -mindepth 1 2>/dev/null)" = ''
TO=/dev/mapper/B
mkdir "$TMP/xen-b/web.cfg"
vm 3
says 'web.cfg is no file'
rmdir "$TMP/xen-b/web.cfg"

touch "$TMP/fails"
vm 8
rm "$TMP/fails"
nothing_there "after a move that failed"
assert "what begins it here" "$(readlink /etc/xen/auto/web)" = ../web.cfg

echo '# old' >"$TMP/xen-b/web.cfg"
vm 0 --timeout 15000
says "web runs at $ADDR_B.  Its configuration there is $TMP/xen-b/web.cfg, and the one that was there $TMP/xen-b/web.cfg.before"
says '/etc/xen/auto/web was removed'
grep -q 'script=block-dmmigrate,target=/dev/mapper/B' "$TMP/xen-b/web.cfg" || fail "the wrong disks: $(cat "$TMP/xen-b/web.cfg")"
assert "what else was in it" "$(grep -c '^# mine\|^vcpus = 1' "$TMP/xen-b/web.cfg")" = 2
assert "what begins it there" "$(readlink "$TMP/xen-b/auto/web.cfg")" = ../web.cfg
assert "what was there" "$(cat "$TMP"/xen-b/web.cfg.before-dmmigrate-*)" = '# old'
assert "what begins guests here" "$(ls /etc/xen/auto)" = ''
grep -q 'phy:/dev/mapper/A' /etc/xen/web.cfg || fail "the configuration here has changed"
there recover "$(migration_id)" >"$TMP/recover.out" 2>&1 || fail "$(cat "$TMP/recover.out")"
give_up
assert "the device there, before release" "$(dmmigrate device /dev/mapper/B)" = /dev/mapper/A.dmm
there release "$ID" >"$TMP/release.out" 2>&1 || fail "release: exit $?: $(cat "$TMP/release.out")"
! dmsetup info A.dmm >/dev/null 2>&1 || fail "what was its gate keeps the volume in use"
assert "the device there, after release" "$(dmmigrate device /dev/mapper/B)" = /dev/mapper/B
grep -q 'target=/dev/mapper/B' "$TMP/xen-b/web.cfg" || fail "release takes the configuration away"
