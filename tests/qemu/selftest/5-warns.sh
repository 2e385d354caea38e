#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# This test will pass by itself, but the kernel log says otherwise.
echo 'WARNING: CPU: 0 PID: 1 at nowhere.c:1' > /dev/kmsg
