#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# compat-matrix.sh [KDIR...] - build the module, W=1 and sparse, against every given
# kernel tree; without arguments, against every installed Debian headers package and
# the sanitised UML kernel, released and debug.  A warning is a failure.

set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$DMM_TOP"

trees=("$@")
if [ ${#trees[@]} = 0 ]; then
	readarray -t trees < <(find /usr/src -maxdepth 1 -name 'linux-headers-*-amd64' | sort -V)
	[ ${#trees[@]} -gt 0 ] || die "no linux-headers-*-amd64 installed: run scripts/install-packages.sh"
	trees+=("$(scripts/kernels.sh kdir uml)")
fi

passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for tree in "${trees[@]}"; do
	for debug in '' 1; do
		name="${tree#/usr/src/}${debug:+, debug}"
		rm -rf build/matrix
		if make --no-print-directory modules BUILD="$DMM_TOP/build/matrix" KDIR="$tree" DMM_DEBUG="$debug" W=1 C=2 \
				CF="-Wsparse-error -D__CHECK_ENDIAN__" > "$log" 2>&1 &&
				! grep -E 'warning:|error:' "$log"; then
			echo "ok $name"
			passed=$((passed + 1))
		else
			echo "not ok $name"
			tail -n 20 "$log" | sed 's/^/    /'
			failed=$((failed + 1))
		fi
	done
done
rm -rf build/matrix
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
