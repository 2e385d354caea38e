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

mkdir -p /etc/xen/auto "$TMP/bin" "$TMP/xen-b"
cleanup_fn "rm -rf /etc/xen"
mkfifo "$TMP/memory" "$TMP/answers"
cat >"$TMP/bin/xl" <<-EOS
	#!/bin/sh
	# exactly so many bytes, for another reads the rest
	take() { dd bs=1 count="\$1" of=/dev/null 2>/dev/null; }
	case "\$1 \$2" in
	'info ')	printf 'xen_version : 4.17.5\ntotal_memory : 2000\nfree_memory : 1000\n' ;;
	'list -l')	cat "$TMP/list" ;;
	'list ' | 'list web')
		printf 'Name ID Mem VCPUs State Time(s)\nweb 1 64 1 -b---- 1.0\n' ;;
	'migrate -s')
		eval "rune=\\\${\$#}"
		sh -c "\$rune" <"$TMP/memory" >"$TMP/answers" &
		exec 8>"$TMP/memory" 9<"$TMP/answers"
		take 54 <&9
		echo memory >&8
		take 34 <&9
		printf 'domain is yours, you are cleared to unpause\000' >&8
		take 40 <&9 ;;
	'migrate-receive ')
		printf 'xl migration receiver ready, send binary domain data.\n'
		read -r line
		[ ! -e "$TMP/fails" ] || exit 1
		printf 'domain received, ready to unpause\000'
		take 44
		printf 'my copy unpause results are as follows\000\000' ;;
	*)		exit 1 ;;
	esac
EOS
# the other host's, where there is no such domain
mkdir "$TMP/bin-b"
# shellcheck disable=SC2016 # for the script
printf '#!/bin/sh\n[ "$1" != list ] || exit 1\nexec %s/bin/xl "$@"\n' "$TMP" >"$TMP/bin-b/xl"
chmod 755 "$TMP/bin/xl" "$TMP/bin-b/xl"
without_xl=$PATH
export PATH
printf '%s' '[ { "domid": 1, "config": { "c_info": { "type": "pvh", "name": "web" }, "b_info": { "max_vcpus": 1, "max_memkb": 65536,' \
	' "target_memkb": 65536 }, "disks": [ { "pdev_path": "/dev/mapper/A", "vdev": "xvda", "format": "raw", "readwrite": 1 } ] } } ]' >"$TMP/list"
cat >/etc/xen/web.cfg <<-EOS
	# mine
	name = "web"
	disk = [ "phy:/dev/mapper/A,xvda,w" ]
	vcpus = 1
EOS
ln -s ../web.cfg /etc/xen/auto/web
printf '[dmmigrated]\nguests = *\nxl = %s\nguest_configs = %s\n' "$TMP/bin-b/xl" "$TMP/xen-b" >"$TMP/b.conf"
RECEIVER_OPTIONS="--config $TMP/b.conf"
PATH=$TMP/bin-b:$without_xl
start_receiver
PATH=$TMP/bin:$without_xl
cleanup_fn "dm_drop A.dmm"

# vm CODE [OPTION...]: moves it, its disk to TO; exit code, and what it says in $TMP/vm.out
TO=/dev/mapper/B
vm() {
	local want=$1 rc=0
	shift
	timeout 100 dmmigrate vm web --to "$ADDR_B" --map "xvda=$TO" "$@" >"$TMP/vm.out" 2>&1 || rc=$?
	[ $rc = "$want" ] || fail "vm $*: exit $rc, wanted $want: $(cat "$TMP/vm.out")"
}
says() { grep -q -- "$1" "$TMP/vm.out" || fail "not '$1': $(cat "$TMP/vm.out")"; }
nothing_there() { assert "configurations at the destination $1" "$(find "$TMP/xen-b" ! -type d)" = ''; }

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
says "web has no disk that moves, .*nothing to copy.*the source owns the data.*next: xl migrate web $ADDR_B, which goes by ssh"
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
forget_there
grep -q 'target=/dev/mapper/B' "$TMP/xen-b/web.cfg" || fail "release takes the configuration away"
