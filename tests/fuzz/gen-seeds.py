#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Write the seeds of the fuzz targets: conversations, tables, files and words as they
should be, for the fuzzers to spoil.

Usage: gen-seeds.py DIRECTORY		(DIRECTORY/TARGET/NAME)
Every run of a target begins with them and its corpus.  The corpora in corpus/ were grown from
them by `tests/fuzz/run --merge`, which leaves alone what is called kept-*.
"""
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../vectors"))
sys.dont_write_bytecode = True
golden = __import__("gen-wire-golden")
journal = __import__("gen-journal-golden")
P = golden.PAYLOADS
N = golden.NUMBERS
TOP = sys.argv[1]


def seed(target, name, data):
    directory = os.path.join(TOP, target)
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, name), "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def frame(conn, message, payload=b"", offset=0, arg=0, raw=0, crc=0):
    """A record of recv_session and tool_client: the harness seals it."""
    number = N[message] if isinstance(message, str) else message
    return struct.pack("<BIHHQQQIIII", conn | raw, golden.MAGIC, number, 0, 1, offset, arg,
                       len(payload), 0, 0, crc) + payload


# what a receiver is like, and what a record of recv_session is besides
TLS, GROUPS, REVOKED, CROWDED, ENGINE, XL, PIDFD = (1 << i for i in range(7))
SLEEP, DEAF, PEER_B, BY_KEY, LOCAL, END, RAW = 4, 8, 0x10, 0x20, 0x30, 0x40, 0x80


def session(name, data, world=0):
    seed("recv_session", name, bytes([world]) + data)


# --- the receiver: a byte says what follows ---
for name, payload in P.items():
    number = N[name]
    seed("recv_wire", "header-" + name.lower(), b"\0" + struct.pack(
        "<IHHQQQIIII", golden.MAGIC, number, 0, 5, 4096 if name == "DATA" else 0,
        7 if name == "BARRIER" else 0, len(payload), 0, 0, 0))
for kind in ("DATA", "BARRIER"):
    for status in (0, 5):
        seed("recv_wire", "ack-%s-%d" % (kind.lower(), status), b"\1" + struct.pack(
            "<IHHQQII", golden.MAGIC, N[kind], 0, 9, 3 if kind == "BARRIER" else 0, status, 0))
for selector, name in ((5, "HELLO"), (6, "PREPARE"), (2, "DIGEST"), (3, "ATTACH"), (4, "QUERY")):
    seed("recv_wire", "payload-" + name.lower(), bytes([selector]) + P[name])



def handover(event, state=0, epoch=0, instance=bytes(16), disk=0, conn_epoch=0, barrier=0, pad=0):
    return golden.ident(1) + struct.pack("<IIQ", event, state, epoch) + instance + struct.pack(
        "<IIQQ", disk, pad, conn_epoch, barrier)


ID = golden.ident(0x40)
HANDOVERS = [handover(1), handover(2), handover(3, 0, 5, ID), handover(4, 0, 5), handover(5, 0, 5, ID), handover(6, 0, 0, ID),
             handover(7, 0, 5, ID), handover(8, 0, 5), handover(9, 0, 5), handover(10, 2, 5, ID), handover(11, 0, 5, bytes(16), 63, 1, 9)]
for i, payload in enumerate(HANDOVERS):
    seed("recv_wire", "handover-%d" % (i + 1), b"\7" + payload)
for name, payload in (("event", handover(12)), ("field", handover(2, 0, 5)), ("state", handover(10, 4, 5, ID)),
                      ("disk", handover(11, 0, 5, bytes(16), 64, 1, 9)), ("pad", handover(1, pad=1)), ("id", bytes(72))):
    seed("recv_wire", "kept-handover-" + name, b"\7" + payload)

HELLO = struct.pack("<HHIQ", 1, 1, 0, 7) + golden.text("dmmigrate 0.1", 48)
DISK = golden.ident(1) + struct.pack("<II", 0, 0)


def prepare(size=1 << 20, conns=1, flags=0, dest="@"):
    return (DISK + struct.pack("<QIIII", size, 4096, 512, conns, flags) + golden.text("", 256)
            + golden.text("host-a", 64) + golden.text("/dev/mapper/a", 256)
            + golden.text(dest, 1024) + bytes(128))


def attach(epoch=1, index=0, conns=1):
    return DISK + struct.pack("<QII", epoch, index, conns)


HELLO0, HELLO1, HELLO2 = (frame(c, "HELLO", HELLO) for c in range(3))
READY = HELLO0 + frame(0, "PREPARE", prepare())
DIGEST = DISK + struct.pack("<QQII", 0, 65536, 1, 0)
BLOCK = bytes(range(256)) * 2
COPY = (READY + HELLO1 + frame(1, "ATTACH", attach()) + frame(1, "DATA", BLOCK, 0)
        + frame(1, "DATA", BLOCK, 4096) + frame(1, "BARRIER", arg=1))
session("hello", HELLO0)
session("prepare", READY)
session("check", HELLO0 + frame(0, "PREPARE", prepare(flags=2)))
session("denied", HELLO0 + frame(0, "PREPARE", prepare(dest="/etc/passwd")))
session("too-small", HELLO0 + frame(0, "PREPARE", prepare(size=1 << 30)))
session("requests", READY + frame(0, "QUERY", DISK) + frame(0, "DIGEST", DIGEST)
     + frame(0, "FORGET", DISK) + frame(0, "QUERY", DISK))
session("copy", COPY)
session("copy-end", COPY + frame(1, "END") + frame(0, "DIGEST", DIGEST)
     + frame(0, "FINISH", DISK) + frame(0, "QUERY", DISK))
session("beyond-the-end", COPY + frame(1, "DATA", BLOCK + BLOCK, (1 << 20) - 512))
session("zero", COPY + frame(1, 37, offset=0, arg=65536) + frame(1, "BARRIER", arg=2))
session("hashes", COPY + frame(0, 26, DISK + struct.pack("<QQII", 0, 1 << 20, 1, 65536)))
session("create", HELLO0 + frame(0, "PREPARE", prepare(flags=4)))
session("wrong-checksum", COPY + frame(1, "DATA", BLOCK, 8192, raw=RAW, crc=1))
session("overlaps", COPY + frame(1, "DATA", BLOCK * 3, 512) + frame(1, "DATA", BLOCK * 2, 1024)
     + frame(1, "DATA", BLOCK, 512) + frame(1, "BARRIER", arg=2))
session("two-connections", HELLO0 + frame(0, "PREPARE", prepare(conns=2))
     + HELLO1 + frame(1, "ATTACH", attach(conns=2)) + HELLO2 + frame(2, "ATTACH", attach(1, 1, 2))
     + frame(1, "DATA", BLOCK, 0) + frame(2, "DATA", BLOCK, 1 << 19) + frame(2, "BARRIER", arg=1))
session("newer-epoch", COPY + HELLO2 + frame(2, "ATTACH", attach(2))
     + frame(2, "DATA", BLOCK, 0) + frame(1, "DATA", BLOCK, 0))

PROVE = DISK + struct.pack("<QII", 0, 1, 1)
COMPARE = DISK + struct.pack("<II", 1, 1) + struct.pack("<QII", 0, 2, 5) + bytes(63 * 16)
HELLO_PROVE = frame(0, "HELLO", struct.pack("<HHIQ", 1, 1, 0, 31) + golden.text("dmmigrate 0.1", 48))
seed("recv_wire", "prove", b"\10" + PROVE)
seed("recv_wire", "compare", b"\11" + COMPARE)
seed("recv_wire", "compare-beyond", b"\11" + DISK + struct.pack("<II", 65, 0) + bytes(64 * 16))
session("prove", HELLO_PROVE + COPY[len(HELLO0):] + frame(0, 40, PROVE) + frame(0, 42, COMPARE)
     + frame(0, "QUERY", DISK))
session("facts", frame(0, "HELLO", struct.pack("<HHIQ", 1, 1, 0, 127) + golden.text("dmmigrate 0.1", 48)) + frame(0, "FACTS") * 2)
HELLO_VOLUME = frame(0, "HELLO", struct.pack("<HHIQ", 1, 1, 0, 1023) + golden.text("dmmigrate 0.1", 48))
session("volume", HELLO_VOLUME + frame(0, "VOLUME", P["VOLUME"]))
session("volume-without-feature", HELLO0 + frame(0, "VOLUME", P["VOLUME"]))
session("facts-without-feature", HELLO0 + frame(0, "FACTS"))
session("prove-without-feature", COPY + frame(0, 40, PROVE))



def hello(conn, features=31, program="dmmigrated 0.1", versions=(1, 1)):
    return frame(conn, "HELLO", struct.pack("<HHIQ", *versions, 0, features) + golden.text(program, 48))


def group(verb, await_states=0, freeze_ms=0, flags=0, role=0, await_ms=1000):
    return golden.ident(1) + struct.pack("<IIIIII", verb, await_states, await_ms, freeze_ms, role, flags) + golden.text("xl", 80)


def of_group(disks=1, gate="", **kwargs):
    return prepare(**kwargs)[:-128] + struct.pack("<I", disks) + golden.text(gate, 124)


def adopt(host="b"):
    return DISK + struct.pack("<IHBBQQQQ", 1, 7790, 1, 0, 1 << 20, 0, 0, 0) + golden.text(host, 256) + golden.text(
        "vg-a", 128) + golden.text("/dev/vg/a", 1024)


HELLO_GROUP = hello(0, 15)
JOIN = hello(2) + frame(2, "HANDOVER", HANDOVERS[0])
session("handover", HELLO_GROUP + frame(0, "HANDOVER", HANDOVERS[0]))
session("handover-not-join", HELLO_GROUP + frame(0, "HANDOVER", HANDOVERS[6]))
session("handover-without-feature", HELLO0 + frame(0, "HANDOVER", HANDOVERS[0]))
session("handover-later", READY + frame(0, "HANDOVER", HANDOVERS[0]))
GROUPED = (hello(0) + frame(0, "PREPARE", of_group()) + hello(1) + frame(1, "ATTACH", attach(3))
           + frame(1, "DATA", BLOCK, 0) + frame(1, "BARRIER", arg=1))
OWNED = GROUPED + JOIN + frame(2, "HANDOVER", handover(11, 0, 3, disk=0, conn_epoch=3, barrier=1)) + frame(
    2, "HANDOVER", handover(7, 0, 3, ID))
for number, events in (("token", [handover(7, 0, 3, ID)]), ("refuse", [handover(8, 0, 3, ID)]),
                       ("source", [handover(10, 2, 3, ID), handover(9, 0, 3)]),
                       ("dest-says", [handover(3, 0, 3, ID)]), ("joined-twice", [HANDOVERS[0]]),
                       ("another", [golden.ident(9) + handover(7, 0, 3, ID)[16:]])):
    session("group-" + number, GROUPED + JOIN + b"".join(frame(2, "HANDOVER", e) for e in events), GROUPS)
session("group-owned", OWNED + frame(0 | SLEEP, "GROUP", group(1, 0xff)) + frame(0, "GROUP", group(3))
        + frame(0 | SLEEP, "GROUP", group(4)) + frame(0 | SLEEP, "GROUP", group(1)) + frame(0, "GROUP", group(9)), GROUPS)
session("group-returned", OWNED + frame(0, "GROUP", group(5)) + frame(2 | SLEEP, "HANDOVER", handover(10, 2, 4, ID)), GROUPS)
for verb in range(1, 10):
    session("group-verb-%d" % verb, GROUPED + frame(0, "GROUP", group(verb, freeze_ms=300 * (verb == 6))), GROUPS)
    session("group-verb-%d-local" % verb, GROUPED + hello(3 | LOCAL) + frame(
        3, "GROUP", group(verb, freeze_ms=300 * (verb == 6), flags=(verb == 9))), GROUPS)
session("group-refused", hello(0) + frame(0, "GROUP", group(2)), GROUPS)
session("group-gate", hello(0) + frame(0, "PREPARE", of_group(gate="A.dmm")), GROUPS)
session("group-check", hello(0) + frame(0, "PREPARE", of_group(flags=2)), GROUPS)
session("group-of-two", hello(0) + frame(0, "PREPARE", of_group(2)) + frame(0, "GROUP", group(1)) + hello(1)
        + frame(1, "ATTACH", attach()), GROUPS)
session("group-no-journals", hello(0) + frame(0, "PREPARE", of_group()))
session("group-no-feature", hello(0, 7) + frame(0, "PREPARE", of_group()), GROUPS)
session("group-then-without", GROUPED + hello(3) + frame(3, "PREPARE", prepare()), GROUPS)
session("adopt", hello(0 | LOCAL) + frame(0, "ADOPT", adopt()), GROUPS)
session("adopt-not-local", hello(0) + frame(0, "ADOPT", adopt()), GROUPS)
KEYED = (hello(0) + frame(0, "PREPARE", prepare()) + frame(0, "KEY", attach()) + hello(1 | BY_KEY)
         + frame(1, "ATTACH", attach()) + frame(1, "DATA", BLOCK, 0) + frame(1, "BARRIER", arg=1))
session("key", KEYED, TLS)
session("key-plaintext", KEYED)
session("key-revoked", KEYED, TLS | REVOKED)
session("key-other", KEYED.replace(frame(1, "ATTACH", attach()), frame(1, "ATTACH", attach(2))), TLS)
session("key-for-control", KEYED.replace(frame(1, "ATTACH", attach()), frame(1, "QUERY", DISK)), TLS)
session("key-none", hello(1 | BY_KEY) + frame(1, "ATTACH", attach()), TLS)
session("key-prepared-anew", hello(0) + frame(0, "PREPARE", prepare()) + frame(0, "KEY", attach()) + frame(0, "FORGET", DISK)
        + frame(0, "PREPARE", prepare(1 << 19)) + hello(1 | BY_KEY) + frame(1, "ATTACH", attach()), TLS)
session("attach-without-key", hello(0) + frame(0, "PREPARE", prepare()) + hello(1) + frame(1, "ATTACH", attach()), TLS)
session("another-peers-disk", hello(0) + frame(0, "PREPARE", prepare()) + hello(1 | PEER_B) + frame(1, "QUERY", DISK), TLS)
session("another-peers-group", GROUPED[:len(hello(0) + frame(0, "PREPARE", of_group()))] + hello(1 | PEER_B)
        + frame(1, "GROUP", group(1)) + hello(2 | PEER_B) + frame(2, "HANDOVER", HANDOVERS[0]), TLS | GROUPS)
session("poly32", READY + hello(1, 4127) + frame(1, "ATTACH", attach()) + frame(1, "DATA", BLOCK, 0) + frame(1, "DATA", BLOCK, 4096)
        + frame(1, "BARRIER", arg=1) + frame(1, "DATA", BLOCK, 8192, raw=RAW, crc=1))
session("versions", hello(0, versions=(2, 3)))
session("versions-old", hello(0, versions=(0, 0)))
session("silent", hello(0) + b"\1" + bytes(8) + frame(0 | SLEEP, "QUERY", DISK))
session("crowded", hello(0) + hello(1) + hello(2) + hello(3), CROWDED)
session("crowded-disks", READY + frame(0, "PREPARE", DISK[:16] + b"\1" + prepare()[17:]), CROWDED)
session("stop", COPY + b"\xff" + frame(1, "DATA", BLOCK, 8192) + frame(0, "QUERY", DISK))
session("stop-group", GROUPED + JOIN + b"\xff" + frame(0, "GROUP", group(1, 0xff)), GROUPS)
session("deaf", COPY + b"".join(frame(1 | DEAF, "DATA", BLOCK, i * 4096) for i in range(4)) + frame(1 | SLEEP, "DATA", BLOCK, 0))
session("stalled", COPY + frame(1, "DATA", BLOCK, 8192)[:300])
session("orphan", READY[:-1] + READY[-1:] + frame(0 | END, "QUERY", DISK) + hello(1 | SLEEP) + frame(1 | SLEEP, "QUERY", DISK))
session("another-engine", COPY, ENGINE)
session("new-file", hello(0) + frame(0, "PREPARE", prepare(flags=4, dest="@new")) + frame(0, 26, DISK + struct.pack(
    "<QQII", 0, 1 << 20, 1, 65536)))

session("data-first", frame(0, "DATA", BLOCK * 10) + frame(3, "END"))
session("data-on-control", HELLO0 + frame(0, "DATA", BLOCK * 10))

seed("recv_config", "addresses", "[dmmigrated]\n" + "listen = ::1\n" * 16)
seed("recv_config", "all", """# everything
[dmmigrated]
listen = 10.0.0.2
listen = [::1]:7791
port = 7790
allow = /dev/vg0/*
allow = /srv/images/?.img
engine = libaio
buffers = 64M
max_sessions = 256
max_disks = 256
orphan_timeout = 1h
handshake_timeout = 10s
stall_timeout = 60
ack_timeout = 500ms
log_level = info
""")
seed("recv_config", "options", "[dmmigrated]\nport = 1\n\0--listen\0::1\0-p\00012\0--allow=/x\0"
     "--log-level\0debug\0-f\0-b\0002M")
for wrong in ("[other]", "key", "port = 0", "allow = x", "max_disks = -1", "nonsense = 1", "buffers = 1"):
    seed("recv_config", wrong.split()[0].strip("[]") + "-wrong", wrong + "\n")
seed("recv_config", "long-line", "[dmmigrated]\nallow = /" + "x" * 300 + "\n")

# --- the tool ---
with open(os.path.join(os.path.dirname(__file__), "../unit/test_tool_dmtable.c"), encoding="utf-8") as f:
    tables = sorted({line.split('"')[1] for line in f if line.strip().startswith('{ "0 ')})
for i, table in enumerate(tables):
    seed("tool_table", "%02d" % i, table.replace("\\n", "\n"))
seed("tool_table", "uuid", "LVM-DMM" + "0" * 29 + "00112233445566778899aabbccddeeff-origin")

for i, words in enumerate((
        ["host:/dev/vg/a"], ["10.0.0.1:7790:/x"], ["[fe80::1%eth0]:1:/x/y"], ["[::1]:/x"], ["::1"], ["h:/" + "p" * 1020], ["h:/" + "p" * 1100], ["h" * 255 + ":/p"],
        ["1.5GiB/s"], ["unlimited"], ["18446744073709551615"], ["500ms"], ["1d"], ["8P"],
        ["00112233-4455-6677-8899-aabbccddeeff"], ["\xfc\u20ac\x85"],
        ["a", "h:/d", "--bandwidth", "100M", "--block-size=64K", "--yes", "--wait"],
        ["a", "--hook-stop", "true", "--timeout", "5s", "--max-pause=300", "--verify"],
        ["--", "-x", "--json"], ["--interval", "0.1s", "--help"])):
    seed("tool_words", "%02d" % i, "\0".join(words))
# as many operands as a verb takes, and one more; the same behind "--"
for n in (128, 129):
    seed("tool_words", "operands-%d" % n, "\0".join(["a"] * n))
    seed("tool_words", "operands-behind-%d" % n, "\0".join(["--"] + ["-a"] * n))


def attribute(number, data):
    return struct.pack("<HH", 4 + len(data), number) + data + bytes(-len(data) % 4)


def u32(number, value):
    return attribute(number, struct.pack("<I", value))


def u64(number, value):
    return attribute(number, struct.pack("<Q", value))


# the attributes by name, and a value of each one's kind, from the header
with open(os.path.join(os.path.dirname(__file__), "../../include/dmmigrate/uapi.h"), encoding="utf-8") as f:
    lines = [line.split() for line in f if line.startswith("\tDMM_A_")]
numbers = {line[0].rstrip(","): i for i, line in enumerate(lines)}
WHOLE = {}
for name, number in numbers.items():
    kind = " ".join(lines[number])
    if "* u64" in kind:
        WHOLE[name] = u64(number, number * 4096)
    elif "u32" in kind:
        WHOLE[name] = u32(number, 4096 if name == "DMM_A_BLOCK_BYTES" else number % 8)
    elif "binary" in kind:
        WHOLE[name] = attribute(number, golden.ident(1))
    elif "string" in kind:
        WHOLE[name] = attribute(number, b"no room\x07\0")
seed("tool_netlink", "whole", b"".join(WHOLE.values()))
for name in ("READ", "WRITE"):
    seed("tool_netlink", name.lower() + "-latency", WHOLE["DMM_A_DEV"] + attribute(numbers["DMM_A_%s_LATENCY" % name], struct.pack("<24Q", *range(24))))
seed("tool_netlink", "device", WHOLE["DMM_A_DEV"])
seed("tool_netlink", "reason", WHOLE["DMM_A_DEV"] + WHOLE["DMM_A_REASON"])
seed("tool_netlink", "too-short", WHOLE["DMM_A_DEV"] + u32(numbers["DMM_A_RATE"], 1))
for state in range(10):
    WHOLE["DMM_A_STATE"] = u32(numbers["DMM_A_STATE"], state)
    seed("tool_netlink", "state-%d" % state, b"".join(WHOLE[n] for n in (
        "DMM_A_DEV", "DMM_A_STATE", "DMM_A_SIZE_BYTES", "DMM_A_BLOCK_BYTES", "DMM_A_DIRTY_BLOCKS",
        "DMM_A_SWEEP_BLOCKS", "DMM_A_ACKED_BYTES", "DMM_A_START_NS")))

# rates that no number can hold
for name, values in (("no-time", (2**64 - 1, 0, 4096)), ("huge", (1, 200000000, 2**64 - 1))):
    seed("tool_netlink", "kept-rate-" + name, WHOLE["DMM_A_DEV"] + b"".join(
        u64(numbers["DMM_A_" + n], value) for n, value in zip(("START_NS", "HOLD_NS", "ACKED_BYTES"), values))
        + u32(numbers["DMM_A_STATE"], 1) + WHOLE["DMM_A_SIZE_BYTES"] + WHOLE["DMM_A_BLOCK_BYTES"])

RECORD = """{
 "schema_version": 1, "migration": "11111111111111111111111111111111", "disk": 0, "disks": 1, "source": "vg0-web01",
 "major": 253, "minor": 3, "host": "10.0.0.2", "port": 7790, "dest": "/dev/vg1/web01",
 "size_bytes": 1073741824, "block_bytes": 4096, "started_s": 1700000000, "conn_epoch": 1,
 "connections": 4, "gate": "A.dmm", "start_begun": true, "table": "0 2097152 linear 8:0 0"
}
"""
seed("tool_record", "whole", RECORD)
# to be refused: not kept by the merge, which sees nothing new in them
for right, wrong in (("7790", "0"), ("7790", "65536"), ("1073741824", "0"), ("4096", "0"),
                     ("4096", "2097152"), ("1111111111111111", "1111111111111112"), ("253", "-1")):
    seed("tool_record", "kept-" + wrong + "-for-" + right, RECORD.replace(right, wrong, 1))
seed("tool_record", "without-table", """{"schema_version":1,"migration":"11111111-11111111-1111111111111111",
"disk":0,"disks":1,"source":"a","major":0,"minor":0,"host":"h","port":1,"dest":"/d","size_bytes":1,"block_bytes":1048576,
"started_s":0,"conn_epoch":0}""")

HELLO_OK = struct.pack("<HHHHQ", 1, 0, 0, 0, 0) + golden.ident(1) + golden.ident(2) + golden.text("dmmigrated 0.1", 48)
ANSWERS = frame(0, "HELLO_OK", HELLO_OK) + frame(0, "PREPARED", P["PREPARED"])
seed("tool_client", "hello", frame(0, "HELLO_OK", HELLO_OK))
seed("tool_client", "refuse", frame(0, "REFUSE", P["REFUSE"]))
seed("tool_client", "refuse-later", ANSWERS + frame(0, "REFUSE", P["REFUSE"]))
seed("tool_client", "all", ANSWERS + frame(0, "QUERY_OK", P["QUERY_OK"])
     + frame(0, "DIGEST_OK", P["DIGEST_OK"]) + frame(0, "ATTACHED") + frame(0, "FINISH_OK")
     + frame(0, "FORGET_OK"))
seed("tool_client", "wrong-checksum", frame(0, "HELLO_OK", HELLO_OK, raw=0x80, crc=1))

# --- both: journals of hand-overs ---
SOURCE = [journal.record(1, "SOURCE", "ACTIVE", 0), journal.record(2, "SOURCE", "ACTIVE", 1),
          journal.record(3, "SOURCE", "RELINQUISHED", 1), journal.record(4, "SOURCE", "ACTIVE", 2, flags=1)]
DEST = [journal.record(i + 1, "DEST", s, min(i, 1)) for i, s in enumerate(
    ("RECEIVING", "COMPLETE", "OWNED", "RUNNING", "SETTLED"))]
for name, records in (("source", SOURCE), ("dest", DEST)):
    seed("tool_journal", name, b"\0" + b"".join(records))
    seed("tool_journal", name + "-torn", b"\0" + b"".join(records)[:-100])
    seed("tool_journal", name + "-zeros", b"\0" + b"".join(records) + bytes(256))
# sealed by the harness: what only the other checks refuse
for name, records in (("epoch", [journal.record(1, "SOURCE", "ACTIVE", 3), journal.record(2, "SOURCE", "ACTIVE", 2)]), ("gap", SOURCE[:1] + SOURCE[2:]), ("older", SOURCE[:3] + SOURCE[:1]),
                      ("role", SOURCE[:1] + DEST[1:2]), ("version", [SOURCE[0].replace(b"\1", b"\2", 1)]),
                      ("state", [SOURCE[0][:82] + b"\4" + SOURCE[0][83:]]),
                      ("reserved", [SOURCE[0][:92] + b"\1" + SOURCE[0][93:]])):
    seed("tool_journal", "kept-" + name, b"\1" + b"".join(records))

# --- the module ---
for i, (sectors, logical, line) in enumerate((
        (2048, 0, "/dev/sda 8"), (1 << 32, 0, "253:3 2048 0"), (429496729600, 0, "253:3 8"),
        (1 << 50, 0, "253:3 2048"), (2048, 3, "253:3 8"), (2048, 0, "253:3"), (2048, 0, "253:3 8 1 x"),
        (2048, 0, "253:3 16 0 0"), (2048, 0, "x 4294967304"), (2048, 0, "x 7"))):
    seed("kmod_args", "%02d" % i, struct.pack("<QBB", sectors, logical, 2) + line.encode())
seed("kmod_args", "kept-sink", struct.pack("<QBB", 1 << 20, 0, 2 + 16) + b"3: 8 2 sink 254:7")
seed("kmod_args", "kept-sink-small", struct.pack("<QBB", 1 << 20, 0, 2) + b"3: 8 2 sink 254:7")
seed("kmod_args", "kept-sink-blocks", struct.pack("<QBB", 1 << 20, 0, 2 + 16 + 64) + b"3: 8 2 sink 254:7")
seed("kmod_args", "kept-sink-zoned", struct.pack("<QBB", 1 << 20, 0, 2 + 8 + 16) + b"3: 8 2 sink 254:7")
seed("kmod_args", "kept-sink-itself", struct.pack("<QBB", 1 << 20, 0, 2 + 4 + 16) + b"3: 8 2 sink 254:7")
seed("kmod_args", "kept-sink-of-a-gate", struct.pack("<QBB", 1 << 20, 0, 2) + b"3: 8 3 gate sink 254:7")
seed("kmod_args", "kept-gate-of-512-tib", struct.pack("<QBB", 1 << 40, 0, 2) + b"3: 8 1 gate")
seed("kmod_args", "zoned", struct.pack("<QBB", 2048, 0, 3) + b"x 8")
seed("kmod_args", "smaller", struct.pack("<QBB", 2048, 0, 0) + b"x 8")


def acks(what, slots, *records):
    """What waits, and what comes: (bytes at a time, type, number, argument, status)."""
    return bytes([what, len(slots)]) + bytes(slots) + b"".join(struct.pack(
        "<BIHHQQII", piece, golden.MAGIC, N.get(kind, kind), 0, seq, arg, status, 0) for piece, kind, seq, arg, status in records)


ZERO_ACK = (32, "ZERO", 2, 4096, 0)
seed("kmod_ack", "all", acks(2, [0, 1, 4], (32, "DATA", 1, 0, 0), ZERO_ACK, (7, "DATA", 3, 0, 0), (32, "BARRIER", 4, 7, 0)))
seed("kmod_ack", "at-once", acks(0, [0] * 3, *((0x3f, "DATA", i, 0, 0) for i in (3, 1, 2))))
seed("kmod_ack", "while-sending-twice", acks(0, [2], (32, "DATA", 1, 0, 0), (32, "DATA", 1, 0, 0)))
seed("kmod_ack", "barrier-of-link-1", acks(3, [], (32, "BARRIER", 1, 7, 0)))
seed("kmod_ack", "not-sent", acks(0, [0], (32, "DATA", 9, 0, 0)))
seed("kmod_ack", "refused", acks(0, [0], (32, "DATA", 1, 0, 5)))
seed("kmod_ack", "going-down", acks(0, [0], (32, "DATA", 1, 0, 15)))
seed("kmod_ack", "malformed", acks(0, [0], (0xa0, "DATA", 1, 0, 0)))
seed("kmod_ack", "silent", acks(0, [0], (0x40, "DATA", 1, 0, 0)))
seed("kmod_ack", "nothing-then", acks(1, [0], (0, "DATA", 1, 0, 0)))
seed("kmod_ack", "stopped", acks(0x10, [0], (0, "DATA", 1, 0, 0)))
seed("kmod_ack", "sending-failed", acks(4, [0]))
seed("kmod_ack", "link-ended", acks(8, [0], (32, "DATA", 1, 0, 0)))

seed("tool_words", "nbd", "h:nbd://10.0.0.1:10809/a/b\0h:nbd+unix:///e?socket=/run/a.sock\0h:nbd://[::1]/x\0h:nbd:///x\0h:nbd://h/a//b"
     "\0h:nbd+unix:///e?sock=/a\0h:nbd://h/.\0h:nbd://h/a/..\0h:nbd+unix:///?socket=/a/../b\0h:nbd://h/a b\0nbd://h/")
for path in ("/srv/a", "/srv/../a", "//a", "/dev/vg0/a", "/dev/shm/a", "/dev/mqueue/a", "nbd://h/a", "nbd://h", "nbd://i/a", "/srv/./a", "a", "/srv/.a",
             "/srv/", "/", "/srv/...", "/srv/ab", "/srv/..b"):
    seed("recv_config", "allow-" + path.replace("/", "-"),
         "allow = /srv/*\nallow = /dev/*/*\nallow = nbd://h/\nallow = nbd://h/a\n\0-f\0@" + path)
