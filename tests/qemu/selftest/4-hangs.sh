#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# This test will hang until the runner ends it.
# timeout: 2
trap '' INT
while :; do sleep 100; done
