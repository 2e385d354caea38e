# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will see a host crash.
. "$(dirname "$0")/../functions.sh"
on b "echo c > /proc/sysrq-trigger" || true
must b "xl list"
