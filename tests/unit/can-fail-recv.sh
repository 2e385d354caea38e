#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Break one rule of the receiver at a time, in a copy, and see its unit tests fail.
# A rule whose breaking no test notices is an untested one: exit 1, and its line.
#
# usage: tests/unit/can-fail-recv.sh [PATTERN]	only rules whose line matches
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/dmm-can-fail.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
pattern=${1:-.}
survivors=0 broken=0 stale=0
tree=$tmp/tree

mkdir -p "$tree/userland" "$tree/tests/unit" "$tree/kmod"
cp -r "$top/include" "$tree/"
cp -r "$top/kmod/core" "$tree/kmod/"
cp -r "$top/userland/lib" "$top/userland/dmmigrated" "$top/userland/Makefile" "$tree/userland/"
cp "$top/tests/unit/Makefile" "$top"/tests/unit/{recv_*,group_fake,keys_make}.h "$top"/tests/unit/test_recv_*.c \
	"$top"/tests/unit/test_lib_parse.c "$tree/tests/unit/"
[ -n "${CAN_FAIL_MATCH-}" ] || make -s -C "$tree/tests/unit" WERROR= "$tree"/build/tests/unit/test_recv_{data,zero,flush,parts,engines,bufpool,ctlmsg,control,host,copy,handover,joined,link,reconnect,lv,proof,prove,migrations,dropped,group,guest_config,guest_alone,holder} \
	> "$tmp/out" 2>&1 || {
	cat "$tmp/out"
	exit 2
}

failure='FAILED\|Could not run test'

# fails PROGRAM: it does; the first failure will do
fails()
{
	local pid wait_ms=4000

	rc=0
	# a gate waits for 5 s: with less it would fail whatever is broken
	[[ $1 != *_guest_alone ]] || wait_ms=12000
	DMM_TEST_WAIT_MS=$wait_ms timeout 120 "$1" > "$tmp/out" 2>&1 &
	pid=$!
	while kill -0 $pid 2>/dev/null && ! grep -q "$failure" "$tmp/out"; do
		sleep 0.2
	done
	kill $pid 2>/dev/null || true
	wait $pid 2>/dev/null || rc=$?
	[ $rc != 0 ] || grep -q "$failure" "$tmp/out"
}

# rule TEST FILE SED WHAT: with FILE (in or beside userland/dmmigrated) changed by SED, TEST has to fail
rule()
{
	local test=test_recv_$1 file=userland/dmmigrated/$2 sed=$3 what=$4

	[ "$1" != parse ] || test=test_lib_parse
	grep -q -- "$pattern" <<< "$1 $2 $what" || return 0
	broken=$((broken + 1))
	sed -E -z "$sed" "$top/$file" > "$tree/$file"
	if cmp -s "$top/$file" "$tree/$file"; then
		echo "STALE: $1: $what: the expression matches nothing any more: mend it"
		stale=$((stale + 1))
		return
	fi
	if [ -n "${CAN_FAIL_MATCH-}" ]; then
		cp "$top/$file" "$tree/$file"
		return
	fi
	if ! make -s -C "$tree/tests/unit" WERROR= "$tree/build/tests/unit/$test" > "$tmp/out" 2>&1; then
		echo "can-fail: '$what': does not build:" >&2
		cat "$tmp/out" >&2
		exit 2
	fi
	if fails "$tree/build/tests/unit/$test"; then
		echo "caught: $1: $what ($(grep -om 1 "$failure.*" "$tmp/out" || echo "exit status $rc"))"
	else
		echo "SURVIVED: $1: $what"
		survivors=$((survivors + 1))
	fi
	cp "$top/$file" "$tree/$file"
}

