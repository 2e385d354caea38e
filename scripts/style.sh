#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# style.sh - what `make style` runs over the tracked files: checkpatch, spacing by
# clang-format, shellcheck, codespell, headers that compile alone, and the rules of
# our own that a machine can check.  Prints what is wrong and exits with 1.

set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$DMM_TOP"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# complaint CHECK: its lines come on stdin, none is fine
complaint()
{
	local lines

	lines=$(cat)
	if [ -n "$lines" ]; then
		printf '%s\n' "$lines" | sed "s|^|$1: |"
		touch "$tmp/wrong"
	fi
}

readarray -t sources < <(git ls-files '*.c' '*.h')
readarray -t kernel < <(git ls-files 'kmod/*.[ch]' 'tests/kunit/*.c' 'include/*.h' ':!kmod/core')
# tests/sim/shim makes the macros that checkpatch tells others to use
readarray -t userland < <(git ls-files 'kmod/core/*.[ch]' 'userland/*.[ch]' 'tests/*.[ch]' ':!tests/kunit/*' ':!tests/sim/shim/*')
readarray -t shell < <(git grep -lE '^#!.*[/ ](ba|da)?sh$' -- ':!*.c'; git ls-files '*.sh' '*/guest/*')
readarray -t shell < <(printf '%s\n' "${shell[@]}" | sort -u)

# --- checkpatch ---------------------------------------------------------------
# NEW_TYPEDEFS		core/env.h and compat.h name types that one of the worlds lacks
# MACRO_ARG_UNUSED	compat.h: what the target kernel has no place for
# FILE_PATH_CHANGES	there is no MAINTAINERS file
# and where the kernel's own macros do not exist (core, userland, tests):
# ARRAY_SIZE, PREFER_DEFINED_ATTRIBUTE_MACRO, CONST_STRUCT
# EMBEDDED_FUNCTION_NAME  messages for people, not for developers
# SPLIT_STRING		help texts are shown as they will look
# LINE_SPACING		cleanup attributes and _Alignas do not look like declarations to it
# ENOSYS		errno of libraries, not of system calls
# STRCPY, STATIC_CONST_CHAR_ARRAY, FUNCTION_ARGUMENTS  kernel API; argv[]; arrays of arrays
ignore=NEW_TYPEDEFS,MACRO_ARG_UNUSED,FILE_PATH_CHANGES
ignore_user=$ignore,ARRAY_SIZE,PREFER_DEFINED_ATTRIBUTE_MACRO,CONST_STRUCT,EMBEDDED_FUNCTION_NAME,SPLIT_STRING
ignore_user+=,LINE_SPACING,ENOSYS,STRCPY,STATIC_CONST_CHAR_ARRAY,FUNCTION_ARGUMENTS

pl=$(scripts/kernels.sh source scripts/checkpatch.pl scripts/spelling.txt \
	scripts/const_structs.checkpatch)/scripts/checkpatch.pl