seed("recv_config", "allow-nothing", "port = 1\n\0-f\0@/srv/a")
seed("recv_config", "more", "state_dir = /a\ncontrol = /b\nkeys = /c\ntls = relay\ninsecure_plaintext = yes\nreconnect = manual\n"
     "max_silent = 3\n\0--restore\0-P\0--tls=auto\0-R\0auto")
seed("recv_config", "srs", "sr = fast lvm:vg0\nsr = slow\tthin:vg0/pool xen-a xen-b\nsr = files dir:/srv/images\n")
for i, line in enumerate(("fast", "fast lvm:", "fast nfs:x", "fast thin:vg0", "fast dir:/srv/..", "shared lvm:vg0", "fast lvm:vg0 -x", "x" * 32 + " lvm:vg0",
                          "fast lvm:vg0\nsr = fast lvm:vg1", "fast dir:/" + "x" * 180, "fast thin:vg0/-p", "1 lvm:vg0")):
    seed("recv_config", "sr-%02d" % i, "sr = " + line + "\n")
for wrong in ("state_dir = a", "tls = x", "insecure_plaintext = x", "reconnect = x", "keys = /" + "x" * 120, "log_level = x", "engine = x",
              "allow = /a b", "restore = yes", "max_silent = 0", "ack_timeout = 1"):
    seed("recv_config", "wrong-" + wrong.split()[0] + wrong[-1].replace("/", "_"), wrong + "\n")
