# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# shellcheck disable=SC1091,SC2034,SC2086,SC2154 # no names with blanks here
# Host b, the destination: boots, is told by host a what to do, a line a connection.
set -eu
. /files/functions.sh
boot
case $expect in
shut)
	shut mapper/web01
	# the volume itself is its gate's: nobody else may have it
	! mount -t ext4 /dev/mapper/$DISK /mnt 2>/run/mount.log || die "mounted"
	grep -qi busy /run/mount.log || die "the volume is not claimed: $(cat /run/mount.log)"
	;;
open)	both mapper/web01 || die "what has settled is shut" ;;
esac

daemon() {
	dmmigrated --foreground --listen 10.77.0.2 --allow '/dev/mapper/*' >/run/dmmigrated.log 2>&1 &
	until_ok 20 grep -q 'listening on' /run/dmmigrated.log
}
[ "$expect" = shut ] || daemon

cat >/run/obey <<'EOS'
#!/bin/sh
. /files/functions.sh
set +e
read -r ID line
eval "$line" 2>&1
echo "status $?"
EOS
chmod 755 /run/obey
mkfifo /run/orders
busybox nc -ll -p 99 -e /run/obey &
# what has to outlive the connection
while :; do
	read -r order </run/orders
	case $order in
	daemon)		daemon ;;
	power_cut)	power_cut ;;
	end)		exit 0 ;;
	esac
done
