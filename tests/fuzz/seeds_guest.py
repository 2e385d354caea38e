# SPDX-License-Identifier: GPL-2.0
"""For gen-seeds.py: guests no disk of which moves, and each field of a request that is wrong by itself."""
import struct


def leftovers(g):
    """LEFTOVERS_OK: parts, and what waits for the other host with them, goes with them, or stays."""
    part, device, remove, keep, peer, goes = 1, 3, 1, 2, 3, 4

    def one(kind, fate, role=0, number=1, pad=0, name="a", why="b", action="c"):
        return g.golden.ident(number) + struct.pack("<IIII", kind, fate, role, pad) + b"".join(
            t if isinstance(t, bytes) else g.golden.text(t, n) for t, n in ((name, 128), (why, 160), (action, 128)))

    def page(*items, total=None, nr=None, flags=0, pad=0):
        nr = len(items) if nr is None else nr
        return struct.pack("<IIII", nr if total is None else total, nr, flags, pad) + b"".join(items).ljust(9 * 448, b"\0")

    for i, payload in enumerate((
            page(), page(one(part, keep, 1)), page(one(part, keep, 2), total=5), page(*[one(part, keep, 1)] * 9), page(nr=10), page(nr=1, total=0), page(total=4097),
            page(flags=3), page(flags=4), page(pad=1), page(one(part, keep, 0)), page(one(part, keep, 3)), page(one(device, keep, 1)), page(one(0, keep)),
            page(one(99, keep)), page(one(device, 0)), page(one(device, 99)), page(one(device, keep, pad=1)), page(one(device, keep), nr=0, total=1),
            page(one(device, keep, name=b"\xff" * 128)), page(one(device, keep, why=b"\xff" * 160)), page(one(device, keep, action=b"\xff" * 128)),
            page(*[one(device, remove, number=n) for n in range(1, 9)]))):
        g.seed("tool_facts", "leftovers-%02d" % i, b"\7" + payload)
    for fate in (remove, keep, peer, goes):
        for other in (remove, keep, peer, goes):
            for number in (1, 2):
                g.seed("tool_facts", "leftovers-%d-%d-%d" % (fate, other, number), b"\7" + page(
                    one(part, fate, 1), one(device, other, number=number), one(part, other, 2), one(part, peer, 1, 3)))


def streams(g, asked, twice):
    """Of a guest's memory: the source's connection is the second, the hand-over's the third, and the last is the receiver."""
    hello, frame, handover, source, receiver = g.hello, g.frame, g.handover, 1, 3

    def says(what, how=0):
        return frame(receiver | how, "DATA", what)

    report, go = b"my copy unpause results are as follows\0", b"domain is yours, you are cleared to unpause\0"
    comes = hello(0, 1023) + asked + hello(source, 1023) + frame(source, "GUEST", g.GUEST)
    memory, ended, gone = frame(source, "DATA", g.BLOCK), says(b"", g.END) + says(b"", g.END | g.RAW), frame(source | g.END, "DATA", b"last")
    # until nobody listens any more for the last words of a receiver
    slept = frame(0 | g.SLEEP, "GROUP", g.group(1)) * 8
    owned = hello(2) + frame(2, "HANDOVER", g.HANDOVERS[0]) + frame(2, "HANDOVER", handover(11, 0, 1, conn_epoch=1, barrier=1)) + frame(
        2, "HANDOVER", handover(7, 0, 1, g.ID))
    runs = owned + frame(0, "GROUP", g.group(3, 0xff)) + frame(0, "GROUP", g.group(1))
    back = frame(0, "GROUP", g.group(5))
    told = comes + memory + says(b"ready") + runs + memory
    for i, data in enumerate((
            comes + memory + ended, comes + gone, comes + gone + says(b"late", g.SLEEP) + ended, comes + memory + says(b"ready") + gone + says(b"last words") + ended,
            comes + says(b"line\nand\r\n\n more", g.RAW) + says(b"x" * 600, g.RAW) + says(b"not complete", g.RAW) + ended, comes + b"\xff" + ended, comes + memory + b"\xff",
            comes + ended + twice, comes + twice, comes + says(b"", g.DEAF) + memory * 3 + gone, comes + frame(source | g.DEAF, "DATA", b"x") + says(b"y" * 9000) + ended,
            told, told + says(report + b"\0" + go), told + says(report + b"\1" + go), told + says(report + b"\1" + go) + memory + back + ended,
            told + says(report) + says(b"\1") + says(go + b"more"), told + says(report + b"\1" + go[:-1] + b"x"), told + says(b"x" * 200), told + back + frame(0 | g.SLEEP, "GROUP", g.group(1)),
            told + back + ended, comes + memory + runs + back + memory + ended + frame(0, "GROUP", g.group(1)), comes + memory + runs + back + frame(source | g.SLEEP, "DATA", b"late") + ended,
            comes + memory + runs + back + says(b"words", g.SLEEP) + says(b"words", g.RAW) + ended, comes + memory + owned + back + memory, comes + runs + gone + says(b"x") + says(b"y") + ended,
            comes + gone + slept + ended, comes + runs + gone + slept + says(b"x") + says(b"y", g.RAW) + ended, comes + runs + gone + slept + b"\xff",
            comes + gone + slept + says(b"", g.END) + says(b"y", g.RAW) + says(b"", g.END | g.RAW), comes + gone + slept + says(b"", g.END | g.RAW) + says(b"x") + says(b"", g.END),
            comes + says(b"", g.END) + says(b"y", g.RAW) + slept + says(b"z", g.RAW) + says(b"", g.END | g.RAW), comes + says(b"", g.END | g.RAW) + memory + says(b"x") + gone + slept + ended)):
        for name, world in (("", g.XL), ("-pidfd", g.XL | g.PIDFD)):
            g.session("guest-stream-%02d%s" % (i, name), data, world | g.GROUPS | g.TLS)


