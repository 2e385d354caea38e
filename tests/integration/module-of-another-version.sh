# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# This test will have a module of another version of the netlink family: start says which side to
# upgrade, and has changed nothing.
# check-kernels: uml
. functions.sh
requires ip dmmigrate dmmigrated
load_module
two_hosts
make_disk A 8
make_disk B 8
start_receiver
remember_devices
export DMM_TOOL_GENL_VERSION=99
refused 3 'speaks version 99 .* upgrade the tool' dmmigrate start A "$ADDR_B:/dev/mapper/B"
restored "newer module"
export DMM_TOOL_GENL_VERSION=0
refused 3 'speaks version 0 .* upgrade the module' dmmigrate start A "$ADDR_B:/dev/mapper/B"
refused 3 'upgrade the module' dmmigrate start --dry-run A "$ADDR_B:/dev/mapper/B"
restored "older module"
unset DMM_TOOL_GENL_VERSION
dmmigrate start A "$ADDR_B:/dev/mapper/B" >/dev/null || fail "start: exit $?"
dmmigrate cancel A >/dev/null || fail "cancel: exit $?"
