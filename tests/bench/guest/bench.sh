# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# What the benchmarks in a machine share, beside the functions of the VM tests. WANTED: names of
# what is to be measured; QUICK: as small as may be.
# shellcheck source=../../integration/functions.sh
. /t/functions.sh

# any fault is one: nothing is left out silently
skip() { fail "$*"; }

wanted() { case " $WANTED " in *" $1 "*) ;; *) return 1 ;; esac; }

# result NAME OURS PEER UNIT PEER-NAME: PEER `-` where there is none
result() { echo "result $*" >/run/report; }
note() { echo "note $*" >/run/report; }

# quick_or QUICK FULL
quick_or() { [ -n "$QUICK" ] && echo "$1" || echo "$2"; }

# max A B, min A B: of whole numbers
max() { [ "$1" -gt "$2" ] && echo "$1" || echo "$2"; }
min() { [ "$1" -lt "$2" ] && echo "$1" || echo "$2"; }

# tenths N: N / 10 with its point
tenths() { echo "$(($1 / 10)).$(($1 % 10))"; }

# plain_disk NAME MIB: a null_blk that remembers nothing, as fast as can be; prints its node
plain_disk() {
	null_blk_ready
	local c=$CONFIGFS/nullb/$1
	mkdir "$c"
	echo "$2" >"$c/size"
	echo 4096 >"$c/blocksize"
	echo 0 >"$c/memory_backed"
	echo 0 >"$c/irqmode"
	echo 1 >"$c/power"
	[ -b "/dev/$1" ] && echo "/dev/$1" || echo "/dev/nullb$(cat "$c/index")"
}
