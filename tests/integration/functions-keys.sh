# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# Keys for tests: sourced by them, in virtual machines or on the host.

# key_pin DMMIGRATE DIR: of the key there
key_pin() {
	"$1" keys show --keys "$2" | grep -o 'SHA256:[A-Za-z0-9+/]*' | head -n 1
}

# make_self_key DMMIGRATE DIR ADDRESS...: a key, and a host that trusts itself, by the name of self
make_self_key() {
	local tool=$1 dir=$2
	shift 2
	"$tool" keys init --keys "$dir" >/dev/null
	"$tool" keys trust --keys "$dir" self "$(key_pin "$tool" "$dir")" "$@" >/dev/null
}