seed("recv_config", "many-patterns", "allow = /a\n" * 257)
for word in ("--help", "--version", "--nonsense", "operand", "--tls", "--config=/nonexistent"):
    seed("recv_config", "option" + word.split("=")[0], "\0" + word)
for selector, name in ((10, "HASHES"), (11, "GROUP"), (12, "ADOPT"), (14, "GUEST"), (15, "GUEST_CONFIG"),
                       (16, "IDENTITY")):
    seed("recv_wire", "payload-" + name.lower(), bytes([selector]) + P[name])
seed("recv_wire", "payload-volume", b"\x11" + P["VOLUME"])
seed("recv_wire", "payload-volume-label", b"\x11" + P["VOLUME"][:72] + b"-" + P["VOLUME"][73:])
seed("recv_wire", "payload-probe", b"\x13" + P["PROBE"])
seed("recv_wire", "payload-probe-link", b"\x13" + struct.pack("<IIQ", 1, 0, 4096) + bytes(1024))
seed("recv_wire", "payload-volume-sr", b"\x11" + P["VOLUME"][:40] + b"/" + P["VOLUME"][41:])
for number in (0, 71, 74, 122, 6, 20, 15, 26, 1, 30, 24, 23, 22, 2, 16, 9999):
    seed("recv_wire", "errno-%d" % number, b"\x0d" + struct.pack("<i", -number))
