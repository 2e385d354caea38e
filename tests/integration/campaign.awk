# SPDX-License-Identifier: GPL-2.0
#
# The plan of a round of campaign.sh, by -v seed=SEED: `set NAME VALUE`, then `PHASE MS begin|end N KIND`, in
# order of time: PHASE 1 from the start on, 2 and 3 from the attempts to hand over on.  A link and a disk that are
# slow by themselves make these long.  DISKS: 1 or 2; a fault of a disk is one of them.  THIN: the destination that is a thin volume, or no.
# CONVERGE: how recover is run where the owner is found out about, the first time.  busybox awk: another one has other
# random numbers.

function rnd(n) { return int(rand() * n) }
function one_of(s,  w) { return w[1 + rnd(split(s, w, " "))] }
function pick(group) {
	if (group == "link") return one_of("link-here link-there")
	if (group == "nft") return one_of("drop-there drop-back drop-both reset half-open")
	if (group == "netem") return one_of("loss-here delay-here reorder-here slow-here loss-there slow-there")
	if (group ~ /^(receiver|daemon|tool)$/) return one_of("kill kill stop") "-" group
	if (group ~ /^low/) return one_of("error hang delay flakey") "-" substr(group, 5)
	if (group == "full") return one_of("full-a full-b")
	if (group == "power") return one_of("power-here power-there power-there")
	return group
}
# may the two be at the same time?  A host without power has neither processes nor disks.
function clash(kind, group) {
	if (kind == "power-here") return group ~ /^(daemon|tool|low-A)$/
	if (kind == "power-there") return group ~ /^(receiver|low-B)$/
	return 0
}
# one more, of the time of most
function add(n, phase, kind,  at, ends) {
	at = rnd(phase == 1 ? 2500 : 1000)
	ends = at + 100 + rnd(one_of("300 1500 4000"))
	print phase " " at " begin " n " " kind "\n" phase " " ends " end " n " " kind | "sort -k 1,1n -k 2,2n"
}
BEGIN {
	srand(seed)
	for (i = 0; i < 7; i++) rand()
	print "set MIB", 4 + rnd(5)
	print "set WRITERS", 2 + rnd(3)
	print "set RATE", one_of("20 40 80")
	print "set SIZES", one_of("512..16K 4096..32K 512..64K")
	print "set BANDWIDTH", one_of("2M 4M 0")
	print "set CONNECTIONS", one_of("1 2 4")
	print "set PERSON", one_of("run return")
	print "set LAST", one_of("cutover cutover cutover cancel")
	print "set ATTEMPT1", one_of("cutover cutover verify acquire")
	print "set ATTEMPT2", one_of("cutover acquire")
	print "set PAUSE", rnd(rnd(2) ? 100 : 700)
	print "set LINK_MS", one_of("0 0 20 60")
	print "set DISK_MS", one_of("0 0 20 100")
	print "set HOOK", one_of("good good fails")
	print "set HOOK_MS", one_of("0 0 500 1500")
	n = split("link nft nft netem netem receiver receiver daemon daemon tool low-A low-B low-B full power power dribble memory", g, " ")
	# with few of them it gets far, with many it breaks
	for (i = one_of("1 2 3 4 5 6"); i > 0; i--) {
		do {
			group = g[1 + rnd(n)]
			no = group in taken
			for (k in kinds) no = no || clash(k, group)
			if (!no) {
				kind = pick(group)
				for (k in taken) no = no || clash(kind, k)
			}
		} while (no)
		taken[group] = kinds[kind] = 1
		phase = one_of(group == "tool" ? "2 2 3" : group == "power" ? "1 2 2 2" : "1 2 2 2 2 3 3")
		at = rnd(phase == 1 ? 2500 : one_of("500 1000 1000 2500"))
		ends = at + 100 + rnd(one_of("300 1500 4000"))
		lines[i] = phase " " at " begin " i " " kind "\n" phase " " ends " end " i " " kind
	}
	# what the first disk's plan has for A or B may be the second one's
	print "set DISKS", disks = 1 + rnd(2)
	for (i in lines) {
		if (disks == 2 && rnd(2)) {
			gsub(/-A/, "-C", lines[i])
			gsub(/-B/, "-D", lines[i])
		}
		print lines[i] | "sort -k 1,1n -k 2,2n"
	}
	# what is flushed now and then, and what never is before the end
	print "set BARRIER", one_of("200ms 200ms 1s 1h")
	# what came later is drawn last: all that a seed has drawn before stays.  Thin storage is as durable as its pool's metadata, which a
	# power cut here would not lose
	thin = "no"
	if (!("power-there" in kinds) && !rnd(3)) {
		thin = disks == 2 && rnd(2) ? "D" : "B"
		add(7, one_of("1 2 2 2"), one_of("nospace nospace waits") "-" thin)
	}
	print "set THIN", thin
	if (!rnd(2))
		add(8, one_of("1 2 2 2 3"), one_of("recover-here recover-there"))
	print "set CONVERGE", one_of("once once twice killed")
	print "set KILL_MS", rnd(one_of("1000 3000"))
}
