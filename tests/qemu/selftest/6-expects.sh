#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# This test will leave a line in the kernel log that it announced.
# Line 4 of a comment, however long it is.
# Line 5 of a comment, however long it is.
# Line 6 of a comment, however long it is.
# Line 7 of a comment, however long it is.
# Line 8 of a comment, however long it is.
# Line 9 of a comment, however long it is.
# Line 10 of a comment, however long it is.
# Line 11 of a comment, however long it is.
# Line 12 of a comment, however long it is.
# Line 13 of a comment, however long it is.
# Line 14 of a comment, however long it is.
# Line 15 of a comment, however long it is.
# Line 16 of a comment, however long it is.
# Line 17 of a comment, however long it is.
# Line 18 of a comment, however long it is.
# Line 19 of a comment, however long it is.
# Line 20 of a comment, however long it is.
# Line 21 of a comment, however long it is.
# Line 22 of a comment, however long it is.
# Line 23 of a comment, however long it is.
# expect-log: WARNING: CPU: 0 .* at nowhere
echo 'WARNING: CPU: 0 PID: 1 at nowhere.c:1' > /dev/kmsg
