#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# probe.sh PROBES OUT OBJTREE CC FLAGS... - compile each PROBES/*.c as part of a module.
# Prints `probed` and a -DDMM_HAVE_NAME for each that compiles, or what is wrong.
# Results are kept in OUT until the probes, the flags or the kernel tree change.
# Two control probes guard the probing: with broken flags everything would fail,
# and silently look like a very old kernel.

set -u
probes=$1 out=$2 objtree=$3
shift 3

# -W switches: a wrong type must fail, an unused thing must not
set -- "$@" -DMODULE '-DKBUILD_BASENAME="probe"' '-DKBUILD_MODNAME="probe"' \
	-Werror=implicit-function-declaration -Werror=incompatible-pointer-types \
	-Werror=int-conversion -Wno-unused -Wno-missing-prototypes -Wno-missing-declarations
key=$( { echo "$@"; cat "$0" "$probes"/*.c \
	"$objtree/include/generated/autoconf.h" "$objtree/Module.symvers"; } 2>/dev/null | cksum)

mkdir -p "$out"
if [ "$(cat "$out/key" 2>/dev/null)" = "$key" ]; then
	cat "$out/result"
	exit 0
fi

rm -f "$out"/*
for c in "$probes"/*.c; do
	name=${c##*/}
	name=${name%.c}
	if "$@" -c -o "$out/$name.o" "$c" 2> "$out/$name.log"; then
		yes="${yes-} $name"
	fi
done

case " ${yes-} " in
*" control_fail "*)
	echo "control_fail.c compiled"
	exit 0 ;;
*" control_pass "*)
	;;
*)
	echo "control_pass.c did not compile: $(head -n 3 "$out/control_pass.log")"
	exit 0 ;;
esac

echo probed > "$out/result"
for name in $yes; do
	[ "$name" = control_pass ] || echo "-DDMM_HAVE_$name" | tr '[:lower:]' '[:upper:]'
done >> "$out/result"
echo "$key" > "$out/key"
rm -f "$out"/*.o
cat "$out/result"