seed("recv_wire", "werr-17", b"\x0d" + struct.pack("<i", 17))
for name in ("HASHES_OK", "KEY", "KEY_OK", "GROUP", "GROUP_OK", "ADOPT", "PROVE", "PROVE_OK", "COMPARE", "COMPARE_OK", "HANDOVER", "HASHES", "FACTS", "FACTS_OK", "GUEST_CONFIG",
             "GUEST_CONFIG_OK", "IDENTITY", "IDENTITY_OK", "VOLUME", "VOLUME_OK"):
    if name in P:
        seed("recv_wire", "header-" + name.lower(), b"\0" + struct.pack("<IHHQQQIIII", golden.MAGIC, N[name], 0, 5, 0, 0, len(P[name]), 0, 0, 0))
HELLO_ALL = struct.pack("<HHHHQ", 1, 0, 0, 0, 24) + golden.ident(1) + golden.ident(2) + golden.text("dmmigrated 0.1", 48)
ALL = frame(0, "HELLO_OK", HELLO_ALL) + frame(0, "PREPARED", P["PREPARED"]) + frame(0, "PROVE_OK", P["PROVE_OK"]) + frame(
    0, "COMPARE_OK", P["COMPARE_OK"]) + frame(0, "GROUP_OK", P["GROUP_OK"]) * 2 + frame(0, "HASHES_OK", bytes(4112))
