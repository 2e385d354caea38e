# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will find nothing of the one before.
. "$(dirname "$0")/../functions.sh"
no_guests a
must a "[ -z \"\$(dmsetup ls | grep -v ^No)\" ] && [ ! -e /tmp/left ] && [ -e /sys/module/dm_migrate ]"
must a "cmp -n 8388608 /dev/vda /dev/zero"
must a "dmmigrate list"
must a "! ps | grep '[s]leep 1234'"
