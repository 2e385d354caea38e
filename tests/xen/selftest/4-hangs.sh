# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will hang.
# timeout: 5
sleep 1000
