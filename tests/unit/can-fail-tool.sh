#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Break one rule of the tool at a time, in a copy, and see its unit tests fail.
# A rule whose breaking no test notices is an untested one: exit 1, and its line.
#
# usage: tests/unit/can-fail-tool.sh [PATTERN]	only rules whose line matches
set -euo pipefail
. "$(dirname "$0")/can-fail-functions"

kind=tool
cp -r "$top/userland/dmmigrate" "$top/userland/platform" "$tree/userland/"
cp -r "$top"/tests/unit/test_tool_*.c "$top"/tests/unit/{tool_*.h,data.h,data} "$tree/tests/unit/"
begin test_tool_{dmtable,progress,options,nl,record,report,copy,prove,doctor,plan}

t='rule dmtable lib/dmtable.c'
$t 's/g->start_sectors != expect_sectors \|\| //' 'gaps'
$t 's/if \(target_rules\[rule\]\.reason\)/if (0)/' 'any known target may be moved'
$t 's/if \(rule_find\(g->type, &rule\)\) \{/rule = 0;\n\t\tif (rule_find(g->type, \&rule) \&\& 0) {/' 'any unknown target may be moved'
$t "s/\*key != ':' && //" 'names of keys count as keys'
$t "s/== ':';/== 'x';/" 'keys in a keyring are taken'
$t "s/fputc\('0', f\)/fputc(g->params[at], f)/" 'keys are printed'
$t 's/t->nr != 1 \|\| //' 'migrate as one target of several'
$t 's/ \|\| !c \|\|/ ||/' 'blocks of 0'
$t 's/< DMM_DM_NAME_BYTES\)/<= DMM_DM_NAME_BYTES)/' 'names a byte too long'
$t 's/if \(!ret && !t->nr\)/if (0)/' 'empty tables'
$t 's/parse_u64\(len, 1,/parse_u64(len, 0,/' 'targets of length 0'
$t "s/ \|\| rest\[7\] == '0'//" 'a disk by two names'
$t 's/, DMM_MAX_GROUP - 1, &value/, 99, \&value/' 'more disks than there may be'

p='rule progress lib/progress.c'
$p 's/if \(percent > p->percent_x100\)/if (1)/' 'percentages run backwards'
$p 's/ship_bps <= f->dirty_bps/ship_bps < f->dirty_bps/' 'as fast as dirtied converges'
$p 's/f->ship_bps - f->dirty_bps/f->ship_bps/' 'the ETA knows of no guest'
$p 's/ <= DMM_PROGRESS_WINDOW_NS/ <= DMM_PROGRESS_WINDOW_NS * 100/' 'no window'
$p 's/ \+ !!\(s->size_bytes % s->block_bytes\)//' 'the partial last block is none'
$p 's/if \(!f->sweep_done\)\n\t\treturn false;//' 'ready before the sweep is done'
$p 's/last->start_ns != s->start_ns \|\| //' 'a new start is the old one'
$p 's/s->state == DMM_STATE_IDLE/0/' 'progress of a stopped migration'
$p 's/ \+ s->inflight_bytes//' 'what is in flight has arrived'
$p 's/dmm_min_u64\((s->dirty_blocks \* s->block_bytes \+ s->inflight_bytes),\s*s->size_bytes\)/\1/' 'more remains than there is'

$p 's/ \* scale//g' 'blocks of all sizes count alike'
$p 's/distance\(one->state\) > distance/distance(one->state) < distance/' 'as far as the disk that is farthest'
$p 's/sum->inflight_bytes \+=/sum->inflight_bytes =/' 'what is in flight of one disk only'

