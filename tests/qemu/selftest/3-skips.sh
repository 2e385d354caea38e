#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# This test will skip.
echo "skip: for this reason"
exit 77
