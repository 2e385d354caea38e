# SPDX-License-Identifier: GPL-2.0
"""For gen-seeds.py: what this host's programs and files say, what a relay's peer says, and the daemon's own processes."""
import struct


def piece(kind, more, length, raw=b""):
    """Of tool_relay: see there."""
    return struct.pack("<BH", kind | more << 3, length) + raw


DATA, RAW, FLIPPED, OTHER, TWICE, LATER, LOCAL, DEAF = range(8)


def relay(seed):
    for name, pieces in {
            "nothing": b"",
            "both-ways": piece(DATA, 0, 100) + piece(LOCAL, 0, 5) + piece(DATA, 3, 0) + piece(LOCAL, 0, 16384) + piece(DATA, 0, 16384),
            "many": piece(DATA, 0, 100) * 45 + piece(LOCAL, 0, 5) + piece(DATA, 1, 0) * 20, "many-then-flipped": piece(DATA, 0, 9) * 20 + piece(FLIPPED, 0, 9) + piece(DATA, 0, 9),
            "much": piece(DATA, 0, 16384) * 10 + piece(LOCAL, 0, 16999) * 10,
            "padding-alone": piece(DATA, 1, 0) * 3 + piece(DATA, 0, 1),
            "too-long": piece(DATA, 0, 16385) + piece(DATA, 0, 5),
            "too-much-padding": piece(DATA, 31, 16384) + piece(DATA, 0, 5),
            "most-padding": piece(DATA, 29, 16384),
            "header-alone": piece(RAW, 0, 5, b"\x17\3\3\0\x20"),
            "too-short": piece(RAW, 0, 5, b"\x17\3\3\0\x10"),
            "too-long-header": piece(RAW, 0, 5, b"\x17\3\3\xff\xff"),
            "old-version": piece(RAW, 0, 5, b"\x17\3\2\0\x20"),
            "no-version": piece(RAW, 0, 5, b"\x17\2\3\0\x20"),
            "handshake": piece(RAW, 0, 5, b"\x16\3\3\0\x20"),
            "garbage-record": piece(RAW, 0, 42, b"\x17\3\3\0\x25" + b"x" * 37) + piece(DATA, 0, 1),
            "alert": piece(DATA, 0, 7) + piece(OTHER, 21, 2) + piece(DATA, 0, 5),
            "key-update": piece(OTHER, 22, 5),
            "no-type": piece(OTHER, 0, 0),
            "flipped": piece(DATA, 0, 7) + piece(FLIPPED, 3, 999) + piece(DATA, 0, 5),
            "twice": piece(DATA, 0, 7) + piece(TWICE, 0, 0),
            "later": piece(LATER, 0, 640),
            "deaf-user": piece(DEAF, 0, 0) + piece(DATA, 0, 9),
            "deaf-peer": piece(DEAF, 0, 1) + piece(LOCAL, 0, 9) + piece(DATA, 0, 9),
            "deaf-peer-much": piece(DEAF, 0, 1) + piece(LOCAL, 0, 16384) * 4 + piece(DATA, 0, 16384) * 2}.items():
        for small in (0, 1, 2):
            seed("tool_relay", "%s-%d" % (name, small), bytes([small]) + pieces)


XL_LIST = """Name                                        ID   Mem VCPUs\tState\tTime(s)
Domain-0                                     0   512     1     r-----      39.8
"""
BANNER = b"xl migration receiver ready, send binary domain data.\n"
READY = b"domain received, ready to unpause\0"
GO = b"domain is yours, you are cleared to unpause\0"
REPORT = b"my copy unpause results are as follows\0"


def xl_line(name, number, state):
    return "%-40s %4s    96     1     %s       3.4\n" % (name, number, state)


