#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Plant one bug at a time, in a copy, and see the fuzzers find it, from the corpora that the checks
# use.  A target that finds nothing is of no use: exit 1, and its line.
#
# usage: tests/fuzz/can-fail.sh [PATTERN]	only bugs whose line matches
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/dmm-can-fail.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
pattern=${1:-.}
survivors=0 planted=0
tree=$tmp/tree

mkdir -p "$tree/tests"
for dir in include kmod userland scripts tests/fuzz tests/vectors tests/unit; do
	mkdir -p "$tree/$dir"
	cp -r "$top/$dir/." "$tree/$dir"
done
export FUZZ_SECONDS=${FUZZ_SECONDS:-60}
[ -n "${CAN_FAIL_MATCH-}" ] || make -s -C "$tree/tests/fuzz" > "$tmp/out" 2>&1 || { cat "$tmp/out"; exit 2; }

# plant TARGET FILE SED WHAT: with FILE changed by SED, fuzzing TARGET has to find an input
plant()
{
	local target=$1 file=$2 sed=$3 what=$4

	grep -q -- "$pattern" <<< "$1 $2 $what" || return 0
	planted=$((planted + 1))
	sed -E -z "$sed" "$top/$file" > "$tree/$file"
	if cmp -s "$top/$file" "$tree/$file"; then
		echo "can-fail: '$what': the expression matches nothing any more: mend it" >&2
		[ -n "${CAN_FAIL_MATCH-}" ] || exit 2
		survivors=$((survivors + 1))
	fi
	if [ -n "${CAN_FAIL_MATCH-}" ]; then
		cp "$top/$file" "$tree/$file"
		return
	fi
	if ! make -s -C "$tree/tests/fuzz" "$tree/build/fuzz/fuzz_$target" > "$tmp/out" 2>&1; then
		echo "can-fail: '$what': does not build:" >&2
		cat "$tmp/out" >&2
		exit 2
	fi
	if ! "$tree/tests/fuzz/run" "$target" > "$tmp/out" 2>&1 && grep -q 'Test unit written' "$tmp/out"; then
		echo "found: $target: $what ($(sed -nE 's/.*(SUMMARY: .{0,70}).*/\1/p' "$tmp/out" | head -n 1))"
	else
		echo "NOT FOUND: $target: $what"
		tail -n 5 "$tmp/out"
		survivors=$((survivors + 1))
	fi
	cp "$top/$file" "$tree/$file"
}

