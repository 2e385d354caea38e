# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will make a kernel complain of what it expects.
# expect-log: at selftest
. "$(dirname "$0")/../functions.sh"
must b "echo 'WARNING: CPU: 0 PID: 1 at selftest' > /dev/kmsg"