def xl(seed):
    disk = '{ "pdev_path": "/dev/vg/a", "vdev": "xvda", "readwrite": 1, "is_cdrom": "False" }'
    domain = '[ { "domid": 1, "config": { "c_info": { "name": "g1" }, "disks": [ %s ], "%s": [ %s ] } } ]'
    for i, text in enumerate((
            domain % (disk, "pcidevs", '{ "dev": 2 }'), domain % (disk, "dtdevs", "1"), domain % ("", "usbdevs", "1"), domain % ("", "x", ""),
            domain % (", ".join([disk] * 65), "x", ""), domain % ("5", "x", ""), domain % ('{ "vdev": 1 }', "x", ""),
            domain % ('{ "vdev": "hdc", "is_cdrom": "True", "pdev_path": "%s" }' % ("x" * 2000), "x", ""),
            domain % ('{ "vdev": "hdc", "is_cdrom": 1 }', "x", ""),
            '{ "domid": 1, "config": { "c_info": { "name": "g" } } }', '{ "domid": 1, "config": { "c_info": 5 } }',
            '{ "domid": -1, "config": { "c_info": { "name": "g" } } }', '{ "domid": 1, "config": 5 }', "[]", "[ 1, 2 ]", "5", "{",
            '{ "domid": 1, "config": { "c_info": { "name": "%s" } } }' % ("g" * 64), '{ "domid": 1 }')):
        seed("tool_xl", "domain-%02d" % i, b"\0" + text.encode())
    for i, text in enumerate((
            "name = \"g\"\ndisk = [ 'phy:/dev/a,xvda,w' ]\nvcpus=1\n", "# disk = [ 1 ]\ndisk=[ # ]\n 'a#]', \"b['\" , ]; cpus = '#'", "disk = []",
            "disks = 1\ndisk='x'\n_disk=2\ndisk = [ 'y' ] # z", "vif = [ [ 'nested' ], 'disk = [ ]' ]\ndisk=['a']", "disk = [ 'a", "disk = [ 'a'",
            "disk = ", "= 5", "disk 5", "disk = 5 5", "name = 'a", "vcpus = 1", "disk = \"x\"; a = 1;;\r\n\t# b", "disk = [ # x", "", "a=1 #")):
        seed("tool_xl", "config-%02d" % i, b"\1" + text.encode())
    quoted = "disk = [ %s ] # /dev/vg/a\nkernel = '/dev/vg/a'\n"
    for i, text in enumerate((
            quoted % "'phy:/dev/vg/a,xvda,w'", quoted % "\"vdev=xvda, target=/dev/vg/a\"", quoted % "'/dev/vg/a'", quoted % "'a/dev/vg/a'", quoted % "'/dev/vg/a' , '/dev/vg/b,raw,xvdb', \"file:/dev/vg/a2\"",
            quoted % "'/srv/x,hdc', # '/dev/vg/a'\n 'format=raw\t/dev/vg/a\tx'", quoted % "'tap2:qcow2:/srv/dev/vg/a, xvda' , /dev/vg/a", quoted % "'/dev/mapper/moved,xvda', '/dev/vg/a,xvdb'",
            quoted % ("'/dev/vg/a" + "x" * 1100 + "', '/dev/vg/a'"), "disk = '/dev/vg/a'", "name = '/dev/vg/a'", "disk = /dev/vg/a", "disk = [ '/dev/vg/a' ]; disk = [ '/dev/vg/b' ]", "disk = [ '/dev/vg/a\n' ]")):
        seed("tool_xl", "repath-%02d" % i, b"\1" + text.encode())
    for i, text in enumerate((
            "[ 1, %s, %s ]" % (domain[2:-2] % (disk, "x", ""), domain[2:-2] % (disk, "x", "")), domain % (disk.replace("/a", "/b"), "x", ""), domain % (disk.replace("/a", "/b") + ", " + disk, "x", ""),
            domain % ("", "pcidevs", ""), "[ null ]", '{ "domid": 1 }')):
        seed("tool_xl", "with-%02d" % i, b"\0" + text.encode())
    for i, text in enumerate((
            XL_LIST, XL_LIST + xl_line("web2", 4, "-b----") + xl_line("web--incoming", 5, "--p---"), XL_LIST + xl_line("web", 4, "---ss-"),
            XL_LIST + xl_line("web", 4, "---s--"), XL_LIST + xl_line("web--migratedaway", 6, "---ss-"),
            XL_LIST + xl_line("web--migratedaway", 6, "---s--") + xl_line("web", 7, "r-----"),
            XL_LIST + xl_line("web", 7, "r-----") + xl_line("web--migratedaway", 6, "---s--"), "", "xl: no\n", XL_LIST + "web x y z\n",
            XL_LIST + "web 0 1 1 r----- 3\n", XL_LIST + "web 1 1 1 r-- 3\n")):
        seed("tool_xl", "here-%02d" % i, b"\2web\n" + text.encode())
    for name, kind, theirs, ours in (
            ("ready", 3, BANNER + READY, b""), ("memory", 3, BANNER + READY, b"\0memory" * 90), ("too-much", 3, BANNER + READY + b"x" * 100, b""), ("no-banner", 3, b"xl: not found\n", b"m"),
            ("no-ready", 3, BANNER + b"no memory\0", b"m"), ("half", 3, BANNER + READY[:9], b"m"), ("nothing", 3, b"", b""),
            ("go", 4, b"", GO), ("no-go", 4, b"", b"x" * len(GO)), ("half-go", 4, b"", GO[:9]), ("runs", 5, REPORT + b"\0", b""),
            ("fails", 5, REPORT + b"\1" + GO, b""), ("fails-half", 5, REPORT + b"\1" + GO[:5], b""), ("fails-oddly", 5, REPORT + b"\1" + b"y" * len(GO), b""),
            ("no-report", 5, b"\1" * (len(REPORT) + 1), b""), ("half-report", 5, REPORT, b"")):
        for manner, how in enumerate(("", "-pace", "-waits", "-stopped", "-sender-gone", "-receiver-gone")):
            seed("tool_xl", "stream-" + name + how, bytes([kind + 3 * manner, len(theirs)]) + theirs + ours)


