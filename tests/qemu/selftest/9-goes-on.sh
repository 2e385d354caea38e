#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# This test will run in the machine that replaces the dead one.
exit 0
