#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Break one rule of the library's journal, or of its keys and peers, at a time, in a copy, and see its unit tests fail.
# A rule whose breaking no test notices is an untested one: exit 1, and its line.
#
# usage: tests/unit/can-fail-lib.sh [PATTERN]	only rules whose line matches
set -euo pipefail
. "$(dirname "$0")/can-fail-functions"

kind=lib
cp "$top/tests/vectors/journal_golden.h" "$tree/tests/vectors/"
cp "$top"/tests/unit/test_lib_journal*.c "$tree/tests/unit/"
cp "$top"/tests/unit/{lib_keys.h,test_lib_keys.c,test_lib_peers.c,test_lib_guest_config.c,test_lib_identity.c,test_lib_tls_heads.c,test_lib_lvm_lock.c} "$tree/tests/unit/"
begin test_lib_{journal,journal_disk,keys,peers,guest_config,identity,tls_heads}

f='rule journal lib/journal_record.c'
$f 's/if \(!w\.end && bytes - at == sizeof\(w\)\)/if (0)/' 'a record that did not come is damage'
$f 's/ && bytes - at == sizeof\(w\)\)/)/' 'what lies behind a hole is not looked at'
$f 's/wrong = wire_wrong\(&w\);/wrong = bytes - at < 2 * sizeof(w) \&\& wire_wrong(\&w) ? NULL : wire_wrong(\&w);/' 'a damaged last record counts'
$f 's/if \(le32_to_cpu\(w->crc\) != wire_crc\(w\)\)/if (0)/' 'any checksum'
$f 's/ \|\| w->end != cpu_to_le32\(JOURNAL_END\)//' 'any end mark'
$f 's/ \|\| w->reserved//' 'a reserved field'
$f 's/!all_zero\(w->pad, sizeof\(w->pad\)\) \|\| //' 'padding'
$f 's/le16_to_cpu\(w->flags\) & ~DMM_JOURNAL_FORCED \|\|//' 'unknown flags'
$f 's/(if \(w\.magic == [^&]*&& )[^\n]*/\10) {/' 'any version'
$f 's/if \(r->seq != [^\n]*/if (0)/' 'records left out'
$f 's/return r->epoch < before->epoch \? [^:]*: NULL/return NULL/' 'epochs that go back'
$f 's/r->role != before->role \|\|//; s/memcmp\(r->id, before->id, sizeof\(r->id\)\) \|\|//' 'records of others'
$f 's/\tif \(id && memcmp[^\n]*\n[^\n]*//' 'the journal of another migration'
$f 's/offsetof\(struct journal_wire, crc\)\)/offsetof(struct journal_wire, by))/' 'a checksum of a part'
$f 's/\tdmm_text_clean\(s\);//' 'texts that can not be read back'
f='rule journal_disk lib/journal.c'
$f 's/(goto out;\n\tif \(!\*err\)\n\t\t\*err = )journal_sync\(j->io, j->fd\)/\10/' 'an append without sync'
$f 's/(journal_sync\(j->io, j->fd\);\n\tif \(!\*err\)\n\t\t\*err = )journal_sync\(j->io, j->dir_fd\)/\10/' 'the directory is not synced'
$f 's/\treturn ret \? ret : journal_sync\(j->io, j->dir_fd\);/\treturn ret;/' 'a new name is not synced'
$f 's/ret = dmm_journal_sync_dir\(dir, io\);/ret = 0;/' 'the directory above is not synced'
$f 's/\tint ret = journal_write\(j->io, j->fd, j->last[^;]*;/\tint ret = 0;/' 'what was read is not written again'
$f 's/(\t\tret = journal_settle\(j\);\n\tif \(ret\) \{\n\t\tsnprintf)/\t\tret = 0;\n\tif (ret) {\n\t\tsnprintf/' 'what was read is believed unsynced'
$f 's/\tif \(!j->settled\)\n\t\tret = journal_settle\(j\);//' 'an append in doubt is built upon'
$f 's/j->view\.torn_bytes && j->io->ftruncate\(j->fd, \(off_t\)at\)/0/' 'a torn end stays'
$f 's/return DMM_HO_EV_APPEND_UNSURE/return DMM_HO_EV_APPEND_NOTHING/' 'a failed sync means that nothing was written'
$f 's/if \(memcmp\(last, j->last, sizeof\(last\)\) &&/if (0 \&\&/' 'appends on top of anything'
$f 's/if \(st\.st_ino != now\.st_ino\)/if (0)/' 'appends to a journal that was replaced'
$f 's/if \(flock\(j->fd, LOCK_EX \| LOCK_NB\)\)/if (0)/' 'appends without the lock'
$f 's/r->epoch < j->view\.last\.epoch \|\| //' 'an older epoch is written'
$f 's/O_NOFOLLOW \| O_CLOEXEC, 0600/O_NOFOLLOW | O_CLOEXEC, 0644/' 'everybody may read it'
$f 's/mkdir\(path, 0700\)/mkdir(path, 0755)/g' 'everybody may look into the directory'
$f 's/linkat\(j->dir_fd, JOURNAL_NEW, j->dir_fd, JOURNAL_NAME, 0\)/renameat(j->dir_fd, JOURNAL_NEW, j->dir_fd, JOURNAL_NAME)/; s/unlinkat\(j->dir_fd, JOURNAL_NEW, 0\) && !ret/0/' 'a second beginning overwrites'
f='rule keys lib/keys.c'
$f 's/\tif \(st\.st_mode & forbidden\)/\tif (0)/' 'a key that others may read'
$f 's/forbidden && st\.st_uid != geteuid\(\) && st\.st_uid/0/' "a key that is another user's"
$f 's/if \(st\.st_mode & DMM_KEYS_OURS\)/if (0)/' 'a directory that others may write to'
$f 's/if \(st\.st_uid != geteuid\(\) && st\.st_uid\)/if (0)/' "a directory that is another user's"
$f 's/\(forbidden == DMM_KEYS_SECRET \? O_NOFOLLOW : 0\)/0/' 'a key that is a link'
$f 's/!S_ISREG\(st\.st_mode\)/0/' 'a key that is no file'
$f 's/ \|\| strlen\(text\) != DMM_PIN_TEXT - 1//; s/\tif \(strcmp\(again, text\)\)/\tif (0)/' 'more than one text for a pin'
$f 's/GNUTLS_KEYID_USE_SHA256/GNUTLS_KEYID_USE_SHA1/' 'pins by another digest'
$f 's/\*base != .\/. *\)\s*\{\t/0) {\t/' 'a relative directory of configuration'
f='rule keys lib/keys_edit.c'
$f 's/DMM_KEYS_KEY, 0600, key->data/DMM_KEYS_KEY, 0644, key->data/' 'a key is made readable'
$f 's/time\(NULL\) - DAY_S/time(NULL)/' 'not valid for a clock that is behind'
$f 's/GNUTLS_SAN_DNSNAME/GNUTLS_SAN_RFC822NAME/' 'a certificate without the DNS name'
$f 's/gnutls_x509_crt_get_ca_status\(crt, &critical\) <= 0/0/' "an authority that is none"
$f 's/gnutls_x509_crt_get_expiration_time\(crt\) < time\(NULL\)/0/' 'an authority that has expired'
$f "s/old \? strchr\(old->text, '#'\) : NULL/NULL/" 'comments are lost'
$f 's/if \(dmm_peers_revoked\(p, pin\)\)/if (0)/' 'revoked twice'
f='rule peers lib/keys_check.c'
$f 's/if \(dmm_peers_revoked\(&c->peers, &c->pin\)\)/if (0)/' 'what is revoked'
$f 's/if \(!crt_revoked\(c, c->chain\[i\], &pin\)\)/if (1)/' 'what signed it is revoked'
$f 's/crt_revoked\(c, crts\[i\], &pin\) \|\| //' 'an authority that is revoked'
$f 's/ \|\| \(c->host && !dmm_peer_has_host\(l, c->host\)\)//' 'another peer answers'
$f 's/\tif \(now > until\)/\tif (0)/' 'a pinned certificate that has expired'
$f 's/\tif \(now < from\)\n/\tif (0)\n/' 'one that is not valid yet'
$f 's/: crt_is_for\(c->chain\[0\], l->name\)/: 1/' 'a certificate for another name'
$f 's/if \(!err && !status\)/if (1)/' 'a certificate by nobody'
$f 's/type != GNUTLS_SAN_DNSNAME/0/; s/strlen\(san\) == bytes && !strcasecmp\(san, name\)/!strncasecmp(san, name, 0)/' 'any name'
$f 's/(l = find_peer\(c, DMM_PEER_)PIN/\1CA/' 'a pin that needs an authority'
$f 's/ \|\| nr > MAX_CHAIN/ || nr > 100/; s/chain\[MAX_CHAIN\]/chain[100]/' 'a chain of any length'
f='rule peers lib/keys_peers.c'
$f 's/if \(!\*wrong && \*l\.name && dmm_peers_find\(p, l\.name\)\)/if (0)/' 'one name on two lines'
$f "s/words\[strcspn\(words, \"#\"\)\] = '\\\\0';//" 'comments are read'
$f 's/return inet_ntop\(AF_INET6, a, buf, INET6_ADDRSTRLEN\)/return host/' 'one notation of an address only'
$f 's/return !strcasecmp\(host_normal/return !strcmp(host_normal/' 'letters of one case only'
$f "s/memchr\(text, '\\\\0', bytes\)/0/" 'what is no text'
$f 's/dmm_keys_read\(dir, DMM_KEYS_PEERS, DMM_KEYS_OURS/dmm_keys_read(dir, DMM_KEYS_PEERS, 0/' 'peers that anybody may write'
$f 's/ && strcasecmp\(s, "revoked"\)//' 'a peer that is called revoked'
$f 's/dir, p->nr \+ 1/dir, p->nr/' 'the wrong line'
f='rule guest_config lib/guest_config.c'
$f "s/name\\[0\\] == '\\.' \\|\\| //" 'a hidden file'
$f "s/ \\|\\| strchr\\(name, '\\/'\\)//" 'a file of another directory'
$f 's/ret = keep\(dir_fd, file, hex, old\)/ret = 0/' 'what a person has written is lost'
$f 's/same_file\(&now, &there\)\)\n\t\t\treturn 0/0)\n\t\t\treturn 0/' 'kept again after a crash'
$f 's/S_ISLNK\(st\.st_mode\) \|\| st\.st_nlink > 1/1/' 'the only configuration is removed'
$f 's/, RENAME_NOREPLACE/, 0/' "another's place is taken"
$f 's/ \|\| !same_file\(&st, &target\)\)/)/' 'other guests are not begun any more'
f='rule identity lib/identity.c'
$f "s/ && !memchr\\(\\*token, '@', n\\)//; s/\"wwid:\", 5\\)/\"dev:\", 4) || !strncmp(*token, \"wwid:\", 5)/" "a host's own number is a disk's name"
$f 's/return of_a_kind \?/return 1 ?/' 'what is not known is another'
$f 's/n == m && !memcmp\(s, t, n\)/!memcmp(s, t, n < m ? n : m)/' 'the beginning of a name will do'
f='rule tls_heads lib/tls_heads.c'
$f 's/h->hello && !head_ok\(h\)/!head_ok(h) \&\& false/' 'whatever an encrypted record says in the clear'
$f 's/return h->head\[1\] == 3 && h->head\[2\] == 3/return true/' 'any version'
$f 's/return h->body == 1;/return true;/' 'a change of ciphers of any size'
$f 's/return h->body == 2;/return true;/' 'an alert in the clear of any size'
$f 's/default:\n\t\treturn false/default:\n\t\treturn h->head[0] == 22/' 'a second hello'
$f 's/\tif \(h->wrong\)\n\t\treturn 0;//' 'what comes after what does not count'
$f 's/return good/return done/' 'the head itself is given'
f='rule lvm_lock lib/lvm_lock.c'
$f 's/LOCK_EX \| LOCK_NB/LOCK_SH | LOCK_NB/' 'with other readers at work'
$f 's/if \(is_at\(fd, path\)\)/if (1)/' 'a lock that nobody else will find'
$f 's/!dmm_dm_uuid_is_lv\(uuid\) \|\| //' 'the group of what is no volume'
$f "s/\*name == '-' && name\[1\] == '-'\) \{/0) {/" 'a group whose name has a -'

finish