OWN = "dmmigrate-11" + "0" * 30


def lvm(seed, lv):
    """What is asked for, and what is active or open; which command fails, and how; what lvs says."""
    other = "dmmigrate-22" + "0" * 30
    for i, (skip, tags) in enumerate((("0", ""), ("1", ""), ("1", OWN), ("0", OWN), ("1", "a,%s,b" % other), ("0", "%s,%s,x" % (other, OWN)), ("1", "%s,%s" % (OWN, other)), ("0", "a" * 1000))):
        for what in range(16):
            for fails in (0, 1, 2, 3, 4) if i < 6 else (0,):
                seed("tool_lvm", "tags-%d-%02d-%d" % (i, what, fails), bytes([what, fails]) + (lv % ("vg", "web-01", skip, tags)).encode())
    for i, text in enumerate(("", lv % ("vg", "web-01.moved-0100", "0", ""), lv % ("v" * 129, "w" * 128, "0", ""), lv % ("v", ".moved-0100", "0", ""), "  no space \n", "x" * 400 + lv % ("vg", "web-01", "1", "t" * 700), "LVM2_LV_TAGS='%s" % ("t" * 1100))):
        for what in range(16):
            seed("tool_lvm", "name-%d-%02d" % (i, what), bytes([what, 0]) + text.encode())
        for how in (1, 9, 17, 145):
            seed("tool_lvm", "fails-%d-%02d" % (i, how), bytes([0, how]) + text.encode())


def host(seed):
    lv = " LVM2_VG_NAME='%s' LVM2_LV_NAME='%s' LVM2_LV_SKIP_ACTIVATION='%s' LVM2_LV_TAGS='%s'\n"
    for i, text in enumerate((lv % ("vg0", "a", "1", "dmm-%032x,b" % 5), lv % ("vg0", "a", "", ""), lv % ("", "a", "1", ""), lv % ("vg0", "", "1", ""),
                              lv % ("v" * 200, "a", "1", ""), lv % ("vg0", "a", "1", "t" * 2000), lv % ("vg0", "a", "x" * 9, ""),
                              "LVM2_VG_NAME='vg0\n'", "", lv.replace("TAGS", "TAG") % ("vg0", "a", "1", ""), lv % ("vg0", "a", "0", "a,,b,"))):
        seed("tool_host", "lv-%02d" % i, b"\0" + text.encode())
    lvm(seed, lv)
    for i, (a, b) in enumerate((("wwid:naa.5 dm:LVM-x", "dm:LVM-x"), ("wwid:a", "wwid:b"), ("<wwid:a", "wwid:a"), ("=pv:x", "<pv:x"), ("=pv:x", "=pv:x"),
                                ("<dev:1:2@b", "<dev:1:2@b"), ("", "wwid:a"), ("dm:a@b", "dm:a@b"), ("dm:" + "x" * 300, "dm:" + "x" * 300), (" wwid:a  ", "dm:y wwid:a"),
                                ("wwid:a", "dm:a"), ("file:1", "file:1"), ("=a", "a"), ("a", "=a"), ("<a", "=a"))):
        seed("tool_host", "identities-%02d" % i, b"\1" + a.encode() + b"\0" + b.encode())
    for i, (a, b) in enumerate((("127.0.0.0/8", "127.0.0.1"), ("127.0.0.0/9", "128.0.0.1"), ("lo", "127.0.0.1"), ("::1/128", "::1"), ("127.0.0.1/33", ""), ("x" * 60 + "/8", ""),
                                ("1.2.3/4", ""), ("203.0.113.0/24", ""), ("nope", ""), ("", ""), ("127.0.0.1/32", "x"), ("x" * 40, ""), ("127.0.0.0/12", "127.15.9.9"), ("0.0.0.0/0", "::1"))):
        seed("tool_host", "network-%02d" % i, b"\2" + a.encode() + b"\0" + b.encode())
    record = """{ "schema_version": 1, "migration": "11000000000000000000000000000000", "moved": 0, "source": "vg0-web01", "uuid": "",
 "dest": "/dev/vg1/web01", "lv": "LVM-%s", "size_bytes": 1073741824, "started_s": 1700000000, "has_witness": 1, "device_bytes": 2,
 "target_bytes": 3, "inflight": 0 }
""" % ("a" * 64)
    seed("tool_host", "vdi", b"\3" + record.encode())
    for right, wrong in (("1,", "2,"), ('"1100', '"1200'), ('"moved": 0', '"moved": 2'), ('"source"', '"s"'), ('"uuid"', '"u"'), ('"dest"', '"d"'), ('"lv"', '"l"'),
                         ("LVM-", "LV-"), ("1073741824", "0"), ('"started_s"', '"t"'), ("ss\": 1", "ss\": 9"), ('"device_bytes"', '"a"'), ('"target_bytes"', '"a"'),
                         ('"inflight"', '"a"'), ("{", "["), ('"1100', '"x100'), ("LVM-" + "a" * 64, ""), ("{", "x"), ('"migration"', '"m"'), ("}", "}" + " " * 9000),
                         ('"has_witness": 1', '"has_witness": 0'), ('"uuid": ""', '"uuid": "DMM-5"'), ('"dest"', '"volume": 5, "dest"'),
                         ('"dest"', '"volume": { "kind": "lvm", "sr": "fast", "place": "vg1", "name": "dmm-web01-0-11111111", "size_bytes": 4096, "inode": 0 }, "dest"'),
                         ('"dest"', '"volume": { "kind": "dir", "sr": "files", "place": "/srv", "name": "dmm-web01-0-22222222", "size_bytes": 4096, "inode": 7 }, "dest"')):
        seed("tool_host", "vdi-%s-%s-%d" % (right.strip('":{,')[:8].replace("/", "_"), wrong.strip('":,')[:4].replace("/", "_"), len(wrong)), b"\3" + record.replace(right, wrong, 1).encode())


