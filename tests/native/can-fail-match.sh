#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Rules that are broken on purpose, to see that a test notices (tests/*/can-fail*.sh, of make check-long): each still finds the
# code that it is about.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
export CAN_FAIL_MATCH=1
failed=0
for rules in "$top"/tests/unit/can-fail*.sh "$top"/tests/fuzz/can-fail.sh "$top"/tests/sim/can-fail.sh; do
	bash "$rules" > /dev/null 2> /dev/null && continue
	echo "$rules:"
	bash "$rules" 2>&1 | grep 'nothing any more' || bash "$rules"
	failed=1
done
exit $failed