seed("tool_client", "everything", ALL + frame(0, "QUERY_OK", P["QUERY_OK"]) + frame(0, "DIGEST_OK", P["DIGEST_OK"])
     + frame(0, "ATTACHED") + frame(0, "FINISH_OK") + frame(0, "FORGET_OK") + frame(0, "FACTS_OK", P["FACTS_OK"])
     + frame(0, "VOLUME_OK", P["VOLUME_OK"]))
seed("tool_client", "facts-malformed", ALL + frame(0, "QUERY_OK", P["QUERY_OK"]) + frame(0, "DIGEST_OK", P["DIGEST_OK"])
     + frame(0, "ATTACHED") + frame(0, "FINISH_OK") + frame(0, "FORGET_OK") + frame(0, "FACTS_OK", b"\xff" * 4096))
seed("tool_client", "features", frame(0, "HELLO_OK", HELLO_ALL[:8] + b"\xff" + HELLO_ALL[9:]))
seed("tool_client", "version", frame(0, "HELLO_OK", b"\2" + HELLO_ALL[1:]))

XEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../unit/data/xen-4.17")


def recorded(name):
    with open(os.path.join(XEN, name), "rb") as f:
        return f.read()


def facts(text, more=0, flags=0):
    return struct.pack("<QQII", 1, 2, len(text) + more, flags) + text.ljust(4072, b"\0")


seed("tool_facts", "message", b"\0" + P["FACTS_OK"])
for name, payload in (("flags", facts(b"a=b\n", flags=2)), ("beyond", facts(b"a=b\n", -1)), ("zero", facts(b"a=b\n", 1)),
                      ("no-end", facts(b"a=b")), ("no-key", facts(b"=b\n")), ("key", facts(b"A=b\n")), ("key-end", facts(b"ab%=b\n")),
                      ("value", facts(b"a=" + b"v" * 256 + b"\n")), ("value-text", facts(b"a=\x1b\n")), ("many", facts(b"a=b\n" * 97)),
                      ("bytes", facts(b"a=b\n", 5000)), ("key-long", facts(b"a" * 32 + b"=b\n"))):
    seed("tool_facts", "message-" + name, b"\0" + payload)
seed("tool_facts", "info", b"\1" + recorded("info-a.txt"))
seed("tool_facts", "info-claims", b"\1xen_version : 4\noutstanding_claims : 5\nfree_memory : 4\ntotal_memory : x\n")
seed("tool_facts", "vgs", b"\2  vg0|a-b|10|5\n  vg1|c|x|5\n vg|\n")
seed("tool_facts", "list", b"\4" + recorded("list-all.json"))
seed("tool_facts", "list-one", b"\4" + recorded("list-pvh.json"))
seed("tool_facts", "list-hvm", b"\4[{\"domid\": 7, \"config\": " + recorded("create-n-hvm.json").replace(b"win01\"", b"pvh\"", 1) + b"}]")
seed("tool_facts", "list-many", b"\4[{\"domid\":1,\"config\":{\"c_info\":{\"name\":\"pvh\"},\"b_info\":{},\"disks\":["
     + b"{}," * 129 + b"{}],\"pcidevs\":[" + b"{}," * 17 + b"{}]}}]")
seed("tool_facts", "list-long", b"\4[{\"domid\":1,\"config\":{\"c_info\":{\"name\":\"pvh\"},\"b_info\":{},\"disks\":[{\"pdev_path\":\""
     + b"/" * 1100 + b"\"}]}}]")
for name, text in (("number", '[{"domid": 7, "config": {"c_info": {"name": "a"}, "b_info": {}}}, {"domid": 8, "config": {"c_info": {"name": "b"}, "b_info": {}}}]'),
                   ("number-17", '[{"domid": 17, "config": {"c_info": {"name": "a"}, "b_info": {}}}]'),
                   ("no-number", '[{"config": {"c_info": {"name": "pvh"}, "b_info": {}}}]'),
                   ("path-too-long", '[{"domid": 1, "config": {"c_info": {"name": "pvh"}, "b_info": {}, "disks": [{"vdev": "xvda", "pdev_path": "/%s"}]}}]' % ("x" * 1100))):
    seed("tool_facts", "list-" + name, b"\4" + text.encode())
seed("tool_facts", "store", b"\5" + recorded("xenstore-pvh.txt"))
seed("tool_facts", "store-tools", b"\5/local/domain/1/attr/os/uname = \"2.6.32\"\n/local/domain/1/attr/eth0/ipv6/0/addr = \"fe80::1\"\n")
seed("tool_facts", "masks", b"\6" + b":".join([b"ffffffff"] * 8) + b" " + b":".join([b"00000000"] * 9))
seed("tool_facts", "pools", b"\3  vg0|thin|10000|12.34\n  vg0|p|10000|100.00\n vg0|p|10000|101\n vg|p|x|1\n")

PIN = "SHA256:BCmviYjU/F2DMweo0zXaZQhtXe3HjBAtUog1NAlsL8o"
PEERS = "# who is trusted here\n\nxen-b %s 10.1.2.4 fe80::1%%eth0 # the other one\nxen-c ca 10.1.2.5\nrevoked %s\n" % (PIN, PIN[:-1] + "w")
seed("tool_peers", "all", PEERS)
seed("tool_peers", "without-end", PEERS[:-1])
for i, ask in enumerate(("xen-b 10.1.2.4", "xen-d", "XEN-C 10.1.2.9", "xen-b ca", "xen-d #", "revoked", "SHA256:x", "-x", "0:0::1 a")):
    seed("tool_peers", "set-%d" % i, PEERS + "\0" + ask)
for i, line in enumerate(("xen-b", "xen-b SHA256:x", "revoked", "revoked x", "revoked %s x" % PIN, "a ca\nA ca", "a ca b/c", "x%sy ca" % ("n" * 255),
                          "10.0.0.1 ca\n10.0.0.01 ca", "::1 ca\n0::1 ca", "sha256:a ca", "a %s" % PIN[:-1], "a %s=" % PIN, "xen-b ca\0",
                          "xen-b " + PIN[:-1] + "p", "xen-b ca\nrevoked SHA256:" + "AQ" + "A" * 41)):
    seed("tool_peers", "line-%02d" % i, line)

SOURCE_MANIFEST = """{ "schema_version": 1, "migration": "11111111111111111111111111111111", "role": "source", "begun": 1, "host": "xen-b",
"port": 7790, "disks": [ { "name": "vg-a", "path": "/dev/vg/a", "size_bytes": 1048576, "identity": "scsi-1", "lv": "LVM-%s",
"device_bytes": 1, "target_bytes": 2, "inflight": 0 }, null ] }
""" % ("a" * 64)
DEST_MANIFEST = """{ "schema_version": 1, "migration": "11111111111111111111111111111111", "role": "destination", "begun": 0, "host": "",
"peer": "xen-a", "disks": [ { "name": "", "path": "/dev/vg/a", "size_bytes": 1048576, "block_bytes": 4096 } ] }
"""
VOLUME_MANIFEST = DEST_MANIFEST.replace("[ {", """[ { "volume": { "sr": "slow", "kind": "dir", "place": "/srv", "name": "dmm-a-0-11111111",
"size_bytes": 512, "inode": 7 } }, { "volume": { "sr": "fast", "kind": "thin", "place": "vg0/pool", "name": "dmm-a-1-11111111", "size_bytes": 512,
"inode": 0 },""")
seed("tool_manifest", "volumes", VOLUME_MANIFEST)
for i, (right, wrong) in enumerate((('"slow"', '"shared"'), ('"dir"', '"nfs"'), ('"/srv"', '"srv"'), ("dmm-a-0", "dmm-"), ("dmm-a-0", "a"), ('s": 512', 's": 0'),
                                    ('e": 7', 'e": -1'), ('"inode"', '"in"'), ('"volume": {', '"volume": 1, "x": {'), ("vg0/pool", "vg0"))):
    seed("tool_manifest", "volumes-%02d" % i, VOLUME_MANIFEST.replace(right, wrong, 1))
