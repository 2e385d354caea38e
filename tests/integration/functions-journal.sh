# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# What a journal says, for tests of one host and of two.

# journal_state FILE: of its last record
journal_state() {
	tail -c 256 "$1" | od -A n -t u2 | awk '{ for (i = 1; i <= NF; i++) w[n++] = $i }
		END { split("active relinquished released receiving complete owned running refused settled", s, " ")
			print s[w[41]] }'
}
