#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# mirror.sh TOP DIR SOURCE... - make DIR/SOURCE a tree of symlinks to TOP/SOURCE.
# Links that lead nowhere any more go, so that a renamed file does not linger;
# links that are right stay untouched.

set -eu
top=$1 dir=$2
shift 2
find "$dir" -type l ! -exec test -e {} \; -exec rm -f {} +
cd "$top"
find "$@" \( -type f -o -type l \) \( -name '*.[chS]' -o -name 'Kbuild*' -o -name '*.sh' \) |
while read -r f; do
	link=$dir/$f
	[ -L "$link" ] && continue
	mkdir -p "${link%/*}"
	ln -sfn "$top/$f" "$link"
done