for name, text in (("source", SOURCE_MANIFEST), ("destination", DEST_MANIFEST)):
    seed("tool_manifest", name, text)
    for i, (right, wrong) in enumerate((('version": 1', 'version": 2'), ("11111111,", "1111112,"), ("1111111", "1111112"), (name, "x"), ('begun": ', 'begun": 2'),
                                        ("[", "{"), ("xen-", "\u0001"), ("7790", "0"), ("4096", "4097"), ("4096", "512"), ("1048576", "0"),
                                        ('"/dev/vg/a"', '""'), ('"vg-a"', '""'), ("scsi-1", "\u0001"), ("LVM-", "LV-"), ("_bytes\": 1,", "_bytes\": -1,"),
                                        ("target_bytes", "target"), ("inflight", "in"), ('"host"', '"hos"'), ('"disks"', '"disk"'), ("null", "1"),
                                        ('"peer": "', '"peer": 1, "x": "'), ("{ \"sch", "[ \"sch"), (" ] }", " ] } x"), (' "name"', ' "Name"'),
                                        ('"migration"', '"m"'), ('"role"', '"r"'), ("[ {", "[ ], \"x\": [ {"), ("null", ", ".join(["null"] * 64)))):
        if right in text:
            seed("tool_manifest", "%s-%02d" % (name, i), text.replace(right, wrong))


def sealed(conn, message, payload=b"", seq=1, offset=0, arg=0, flags=0, pad=0):
    """A record that the harness sends as it is, with a checksum that is right."""
    header = struct.pack("<IHHQQQIIII", golden.MAGIC, N.get(message, message), flags, seq, offset, arg, len(payload), 0, pad, 0)
    crc = golden.crc32c(header + payload)
    return bytes([conn | RAW]) + header[:-4] + struct.pack("<I", crc) + payload


session("wrong-number", hello(0) + sealed(0, "QUERY", DISK, 7))
session("hello-again", hello(0) + hello(0))
session("hello-number", sealed(0, "HELLO", HELLO, 2))
session("not-hello", sealed(0, "QUERY", DISK))
session("unknown-message", hello(0) + sealed(0, 99, b"", 2))
session("magic", b"\x80" + bytes(48))
session("damaged-hello", frame(0, "HELLO", HELLO, raw=RAW, crc=1))
session("damaged-request", hello(0) + frame(0, "QUERY", DISK, raw=RAW, crc=1).replace(struct.pack("<Q", 1), struct.pack("<Q", 2), 1))
session("data-number", COPY + sealed(1, "DATA", BLOCK, 9))
session("data-flags", COPY + sealed(1, "DATA", BLOCK, 4, flags=1))
session("data-damaged-barrier", COPY + frame(1, "BARRIER", arg=2, raw=RAW, crc=1).replace(struct.pack("<Q", 1), struct.pack("<Q", 4), 1))
session("data-damaged", COPY + frame(1, "DATA", BLOCK, 8192, raw=RAW, crc=1).replace(struct.pack("<Q", 1), struct.pack("<Q", 4), 1))
session("barrier-back", COPY + frame(1, "BARRIER", arg=1))
session("request-on-data", COPY + frame(1, "QUERY", DISK))
NO_FEATURES = COPY.replace(HELLO, HELLO[:8] + bytes(8) + HELLO[16:])
session("zero-without-feature", NO_FEATURES + frame(1, "ZERO", arg=4096))
session("hashes-without-feature", NO_FEATURES + frame(0, "HASHES", DISK + struct.pack("<QQII", 0, 1 << 20, 1, 65536)))
session("compare-without-feature", NO_FEATURES + frame(0, "COMPARE", COMPARE))
session("create-without-feature", NO_FEATURES + frame(0, "PREPARE", prepare(flags=4)))
session("key-without-tls", NO_FEATURES + frame(0, "KEY", attach()))
session("large-blocks", COPY.replace(struct.pack("<II", 4096, 512), struct.pack("<II", 4096, 4096)))
session("hashes-twice", COPY + frame(0, "HASHES", DISK + struct.pack("<QQII", 0, 1 << 20, 1, 65536)) * 2
        + frame(0, "HASHES", DISK + struct.pack("<QQII", 0, 1 << 21, 1, 65536)))
session("hashes-while-data-comes", COPY + frame(0, "HASHES", DISK + struct.pack("<QQII", 0, 1 << 20, 1, 65536)) + frame(1, "DATA", BLOCK, 0))
session("judge-differs", HELLO_PROVE + COPY[len(HELLO0):] + frame(1, "ZERO", arg=1 << 20) + frame(1, "BARRIER", arg=2) + frame(0, "PROVE", PROVE)
        + frame(0, "COMPARE", DISK + struct.pack("<IIQII", 1, 1, 0, 3, 5) + bytes(63 * 16)) + frame(0, "QUERY", DISK)
        + frame(1, "DATA", BLOCK, 0))
session("two-disks", READY + frame(0, "PREPARE", DISK[:16] + b"\1" + prepare(dest="@b", flags=4)[17:]) + frame(0, "QUERY", DISK)
        + frame(0, "FORGET", DISK[:16] + b"\1" + DISK[17:]) + frame(0, "FORGET", DISK))
session("finished", COPY + frame(1, "END") + frame(0, "FINISH", DISK) * 2 + frame(0, "DIGEST", DIGEST) + frame(0, "FORGET", DISK)
        + hello(2) + frame(2, "ATTACH", attach(9)))
session("finish-while-attached", COPY + frame(0, "FINISH", DISK))
session("forget-while-attached", COPY + frame(0, "FORGET", DISK))
session("many-frames", COPY + b"".join(frame(1, "ZERO", offset=i * 512, arg=512) for i in range(40)))
session("in-pieces", hello(0) + sealed(0, "QUERY", DISK, 2)[:30] + bytes([RAW]) + b"x" * 60)
session("record-in-pieces", COPY + frame(1, "DATA", BLOCK, 8192)[:200] + bytes([1]) + bytes(47))
session("keys-too-many", hello(0) + frame(0, "PREPARE", prepare()) + frame(0, "KEY", attach()) * 3 + frame(0 | SLEEP, "KEY", attach()), TLS)
session("end-early", hello(0)[:30], 0)
session("prepare-again", READY + frame(0, "PREPARE", prepare()) + frame(0, "PREPARE", prepare(1 << 19)))
session("group-adopted", GROUPED + hello(3 | LOCAL) + frame(3, "ADOPT", adopt()), GROUPS)

for i, (name, text) in enumerate((("witness", '"device_bytes": 1, "target_bytes": 2, "inflight": 3, "has_witness": true, '), ("short-witness", '"device_bytes": 1, '))):
    seed("tool_record", name, RECORD.replace(' "connections"', " " + text + '"connections"'))
for address in ("10.0.0.2", "::1", "::ffff:10.0.0.2", "fe80::1%lo", "1", "h:/x", "[::1]:7790", "h:1:2", "h]:1"):
    seed("tool_words", "address-" + address.replace("/", "_"), address)
for uuid in ("-gate", "-gate1", "-gatex", "-origin1x", "-origin-1", "-fence2", "-fences", "x", "-origin", "-origin1", "-origin0", "-origin256", "-fence", ""):
    seed("tool_table", "uuid" + uuid, "LVM-DMM" + "0" * 29 + "1" * 32 + uuid)
seed("tool_table", "lv", "LVM-" + "a" * 64)
seed("tool_table", "lv-of-a-pool", "LVM-" + "a" * 64 + "-tpool")
seed("tool_table", "gate", "0 8 migrate 8:0 8 1 gate\n")
seed("tool_table", "gates", "0 8 migrate 8:0 8 1 gate\n8 8 migrate 8:0 8 1 gate\n")
seed("tool_table", "empty-target", "0 0 linear 8:0 0\n")
for i, params in enumerate(("8:0 8", "8:0 0x", "8:0", "8 0", "253:7 0", "/dev/a 0")):
    seed("tool_table", "linear-%d" % i, "0 8 linear " + params + "\n")
seed("tool_table", "linear-later", "8 8 linear 8:0 0\n")
seed("tool_table", "no-params", "0 8 error\n")
seed("tool_table", "nothing", "\n")
for right, wrong in (("true", "1"), ("A.dmm", "/"), ('"gate"', '"gat"'), ("0 2097152 linear 8:0 0", "x" * 2000), ('"table": "', '"table": 1, "t": "'),
                     ("\n}", "\n} x"), ("{", "[", ), ('"disk": 0', '"disk": 1'), ('"disks": 1', '"disks": 0'), ('"connections": 4', '"connections": 99')):
    seed("tool_record", "spoilt-%s-%s" % (right[:5].strip().replace("/", "_").replace("\n", "n"), wrong[:3].replace("/", "_").replace("\n", "n")),
         RECORD.replace(right, wrong, 1))
