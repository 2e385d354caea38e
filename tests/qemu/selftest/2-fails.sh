#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# This test will fail.
echo "what it said"
exit 3
