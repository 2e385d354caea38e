#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# This test will ask for offline copies that must not be made, and see each refused with
# the right exit code and a line that says what is in the way; and what changes meanwhile noticed.
. "$(dirname "$0")/functions"
. "$(dirname "$0")/copy-functions"

# shellcheck disable=SC2119 # the script has no arguments
start_daemon
src=$tmp/source.raw img=$tmp/disk.img
random "$src" $((8 << 20))
truncate -s 8M "$img"

copy_fails "no operands" 2 'operands are missing'
copy_fails "a target that is none" 2 'dmmigrate copy --help' "$src" nowhere
copy_fails "17 connections" 2 'from 1 to 16' --connections 17 "$src" "$to:$img"
copy_fails "no connection" 2 'from 1 to 16' --connections 0 "$src" "$to:$img"
copy_fails "an engine that is none" 2 'not io_uring' --engine windmill "$src" "$to:$img"
copy_fails "a source that is not there" 3 'does not exist.*nothing was changed' "$tmp/none" "$to:$img"
copy_fails "a directory" 3 'neither a block device nor a regular file' "$tmp" "$to:$img"
truncate -s 1000 "$tmp/odd.raw"
copy_fails "half a sector" 3 'no whole sectors' "$tmp/odd.raw" "$to:$img"
: > "$tmp/empty.raw"
copy_fails "nothing" 3 'is empty' "$tmp/empty.raw" "$to:$img"

copy_fails "a destination that is not there" 3 'does not exist.*next: dmmigrate copy --create' \
	"$src" "$to:$tmp/none.img"
copy_fails "one off the allow-list" 3 'not on the allow-list' "$src" "$to:/etc/none"
copy_fails "nor created there" 3 'not on the allow-list' --create "$src" "$to:/etc/none"
truncate -s 4M "$tmp/small.img"
copy_fails "one that is too small" 3 'enlarge it by 4194304 bytes' "$src" "$to:$tmp/small.img"
is "  which stays as it is" "$(stat -c %s "$tmp/small.img")" = 4194304
mkfs=$(command -v mkfs.ext4 || echo /sbin/mkfs.ext4)
truncate -s 8M "$tmp/fs.img"
"$mkfs" -q -F "$tmp/fs.img"
before=$(cksum "$tmp/fs.img")
copy_fails "one that carries a signature" 3 'ext4.*next: dmmigrate copy --yes' "$src" "$to:$tmp/fs.img"
is "  which stays as it is" "$(cksum "$tmp/fs.img")" = "$before"
ln "$src" "$tmp/same.img"
copy_fails "onto itself by another name" 3 'is the source itself' "$src" "$to:$tmp/same.img"
rm "$tmp/same.img"
copy_fails "nobody listens" 4 'connection refused' "$src" "127.0.0.1:1:$img"

# a dry run asks, and changes nothing
expect_text "a dry run" 'can be copied to .* nothing yet to compare' copy --dry-run "$src" "$to:$img"
expect_text "a dry run of what would be created" 'can be copied' \
	copy --dry-run --create "$src" "$to:$tmp/new.img"
is "  creates nothing" ! -e "$tmp/new.img"
copy_fails "a dry run is refused alike" 3 'ext4' --dry-run "$src" "$to:$tmp/fs.img"
is "no byte has arrived" "$(du -k "$img" | cut -f1)" = 0

# in use
sleep 60 >> "$src" &
writer=$!
copy_fails "a source that is open for writing" 3 "process $writer.*copy a snapshot" "$src" "$to:$img"
kill $writer
wait $writer 2>/dev/null || true
tail -f "$src" > "$tmp/reader" &
reader=$!
expect "one that is open for reading is fine" copy --no-verify "$src" "$to:$img"
kill $reader
wait $reader 2>/dev/null || true

# the same twice
copy_bg "$tmp/first" --bandwidth 1M --no-compare "$src" "$to:$img"
first=$!
until_true 20 grep -q '^copy' "$tmp/first"
copy_fails "a copy that runs already" 3 'is being copied to .* already' "$src" "$to:$img"
kill -TERM $first # INT is ignored by what runs in the background
rc=0
wait $first || rc=$?
is "stopped: exit code 8" $rc = 8
expect_text "  and how to go on" 'interrupted.*next: dmmigrate copy --yes .*only what differs' cat "$tmp/first"
expect "  which it does" copy "$src" "$to:$img"
same "  to the end" "$src" "$img"

# changed meanwhile
changes()
{
	local name=$1 text=$2 pid rc=0

	shift 2
	copy_bg "$tmp/first" --bandwidth 2M --no-compare --no-verify "$src" "$to:$img"
	pid=$!
	until_true 20 grep -q '^copy' "$tmp/first"
	"$@"
	wait $pid || rc=$?
	is "$name: exit code 8" $rc = 8
	expect_text "  with the reason" "$text" cat "$tmp/first"
}
append() { printf x >> "$src"; }
changes "appended to" 'changed its size|opened for writing' append
truncate -s 8M "$src"
changes "touched" 'was written while it was copied' touch "$src"
write() { printf y | dd of="$src" bs=1 seek=4194304 conv=notrunc status=none; }
changes "written" 'opened for writing|was written' write

# the lease: who may not see other processes is told by the kernel nevertheless
if [ "$(id -u)" = 0 ]; then
	dir=$(mktemp -d /tmp/dmm-nobody.XXXXXX)
	chmod 711 "$tmp"
	cp "$src" "$dir/mine.raw"
	cp "$tool" "$dir/dmmigrate"	# the checkout may lie in a home that is closed to others
	chown -R nobody "$dir"
	nobody_copies()
	{
		setpriv --reuid=nobody --regid=nogroup --clear-groups timeout 60 "$dir/dmmigrate" copy --insecure-plaintext "$@"
	}
	expect "nobody copies his own file" nobody_copies --yes "$dir/mine.raw" "$to:$img"
	same "  whole" "$src" "$img"
	sleep 60 >> "$dir/mine.raw" &
	writer=$!
	rc=0
	nobody_copies --yes "$dir/mine.raw" "$to:$img" > "$tmp/refusal" 2>&1 || rc=$?
	is "but not while root writes to it" $rc = 3
	expect_text "  which the lease tells" 'is open for writing' cat "$tmp/refusal"
	kill $writer
	wait $writer 2>/dev/null || true
	chmod 600 "$src"
	rc=0
	nobody_copies "$src" "$to:$img" > "$tmp/out" 2>&1 || rc=$?
	is "and not what he may not read" $rc = 3
	rm -rf "$dir"
fi

stop_daemon
finish