for i in range(3):
    seed("tool_record", "witness-%d" % i, RECORD.replace(' "connections"', ' "device_bytes": %s, "target_bytes": %s, "inflight": %s, "connections"' % tuple(
        "-1" if i == j else "1" for j in range(3))))
session("prove-beyond", HELLO_PROVE + COPY[len(HELLO0):] + frame(0, "PROVE", DISK + struct.pack("<QII", 1 << 20, 1, 1)))
session("compare-beyond", HELLO_PROVE + COPY[len(HELLO0):] + frame(0, "COMPARE", DISK + struct.pack("<IIQII", 1, 0, 1 << 20, 2, 5) + bytes(63 * 16)))

GUESTS = struct.pack("<HHHHQ", 1, 0, 0, 0, 0xff8) + HELLO_ALL[16:]
THEN = (("VOLUME_OK", P["VOLUME_OK"]), ("IDENTITY_OK", P["IDENTITY_OK"]), ("GUEST_CONFIG_OK", P["GUEST_CONFIG_OK"]), ("KEY_OK", P["KEY_OK"]), ("GUEST_OK", b""),
        ("LEFTOVERS_OK", struct.pack("<I", 1) + P["LEFTOVERS_OK"][4:]), ("PROBE_OK", P["PROBE_OK"]), ("PROBE_OK", struct.pack("<QQ", 4096, 1)),
        ("LEFTOVERS_OK", struct.pack("<I", 1) + P["LEFTOVERS_OK"][4:]))
BEFORE = (ALL.replace(HELLO_ALL, GUESTS, 1) + frame(0, "QUERY_OK", P["QUERY_OK"]) + frame(0, "DIGEST_OK", P["DIGEST_OK"]) + frame(0, "ATTACHED")
          + frame(0, "FINISH_OK") + frame(0, "FORGET_OK") + frame(0, "FACTS_OK", P["FACTS_OK"]))
for i, (name, payload) in enumerate(THEN):
    before = BEFORE + b"".join(frame(0, *then) for then in THEN[:i])
    seed("tool_client", "then-" + name.lower(), before + frame(0, name, payload))
    for at in [*range(0, min(len(payload), 24), 4), *range(256, len(payload), 256), *range(len(payload) % 256, len(payload), 256)]:
        seed("tool_client", "then-%s-wrong-%d" % (name.lower(), at), before + frame(0, name, payload[:at] + b"\xff\0\0\0" + payload[at + 4:]))

seed("tool_client", "then-volume_ok-elsewhere", BEFORE + frame(0, "VOLUME_OK", P["VOLUME_OK"].replace(b"/", b"x", 1)))
# larger than any answer
seed("tool_client", "too-large", struct.pack("<BIHHQQQIIII", 0x80, golden.MAGIC, N["DATA"], 0, 1, 0, 0, 102400, 0, 0, 0) + b"x")

# volumes and guests
VOLUME = golden.ident(1) + struct.pack("<IIIIQ", 0, 0, 1, 0, 1 << 20) + P["VOLUME"][40:]
GUEST = golden.ident(1) + P["GUEST"][16:]


def config(verb, role=2, offset=0, total=18, text=b"name = \"web01\"\nx=1", flags=1, name="web01"):
    text = text if verb == 2 else b""
    return (bytes(16) if verb == 1 else golden.ident(1)) + struct.pack("<IIIIIIII", 1, verb, role, flags, total, offset, len(text), 0) + golden.text(
        name if verb < 3 else "", 64) + text.ljust(3072, b"\0")


MADE = hello(0, 1023) + frame(0, "VOLUME", VOLUME)
MINE = of_group(dest="@@")
for name, world in (("", GROUPS), ("-tls", GROUPS | TLS), ("-revoked", GROUPS | TLS | REVOKED), ("-no-journals", 0)):
    session("volume-made" + name, MADE + frame(0, "PREPARE", MINE) + frame(0, "VOLUME", VOLUME) + hello(1, 1023)
            + frame(1, "ATTACH", attach(3)) + frame(0, "FORGET", DISK), world)
    session("guest" + name, MADE + frame(0, "PREPARE", MINE) + hello(1, 1023) + frame(1, "GUEST", GUEST), world)
    for verb in range(1, 4):
        session("guest-config-%d" % verb + name, MADE + frame(0, "PREPARE", MINE) + frame(0, "GUEST_CONFIG", config(verb))
                + frame(0, "GUEST_CONFIG", config(3, total=0, text=b"", flags=0)), world)
    session("identity" + name, hello(0, 1023) + frame(0, "IDENTITY", golden.text("/nonexistent", 1024)) + frame(0, "IDENTITY", golden.text("/dev/null", 1024))
            + frame(0, "IDENTITY", golden.text("/etc/passwd", 1024)), world)
session("guest-config-pieces", MADE + frame(0, "PREPARE", MINE) + frame(0, "GUEST_CONFIG", config(2, total=36)) + frame(
    0, "GUEST_CONFIG", config(2, offset=18, total=36)), GROUPS | TLS)
session("guest-config-gap", MADE + frame(0, "PREPARE", MINE) + frame(0, "GUEST_CONFIG", config(2, total=40)) + frame(
    0, "GUEST_CONFIG", config(2, offset=22, total=40)), GROUPS | TLS)
session("guest-config-source", hello(0, 1023) + frame(0, "GUEST_CONFIG", config(3, 1, total=0, text=b"", flags=0)), GROUPS | TLS)
session("guest-config-local", hello(0 | LOCAL, 1023) + frame(0, "GUEST_CONFIG", config(1, 1)) + frame(0, "GUEST_CONFIG", config(1)), GROUPS)
session("guest-of-b", MADE + frame(0, "PREPARE", MINE) + hello(1 | PEER_B, 1023) + frame(1, "GUEST", GUEST), GROUPS | TLS)
session("guest-without-feature", hello(1) + frame(1, "GUEST", GUEST), GROUPS | TLS)
session("guest-config-without-feature", hello(0) + frame(0, "GUEST_CONFIG", config(1)), GROUPS | TLS)
session("identity-without-feature", hello(0) + frame(0, "IDENTITY", golden.text("/a", 1024)), GROUPS | TLS)
session("volume-of-others", hello(0, 1023) + frame(0, "VOLUME", VOLUME[:40] + golden.text("other", 32) + VOLUME[72:]), GROUPS | TLS)
session("volume-too-large", hello(0, 1023) + frame(0, "VOLUME", VOLUME[:32] + struct.pack("<Q", 1 << 30) + VOLUME[40:]), GROUPS)
session("volume-check", hello(0, 1023) + frame(0, "VOLUME", VOLUME[:28] + b"\1" + VOLUME[29:]), GROUPS | TLS)
session("volume-none", hello(0, 1023) + frame(0, "VOLUME", VOLUME[:40] + golden.text("none", 32) + VOLUME[72:]), GROUPS)

# each field of what is asked about guests, disks and volumes, too large, and nothing
for selector, name in ((14, "GUEST"), (15, "GUEST_CONFIG"), (16, "IDENTITY"), (17, "VOLUME")):
    for good in (P[name],) + ((VOLUME,) if name == "VOLUME" else (config(1), config(2), config(3)) if name == "GUEST_CONFIG" else ()):
        for at in range(0, min(len(good), 132), 4):
            for wrong in (b"\xff" * 4, bytes(4)):
                seed("recv_wire", "wrong-%s-%d-%d-%d" % (name.lower(), len(good.strip(b"\0")), at, wrong[0]), bytes([selector]) + good[:at] + wrong + good[at + 4:])