o='rule options dmmigrate/options.c'
$o 's/ \|\| \(v & \(v - 1\)\)//' 'block sizes of any value'
$o 's/v > DMM_MAX_FREEZE_MS/0/' 'freezes without limit'
$o 's/\|\| !v \|\|/||/' 'freezes of 0 ms'
$o 's/\|\| !v\)\n(\t\t\treturn bad\(why, bytes, o, value, "a size)/)\n\1/' 'barriers after 0 bytes'
$o 's/ \|\| !v \|\| v > UINT32_MAX/ || v > UINT32_MAX/' 'barriers after 0 ms'
$o 's/ \|\| v > UINT32_MAX//' 'a time beyond 32 bits'
$o 's/if \(!\*value\)/if (0)/' 'empty hooks'
$o 's/args->bandwidth = DMM_UNSET;//' 'a bandwidth that nobody gave'
$o 's/DMM_OPT_VERIFY \? optional_argument : //' '--verify wants a value'
$o 's/if \(value && strcmp\(value, o->value\)\)/if (0)/' '--verify with any value'
$o 's/\*\(value \? &args->verify_full : &args->verify\)/args->verify/' '--verify=full is --verify'
rule options dmmigrate/cmd_wait.c 's/DMM_OPTION_JSON,//' 'a verb without --json'

n='rule nl lib/nl_msg.c'
$n 's/INFO\(ACKED_BYTES, U64, acked_bytes\)/INFO(ACKED_BYTES, U64, shipped_bytes)/' 'a wrong field'
$n 's/if \(bytes != sizeof\(u64\)\)/if (0)/' 'u64 of any size'
$n 's/if \(bytes != DMM_ID_BYTES\)/if (0)/' 'ids of any size'
$n 's/ && i < \(size_t\)bytes//' 'text beyond its attribute'
$n 's/if \(!\(r.present & DMM_NL_BIT\(DMM_A_DEV\)\)\)/if (0)/' 'answers about no device'
$n 's/REQ\(EPOCH, U64, epoch\)/REQ(EPOCH, U32, epoch)/' 'a wrong size'
$n 's/if \(!\(req->set & DMM_NL_BIT\(req_fields\[i\]\.attr\)\)\)/if (0)/' 'attributes that nobody asked for'

rule report lib/exitcode.c 's/return DMM_EXIT_REMOTE;\n\tdefault/return DMM_EXIT_LOCAL;\n\tdefault/' 'the wrong side'
rule report lib/exitcode.c 's/\tcase DMM_WERR_SAMEDISK:\n//' 'a refusal that is no pre-flight'
r='rule record dmmigrate/record.c'
$r 's/memcmp\(own, id, sizeof\(own\)\) \|\|//' "another migration's record"
$r 's/if \(found \? !same_name \|\| !same_number : /if (found ? false : /' 'the last one that has the name'
$r 's/\*partly = !same_name \|\| !same_number;/*partly = false;/' 'a name is enough'
$r 's/ \|\| own_disk != disk//' "another disk's record"
$r 's/0, disks - 1, &own_disk/0, DMM_MAX_GROUP, \&own_disk/' 'a disk beyond the number of disks'
$r 's/strcmp\(path \+ 1, name\) \? -EINVAL : 0/0/' 'files that are no records'
$r 's/LOCK_EX \| LOCK_NB/LOCK_SH | LOCK_NB/' 'locks for everybody'
$r 's/, 0600\);/, 0644);/g' 'records for everybody to read'
$r 's/json_object_object_del\(o, "table"\);//' 'a table that is too long is not left out'
w='rule record lib/witness.c'
$w 's/device - target <= slack/true/' 'writes that went round the target'
$w 's/device <= target \|\|//' 'statistics that are not kept'
$w 's/begin->inflight \* INFLIGHT_BYTES \+//' 'what was on its way'
rule report platform/hook.c 's/128 \+ WTERMSIG/WTERMSIG/' 'a killed hook'
rule report platform/hook.c 's/hook_put\("DMM_DEST"/hook_put("DMM_DST"/' "a hook's environment"
rule report platform/hook.c 's/"DMM_DEVICE"/"DMM_DEV"/' 'what the writer is to use'
rule report platform/hook.c 's/"_%u", i \+ 1/"_%u", i/' 'the number of a disk'
rule report platform/hook.c 's/"DMM_DISKS"/"DMM_DISC"/' 'how many disks'
s='rule report dmmigrate/standing.c'
$s 's/(default:\n\t\treturn )DMM_OWNER_UNKNOWN/\1DMM_OWNER_SOURCE/' 'the source owns what may run there'
$s 's/state == DMM_STATE_IDLE \? DMM_OWNER_SOURCE : DMM_OWNER_UNKNOWN/DMM_OWNER_SOURCE/' 'what was committed behind the journal'
$s 's/(if \(state == DMM_STATE_RELEASED\)\n\t\treturn )DMM_OWNER_DEST/\1DMM_OWNER_SOURCE/' 'the wrong owner'
rule report dmmigrate/status_json.c 's/dmm_text_clean\(clean\);//' 'JSON that is no UTF-8'
rule report dmmigrate/status_json.c 's/eta_ms \* 1000000/eta_ms * 1000/' 'the wrong unit'
rule report dmmigrate/report.c 's/return code;\n\}\n\nint dmm_usage/return 1;\n}\n\nint dmm_usage/' 'the wrong exit code'

