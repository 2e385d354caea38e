# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the scripts share: where things lie, messages, and a cache in which
# nothing half-made is ever taken for whole.

# shellcheck disable=SC2034	# used by those who source this
DMM_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
DMM_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/dmmigrate
# Of kernels that are emulated: off is what costs most under an emulator and is nothing that is tested here.
# norandmaps: what was translated of a program and its libraries is found again only at the same address.
# shellcheck disable=SC2034
DMM_KERNEL_OPTIONS="mitigations=off init_on_alloc=0 norandmaps randomize_kstack_offset=off cgroup_disable=memory lsm=landlock"

# What was compiled once, in whichever checkout, is not compiled again.
if [ -d /usr/lib/ccache ] && [[ :$PATH: != *:/usr/lib/ccache:* ]]; then
	export PATH=/usr/lib/ccache:$PATH CCACHE_DIR=$DMM_CACHE/ccache CCACHE_BASEDIR=$DMM_TOP CCACHE_NOHASHDIR=1
fi

die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

say()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# cached NAME FUNCTION [ARG...] -- prints the directory of the cache entry NAME.
# When it is not there, FUNCTION fills it: called with the directory and ARGs in
# a subshell, under a lock; only after its success the entry counts as complete.
cached()
{
	local name=$1 dir=$DMM_CACHE/$1
	shift
	if [ ! -e "$dir/complete" ]; then
		mkdir -p "$DMM_CACHE"
		(
			flock 9
			[ -e "$dir/complete" ] && exit 0
			rm -rf "$dir"
			mkdir -p "$dir"
			# No `||` up to the top, or bash would ignore `set -e` in here.
			set -e
			"$1" "$dir" "${@:2}" 9>&- >&2
			touch "$dir/complete"
		) 9> "$DMM_CACHE/$name.lock"
	fi
	echo "$dir"
}

# kernel_headers SERIES -- directory of the newest installed Debian headers of a
# series (6.1, 6.12), or of any series for `any`.
kernel_headers()
{
	local series=$1 dir
	[ "$series" = any ] && series='[0-9]*'
	dir=$(find /usr/src -maxdepth 1 -name "linux-headers-$series.*-amd64" 2>/dev/null | sort -V | tail -n 1)
	[ -n "$dir" ] || return 1
	echo "$dir"
}

# kernel_release SERIES -- e.g. 6.1.0-56-amd64
kernel_release()
{
	local dir
	dir=$(kernel_headers "$1") || return 1
	# not include/config/kernel.release: Debian's 6.1 has the upstream version there
	sed -n 's/^.define UTS_RELEASE "\(.*\)"/\1/p' "$dir/include/generated/utsrelease.h"
}
