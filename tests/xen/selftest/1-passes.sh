# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will pass, and leave a guest, a device, a process and a file in /tmp.
. "$(dirname "$0")/../functions.sh"
shared_journal
linear a gdisk /dev/vda 0 16384
create_guest a web /dev/mapper/gdisk
must a "touch /tmp/left"
must a "sleep 1234 > /dev/null 2>&1 &"