c='rule copy dmmigrate/copy_plan.c'
$c 's/round_down_to\(data, DMM_COPY_GRANULE_BYTES\)/data/' 'holes end in the middle of a granule'
$c 's/pos \+ DMM_MAX_ZERO_BYTES/size/' 'holes without limit'
$c 's/round_up_to\(hole, DMM_COPY_GRANULE_BYTES, r.end_bytes\)/hole/' 'data ends in the middle of a granule'
$c 's/if \(hole < r.end_bytes\)/if (0)/' 'holes behind data are read'
$c 's/if \(head\[0\] \| head\[1\]\)/if (head[0])/' 'zeros that do not begin with zeros'
$c 's/16, bytes - 16\)/16, bytes - 24)/' 'zeros that do not end with zeros'
$c 's/ours.digest, theirs, DMM_HASH_BYTES\)/ours.digest, theirs, DMM_HASH_BYTES - 1)/' 'most of a hash will do'
$c 's/\t\t\ttheirs \+= DMM_HASH_BYTES;/\t\t\t;/' 'one hash for all'
$c 's/zeros == DMM_COPY_ZEROS_SKIP \?/0 ?/' 'zeros that are there are sent'
$c 's/zeros == DMM_COPY_ZEROS_SHIP \|\|/0 ||/' 'zeros for those who do not know them'
$c 's/runs\[nr - 1\].kind == kind\)/0)/' 'a frame for each granule'
rule copy dmmigrate/copy_reader.c 's/rd->result = cqe->res;/rd->result = rd->bytes;/' 'short reads are whole ones'
rule copy dmmigrate/copy_reader.c 's/rd->result = \(s64\)ev.res;/rd->result = rd->bytes;/' 'short reads are whole ones by libaio'

p='rule prove dmmigrate/cutover_prove.c'
$p 's/e->agreed = le32_to_cpu\(w->ok.extents\[i\].crc\) == w->crcs\[i\];/e->agreed = true;/' 'whatever the source has agrees'
$p 's/e->agreed && e->generation == le32/e->agreed; (void)le32/; s/\(w->ok.extents\[i\].generation\);\n\t\t\tp->todo/(w->ok.extents[i].generation);\n\t\t\tp->todo/' 'what was written since is proved'
$p 's/if \(le32_to_cpu\(w->ok.extents\[i\].state\) == DMM_PROVED_BUSY\)\n\t\t\tcontinue;\n\t\tp->res/if (0)\n\t\t\tcontinue;\n\t\tp->res/' 'what is being written agrees, or differs'
$p 's/stuck < 2 && p->res->rounds < ROUNDS/p->res->rounds < 40/' 'rounds without end'
$p 's/after.writes_submitted == before.writes_completed/true/' 'judged with writes on their way'
$p 's/return p->res->differ \? judge\(p\) : 0;/return 0;/' 'differences are nobody'"'"'s'
$p 's/if \(p->remote.client.features & DMM_FEATURE_PROVE\)\n\t\treturn 0;/return 0;/' 'an older receiver is asked'
$p 's/ && r.code == DMM_WERR_DIFFERS//' 'any failure is a difference'
$p 's/if \(w->ret\)\n/if (0)\n/' 'a source that cannot be read agrees'
$p 's/while \(\*at < p->res->extents && p->extents\[\*at\].agreed\)/while (0)/; s/ && !p->extents\[\*at\].agreed\) \{/) {/' 'everything is read in each round'