def write(g):
    """@g: gen-seeds.py itself."""
    text, name = g.golden.text, "web01"

    def prepare(disk=0, numbers=(0, 0, 0, 0, 8), identity="", path="", dest=name, group=0, gate=""):
        return (g.golden.ident(1) + struct.pack("<II", disk, 0) + struct.pack("<QIIII", *numbers) + text(identity, 256) + text("host-a", 64)
                + text(path, 256) + text(dest, 1024) + struct.pack("<I", group) + text(gate, 124))

    def adopt(disk=0, nr=0, size=0, flags=0, pad=0, source=name, dest=name, port=7790, own=""):
        return g.golden.ident(1) + struct.pack("<II", disk, 0) + struct.pack("<IHBBQQQQ", nr, port, flags, pad, size, 0, 0, 0) + text(
            "b", 192) + text(own, 64) + text(source, 128) + text(dest, 1024)

    for i, payload in enumerate((
            prepare(), prepare(numbers=(0, 0, 0, 0, 9)), prepare(1), prepare(numbers=(512, 0, 0, 0, 8)), prepare(numbers=(0, 4096, 0, 0, 8)),
            prepare(numbers=(0, 0, 512, 0, 8)), prepare(numbers=(0, 0, 0, 1, 8)), prepare(group=1), prepare(gate="A"), prepare(path="/a"),
            prepare(identity="scsi-1"), prepare(dest="w" * 64), prepare(dest="w" * 63), prepare(dest=""),
            prepare(numbers=(1 << 20, 12288, 512, 1, 0), dest="/a"), prepare(numbers=(1 << 20, 4096, 512, 1, 0), dest="/a"))):
        g.seed("recv_wire", "prepare-guest-%02d" % i, b"\6" + payload)
    for i, payload in enumerate((
            adopt(), adopt(1), adopt(size=4096), adopt(nr=1), adopt(nr=1, size=4096), adopt(1, 1, 4096), adopt(nr=65, size=4096), adopt(flags=1), adopt(flags=2),
            adopt(pad=1), adopt(dest="other"), adopt(source="w" * 64, dest="w" * 64), adopt(source=""), adopt(port=0))):
        g.seed("recv_wire", "adopt-guest-%02d" % i, b"\x0c" + payload)
    for freeze_ms in (15000, 15001):
        g.seed("recv_wire", "group-freeze-%d" % freeze_ms, b"\x0b" + g.group(6, freeze_ms=freeze_ms))
    for i, (first, flags) in enumerate(((0, 0), (0, 1), (1 << 20, 0), (5, 0))):
        g.seed("recv_wire", "leftovers-%d" % i, b"\x12" + g.golden.ident(1) + struct.pack("<II", first, flags))
    leftovers(g)
    link, disk = 1, 2
    for i, (kind, pad, size, path) in enumerate((
            (0, 0, 1, ""), (3, 0, 1, ""), (link, 1, 1, ""), (link, 0, 1, "\n"), (link, 0, 1, "/a"), (link, 0, 0, ""), (link, 0, 1 << 30, ""), (link, 0, (1 << 30) + 1, ""),
            (disk, 0, 1 << 40, "/a"), (disk, 0, 1 << 40, "a"), (disk, 0, 1 << 40, "nbd://h/a"), (disk, 0, 0, "/a"), (disk, 0, 1 << 63, "/a"))):
        g.seed("recv_wire", "probe-%02d" % i, b"\x13" + struct.pack("<IIQ", kind, pad, size) + text(path, 1024))

    hello, frame, local = g.hello, g.frame, g.LOCAL
    for what, world in (("", g.GROUPS), ("-tls", g.GROUPS | g.TLS), ("-revoked", g.GROUPS | g.TLS | g.REVOKED), ("-no-journals", 0), ("-crowded", g.GROUPS | g.CROWDED)):
        asked = frame(0, "PREPARE", prepare())
        g.session("guest-alone" + what, hello(0, 1023) + asked, world)
        g.session("guest-alone-twice" + what, hello(0, 1023) + asked * 2 + frame(0, "PREPARE", prepare(dest="other")), world)
        g.session("guest-alone-no-feature" + what, hello(0, 7) + asked, world)
        g.session("guest-alone-local" + what, hello(0 | local, 1023) + asked, world)
        g.session("guest-alone-config" + what, hello(0, 1023) + asked + frame(0, "GUEST_CONFIG", g.config(2)) + frame(
            0, "GUEST_CONFIG", g.config(3, total=0, text=b"", flags=0)) + frame(0, "GROUP", g.group(1)) + frame(0, "GROUP", g.group(2)), world)
        g.session("guest-alone-comes" + what, hello(0, 1023) + asked + hello(1, 1023) + frame(1, "GUEST", g.GUEST), world)
        g.session("guest-alone-adopted" + what, hello(0 | local, 1023) + frame(0, "ADOPT", adopt()) * 2, world)
        for features in (1023, 1023 | 1 << 13):
            g.session("guest-alone-adopted-from-%d" % features + what, hello(0 | local, features) + frame(0, "ADOPT", adopt(flags=2, own="192.0.2.1")), world)
        g.session("guest-alone-then-a-disk" + what, hello(0, 1023) + asked + frame(0, "PREPARE", g.of_group()), world)

    streams(g, frame(0, "PREPARE", prepare()), hello(2, 1023) + frame(2, "GUEST", g.GUEST))
    g.session("guest-stream-of-disks", g.MADE + frame(0, "PREPARE", g.MINE) + hello(1, 1023) + frame(1, "GUEST", g.GUEST) + frame(1, "DATA", g.BLOCK) + frame(
        3 | g.END, "DATA", b"x"), g.GROUPS | g.TLS | g.XL)

    for role, host, more in (("source", "xen-b", '"port": 7790, '), ("destination", "", "")):
        manifest = ('{ "schema_version": 1, "migration": "%s", "role": "%s", "begun": 0, "host": "%s", %s"guest": "web", "disks": [ ] }'
                    % ("1" * 32, role, host, more))
        g.seed("tool_manifest", "guest-" + role, manifest)
        for i, (right, wrong) in enumerate((('"guest"', '"gues"'), ('"web"', '""'), ('"web"', '"%s"' % ("w" * 64)), ('"host"', '"hos"'), ("[ ]", "[ null ]"))):
            g.seed("tool_manifest", "guest-%s-%d" % (role, i), manifest.replace(right, wrong, 1))
    for key in ("device_bytes", "target_bytes", "inflight"):
        g.seed("tool_manifest", "witness-" + key, g.SOURCE_MANIFEST.replace('"device_bytes": 1, "target_bytes": 2, "inflight": 0', '"%s": 1' % key, 1))
