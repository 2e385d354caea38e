# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# This test will fail.
echo "what it said"
exit 3