checkpatch()
{
	perl "$pl" --no-tree --terse --no-summary --show-types --max-line-length=100 \
		--ignore "$1" --file "${@:2}" 2>&1 | grep -E ':[0-9]+: (ERROR|WARNING)' || true
}
checkpatch "$ignore" "${kernel[@]}" | complaint checkpatch
[ ${#userland[@]} = 0 ] || checkpatch "$ignore_user" "${userland[@]}" | complaint checkpatch

# --- clang-format -------------------------------------------------------------
# Compared token by token: alignment and line breaks are left to the author, and the
# spaces where clang-format guesses (unary or binary, brackets) too.
tokens()
{
	sed 's/\\$//' | tr -s ' \t\n' ' ' |
		sed -E 's/ ?([][(){}*&-]) ?/\1/g; s/\) \./)./g; s/([;,{}]) ?/\1\n/g; s/\*\//\n&\n/g'
}
for f in "${sources[@]}"; do
	clang-format --style=file "$f" | tokens > "$tmp/formatted"
	tokens < "$f" | diff - "$tmp/formatted" | sed -n "s|^< |$f: |p"
done | complaint 'clang-format, spacing'

# --- shell and spelling -------------------------------------------------------
{ shellcheck -x -P SCRIPTDIR -f gcc "${shell[@]}" || true; } | complaint shellcheck
# words that are names here: kernel's, or of a column
{ git ls-files -z ':!LICENSES' ':!COPYING' ':!tests/vectors' ':!tests/fuzz/corpus' ':!tests/unit/data' | xargs -0 codespell -L uptodate,tread,fo,inout,ser,nd,inflight,conectix || true; } | complaint codespell

# --- our own rules ------------------------------------------------------------
git grep -nE 'LINUX_VERSION_CODE|KERNEL_VERSION' -- 'kmod/*.[ch]' |
	complaint 'kernel version tested: use a probe in kmod/compat' || true
git grep -nE 'DMM_HAVE_' -- 'kmod/*.[ch]' ':!kmod/compat' |
	complaint 'conditional outside kmod/compat' || true
git grep -nE 'for \((const )?(int|unsigned|size_t|[us](8|16|32|64)|struct|sector_t) ' -- 'kmod/*.[ch]' 'tests/kunit/*.c' |
	complaint 'declaration in a for statement: kmod is gnu89' || true
for f in $(git ls-files '*.[ch]' '*.sh' '*Makefile' '*Kbuild' scripts tests/qemu .ci); do
	head -n 3 "$f" | grep -q SPDX-License-Identifier || echo "$f"
done | grep -vE '^scripts/(packages|packages-bench|kconfig/)' | complaint 'no SPDX line' || true
for f in "${sources[@]}" "${shell[@]}"; do
	n=$(wc -l < "$f")
	[ "$n" -le 500 ] || echo "$f: $n lines"
done | complaint 'more than 500 lines: split it'

for f in kmod/compat/probes/*.c; do
	name=$(basename "$f" .c)
	case $name in control_*) continue ;; esac
	head -n 5 "$f" | grep -qE 'Upstream: [0-9]+\.[0-9]+, ([0-9a-f]{12} )?' ||
		echo "$f: no 'Upstream: VERSION, COMMIT \"TITLE\"' at its head"
	grep -q "DMM_HAVE_${name^^}" kmod/compat/*.h || echo "$f: nobody uses DMM_HAVE_${name^^}"
done | complaint probe
grep -ohE 'DMM_HAVE_[A-Z0-9_]+' kmod/compat/*.h | sort -u | sed 's/DMM_HAVE_//' |
while read -r name; do
	[ -e "kmod/compat/probes/${name,,}.c" ] || echo "DMM_HAVE_$name has no probe"
done | complaint probe

# --- headers alone ------------------------------------------------------------
flags=$(pkg-config --cflags libsystemd blkid mount inih libxxhash liburing libnbd libnl-genl-3.0 devmapper json-c smartcols gnutls)
for f in $(git ls-files 'include/*.h' 'kmod/core/*.h' 'userland/*.h' 'tests/tools/*.h'); do
	# shellcheck disable=SC2086	# flags are words
	gcc -fsyntax-only -x c -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wno-unused -Iinclude -Ikmod -Iuserland -Iuserland/lib \
		-Iuserland/dmmigrate -Iuserland/dmmigrated -Itests/tools -Itests $flags \
		-include "$f" /dev/null 2> "$tmp/header" || { echo "$f does not compile alone:"; head -n 3 "$tmp/header"; }
done | complaint header

# the module's own, with the kernel's flags
headers=$DMM_TOP/build/headers
rm -rf "$headers/check"
mkdir -p "$headers/check"
{
	echo 'obj-m := headers.o'
	# shellcheck disable=SC2016	# for Kbuild to expand
	echo 'ccflags-y := -I$(src)/../kmod -I$(src)/../kmod/core -I$(src)/../include -DDMM_DEBUG'
	for f in $(git ls-files 'kmod/*.h' ':!kmod/trace.h'); do
		o=$(echo "${f#kmod/}" | tr '/.' '__')
		echo "#include \"../$f\"" > "$headers/check/$o.c"
		echo "headers-y += $o.o"
	done
	echo 'headers-y += license.o'
	# shellcheck disable=SC2016
	sed 's|\$(src)/compat|$(src)/../kmod/compat|g; s/ -include .*//' kmod/compat/Kbuild.include
} > "$headers/check/Kbuild"
printf '#include <linux/module.h>\nMODULE_LICENSE("GPL");\nMODULE_DESCRIPTION("headers");\n' \
	> "$headers/check/license.c"
make -s --no-print-directory check-headers > "$tmp/headers" 2>&1 ||
	{ grep -E 'error|Error' "$tmp/headers" || tail -n 5 "$tmp/headers"; } | head -n 20 | complaint 'kernel header'

[ ! -e "$tmp/wrong" ] || exit 1
echo "style: ${#sources[@]} C files and ${#shell[@]} scripts are clean"
