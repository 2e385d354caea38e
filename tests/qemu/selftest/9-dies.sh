#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# This test will take the virtual machine down.
echo "last words"
sleep 1
poweroff -f
