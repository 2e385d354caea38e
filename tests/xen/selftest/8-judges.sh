# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will see the judge find one sector of a guest's disk that is not as it was written.
. "$(dirname "$0")/../functions.sh"
shared_journal
linear a gdisk /dev/vda 0 16384
create_guest a web /dev/mapper/gdisk --fill
must a "xl shutdown -w web" > /dev/null
judge a /dev/mapper/gdisk --forbid-pending
must a "dd if=/dev/zero of=/dev/mapper/gdisk bs=512 seek=77 count=1 oflag=direct 2> /dev/null"
judge a /dev/mapper/gdisk