plant recv_wire kmod/core/wire.c 's/else if \(hdr->reserved \|\| hdr->pad\)/else if (hdr->reserved)/' 'padding of a header is not looked at'
plant recv_wire kmod/core/wire.c 's/n.status >= DMM_WERR_COUNT/n.status > 1000/' 'an unknown status of an acknowledgement'
plant recv_wire userland/dmmigrated/ctlmsg.c 's/ret = prepare_check_texts\(&w, r\);/ret = 0;/' 'texts of PREPARE that do not end'
plant recv_wire userland/dmmigrated/ctlmsg.c 's/index >= conns/index > conns/' 'connection 2 of 2'
plant recv_wire userland/dmmigrated/handover.c 's/if \(handover_has_others\(&w, fields\)\)/if (0)/' 'fields of other events'
plant recv_wire userland/dmmigrated/handover.c 's/le32_to_cpu\(w\.disk\) >= DMM_MAX_GROUP/le32_to_cpu(w.disk) > DMM_MAX_GROUP/' 'disk 64 of 64'
plant recv_session userland/lib/wireio.c 's/f->payload_bytes > cap/f->payload_bytes > cap + 4096/' 'a payload beyond its buffer'
plant recv_session userland/dmmigrated/session.c 's/\t\tif \(!n \|\| \(n < 0/\t\tif ((n < 0/; s/now_ms\(\) \+ LINGER_MS/now_ms() + 100 * LINGER_MS/' 'a refused peer that has gone is waited for'
plant recv_session userland/dmmigrated/control.c 's/if \(offset_bytes > d->prepare.size_bytes \|\|/if (0 \&\&/' 'a range beyond the disk'
plant recv_session userland/dmmigrated/data_rx.c 's/\t\tdmm_data_put_slot\(d, slot\);\n(\t\tdmm_data_refuse\(d, DMM_WERR_CRC)/\1/' 'a damaged frame keeps its buffer'
plant recv_session userland/dmmigrated/guest_gate.c 's/passes = !s->shut;/passes = true;/' 'a gate of a guest lets through what comes after it was shut'
plant recv_session userland/dmmigrated/guest.c 's/g->said\[report\] \&\&/!g->said[report] \&\&/' 'a receiver that could not have the guest run counts as told'
plant recv_session userland/dmmigrated/guest.c 's/(n = dmm_min_u64\(bytes, sizeof\(g->said\)) - g->said_bytes\)/\1)/' 'a receiver that says more than its words'
plant kmod_ack kmod/ack.c 's/ \|\| slot->acked\)/)/' 'a frame is acknowledged twice'
plant kmod_ack kmod/ack.c 's/if \(l->index \|\| !s->barrier_seq/if (!s->barrier_seq/' 'a barrier of another link'
plant kmod_ack kmod/ack.c 's/!r && \*fill - at >= sizeof\(wire\)/!r \&\& *fill > at/' 'half an acknowledgement is taken for a whole one'
plant recv_config userland/dmmigrated/settings.c 's/if \(c->nr_listen == DMM_MAX_LISTEN\)/if (0)/' 'one address too many'
plant recv_config userland/dmmigrated/settings.c 's/v < DMM_BUFPOOL_GUARANTEE \* DMM_MAX_EXTENT_BYTES \|\|/v < 1 ||/' 'buffers too small'
plant tool_table userland/lib/dmtable.c 's/g->start_sectors != expect_sectors \|\| //' 'gaps in a table'
plant tool_table userland/lib/dmtable.c 's/params \? params : ""/params ? params + 1 : ""/' 'parameters begin a byte late'
plant tool_netlink userland/lib/nl_msg.c 's/bytes != sizeof\(u64\)/0/' 'a number shorter than it should be'
plant tool_netlink userland/lib/progress.c 's/rate < MAX_BPS \? \(u64\)rate : MAX_BPS/(u64)rate/' 'a rate beyond all numbers'
plant tool_words userland/lib/parse.c 's/n >= sizeof\(r.path\)/n >= 2 * sizeof(r.path)/' 'a path that is too long'
plant tool_words userland/dmmigrate/options.c 's/args->nr_operands == DMM_MAX_OPERANDS/args->nr_operands > DMM_MAX_OPERANDS/' 'operands without end'
plant tool_words userland/dmmigrate/options.c 's/(after "--" \*\/\n\t\tif \(args->nr_operands =)=/\1= 1 +/' 'operands behind -- without end'
plant tool_record userland/dmmigrate/record.c 's/"port", 1, 65535/"port", 0, 65535/' 'port 0'
plant tool_record userland/dmmigrate/record.c 's/(r->table = strdup\([^;]*;)/free(r->table);\n\t\tr->table = NULL;\n\t\tfree(strdup("x"));\n\t\tr->table = malloc(4);\n\t\tif (r->table)\n\t\t\tstrcpy(r->table, json_object_get_string(table));/' 'a table of three characters'
plant tool_journal userland/lib/journal_record.c 's/bytes - at >= sizeof\(w\); at/bytes > at; at/' 'half a record is read as a whole one'
plant tool_journal userland/lib/journal_record.c 's/r->role != before->role \|\|//' 'records of both sides in one journal'
plant tool_client userland/dmmigrate/remote.c 's/dmm_text_check\(prepared->signature, sizeof\(prepared->signature\)\)/0/' 'a signature without end'
plant tool_client userland/dmmigrate/remote.c 's/le64_to_cpu\(prepared->conn_epoch\) >= ~0ull >> 1/0/' 'an epoch after which there is none'
plant recv_wire userland/dmmigrated/ctlmsg.c 's/\|\| await_ms > DMM_MAX_AWAIT_MS/|| 0/' 'a wait for ever'
plant recv_wire userland/dmmigrated/ctlmsg.c 's/length > \(u64\)granule \* DMM_MAX_HASHES/0/' 'more hashes than an answer has room for'
plant recv_config userland/dmmigrated/allow.c 's/!dmm_path_is_canonical\(path\) \|\| //' 'a path of two spellings'
plant tool_peers userland/lib/keys_peers.c 's/ && dmm_peers_find\(p, l.name\)\)/ \&\& 0)/' 'two peers of one name'
plant tool_peers userland/lib/keys_peers.c 's/if \(!dmm_peer_word_ok\(word\)\)/if (0)/' 'an address that is none'
plant tool_manifest userland/lib/manifest.c 's/if \(nr > DMM_MAX_GROUP\)/if (0)/' 'a group of 65 disks'
plant tool_manifest userland/lib/manifest.c 's/ \|\|\n\t    block & \(block - 1\)/ || 0/' 'blocks between powers of two'
plant kmod_args kmod/args.c 's/!is_power_of_2\(args->block_sectors\) \|\| //' 'block sizes between powers of two'
plant kmod_args kmod/args.c 's/bdev_nr_sectors\(bdev\) < ti->len/bdev_nr_sectors(bdev) < ti->len \/ 2/' 'an origin of half the size'
plant tool_relay userland/lib/tls_record.c 's/data\[inner - 1\] != TYPE_DATA \|\| //' 'a record of another type is taken for data'
plant tool_relay userland/lib/tls_record.c 's/ \|\| inner - 1 > DMM_RECORD_DATA//' 'a record of more data than may be'
plant tool_relay userland/lib/tls_relay.c 's/r->sealed_done \+= \(size_t\)n/r->sealed_done = r->sealed_bytes/' 'half a record is sent'
plant tool_xl userland/platform/xl_domain.c 's/if \(nr > DMM_MAX_GROUP\)/if (0)/' 'more disks than there is room for'
plant tool_xl userland/platform/xl_config.c 's/return end \? end \+ 1 : NULL/return end ? end + 1 : p + strlen(p) + 1/' 'a text without end in a configuration'
plant tool_xl userland/platform/xl_config.c 's/\t\tfrom = end;/\t\tfrom = end + 1;/' 'what stands behind a new path is lost'
plant tool_xl userland/platform/xl_domain.c 's/\t\t\t\tret = 0;\n\t\t\t\tbreak;/\t\t\t\tret = 0;/' 'a domain is found, and not which of its disks'
plant tool_xl userland/platform/xl_stream.c 's/\(had_banner \? all : first\) - \*got/sizeof(banner) + 2 * sizeof(ready)/' 'a receiver that says more than its words'
plant tool_host userland/lib/lv.c 's/ \|\| n >= bytes\)/)/' 'a name longer than its place'
plant tool_lvm userland/lib/lv.c 's/!strncmp\(found, DMM_LV_TAG, strlen\(DMM_LV_TAG\)\) && //' 'tags of other programs are taken away'
plant tool_lvm userland/lib/lv.c 's/127 - m/128 - m/' 'a name of more characters than LVM takes'
plant tool_host userland/dmmigrate/vdi_record.c 's/"size_bytes", 1,/"size_bytes", 0,/' 'a disk of nothing'
plant tool_host userland/dmmigrate/vdi_record.c 's/ \|\| !strstr\(e->d_name, ".json"\)//' 'a file beside the records is read as one'
plant tool_table userland/lib/dmtable.c 's/ && strspn\(rest \+ 1 \+ n, "0123456789"\) == strlen\(rest \+ 1 \+ n\)//' 'a fence is whatever begins like one'
plant tool_words userland/lib/wireio.c 's/if \(!from\.ss_family\)/if (1)/' 'the address from before replaces one that was given'
plant tool_words userland/lib/wireio.c 's/address_of\(own, &from_here\)/address_of(own, \&from)/' 'the address of one thread is that of all'
plant tool_table userland/lib/dmtable.c 's/ != 3 \|\| start \|\|/ != 3 ||/' 'what begins within a device is taken for all of it'
plant tool_facts userland/dmmigrate/doctor_domain.c 's/strcmp\(d->name, name\) && strcmp\(number, name\)/strcmp(d->name, name) \&\& !strstr(number, name)/' 'domain 17 is taken for 7'
plant recv_stage userland/dmmigrated/guest_stage.c 's/\tif \(ret\)\n\t\tdmm_guest_stage_clear\(g\);//' 'a damaged configuration leaves its text'
plant recv_ipc userland/dmmigrated/ipc.c 's/\t\tif \(n > 0\)\n\t\t\ttake_fds\(&msg, 0, false, m\);[^\n]*//' 'descriptors of half a message stay open'
plant recv_ipc userland/dmmigrated/opener.c 's/ && !strchr\(made->name, .\/.\)//' 'a file elsewhere is removed as if it had been made'
plant recv_ipc userland/dmmigrated/disk_remote.c 's/dmm_ipc_flag\(&c->answer.u.refused\)/c->answer.u.refused/' 'a flag that is neither'
plant recv_ipc userland/dmmigrated/accepted.c 's/if \(!strcmp\(file->name, names\[i\]\)\)/if (file->name[0])/; s/channel->keys\), names\[i\]/channel->keys), file->name/' 'any file is opened for the acceptor'
plant recv_lobby userland/dmmigrated/lobby.c 's/need && n >= need/need/' 'half a first record is enough'
plant tool_client userland/dmmigrate/remote.c 's/le32_to_cpu\(ok->kind\) < __DMM_IDENTITY_KIND_MAX/1/' 'an identity of an unknown kind'

echo "$planted bugs planted, $survivors not found"
[ $survivors = 0 ] && [ $planted -gt 0 ]
