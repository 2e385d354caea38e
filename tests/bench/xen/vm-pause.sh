# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# How long a guest stands still, and how long its move takes: `xl migrate` with a disk that both hosts have, against
# `dmmigrate vm` with one of the same size that moves along.  The same guest, the same load; rounds take turns.
# timeout: 3000
. "$(dirname "${BASH_SOURCE[0]}")/../../xen/functions.sh"

ROUNDS=${ROUNDS:-5}
SECTORS=32768

# moved KIND SECONDS: what the round has shown; the guest is at b
moved()
{
	kill "$WATCHER"
	WATCHER=''
	no_guests a || fail "guests at a: $(guests a)"
	guest_goes_on b web
	note "round $round: $1: pause $(longest_pause) ms, $2 s in all$3"
	echo "$(longest_pause) $2" >> "$MY/$1"
	must b "xl destroy web"
	must a dom0-clean
	must b dom0-clean
}

# KIND's median of column N
median() { sort -n -k "$2,$2" "$MY/$1" | awk -v n="$2" '{ v[NR] = $n } END { print v[int((NR + 1) / 2)] }'; }

for ((round = 1; round <= ROUNDS; round++)); do
	shared_journal
	linear a gshared /dev/vdd $JOURNAL_SECTORS $SECTORS
	linear b gshared /dev/vdd $JOURNAL_SECTORS $SECTORS
	create_guest a web /dev/mapper/gshared
	guest_goes_on a web
	move_plain
	moved plain "$took" ''

	guest_to_move
	guest_goes_on a web
	watch_writes
	began=$SECONDS
	LIMIT=300 must a "$VM" > "$MY/vm"
	took=$((SECONDS - began))
	disks_part "$MY/vm" >> "$MY/held"
	moved ours $took ", the disks' part $(tail -n 1 "$MY/held") ms"
done
note "the disks' part at most $(sort -n "$MY/held" | tail -n 1) ms"
echo "result vm-pause $(median ours 1) $(median plain 1) ms"
echo "result vm-total $(median ours 2) $(median plain 2) s"
