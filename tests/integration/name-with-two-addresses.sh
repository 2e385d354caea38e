# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will give the receiver a name with two addresses, the first of which
# does not answer: the second one is tried within the same timeout.
# check-kernels: long
. functions.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
make_disk A 8
make_disk B 8
start_receiver
# packets to it arrive at b, which is not that host and says nothing
ip neigh add 10.77.0.3 lladdr "$(ip -n b link show eth0 | awk '$1 == "link/ether" { print $2 }')" dev dmm-b
cp /etc/hosts "$TMP/hosts"
cleanup_fn "cp $TMP/hosts /etc/hosts; rm /etc/host.conf"
echo 'multi on' >/etc/host.conf
printf '10.77.0.3 twin\n10.77.0.2 twin\n' >>/etc/hosts
dmmigrate start A twin:/dev/mapper/B >"$TMP/start.out" 2>&1 || fail "start: exit $?: $(cat "$TMP/start.out")"
timeout 60 dmmigrate wait A >/dev/null || fail "wait: exit $?"
dmmigrate cancel A >/dev/null || fail "cancel: exit $?"