d='rule data'
# overlaps
$d order.c 's/ready = !e->blockers;/ready = true;/' 'overlapping writes do not wait'
$d order.c 's/e->blockers \+= extents_overlap/e->blockers = extents_overlap/' 'only the last blocker counts'
$d order.c 's/b->first_bytes < a->end_bytes/b->first_bytes + 4096 < a->end_bytes/' 'small overlaps are overlooked'
rule parts order.c 's/\|\| --later->blockers\)/|| --later->blockers > 1)/' 'the last blocker is not awaited'
rule parts order.c 's/ready = !e->blockers;\n\tpthread_mutex_unlock\(&o->lock\);/pthread_mutex_unlock(\&o->lock);\n\tsched_yield();\n\tready = !e->blockers;/; s/#include <sys\/eventfd.h>/#include <sched.h>\n&/' 'readiness is decided without the lock'
# acknowledgements, barriers
$d data_tx.c 's/ \|\| \(d->in_order && DMM_MUTANT != 116\)//' 'a barrier flushes before completions'
$d data_tx.c 's/\tack.status = dmm_disk_barrier\([^;]*;/\tack.status = 0;/' 'a barrier does not flush'
$d data_tx.c 's/(\t\tdmm_writer_start\([^;]*;)/{\n\t\tconst struct dmm_ack a = { .type = DMM_MSG_DATA, .seq = slot->seq };\n\t\tdmm_data_queue_ack(d, \&a);\n\1\n\t}/' 'acknowledged when it is submitted'
$d disk.c 's/\tif \(error\)\n\t\treturn error;\n(\tpthread_mutex_lock\(&d->lock\);\n\td->unflushed)/\1/' 'a flush that failed is tried again'
$d disk.c 's/return dmm_disk_fail\(d, dmm_disk_io_error\(d, ret\), what\);/return dmm_disk_io_error(d, ret);/' 'a failed flush does not stick'
$d data_tx.c 's/\tif \(error\)\n\t\tdmm_data_end_slot/\tif (0)\n\t\tdmm_data_end_slot/' 'after an error those that waited are written'
$d data_tx.c 's/dmm_data_end_slot\(d, slot, dmm_disk_fail\(d->disk, dmm_disk_io_error\(d->disk, w->error\), what\)\)/dmm_data_end_slot(d, slot, DMM_WERR_OK)/' 'a failed write is acknowledged'
$d data_tx.c 's/\tif \(d->phase == RX_BARRIER\) \{/\tif (0) {/' 'a barrier behind a failed write is not answered'
$d data_rx.c 's/if \(f.arg <= d->barrier\)/if (f.arg < d->barrier)/' 'a barrier number twice'
rule flush disk.c 's/at->epoch == d->epoch && //' 'the barrier of an older epoch is taken for one of the newest'
rule flush disk_digest.c 's/posix_fadvise\(fd, 0, 0, POSIX_FADV_DONTNEED\);/;/' 'what was cached before is compared'
rule copy disk.c 's/\tret = dmm_dest_still_there\([^;]*;/\tret = 0;/' 'a file that is gone is finished'
rule copy dest_create.c 's/ \|\| sync_it\(dir_fd\)//' 'the name of a new file is not durable'
# checks
$d data_rx.c 's/if \(!dmm_wire_crc_ok\(&d->frame, dmm_sum_frame\([^)]*\)\)\)/if (0)/' 'checksums of data are not checked'
$d data_rx.c 's/if \(f.type != DMM_MSG_DATA && !dmm_wire_crc_ok\(&f, d->hdr_crc\)\)/if (0)/' 'checksums of barriers are not checked'
$d data_rx.c 's/dmm_wire_data_check\(f, d->disk->prepare.size_bytes\)/0/' 'ranges are not checked'
$d data_rx.c 's/dmm_wire_data_check\(f, d->disk->prepare.size_bytes\)/dmm_wire_data_check(f, d->disk->prepare.size_bytes + 512)/' 'ranges are checked wrongly'
$d data_rx.c 's/if \(f.seq != d->seq \+ 1\)/if (f.seq <= d->seq)/' 'frames may be left out'
$d data_rx.c 's/if \(f.seq != d->seq \+ 1\)/if (f.seq > d->seq + 1)/' 'frames may be repeated'
$d data.c 's/\t\tdata_check_deadlines\(d\);[^\n]*\n//' 'a stalled frame is awaited for ever'
$d data.c 's/if \(dmm_data_wants_bytes\(d\) && dmm_data_in_frame\(d\)( &&)/if (dmm_data_wants_bytes(d)\1/' 'silence between frames is a stall'
$d data.c 's/\tdmm_writer_close\(&d->writer\);[^\n]*\n(.*\tfor \(i)/\1/; s/if \(d->phase != RX_OVER \|\| d->in_order\)/if (d->phase != RX_OVER)/' 'a connection ends before its writes'
# zero runs
z='rule zero'
$z data_tx.c 's/\t\tdmm_data_zero_start\(d, slot\);/\t\tdmm_data_end_slot(d, slot, DMM_WERR_OK);/' 'zero runs are acknowledged and not carried out'
$z data_tx.c 's/\t\tack.arg = [^;]*;/\t\t;/' 'a run is acknowledged without its length'
$z data_zero.c 's/if \(slot->zero_at < slot->extent.end_bytes\)/if (0)/' 'the first piece is the whole run'
$z data_zero.c 's/if \(zero_unwanted\(d\) \|\| error\)/if (error)/' 'runs are finished, whoever waits'
$z data_zero.c 's/if \(dmm_now_ms\(\) >= until_ms\)/if (0)/' 'a long run keeps its connection'
$z data_zero.c 's/dmm_disk_fail\(d->disk, dmm_disk_io_error\(d->disk, err\), what\)/DMM_WERR_OK/' 'a run that failed is acknowledged'
$z data_zero.c 's/(\tif \(zero_unwanted\(d\)) \|\| error\)/\1)/' 'runs of a failed disk go on'
$z zero.c 's/(PUNCH_HOLE.*)if \(!refused\(errno\)\)/\1if (0)/' 'an error of punching is a refusal'
$z zero.c 's/if \(look\)/if (0)/' 'zeros that are there are written'
$z zero.c 's/\tif \(file\) \{/\tif (0) {/' 'holes are punched'
$z zero.c 's/!p\[0\] && //' 'a chunk of any one byte is zeros'
$z zero.c 's/\t\tif \(ret\)\n\t\t\treturn ret;/\t\tif (ret)\n\t\t\tcontinue;/' 'what cannot be read is zeros'
$z data_rx.c 's/ \|\| !\(d->s->features & DMM_FEATURE_ZERO\)//' 'zero runs without the feature'
$z data_rx.c 's/dmm_wire_data_check\(f, d->disk->prepare.size_bytes\)/0/' 'ranges of runs are not checked'
# writes
$d writer.c 's/DMM_MUTANT == 216/1/' 'a short write is a whole one (mutant 216)'
$d writer.c 's/\(char \*\)write->buf \+ write->done_bytes/(char *)write->buf/' 'the rest of a short write is taken from its beginning'
rule parts writer.c 's/write->done_bytes &= [^;]*;/;/' 'the rest of a short write is misaligned'
$d writer.c 's/result != -EAGAIN && //' 'EAGAIN is an error'
$d writer.c 's/\+\+write->retries > DMM_WRITER_RETRIES/0/' 'no progress is no end'
rule engines writer.c 's/\tif \(w->in_flight\)\n\t\treturn -EBUSY;/\t/' 'a flush does not insist on completions'
rule parts writer.c 's/case DMM_IO_BUSY:\n\t\tdmm_list_add_tail\(&w->backlog, &write->node\);/case DMM_IO_BUSY:/' 'what finds no room is lost'
rule engines engine_libaio.c 's/\te->failed\[e->nr_failed\+\+\] = io;/\t(void)io;/' 'what cannot be submitted is lost'
rule engines engine_libaio.c 's/io->result = \(s64\)e->events\[i\].res;/io->result = io->bytes;/' 'errors are overlooked'
u='rule engines engine_uring.c'
$u 's/done\[i\]->result = cqes\[i\]->res;/done[i]->result = done[i]->bytes;/' 'errors are overlooked by io_uring'
$u 's/\tio_uring_unregister_files\(e->ring\);/\t;/' 'a destination stays claimed for a while'
$u 's/ && buf \+ io->bytes <= e->fixed \+ e->fixed_bytes//' 'memory that is not registered is taken for such'
$u 's/io_uring_sqe_set_flags\(sqe, IOSQE_FIXED_FILE\)/;/' 'a registered file is taken for a descriptor'
$u 's/\tif \(e->nr_used == e->depth\)\n\t\treturn DMM_IO_BUSY;//; s/\tif \(!sqe\)\n\t\treturn DMM_IO_BUSY;/\tif (!sqe)\n\t\treturn DMM_IO_QUEUED;/' 'what finds no room in the ring is lost'
$u 's/\twhile \(uring_in_flight\(e\)\) \{/\twhile (0) {/' 'a ring is closed before its writes have ended'
rule engines engine_inline.c 's/io->result = n < 0 \? -errno : n;/io->result = io->bytes;/' 'errors are overlooked by plain writes'
rule engines engine_inline.c 's/return !fstatfs[^;]*;/return false;/' 'tmpfs is taken for a device'
rule engines engine.c 's/for \(i = 0; engines\[i\]->probe && engines\[i\]->probe\(why\); i\+\+\)/for (i = 0; 0; i++)/' 'auto takes what the kernel forbids'
rule engines engine.c 's/return wanted->probe && wanted->probe\(why\) \? NULL : wanted;/return wanted;/' 'an engine that was asked for is not tried'
# NBD exports; nbduri.c is the library's
n='rule parse ../lib/nbduri.c'
$n 's/return !uri\[n\] \|\| \(n && prefix\[n - 1\] == .\/.\);/return true;/' 'an allow-list covers whatever begins alike'
$n 's/if \(!n \|\| \(n == 1 && s\[0\] == .\.[^\n]*\n\t\t\treturn false;/;/' 'dots in the names of exports'
$n 's/strchr\("-\._~:\/\?=\+\[\],", \*p\)/1/' 'any character in the names of exports'
# hand-over connections
m='rule handover handover.c'
$m 's/if \(handover_has_others\(&w, fields\)\)/if (0)/' 'fields of other events'
$m 's/\tif \(fields & HAS_EPOCH\)\n\t\tothers/\t\tothers/' 'an epoch where none belongs'
$m 's/if \(dmm_id_is_zero\(w\.migration\)\)/if (0)/' 'a message about migration 0'
$m 's/event >= __DMM_HANDOVER_MAX/event > __DMM_HANDOVER_MAX/' 'an unknown event'
$m 's/ && !dmm_ho_state_durable\(state, DMM_HO_SOURCE\)/ \&\& 0/' 'any state'
$m 's/dmm_ho_state_durable\(state, DMM_HO_SOURCE\)/dmm_ho_state_durable(state, DMM_HO_DEST)/' 'states of a destination'
$m 's/state != DMM_HO_LOST && //' 'a source without journal cannot say so'
$m 's/le32_to_cpu\(w\.disk\) >= DMM_MAX_GROUP/le32_to_cpu(w.disk) > DMM_MAX_GROUP/' 'a disk of no group'
$m 's/ \|\| !w\.conn_epoch//' 'a barrier of no connection'
$m 's/ \|\| !w\.barrier\)/)/' 'barrier 0'
$m 's/if \(memcmp\(msg->migration, migration, DMM_ID_BYTES\)\)/if (0)/' 'messages about any migration'
$m 's/\(msg->event == DMM_HANDOVER_JOIN\) != join \|\| //' 'JOIN at any time'
$m 's/ \|\| !\(forms\[msg->event\]\.from & from\)//' 'either says what is the other one'"'"'s to say'
$m 's/(HANDOVER_REFUSED\]\t= \{ HAS_EPOCH, )DMM_HO_DEST/\1DMM_HO_SOURCE/' 'REFUSED is the source'"'"'s'
$m 's/HAS_INSTANCE, DMM_HO_SOURCE, DMM_HO_EV_ASK_REFUSE/HAS_INSTANCE, DMM_HO_SOURCE, DMM_HO_EV_TOKEN/' 'to be asked for the disks is to be given them'
$m 's/(means? \*\/\n)?\tif \(forms\[i\]\.fields & HAS_EPOCH\)\n\t\tmsg/\t\tmsg/' 'epochs of events that have none'
$m 's/ && forms\[i\]\.type != NO_EVENT//; s/#define NO_EVENT\t__DMM_HO_EV_MAX/#define NO_EVENT\tDMM_HO_EV_TICK/' 'ticks become JOIN'
$m 's/ && o->msgs\[i\]\.disk == msg->disk//' 'one barrier of all disks'
$m 's/o->msgs\[i\]\.event == msg->event && //' 'one message of all kinds'
$m 's/\tif \(i < o->nr\)\n\t\toutbox_remove_locked\(o, i\);\n\telse if/\tif/' 'older ones of a kind stay'
$m 's/o->nr == OUTBOX_MAX/0/' 'what waits is not bounded'
$m 's/\(DMM_MAX_GROUP \+ \(u32\)__DMM_HANDOVER_MAX\)/64u/' 'a group of 64 pushes out other messages'
$m 's/outbox_remove_locked\(o, 0\);\n\to->msgs/outbox_remove_locked(o, o->nr - 1);\n\to->msgs/' 'the newest are dropped'
$m 's/\t\teventfd_read\(o->fd, &ignored\);/\t\t(void)ignored;/' 'awake for ever'
m='rule joined handover.c'
$m 's/\teventfd_write\(o->fd, 1\);//' 'what is to be sent wakes nobody'
$m 's/if \(!\(s->features & DMM_FEATURE_GROUP\)\)/if (0)/' 'HANDOVER without the feature'
$m 's/if \(msg\.event != DMM_HANDOVER_JOIN\)/if (0)/' 'JOIN is not first'
$m 's/if \(s->rc->migrations\)/if (1)/' 'migrations where there are none'
$m 's/if \(!m \|\| m->role != DMM_HO_DEST\)/if (!m)/' 'a source is joined'
$m 's/\tdmm_migration_put\(m\);\n\treturn NULL;/\treturn NULL;/' 'a source that was joined stays referenced'
$m 's/\tdmm_migration_put\(m\);\n\}/}/' 'whose connection ended stays referenced'
$m 's/if \(f\.type != DMM_MSG_HANDOVER\)/if (0)/' 'any message is a HANDOVER'
$m 's/\tdmm_migration_remove_outbox\(m, o\);//' 'the outbox stays registered'
$m 's/dmm_outbox_wait\(o, s->fd, s->rc->stop_fd\)/dmm_outbox_wait(o, s->fd, -1)/' 'a daemon that stops waits for its sources'
$m 's/dmm_outbox_wait\(o, s->fd, s->rc->stop_fd\)/dmm_outbox_wait(o, -1, s->rc->stop_fd)/' 'the source is not heard'
$m 's/\tdmm_handover_set_options\(s->fd\);//' 'a dead source is noticed late'
rule joined session.c 's/f\.type == DMM_MSG_HANDOVER/0/' 'hand-overs are control connections'
m='rule link link.c'
$m 's/if \(!\(c->features & DMM_FEATURE_GROUP\)\)/if (0)/' 'any daemon can hand over groups'
$m 's/ && le32_to_cpu\(refuse\.code\) == DMM_WERR_NOTFOUND//' 'whatever is refused is unknown there'
$m 's/unknown = ret == -EREMOTEIO &&/unknown = 0 \&\&/' 'unknown there is not told'
$m 's/unknown_there \|\| l->st\.unknown_there/unknown_there/' 'unknown there is forgotten'
$m 's/\tl->st = up;/\tl->st.up = true;/' 'unknown there for ever'
$m 's/DMM_HO_DEST, false, &msg/DMM_HO_SOURCE, false, \&msg/' 'a destination says what is the source'"'"'s to say'
$m 's/DMM_HO_DEST, true, &msg/DMM_HO_DEST, false, \&msg/' 'any answer to JOIN'
$m 's/\tif \(l->st\.up\)\n//; s/\twhile \(dmm_outbox_take\(l->outbox, &old\)\)\n/\t(void)old;\n/' 'what was said before is said later'
$m 's/l->pause_ms \* 2 < PAUSE_MAX_MS \? l->pause_ms \* 2 : PAUSE_MAX_MS/PAUSE_MIN_MS/' 'pauses do not grow'
$m 's/if \(dmm_now_ms\(\) - began_ms >= PAUSE_MAX_MS\)/if (began_ms)/' 'whoever ends connections is asked at once'
$m 's/ && !l->poked//' 'being poked ends no pause'
$m 's/l->poked = !l->st\.up;/l->poked = true;/' 'being poked before is being poked now'
$m 's/while \(link_pause\(l\)\)/while (0)/' 'a link is made once'
$m 's/\treturn !stop;/\treturn true;/' 'a closed link goes on'
$m 's/if \(l->fd >= 0\)/if (l->fd >= 0 \&\& l->st.up)/' 'closing waits for answers'
$m 's/ && !l->alone\)/)/' 'closing waits for connections'
$m 's/while \(!l->ended && !l->alone\)\n/while (0)\n/' 'closing waits for nothing'
$m 's/if \(!ret && l->stop\)/if (0)/' 'a closed link speaks'
$m 's/if \(now == l->said\)/if (0)/' 'each attempt is logged'
$m 's/\tdmm_handover_set_options\(c->fd\);//' 'a dead destination is noticed late'
# buffers
rule bufpool bufpool.c 's/else if \(!pool_has_share_locked\(pool, user\)\)/else if (!pool->nr_free)/' 'promised buffers are given away'
rule bufpool bufpool.c 's/pool->promised \+ pool->joining;/pool->promised;/' 'newcomers wait behind the greedy'
rule bufpool bufpool.c 's/ &&\n\t       user->held - DMM_BUFPOOL_GUARANTEE < pool->nr_free - spoken_for//' 'one takes all that nobody was promised'
rule bufpool bufpool.c 's/\tif \(user->granted\)\n\t\tpool_put_locked\(pool, user, user->granted\);/\t/' 'a buffer that was granted too late is lost'
rule bufpool bufpool.c 's/\t\teventfd_write\(user->wake_fd, 1\);//' 'who was granted a buffer is not woken'
# requests
c='rule control'
rule ctlmsg ctlmsg.c 's/if \(w->pad\)/if (0)/' 'padding is not checked'
rule ctlmsg ctlmsg.c 's/if \(dmm_id_is_zero\(w->migration\)\)/if (0)/' 'migration 0'
rule ctlmsg ctlmsg.c 's/if \(w.reserved\)/if (0)/' 'reserved bytes are not checked'
rule ctlmsg ctlmsg.c 's/size_bytes % lbs_bytes \|\| //' 'a size of half blocks'
rule ctlmsg ctlmsg.c 's/offset > \(~0ull >> 1\) - length/0/' 'a digest that wraps around'
rule ctlmsg ctlmsg.c 's/index >= conns/0/' 'connection 5 of 2'
rule ctlmsg ctlmsg.c 's/\|\| le64_to_cpu\(w.conn_epoch\) > ~0ull >> 1//' 'an epoch that cannot be superseded'
$c control.c 's/length_bytes > d->prepare.size_bytes - offset_bytes/0/' 'digests beyond the source'
$c disk_attach.c 's/DMM_MUTANT != 118/0/' 'an older epoch is served (mutant 118)'
$c disk_attach.c 's/if \(at->epoch == a->epoch && at->index == a->index\)/if (0)/' 'one connection twice'
$c disk_attach.c 's/\t\tatomic_store\(&at->kicked, true\);\n//' 'a newer epoch does not end the older'
rule epoch disk_attach.c 's/DMM_MUTANT != 18/0/' 'a newer epoch does not wait for the older (mutant 18)'
$c disk.c 's/\tif \(ret\)\n\t\treturn ret;\n\n(\tret = dmm_dest_still_there)/\1/' 'FINISH goes on when it is refused'
$c registry.c 's/orphan = !d->users && /orphan = /' 'disks with connections are orphans'
$c registry_prepare.c 's/\*again = d;/*again = d = NULL;/' 'PREPARE is not idempotent'
$c registry_prepare.c 's/ \|\| p->conns != q->conns//' 'PREPARE again with other connections'
$c session.c 's/if \(f->seq != s->rx_seq \+ 1\)/if (0)/; s/f.type != DMM_MSG_HELLO \|\| f.seq != 1/f.type != DMM_MSG_HELLO/' 'sequence numbers of requests are not checked'
$c session.c 's/h.version_min > DMM_WIRE_VERSION \|\| h.version_max < DMM_WIRE_VERSION/0/' 'any version'
rule silent silent.c 's/rc->nr_sessions - rc->nr_out >= rc->max_sessions/0/' 'any number of connections'
rule silent silent.c 's/silent_count\(rc, s, false\) >= rc->max_silent/0/' 'any number of silent connections'
rule silent silent.c 's/silent_count\(rc, NULL, true\) >= rc->max_strangers/0/' 'any number of strangers of many addresses'
rule silent silent.c 's/a->address_bytes == b->address_bytes \&\& //' 'an address that begins like another'
rule silent silent.c 's/if \(nr > most\)/if (!most)/' 'the oldest makes way, though its address has one only'
rule silent silent.c 's/return s->fd >= 0 \&\& !s->out;/return !s->out;/' 'who is known makes way'
rule silent session.c 's/(\t\tgoto out;\n)\tdmm_silent_no_more\(rc, silent\);/\1/' 'who has asked still counts as silent'
rule silent silent.c 's/\tdmm_list_del\(&s->node\);\n//g' 'who has gone still counts as silent'
$c digest.c 's/XXH3_128bits_update\(state, buf \+ \(offset - from\), last - offset\)/XXH3_128bits_update(state, buf, last - from)/; s/XXH3_128bits_update\(state, buf, last - from\);/;/' 'digests of the wrong bytes'
rule engines engine_inline.c 's/if \(e->behind\) \{/if (0) {/' 'who comes again is sent away again'
rule engines engine_inline.c 's/else if \(pthread_mutex_trylock\(e->lock\)\) \{/else if (0) {/' 'writers do not take turns'
# what offline copies ask for
y='rule copy'
$y order.c 's/w->hit \|= watch_overlaps\(w, e\);/;/' 'writes into a range that is hashed pass'
$y order.c 's/\t\tw->hit \|= watch_overlaps\(w, dmm_list_entry\(pos, struct dmm_extent, node\)\);/\t\t;/' 'a range is hashed while it is written'
$y order.c 's/return w->first_bytes < e->end_bytes && e->first_bytes < w->end_bytes;/return true;/' 'hashes wait for other ranges'
$y control.c 's/length_bytes > d->prepare.size_bytes - offset_bytes/0/' 'hashes beyond the source'
$y control.c 's/if \(!\(c->s->features & DMM_FEATURE_HASHES\)\)\n\t\treturn/if (0)\n\t\treturn/' 'hashes without the feature'
$y control.c 's/\(p.flags & DMM_PREPARE_CREATE\) && !/0 \&\& !/' 'creation without the feature'
$y control.c 's/if \(!\(c->s->features & DMM_FEATURE_HASHES\)\)\n\t\treply/if (0)\n\t\treply/' 'EMPTY is said to those who do not know it'
$y ctlmsg.c 's/ \|\|\n\t    offset % granule / ||\n\t    offset % 512 /' 'hashes from half a granule on'
$y digest.c 's/data < end \? data & ~\(granule - 1\) : end/end/' 'data behind a hole is one'
$y dest.c 's/\(u64\)data >= size_bytes/0/' 'data behind the source counts'
$y dest.c 's/errno == ENXIO : \(u64\)data >= size_bytes/errno == ENXIO : 1/' 'files with data are empty'
$y registry_prepare.c 's/if \(st.has_data\)/if (0)/' 'empty for ever'
$y dest_create.c 's/ \|\| !dmm_allow_destination\(allow, rq->path, full, rq->peer\)//' 'created where a link leads'
$y dest_create.c 's/ \|\|\n\t    !dmm_allow_match\(allow, rq->path, rq->peer\)//; s/ \|\| !dmm_allow_destination\(allow, rq->path, full, rq->peer\)//' 'created anywhere'
$y dest_create.c 's/if \(in_dev\(rq->path\) \|\| in_dev\(full\)\)/if (0)/' 'created in /dev'
$y dest_create.c 's/!lstat\(/!stat(/; s/O_EXCL \| O_NOFOLLOW/0/' 'a dangling link is followed'
$y dest_create.c 's/st.st_dev == made->dev && st.st_ino == made->ino/1/' 'what came in its place is removed'
$y dest_create.c 's/, 0600\)/, 0644)/' 'created for all to read'
$y registry_prepare.c 's/if \(!ret && would && check\)/if (0)/' 'a check of what would be made is refused'
# lost connections, and the tool that is run
c='rule reconnect'
$c reconnect_pace.c 's/heard && !p->heard && now_ms >= p->soonest_ms/0/' 'who is heard again waits on'
$c reconnect_pace.c 's/ && now_ms >= p->soonest_ms//' 'no pause at all'
$c reconnect_pace.c 's/p->pause_ms = 2 \* p->pause_ms < DMM_RECONNECT_MAX_MS \? 2 \* p->pause_ms/p->pause_ms = 1 ? 2 * p->pause_ms/' 'pauses without end'
$c reconnect_pace.c 's/p->pause_ms = DMM_RECONNECT_MAX_MS;/;/' 'what is hopeless is tried soon'
$c reconnect_pace.c 's/!p->pause_ms \|\| now_ms - p->since_ms >= DMM_RECONNECT_WELL_MS/1/' 'what flaps begins anew'
$c ../lib/runner.c 's/POSIX_SPAWN_SETSIGMASK \| //' 'signals are blocked'
$c ../lib/runner.c 's/ \| POSIX_SPAWN_SETSIGDEF//' 'SIGPIPE is ignored'
$c ../lib/runner.c 's/kill\(r->pid, SIGKILL\)/;/' 'nobody kills it'
$c ../lib/runner.c 's/r->text\[end - 1\] == .\\n. \|\| //' 'an empty last line'
# marks on logical volumes
l='rule lv'
$l ../lib/lv.c 's/if \(lv->skip && !find_tag\(lv->tags, tag, false, found\)\)\n\t\t\treturn 0;/;/' 'what others have marked is ours'
$l ../lib/lv.c 's/if \(!find_tag\(lv->tags, tag, true, found\)\)\n\t\treturn 0;/;/' 'the mark of others is cleared'
$l ../lib/lv.c 's/!strcmp\(found, tag\) == own/own/' 'the tag of another migration is ours'
$l ../lib/lv.c 's/lv->skip && !dmm_lv_active\(uuid\)/0/' 'what was kept away stays away'
$l ../lib/lv.c 's/return !other;/return true;/' 'two at one volume'
$l ../lib/lv.c 's/"LC_ALL=C"/"LC_CTYPE=C"/' 'any language'
$l marks.c 's/return owes \? DMM_MARK_KEEP : DMM_MARK_CLEAR;/return DMM_MARK_CLEAR;/' 'cleared before the disk is back'
$l marks.c 's/case DMM_HO_REFUSED:\n//' 'what was refused is not marked'
$l marks.c 's/\tif \(want != m->done\)\n\t\tm->done = DMM_MARK_KEEP;/;/' 'a change of mind leaves half a mark'
# what proves a destination's data
p='rule proof'
$p ../lib/crc32c.c 's/crc = crc32c_multiply\(crc32c_zeros\[k\], crc\);/crc = crc;/' 'checksums of parts are joined wrongly'
$p proof.c 's/e->sum = dmm_sum_join\(kind, e->sum, sum, end - first\);/e->sum ^= sum;/' 'checksums of parts are added'
$p proof.c 's/\} else if \(before == e->sectors && kind == extent_kind\(e\)\) \{/} else {/; s/\} else \{\n\t\te->sectors = 0;\n\t\treturn;\n\t\}\n\te->sectors = \(u16\)\(before/}\n\te->sectors = (u16)(before/' 'any order is in order'
$p proof.c 's/if \(!before\) \{\n/if (!before \&\& !e->sectors) {\n/' 'who comes whole again is not known'
$p proof.c 's/\te->generation\+\+;\n//' 'generations stand still'
$p proof.c 's/p->nr_differ -= !!\(e->flags & PROOF_DIFFERS\);\n\te->flags &= ~PROOF_DIFFERS;/;/' 'what is shipped later differs all the same'
$p proof.c 's/ready = dmm_order_add\(o, e\);\n\tadd_locked/ready = dmm_order_add(o, e);\n\tpthread_mutex_unlock(\&p->lock);\n\tsched_yield();\n\tpthread_mutex_lock(\&p->lock);\n\tadd_locked/; s/#include <stdlib.h>/#include <sched.h>\n&/' 'the table has another order than the disk'
$p proof.c 's/\t\t\tbring_locked\(p, i, at, to, kind, 0\);/\t\t\tbring_locked(p, i, at, to, kind, sum);/' 'zeros have the checksum of data'
$p proof.c 's/\} else if \(to - at == end - first\) \{/} else {/; s/\} else \{\t\/\* across[^\n]*\n[^\n]*\n[^\n]*\n\t\t\}/}/' 'a frame across a border has one checksum'
$p proof.c 's/same = e->generation == s->generation;/same = true;/' 'what was read while it was written counts'
$p proof.c 's/(\tforget_recent_locked\(p, first, end\);)/\t;/' 'what was overwritten is expected'
$p proof.c 's/f->offset_bytes < end && first < f->offset_bytes \+ f->bytes/f->offset_bytes == first \&\& end/' 'overlapping frames are overlooked'
$p proof.c 's/now->bytes && now->number == f->number/now->bytes/' 'another frame in its place'
$p proof.c 's/e->generation == generation && is_known/is_known/' 'what the source read before counts'
$p proof.c 's/ && is_known\(p, i\) && extent_kind/ \&\& extent_kind/' 'what is not known differs'
$p proof.c 's/(void dmm_proof_unsure.*)\t\tp->extents\[i\].sectors = 0;/\1/' 'what may not have been written is known'
rule zero data_tx.c 's/\tdmm_proof_unsure\([^;]*;\n//' 'runs that nobody finishes are zeros'
p='rule prove'
$p prove.c 's/return ret > 0 && s->known \? prove_same\([^)]*\) :/return 0 ? 1 :/' 'any extent will do'
$p prove.c 's/return ret > 0 \? prove_same\([^)]*\) :/return ret > 0 ? 1 :/' 'any frame will do'
$p prove.c 's/(\tret = )dmm_disk_judge\(d, &r\);/\10;/' 'what the source has read is not looked at'
$p prove.c 's/(\tif \(ret >= 0\)\n)\t\tret = sample_random/\1\t\tret = 0 \&\& sample_random/' 'a sample of the last frames only'
$p prove.c 's/left > DMM_SAMPLE_READS - DMM_SAMPLE_RECENT/0/' 'a sample without the last frames'
$p prove.c 's/dmm_disk_fail_aloud\(d, DMM_WERR_DIFFERS, what\)/dmm_disk_fail(d, DMM_WERR_DIFFERS, what)/' 'a disk fails in silence'
$p prove.c 's/u32 error = dmm_disk_fail_aloud\(d, DMM_WERR_DIFFERS, what\);/u32 error = DMM_WERR_DIFFERS;/' 'a disk that lies goes on'
$p prove.c 's/\tif \(!dmm_order_watch\(&d->order, &watch, first, first \+ s->bytes\)\)\n\t\treturn 0;/\tdmm_order_watch(\&d->order, \&watch, first, first + s->bytes);/' 'what is being written is read'
$p prove.c 's/if \(!ret && (dmm_wait_fd\(-1, 0, 0, stop_fd\) == -ECANCELED\)\n\t\t\tret = dmm_refuse\(&r)/if (0 \&\& \1/' 'a sample that was cut short is one'
$p prove.c 's/\t\tstate = DMM_SAMPLE_UNDER_WAY;\t/\t\t;\t/' 'two samples at a time'
$p prove.c 's/out\[i\].generation = s.generation;/out[i].generation = 1;/' 'generations are not told'
$p prove.c 's/if \(!dmm_proof_read\(&pv->d->proof, &s, crc\)\)/if (0)/' 'what was read is forgotten'
$p data.c 's/\} else if \(atomic_load\(&d->at.failed\)\) \{/} else if (0) {/' 'connections do not say that the disk has failed'
$p data_rx.c 's/slot->sum = d->sum;/slot->sum = d->sum ^ d->hdr_crc;/' 'the checksum of header and data'
# checksums of both kinds
$p proof.c 's/ && kind == extent_kind\(e\)\) \{/) {/; s/e->flags = kind == DMM_SUM_POLY32 \? PROOF_POLY32 : 0;/;/' 'sums of all kinds are crcs'
rule proof proof.c 's/extent_kind\(e\) == DMM_SUM_CRC32C &&/1 \&\&/' 'sums of different kinds are compared'
$p proof.c 's/\te->flags &= ~PROOF_POLY32;/\t;/' 'what was read keeps its kind'
$p prove.c 's/\tif \(!s.known \|\| s.kind != DMM_SUM_CRC32C\) \{/\tif (!s.known) {/' 'the source is told of sums of any kind'
p='rule sums'
$p proof.c 's/before == e->sectors && kind == extent_kind\(e\)/before == e->sectors/' 'sums of different kinds are joined'
$p data_rx.c 's/\t\tuntil -= until % SUM_AT_ONCE;/\t\t;/' 'sums of half words'
$p data.c 's/d->sum_kind = dmm_sum_kind\(s->features\);/;/' 'the kind that was agreed upon'
$p ../lib/datasum.c 's/(dmm_sum_frame.*)return dmm_wire_crc_poly32\(hdr_crc, sum\);/\1return hdr_crc;/' 'payloads of any sum'
p='rule prove'
$p control.c 's/if \(!\(c->s->features & DMM_FEATURE_PROVE\)\)\n\t\treturn/if (0)\n\t\treturn/g' 'proofs without the feature'
$p control.c 's/\(rq.nr - 1\) \* \(u64\)DMM_PROVE_BYTES \+ 1/0/' 'extents beyond the end'
$p disk_here.c 's/return rq->judge \? dmm_disk_judge\(d, r\) : 0;/return 0;/' 'judged by nobody'
rule ctlmsg ctlmsg.c 's/if \(memcmp\(&w.extent\[nr\], zeros/if (0 \&\& memcmp(\&w.extent[nr], zeros/' 'extents beyond their number'
rule ctlmsg ctlmsg.c 's/if \(nr > DMM_MAX_PROVE\)\n/if (nr > DMM_MAX_PROVE + 1)\n/' 'one extent too many'
rule migrations migration_proof.c 's/ret = p->d->ops->sample\([^;]*\);/ret = 0;/' 'complete without a sample'
rule migrations migration_proof.c 's/\t\tproof_begin\(m, d, msg\);\n\t\treturn;/\t\tbarrier_stands(m, msg);\n\t\tbreak;/' 'complete before the sample'
rule migrations migration_proof.c 's/\t\tdmm_group_explain\(g, why\);/\t\t;/' 'nobody is told why'
# a guest no disk of which moves
g='rule guest_alone'
$g migration_ops.c 's/\tif \(!m->nr_disks\)\n\t\treturn dmm_guest_gate_move[^;]*;\n//' 'nothing stands before a guest without disks'
$g guest_gate.c 's/\t\ts->shut = true;\n\t\tshutdown[^\n]*\n/\t\t;\n/' 'streams go on when the gate is shut'
$g guest_gate.c 's/\tpasses = !s->shut;/\tpasses = true;/; s/\t\tshutdown\(s->receiver, SHUT_WR\);[^\n]*\n//' 'a word passes a gate that is shut'
$g guest_gate.c 's/\t\tif \(written\)\n\t\t\tret = await/\t\tif (0)\n\t\t\tret = await/' 'given back before the receiver has ended'
$g guest_gate.c 's/written && g->nr_told/0/' 'given back though it was told to run'
$g guest_gate.c 's/passes && g->open && !s->told/0/' 'nobody notes that it was told to run'
$g guest_gate.c 's/passes && g->open && /passes \&\& /' 'memory counts as the word'
$g guest_gate.c 's/\tif \(s->told\)\n\t\tg->nr_told--;\n//' 'told in vain is told'
$g guest.c 's/ && g->said\[report\] &&/ \&\&/' 'a report that it runs is taken for one that it does not'
$g guest.c 's/\t\t\tguest_await_end\(g\);\n/\t\t\t;\n/' 'a stream is over before its receiver is'
$g guest.c 's/\twhile \(g->process < 0 \? open \|\| g->words >= 0 : /\twhile (g->process < 0 ? false : /' 'a receiver whose process nobody sees is not waited for'
$g link.c 's/\tdmm_client_from_here\(from\);\n//' 'the hand-over comes from anywhere'
$g control_group.c 's/!\(s->features & DMM_FEATURE_ADOPT_FROM\)/0/' 'an address of ADOPT without the feature'
$g ../lib/manifest.c 's/\tif \(\*m->from\)\n[^\n]*\n//' 'a daemon that starts forgets the network'
d='rule dropped'
$d migration_drop.c 's/!while_received && st.attached/0/' 'dropped while it is received'
$d migration_drop.c 's/s == \(local \? DMM_HO_SETTLED : DMM_HO_COMPLETE\)/s == DMM_HO_COMPLETE/' 'dropped while a token may come'
$d migration_drop.c 's/ \|\| st->heard_back\)/ || 1)/' 'dropped before the source has heard'
$d migration_drop.c 's/err = dmm_group_revive\(m->group\);/err = 0;/' 'a drop that fails ends the group'
$d migration_drop.c 's/if \(m->group && local && !source_gone/if (m->group \&\& local/' 'nobody can vouch for a source that is gone'
$d control.c 's/\tif \(!p.group_disks && c->s->rc->migrations\)/\tif (0)/' 'the group is gone round by leaving it out'
$d migration_begin.c 's/\tif \(receives\(st.state\)\)\n\t\treturn 0;/\treturn 0;/' 'data comes to what is owned'
$d migrations.c 's/\tif \(dmm_manifest_sweep\(ms->dirs\[role\], id\)\) \{/\tif (0) {/' 'half a beginning keeps the boot'
$d migration_ops.c 's/dmm_list_add\(&m->outboxes, /dmm_list_add_tail(\&m->outboxes, /; s/dmm_list_del\(dmm_outbox_node\(o\)\);/dmm_list_init(\&m->outboxes);/' 'the newest connection takes the voice with it'
g='rule group'
$g group_act.c 's/ret && !written \? DMM_HO_EV_GATES_KEPT : DMM_HO_EV_GATES_SHUT/DMM_HO_EV_GATES_SHUT/' 'what could not be shut is taken for shut'
$g group_act.c 's/\t\tif \(a->ticket\)\n\t\t\tgroup_unowe\(g, a->type\);/\t\t;/' 'opened before it is shut, because it was owed'
$g group.c 's/m->ev.type == DMM_HO_EV_GO && dmm_group_pay\(g\)/0/' 'GO overtakes what is owed'
$g group.c 's/ \|\| !dmm_group_holds\(g\)\)/ || 1)/' 'what the kernel holds is forgotten'
$g group.c 's/g->stop = g->dead = ret;/g->dead = ret;/' 'nobody is revived'
$g group.c 's/== DMM_HO_DO_SEND\)\n\t\t\t\tgroup_publish\(g\);/== DMM_HO_DO_SEND)\n\t\t\t\t;/' 'the peer is told what cannot be seen here yet'
$g group_act.c 's/ops->freeze\(ctx, a->epoch, a->flag, why\)/ops->freeze(ctx, a->epoch, false, why)/' 'nobody knows that a freeze was asked for'
# host and options
h='rule host'
$h ../lib/inuse.c 's/tail && sscanf/0 \&\& sscanf/; s/!target_is_dev\(t, makedev\(maj, min\)\)\)\n\t\t\tcontinue;\n\t\tunescape\(where\)/1)\n\t\t\tcontinue;\n\t\tunescape(where)/' 'mounts are overlooked'
$h ../lib/inuse.c 's/ret = target_add_partitions\(&t\)/ret = 0/' 'partitions are overlooked'
$h ../lib/inuse.c 's/ret = target_add_disk\(&t\)/ret = 0/' 'the disk of a partition is overlooked'
$h ../lib/inuse.c 's/"%x:%x"/"%u:%u"/' 'xen devices are decimal'
$h ../lib/inuse_processes.c 's/\(flags & O_ACCMODE\) != O_RDONLY/1/' 'readers count as writers'
$h ../lib/inuse.c 's/check_mounts, check_swaps/check_mounts/' 'swap is overlooked'
$h ../lib/inuse.c 's/!i && holder_is_gate/holder_is_gate/' 'a gate above a partition'
$h ../lib/inuse.c 's/!strcmp\(uuid, t->gate\)/1/' 'any gate'
$h ../lib/inuse.c 's/return t->source \?/return !t->source ?/' 'a source is told to be another destination'
$h options.c 's/if \(\*section && strcmp\(section, "dmmigrated"\)\)/if (0)/' 'any section'
$h options.c 's/st->own_listen\)/0)/' 'addresses of the command line are added'
rule parts allow.c 's/FNM_PATHNAME \| FNM_PERIOD/0/' 'a star takes slashes'
rule parts allow.c 's/!dmm_path_is_canonical\(path\) \|\| //' 'paths with dots'
rule parts allow.c 's/return dmm_allow_match\(a, resolved, peer\)/return true/' 'links lead anywhere'
rule parts allow.c 's/ && strncmp\(path, "\/dev\/shm\/", 9\)//' '/dev/shm is trusted'

