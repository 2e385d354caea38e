#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# carriers: relay plaintext
# check-carriers: relay
# This test will pass, but by plaintext.
echo "processors: $(nproc)"
echo "by ${DMM_CARRIER:-what is the default}"
[ "${DMM_CARRIER:-}" != plaintext ] || exit 3