session("guest-config-no-journals-at-all", hello(0, 1023) + frame(0, "GUEST_CONFIG", config(1)), TLS)
session("guest-no-journals-at-all", hello(1, 1023) + frame(1, "GUEST", GUEST), TLS)
session("guest-malformed", hello(1, 1023) + frame(1, "GUEST", GUEST[:16] + b"\xff" * 8 + GUEST[24:]), GROUPS | TLS)
session("guest-config-malformed", hello(0, 1023) + frame(0, "GUEST_CONFIG", config(9)), GROUPS | TLS)
session("guest-before-disks", MADE + hello(1, 1023) + frame(1, "GUEST", GUEST), GROUPS | TLS)
session("guest-of-a-source", hello(0 | LOCAL, 1023) + frame(0, "ADOPT", adopt()) + hello(1, 1023) + frame(1, "GUEST", GUEST), GROUPS | TLS)
session("guest-config-unknown", hello(0, 1023) + frame(0, "GUEST_CONFIG", config(3)), GROUPS | TLS)
session("identity-local", hello(0 | LOCAL, 1023) + frame(0, "IDENTITY", golden.text("/dev/null", 1024)), GROUPS)
session("identity-malformed", hello(0, 1023) + frame(0, "IDENTITY", b"\xff" * 1024), GROUPS | TLS)
session("adopt-malformed", hello(0 | LOCAL, 1023) + frame(0, "ADOPT", b"\xff" * len(adopt())), GROUPS)
session("volume-malformed", hello(0, 1023) + frame(0, "VOLUME", b"\xff" * len(VOLUME)), GROUPS | TLS)
session("volume-local", hello(0 | LOCAL, 1023) + frame(0, "VOLUME", VOLUME), GROUPS)
session("guest-config-name", hello(0, 1023) + frame(0, "GUEST_CONFIG", config(1, name="a/b")), GROUPS | TLS)
session("guest-config-of-b", MADE + frame(0, "PREPARE", MINE) + hello(1 | PEER_B, 1023) + frame(1, "GUEST_CONFIG", config(2)), GROUPS | TLS)
session("guest-config-of-none", MADE + frame(0, "PREPARE", MINE) + frame(0, "GUEST_CONFIG", config(3)), GROUPS | TLS)
for verb in range(5, 9):
    session("group-of-source-%d" % verb, GROUPED + frame(0, "GROUP", group(verb, role=2, freeze_ms=300 * (verb == 6))), GROUPS)
    session("group-of-source-%d-local" % verb, GROUPED + hello(3 | LOCAL) + frame(3, "GROUP", group(verb, role=2, freeze_ms=300 * (verb == 6))), GROUPS)
session("odd-offset", COPY + frame(1, "DATA", BLOCK, 100))
session("cut-in-a-frame", COPY + frame(1 | END, "DATA", BLOCK, 8192)[:-100])
for i, piece in enumerate((config(2, offset=18, total=40), golden.ident(2) + config(2, offset=18, total=36)[16:], config(2, role=1, offset=18, total=36), config(2, offset=9, total=36))):
    session("guest-config-other-piece-%d" % i, MADE + frame(0, "PREPARE", MINE) + frame(0, "GUEST_CONFIG", config(2, total=36)) + frame(0, "GUEST_CONFIG", piece), GROUPS | TLS)
session("guest-config-piece-local", MADE + frame(0, "PREPARE", MINE) + hello(1 | LOCAL, 1023) + frame(1, "GUEST_CONFIG", config(2, total=36)) + frame(
    1, "GUEST_CONFIG", config(2, role=1, offset=18, total=36)), GROUPS)
ADOPTED = hello(0 | LOCAL, 1023) + frame(0, "ADOPT", adopt())
for verb in range(1, 10):
    for role in range(3):
        for conn in (0, 1 | PEER_B):
            session("group-role-%d-%d-%d" % (verb, role, conn), ADOPTED + (hello(conn) if conn else b"") + frame(conn, "GROUP", group(
                verb, freeze_ms=300 * (verb == 6), role=role)), GROUPS)

# what no seed has had
for name, text in (("guests", "guests = xen-a xen-b *\n"), ("guests-wrong", "guests = a,b\n"), ("guests-many", "guests = %s\n" % " ".join(["x" * 60] * 8) + "guests = %s\n" % " ".join(["y" * 60] * 4)),
                   ("allow-names", "allow = /a xen-a xen-b\n\0-f\0@/a"), ("allow-other-name", "allow = /a xen-b\n\0-f\0@/a"), ("allow-bad-name", "allow = /a -x\n"),
                   ("allow-tab", "allow = /a\tb\n"), ("allow-hash", "allow = /a#b\n"), ("allow-dev", "allow = /dev/*\n\0-f\0@/dev/a"), ("allow-long", "allow = /%s\n\0-f\0@/a" % ("x" * 190)),
                   ("plaintext-no", "insecure_plaintext = no\n"), ("engine-auto", "engine = auto\n"), ("engines", "engine = io_uring\n"), ("sr-names", "sr = fast lvm:vg0 a -b\n"),
                   ("sr-twice", "sr = fast lvm:vg0\nsr = fast lvm:vg1\n"), ("sr-long", "sr = fast dir:/" + "x" * 320 + "\n"), ("srs-many", "".join("sr = a%d lvm:vg0\n" % i for i in range(257))),
                   ("sr-longest", "sr = fast dir:/" + "x" * 250 + "\n"), ("sr-too-long", "sr = " + "x" * 40 + " dir:/" + "x" * 290 + "\n"), ("sr-alike", "sr = fast lvm:vg0\nsr = faster lvm:vg1\n")):
    seed("recv_config", "more-" + name, text)
for i, words in enumerate(("h:sr", "h:1:sr", "h:0:sr", "[::1]:fast", "h:/a", "h", "h:1", "h:1:2", ":sr", "h:shared", "9223372036854775809", "8E", "9E", "")):
    seed("tool_words", "destination-%02d" % i, words)
for option in ("--verify=x", "--verify=full", "--verify", "--hook-stop=", "--gate=", "--connections=0", "--connections=17", "--connections=4", "--barrier-size=0", "--barrier-size=x", "--barrier-interval=x", "--barrier-size=1M",
               "--barrier-interval=0", "--barrier-interval=5", "--barrier-interval=100d", "--interval=0", "--interval=5", "--timeout=x", "--max-pause=0", "--max-pause=99999", "--bandwidth=x", "--block-size=5000"):
    seed("tool_words", "option-" + option.strip("-"), option)
seed("tool_words", "maps", "\0".join(["--map=a:b"] * 65))
for right, wrong in (('"gate"', '"moves_guest": true, "guest": "g1", "gate"'), ('"gate"', '"moves_guest": true, "guest": 5, "gate"'), ('"gate"', '"sr": "fast", "gate"'), ('"gate"', '"sr": 5, "gate"'), ('"gate"', '"from": "10.0.0.1", "gate"'), ('"gate"', '"from": 5, "gate"'),
                     ("vg0-web01", "a\\u0000b")):
    seed("tool_record", "more-%d-%s" % (len(wrong), wrong[1:6].strip('"')), RECORD.replace(right, wrong, 1))
for key in ("kind", "sr", "place", "name", "inode"):
    seed("tool_manifest", "volume-without-" + key, VOLUME_MANIFEST.replace('"%s"' % key, '"x"', 1))
seed("tool_manifest", "source-without-host", SOURCE_MANIFEST.replace('"host": "xen-b"', '"host": ""', 1))
seed("tool_manifest", "inflight", SOURCE_MANIFEST.replace('"size_bytes"', '"inflight": 5, "size_bytes"', 1))
for line in ("x 8 2 gate gate", "x 8 4 sink 8:0 sink 8:0", "x 8 1 sink", "x 8 3 gate sink"):
    seed("kmod_args", "more-" + line.replace(" ", "-").replace(":", "_"), struct.pack("<QBB", 2048, 0, 2) + line.encode())
for i, text in enumerate(("fast dir:/dev/x", "fast dir:/srv//a", "fast lvm:...", "f dir:/" + "x" * 260, "fast dir:srv")):
    seed("recv_config", "place-%d" % i, "sr = " + text + "\n")
for i, (prefix, uri) in enumerate((("nbd://h/a", "nbd://h/a"), ("nbd://h/a", "nbd://h/ab"), ("nbd://h/", "nbd://h/ab"), ("nbd://" + "h" * 150 + "/a", "nbd://h/a"))):
    seed("recv_config", "export-%d" % i, "allow = %s\n\0-f\0@%s" % (prefix, uri))
seed("tool_words", "nbd-long", "h:nbd://%s/a" % ("x" * 300))
for i, table in enumerate(("0 8 migrate 8:0 8 2 sink 8:16", "0 8 migrate 8:0 8 2 sink 8:16x", "0 8 migrate 8:0 8 2 sink x", "0 8 migrate 8:0 8 1 gate", "0 8 linear 8:0 0\n8 8 linear 8:0 8",
                           "0 8 linear 8:0 0\n9 8 linear 8:0 8", "0 8 migrate 8:0 0", "0 8 migrate 8:0", "0 8 migrate 8:0 8\n8 8 linear 8:0 8", "0 8 migrate 8:0 x", "0 8 migrate 8:0 8 2 sink 8:")):
    seed("tool_table", "more-%02d" % i, table + "\n")

__import__("seeds_host").write(seed)
__import__("seeds_guest").write(sys.modules[__name__])
