#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# This test will give tests/fuzz/coverage.py counts of branches, and see it say which file has too few of them reached, by what
# figure and on which lines, and be content with the others.  One that is content with everything would let the fuzz targets rot.
. "$(dirname "$0")/common"

cd "$tmp"
mkdir src
printf 'line %s\n' {1..30} > src/a.c
printf 'line %s\n' {1..30} > src/b.c

# export_of NAME LINE:TAKEN:NOT...: what llvm-cov says of function NAME of src/NAME.c
export_of()
{
	python3 - "$@" <<-'EOS'
		import json, sys
		branches = [[int(n) for n in (line, 1, line, 9, taken, untaken, 0, 0, 4)]
		            for line, taken, untaken in (b.split(":") for b in sys.argv[2:])]
		print(json.dumps({"data": [{"functions": [{"name": sys.argv[1], "filenames": ["/x/src/%s.c" % sys.argv[1]], "branches": branches}]}]}))
	EOS
}

# judged STATUS LAST-LINE [TEXT]: parsers and counts are as they were put; what is said of them
judged()
{
	local got=0

	python3 "$top/tests/fuzz/coverage.py" counts parsers 95 > out 2>&1 || got=$?
	if [ "$got" = "$1" ] && [ "$(tail -n 1 out)" = "$2" ] && grep -qF -- "${3-}" out; then
		ok "$what"
	else
		bad "$what: exit $got, wanted $1, '$2' and '${3-}':"
		cat out
	fi
}

ten=(1:1:1 2:1:1 3:1:1 4:1:1 5:1:1 6:1:1 7:1:1 8:1:1 9:1:1)
echo src/a.c > parsers

what='19 of 20 branches are enough'
export_of a "${ten[@]}" 10:1:0 > counts
judged 0 '1 passed, 0 failed, 0 skipped' ' 95.00 %   19 of   20  src/a.c  not: lines 10'

what='18 of 20 are not, and it says so of which file and lines'
export_of a "${ten[@]}" 10:0:0 > counts
judged 1 '0 passed, 1 failed, 0 skipped' 'not ok src/a.c: 90.00 % of its branches are reached, fewer than 95 %; not: lines 10 '

what='one that no input takes is left out'
printf 'src/a.c\n\tline 10  -- out of memory\n' > parsers
judged 0 '1 passed, 0 failed, 0 skipped' '100.00 %   18 of   18  src/a.c'

what='a function is left out'
printf 'src/a.c\n\ta()  -- writes\n' > parsers
judged 1 '0 passed, 2 failed, 0 skipped' "nothing of it has 'a()' any more"
echo 'int a(void)' >> src/a.c
judged 1 '0 passed, 1 failed, 0 skipped' 'not ok src/a.c: nothing of it was built into a target'

what='nothing is left out without a reason'
printf 'src/a.c\n\tline 10\n' > parsers
judged 1 'parsers: no reason: line 10'

what='what is left out is there'
printf 'src/a.c\n\tgone  -- out of memory\n' > parsers
judged 1 '0 passed, 2 failed, 0 skipped' "not ok src/a.c: nothing of it has 'gone' any more"

what='a file that has gone, and one that no target has'
printf 'src/gone.c\nsrc/b.c\n' > parsers
judged 1 '0 passed, 2 failed, 0 skipped' 'not ok src/b.c: nothing of it was built into a target'

what='each file by itself: one that is well covered does not make up for another'
export_of a "${ten[@]}" 10:1:1 > export-a
export_of b 1:1:0 2:0:0 > export-b
python3 - > counts <<-'EOS'
	import json
	print(json.dumps({"data": [{"functions": [json.load(open("export-" + n))["data"][0]["functions"][0] for n in "ab"]}]}))
EOS
printf 'src/a.c\nsrc/b.c\n' > parsers
judged 1 '1 passed, 1 failed, 0 skipped' 'not ok src/b.c: 25.00 % of its branches are reached, fewer than 95 %; not: lines 1 2 '

what='no files at all are not enough'
: > parsers
judged 1 '0 passed, 0 failed, 0 skipped'

# what the checks do with that is their form of a last line
what='scripts/run-checks.sh knows the step'
if grep -q '^[[:space:]]*fuzz-coverage tests/fuzz/coverage$' "$top/scripts/run-checks.sh"; then ok "$what"; else bad "$what"; fi
finish
