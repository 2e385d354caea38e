# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# A source that was rebooted during the copy: sourced after functions.sh and functions-handover.sh.

# reboot_source [DISK...]: A, or these, with the table that it had before; the kernel, /run and the daemon have forgotten everything
reboot_source() {
	local d
	[ $# -gt 0 ] || set -- A
	kill_all "$DAEMON"
	for d in "$@"; do
		dmsetup table "$d-dmm-origin" >"$TMP/$d.rebooted"
		dmsetup load "$d" --table "0 $(sectors_of "$d") error"
		dmsetup resume --noflush --nolockfs "$d"
		dmsetup remove "$d-dmm-origin"
		dmsetup remove "$d"
	done
	rm -f /run/dmmigrate/*.json
	for d in "$@"; do dmsetup create "$d" "$TMP/$d.rebooted"; done
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
