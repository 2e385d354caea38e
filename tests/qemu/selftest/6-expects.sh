#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# This test will leave a line in the kernel log that it announced.
# expect-log: WARNING: CPU: 0 .* at nowhere
echo 'WARNING: CPU: 0 PID: 1 at nowhere.c:1' > /dev/kmsg
