# SPDX-License-Identifier: GPL-2.0
"""For gen-seeds.py: what the daemon's own processes say."""
import struct

MESSAGE, ACCEPTOR, OPEN, REOPEN, WORKER = range(5)


def ipc(seed):
    failed = struct.pack("<iI", -5, 3) + b"no room\0"
    for op in range(13):
        for kind in (0, 0x40, 0x60, 0x80, 0xe0):
            what = bytes([WORKER, op | kind])
            for name, said in (("ok", b"\3"), ("failed", b"\3" + failed), ("none", b"\4"), ("late", b"\x0c"), ("stopped", b"\x14"), ("no-memory", b"\x24"),
                               ("short", b"\x83abc"), ("no-answer", b"\3\1\0\0\0"), ("states", b"\3" + bytes(268) + b"\5" * 12), ("twos", b"\3" + bytes(208) + b"\2" * 300), ("ones", b"\3" + bytes(208) + b"\1" * 300)):
                seed("recv_ipc", "worker-%02d-%02x-%s" % (op, kind, name), what + said)
    for kind, word in ((OPEN, "open"), (REOPEN, "reopen")):
        for name, said in (("ok", b"\1"), ("made", b"\3"), ("none", b"\4"), ("short", b"\x81abc"), ("failed", b"\0" + failed), ("failed-with", b"\3" + failed), ("named", b"\x0b"), ("named-elsewhere", b"\x13"), ("nothing", b"\0"),
                           ("no-code", b"\0" + struct.pack("<iI", -1, 99) + b"\x1b[2J"), ("positive", b"\1\1\0\0\0"), ("fd-3", b"\1\3\0\0\0")):
            seed("recv_ipc", "%s-%s" % (word, name), bytes([kind]) + said)
    for bits in (0, 1, 2, 3, 7, 255):
        for nr in range(7):
            seed("recv_ipc", "message-%d-%d" % (bits, nr), bytes([MESSAGE, nr]) + struct.pack("<II", 1, bits) + b"data")
    seed("recv_ipc", "message-short", bytes([MESSAGE, 3, 1]))
    seed("recv_ipc", "message-empty", bytes([MESSAGE, 1]))
    for name, op, fill, data in (("ready", 1, 0, bytes(4)), ("ready-short", 1, 0, b"x"), ("find", 2, 0, bytes(16)), ("find-short", 2, 0, b"x"), ("use", 3, 0, bytes(16)),
                                 ("file", 4, 0x80, b"peers"), ("file-other", 4, 0x80, b"shadow"), ("file-short", 4, 0, b"peers"), ("file-endless", 4, 0x80, b"x" * 40),
                                 ("session", 5, 0x40, b"x" * 300), ("session-short", 5, 0, b""), ("unknown", 9, 0, b"")):
        for nr in (0, 1, 2):
            seed("recv_ipc", "acceptor-%s-%d" % (name, nr), bytes([ACCEPTOR, nr | fill]) + struct.pack("<II", op, nr > 1) + data)


def write(seed):
    for group in (ipc,):
        group(seed)