def stage(seed):
    staged = """{ "schema_version": 1, "name": "web", "autostart": 1, "done": 0, "path": "/etc/xen/web.cfg", "kept": "", "text": "name = \\"web\\"\\n" }"""
    seed("recv_stage", "whole", staged)
    for key in ("schema_version", "name", "autostart", "done", "path", "kept", "text"):
        seed("recv_stage", "without-" + key, staged.replace(key, "x", 1))
        seed("recv_stage", "other-" + key, staged.replace('"%s": ' % key, '"%s": [], "x": ' % key, 1))
    seed("recv_stage", "list", "[ 1 ]")
    seed("recv_stage", "none", "")
    seed("recv_stage", "flags", staged.replace("1, \"done\": 0", "0, \"done\": 1"))
    seed("recv_stage", "flag", staged.replace("\"done\": 0", "\"done\": 2"))
    seed("recv_stage", "kept-long-text", staged.replace("web\\\\n", "x" * 70000))


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
        for name, said in (("ok", b"\1"), ("made", b"\3"), ("none", b"\4"), ("short", b"\x81abc"), ("failed", b"\0" + failed), ("failed-with", b"\3" + failed), ("named", b"\x0b"), ("named-elsewhere", b"\x13"), ("nothing", b"\0"), ("check", b"\x41"), ("would", b"\x60"), ("would-and-is", b"\x61"), ("would-unasked", b"\x21"), ("check-nothing", b"\x40"),
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


def lobby(seed):
    hello = b"\x16\3\1\0\x20" + b"h" * 32
    for tls in (0, 1):
        for name, pieces in (("whole", (hello,)), ("bytes", [hello[i:i + 1] for i in range(37)]), ("half", (hello[:3], hello[3:9], hello[9:])),
                             ("more", (hello + b"more",)), ("alert", (b"\x15\3\1\0\2xx",)), ("version", (b"\x16\2\1\0\2xx",)),
                             ("long", (b"\x16\3\1\x40\1xx",)), ("longest", (b"\x16\3\1\x40\0xx",)), ("plain", (b"DMM1",)), ("rests", (b"r", b"x")),
                             ("closes", (b"",)), ("closes-later", (hello[:4], b"")), ("closes-half", (hello[:5], b"")), ("empty", (b"\x16\3\1\0\0",))):
            seed("recv_lobby", "%s-%d" % (name, tls), bytes([tls]) + b"".join(bytes([len(p)]) + p for p in pieces))


def write(seed):
    for group in (relay, xl, host, stage, ipc, lobby):
        group(seed)
