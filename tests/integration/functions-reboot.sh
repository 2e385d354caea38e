# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# A source that was rebooted during the copy: sourced after functions.sh and functions-handover.sh.

# reboot_source: A with the table that it had before; the kernel, /run and the daemon have forgotten everything
reboot_source() {
	local table
	table=$(dmsetup table A-dmm-origin)
	kill -9 "$DAEMON"
	wait "$DAEMON" 2>/dev/null || true
	dmsetup load A --table "0 $(sectors_of A) error"
	dmsetup resume --noflush --nolockfs A
	dmsetup remove A-dmm-origin
	dmsetup remove A
	rm -f /run/dmmigrate/*.json
	dmsetup create A --table "$table"
	another_boot
	dmmigrated --restore --foreground >"$TMP/restore.out" 2>&1 || fail "restore: exit $?: $(cat "$TMP/restore.out")"
	start_daemon
}

# resume_by_id [options]: what it printed is in $TMP/resume.out
resume_by_id() {
	dmmigrate start --resume "$ID" "$@" >"$TMP/resume.out" 2>&1 || fail "start --resume: exit $?: $(cat "$TMP/resume.out")"
}

# result NAME: of resume_by_id --json
result() { sed -n "s/.*\"$1\": *\"\{0,1\}\([^,\"}]*\).*/\1/p" "$TMP/resume.out" | tr -d ' ' | head -n 1; }