doctor() { rule doctor "dmmigrate/doctor_$1.c" "$2" "$3"; }
doctor cpu 's/a\[i\] & ~b\[i\]/b[i] \& ~a[i]/' 'features that are more count as missing'
doctor cpu 's/ \|\| !names\[i\]\[bit\]\)/)/; s/nr \? " " : "", names\[i\]\[bit\]/nr ? " " : "", "x"/' 'what no guest sees is missing'
doctor domain 's/ && strcmp\(number, name\)//' 'a domain has no number'
doctor domain 's/strcmp\(d->name, name\) && //' 'a domain has no name'
doctor domain "s/strcmp\(value, \"4\"\)/strcmp(value, \"1\")/" 'drivers that are not connected are'
doctor domain 's/v->path\[0\] \? DMM_VBD_MISSING : DMM_VBD_EMPTY/DMM_VBD_EMPTY/' 'all drives are empty'
doctor rules 's/if \(c->peer && c->there.answers && /if (c->peer \&\& /' 'a host that says nothing is judged'
doctor rules 's/c->domain_name && \(c->domain.there \|\| /c->domain_name \&\& (1 || /' 'a domain that is not there is judged'
doctor rules_domain 's/!v->cdrom \|\| v->kind == DMM_VBD_EMPTY/!v->cdrom/' 'an empty drive is in the way'
doctor rules_domain 's/if \(left >= needs\) \{/if (left) {/' 'any memory is enough'
doctor rules_domain 's/ \+ EXTRA_BYTES \+/ +/' 'a VM needs no more than it has'
doctor rules_domain 's/!strcmp\(id, v->vg\)/id[0]/' 'all storage is shared'
doctor rules_domain 's/if \(!v->writable\)/if (0)/; s/else if \(!v->writable\)/else if (0)/' 'read-only disks are like others'
doctor rules_domain 's/!fnmatch\(glob, path, FNM_PATHNAME \| FNM_PERIOD\)/1/' 'any group may be written'
doctor rules_host 's/c->keys_left_s < DMM_KEYS_AHEAD_S/0/' 'nobody is warned of an end'
doctor rules_host 's/bytes >= MEMLOCK_BYTES/1/' 'any memory may be locked'
doctor rules_pair 's/version_compare\(there, here, 2\) < 0/0/' 'a VM may move to an older Xen'
doctor rules_pair 's/if \(x\[i\] != y\[i\]\)/if (x[i] != y[i] \&\& !i)/' 'versions are one number'
doctor rules_pair 's/if \(!c->iface_default\)/if (1)/' 'management is a network like others'
doctor rules_pair 's/apart > OFFSET_BAD_NS/0/' 'no clock is too far off'

plan() { rule plan "dmmigrate/plan_estimate.c" "$1" "$2"; }
plan 's/unsigned int half = c->nr \/ 2;/unsigned int half = 0;/' 'a guest writes as it began'
plan 's/if \(e->passes && next >= left\)/if (0)/; s/e->passes < PASSES/e->passes < 3/' 'what does not become less is copied again'
plan 's/e->passes && ms <= max_pause_ms/ms <= max_pause_ms/' 'nothing has to be copied first'
plan 's/if \(e->pause_ms <= max_pause_ms\)/if (1)/' 'everything converges'
plan 's/dmm_min_u64\(c->size_bytes, before/dmm_max_u64(0, before/g' 'more is written than there is'

finish