g='rule guest_config'
$g migration_guest.c 's/state == \(m->role == DMM_HO_DEST \? DMM_HO_SETTLED :/state == (m->role == DMM_HO_DEST ? DMM_HO_RUNNING :/' 'a configuration of a guest that may go back'
$g migration_guest.c 's/DMM_HO_SETTLED : DMM_HO_RELEASED\)\)/DMM_HO_SETTLED : DMM_HO_ACTIVE))/' 'a source that still has the guest begins it no more'
$g migration_guest.c 's/ret != -ENOENT && \(ret \|\| !g\.done\)/false/' 'a restart forgets a configuration'
$g migration_guest.c 's/st\.state == DMM_HO_RECEIVING \|\| st\.state == DMM_HO_COMPLETE \|\|/1 ||/' 'a configuration that comes too late'
$g migration_drop.c 's/if \(released \|\| st\.state == DMM_HO_SETTLED\)/if (0)/' 'release forgets a configuration'
$g control_guest.c 's/return s->local \? 0 : dmm_guest_check\(s, r\);/return 0;/' 'configurations of anybody'
$g control_guest.c 's/rq->role == DMM_HO_SOURCE && !s->local/0/' 'the source is asked by anybody'
$g control_guest.c 's/ \|\| p->bytes != rq->offset_bytes\)/)/' 'pieces in any order'
$g control_guest.c 's/if \(!ret && !s->local\)\n\t\tret = dmm_guest_check/if (0)\n\t\tret = dmm_guest_check/' 'anybody asks for any disk'
$g ../lib/manifest.c 's/ DMM_MANIFEST_GUEST,\n[\t ]*DMM_MANIFEST_GUEST "\.new" \}/ }/' 'a configuration is left of what was dropped'

k='rule holder holder.c'
$k 's/ && strstr\(info, "FLOCK"\)//' 'whoever has the file open has the lock'
$k 's/if \(strcmp\(target, path\)\)/if (0)/' 'any lock'
$k 's/strrchr\(text, /strchr(text, /' 'a name with a parenthesis'
$k 's/ && thread_killed\(thread\)//' 'whoever writes just now is stuck'
$k "s/h->state == 'D' && //" 'whoever is killed is stuck'
$k 's/return a->stuck;/return false;/' 'the daemon is named, not who is stuck'
$k 's/return !strcmp\(a->comm/return strcmp(a->comm/' 'a child is named, not the daemon'
$k 's|"%s/%s/task/%s", proc, pid, one.thread|"%s/%s/task/%s", proc, pid, pid|' 'only the first thread is looked at'

echo "$broken rules broken, $survivors survived, $stale stale"
[ $stale = 0 ] || exit 2
[ $survivors = 0 ] && [ $broken -gt 0 ]
