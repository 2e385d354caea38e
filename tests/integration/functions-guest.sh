# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# shellcheck disable=SC2034 # words of start_receiver
# What tests of guests share, whose toolstack on both hosts is a script that says what xl says: sourced after functions.sh, when there are hosts.
# The guest is web, whose disk is A.  Where $TMP/fails is there it cannot be made at the destination; $TMP/unpaused says that it runs there.

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
		[ "\$(dd bs=1 count=44 2>/dev/null | wc -c)" = 44 ] || exit 1
		: >"$TMP/unpaused"
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
printf '[dmmigrated]\nguests = *\nxl = %s\nguest_configs = %s\n' "$TMP/bin-b/xl" "$TMP/xen-b" >"$TMP/b.conf"
RECEIVER_OPTIONS="--config $TMP/b.conf"
PATH=$TMP/bin-b:$without_xl
start_receiver
PATH=$TMP/bin:$without_xl

says() { grep -q -- "$1" "$TMP/vm.out" || fail "not '$1': $(cat "$TMP/vm.out")"; }
nothing_there() { assert "configurations at the destination $1" "$(find "$TMP/xen-b" ! -type d)" = ''; }
