#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# check-processors: 2
# This test will pass.
echo "processors: $(nproc)"
