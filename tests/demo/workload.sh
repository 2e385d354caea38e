# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# The workload of the demo: a "database" file that is overwritten all the time,
# every sector saying what and when it is, and a log of synced records.
#
# And a second disk, which is written to as it is.
#
# workload.sh start DIR JOURNAL | write DEVICE JOURNAL | stop
case $1 in
start)
	dmm-load "$2/database" --journal "$3" --writers 3 --sizes 512..64K --hot 20 --flush 2 \
		--rate 300 --seconds 600 >/run/load.log 2>&1 &
	echo $! >/run/load.pid
	(
		n=$(wc -l <"$2/records" 2>/dev/null || echo 0)
		while :; do
			n=$((n + 1))
			echo "record $n" >>"$2/records"
			sync "$2/records"
			echo "$n" >/run/records.acknowledged
			usleep 50000
		done
	) >/dev/null 2>&1 &
	echo $! >/run/records.pid
	;;
write)
	dmm-load "$2" --journal "$3" --writers 1 --sizes 512..32K --rate 50 --seconds 600 >/run/data.log 2>&1 &
	echo $! >/run/data.pid
	;;
stop)
	for f in /run/load.pid /run/records.pid /run/data.pid; do
		pid=$(cat $f 2>/dev/null) || continue
		kill "$pid" 2>/dev/null
		while kill -0 "$pid" 2>/dev/null; do usleep 5000; done
	done
	;;
esac
