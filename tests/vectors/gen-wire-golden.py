#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Write wire_golden.h: the frames of doc/protocol.rst, encoded here a second
time, from the description and not by kmod/core, so that neither can drift alone.

Usage: gen-wire-golden.py > wire_golden.h
Needed only when the protocol changes.  Field values are those that
dmm_vec_payload() in wire.h fills in.
"""
import struct

MAGIC = 0x314D4D44


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def ident(start):
    return bytes(range(start, start + 16))


def text(s, size):
    return s.encode().ljust(size, b"\0")


DISK = ident(0x10) + struct.pack("<II", 7, 0)

PAYLOADS = {
    "HELLO": struct.pack("<HHIQ", 1, 2, 0, 0x1122334455667788) + text("dmmigrate 0.1", 48),
    "HELLO_OK": struct.pack("<HHHHQ", 1, 0, 0, 0, 0x99AABBCCDDEEFF00)
    + ident(0x40) + ident(0x60) + text("dmmigrated 0.1", 48),
    "REFUSE": struct.pack("<II", 8, 0) + text("/dev/vg/web01 is mounted", 248),
    "PREPARE": DISK + struct.pack("<QIIII", 0x0000123456789A00, 4096, 512, 3, 1)
    + text("naa.600 uuid-1", 256) + text("host-a", 64) + text("/dev/mapper/web01", 256)
    + text("/dev/vg/web01", 1024) + struct.pack("<I", 9) + text("web01-gate", 124),
    "PREPARED": struct.pack("<QII", 0x0000223456789A00, 4096, 2) + text("ext4", 40) + struct.pack("<Q", 0x123456789ABC),
    "DIGEST": DISK + struct.pack("<QQII", 0x40000000, 0x3FFFFE00, 1, 0),
    "DIGEST_OK": bytes(range(0xA0, 0xB0)) + bytes(16),
    "QUERY": DISK,
    "QUERY_OK": struct.pack("<QQQIIII", 0x323456789A00, 0x4000, 5, 2, 1, 4, 0),
    "FINISH": DISK,
    "FINISH_OK": b"",
    "FORGET": DISK,
    "FORGET_OK": b"",
    "ATTACH": DISK + struct.pack("<QII", 9, 2, 3),
    "ATTACHED": b"",
    "DATA": bytes((i * 7 + 3) & 0xFF for i in range(1024)),
    "BARRIER": b"",
    "END": b"",
    "HASHES": DISK + struct.pack("<QQII", 0x10000000, 0x0FFFFE00, 1, 65536),
    "HASHES_OK": bytes((i * 5 + 1) & 0xFF for i in range(1600)),
    "ZERO": b"",
    "GROUP": ident(0x10) + struct.pack("<IIIIII", 6, 0x44, 15000, 300, 1, 0)
    + text("xl migrate", 80),
    "GROUP_OK": struct.pack("<IIIIQII", 5, 2, 6, 1, 0x0102030405060708, 0x0A, 3)
    + text("host-b", 64) + text("web01-gate", 128) + text("no answer", 256),
    "ADOPT": DISK + struct.pack("<IHBBQQQQ", 9, 7790, 1, 0, 0x0000423456789A00,
                                0x1000000000000001, 0x2000000000000002, 3)
    + text("10.0.0.2", 256) + text("web01", 128) + text("/dev/vg/web01", 1024),
    "HANDOVER": ident(0x10) + struct.pack("<IIQ", 10, 2, 0x1112131415161718) + ident(0x40)
    + struct.pack("<IIQQ", 7, 0, 0x2122232425262728, 0x3132333435363738),
    "PROVE": DISK + struct.pack("<QII", 0x3000000, 5, 1),
    "PROVE_OK": struct.pack("<III", 7, 0x01020304, 2) + struct.pack("<III", 0xFFFFFFFF, 0, 0)
    + bytes(62 * 12),
    "COMPARE": DISK + struct.pack("<II", 2, 1) + struct.pack("<QII", 0x3000000, 7, 0x05060708)
    + struct.pack("<QII", 0x0000123456700000, 8, 0x090A0B0C) + bytes(62 * 16),
    "COMPARE_OK": struct.pack("<II", 2, 0),
    "KEY": DISK + struct.pack("<QII", 9, 2, 3),
    "KEY_OK": ident(0x50) + ident(0x60) + ident(0x70),
    "GUEST": ident(0x10) + struct.pack("<II", 1, 0) + text("web01", 64),
    "GUEST_OK": b"",
    "FACTS": b"",
    "FACTS_OK": struct.pack("<QQII", 0x1112131415161718, 0x2122232425262728, 24, 1)
    + text("host=xenB\nvg=vg0 1024 7\n", 4072),
    "GUEST_CONFIG": ident(0x10) + struct.pack("<IIIIIIII", 1, 2, 2, 1, 3090, 3072, 18, 0)
    + text("web01", 64) + text("name = \"web01\"\nx=1", 3072),
    "GUEST_CONFIG_OK": struct.pack("<II", 2, 0) + text("/etc/xen/web01.cfg", 256)
    + text("/etc/xen/web01.cfg.before", 256) + text("no space", 256),
    "IDENTITY": text("/dev/vg/shared", 1024),
    "IDENTITY_OK": struct.pack("<IIQ", 1, 0, 0x323456789A00) + text("wwid:naa.600 dm:LVM-1", 1024),
    "VOLUME": DISK + struct.pack("<IIQ", 9, 1, 0x0000123456789A00) + text("fast", 32) + text("web01", 64)
    + text("host-a", 64),
    "VOLUME_OK": struct.pack("<QQII", 0x0000123456800000, 0x0000223456789A00, 2, 0)
    + text("/dev/vg/dmm-web01-7-10111213", 1024),
    "LEFTOVERS": ident(0x10) + struct.pack("<II", 18, 0),
    "LEFTOVERS_OK": struct.pack("<IIII", 19, 1, 1, 0) + ident(0x10) + struct.pack("<IIII", 1, 3, 2, 0)
    + text("web01-gate", 128) + text("its source is not connected", 160) + text("dmmigrate recover", 128)
    + bytes(8 * 448),
    "PROBE": struct.pack("<IIQ", 2, 0, 0x0000123456789A00) + text("/dev/vg/web01", 1024),
    "PROBE_OK": struct.pack("<QQ", 0x0000000412345600, 0x1112131415161718),
}

NUMBERS = {
    "HELLO": 1, "HELLO_OK": 2, "REFUSE": 3, "PREPARE": 16, "PREPARED": 17, "DIGEST": 18,
    "DIGEST_OK": 19, "QUERY": 20, "QUERY_OK": 21, "FINISH": 22, "FINISH_OK": 23, "FORGET": 24,
    "FORGET_OK": 25, "ATTACH": 32, "ATTACHED": 33, "DATA": 34, "BARRIER": 35, "END": 36,
    "HASHES": 26, "HASHES_OK": 27, "ZERO": 37, "GROUP": 28, "GROUP_OK": 29, "ADOPT": 30,
    "PROVE": 40, "PROVE_OK": 41, "COMPARE": 42, "COMPARE_OK": 43, "KEY": 44, "KEY_OK": 45, "FACTS": 46,
    "FACTS_OK": 47, "HANDOVER": 48, "GUEST": 52, "GUEST_OK": 53,
    "GUEST_CONFIG": 54, "GUEST_CONFIG_OK": 55, "IDENTITY": 56, "IDENTITY_OK": 57,
    "VOLUME": 58, "VOLUME_OK": 59, "LEFTOVERS": 60, "LEFTOVERS_OK": 61, "PROBE": 62, "PROBE_OK": 63,
}

ACKS = [  # type, seq, arg, status
    (34, 1, 0, 0),
    (34, 0x0102030405060708, 0, 5),
    (35, 3, 0x1112131415161718, 0),
    (35, 0xFFFFFFFFFFFFFFFF, 1, 16),
    (34, 0, 0, 1),
    (34, 0, 0, 17),
    (37, 5, 0x3FFFFE00, 0),
]


def rows(data):
    for i in range(0, len(data), 12):
        yield "\t\t" + ", ".join("0x%02x" % b for b in data[i:i + 12]) + ","


def main():
    print("/* SPDX-License-Identifier: GPL-2.0 */")
    print("/*\n * Written by gen-wire-golden.py, not by hand: the bytes of every frame's header,\n"
          " * whose checksum covers the payload too, and of acknowledgements.\n */")
    print("#ifndef DMM_VECTORS_WIRE_GOLDEN_H\n#define DMM_VECTORS_WIRE_GOLDEN_H\n")
    print("static const struct dmm_vec_golden {\n\tu16 type;\n\tu64 seq, offset_bytes, arg;\n"
          "\tu32 payload_bytes;\n\tu8 bytes[48];\n} dmm_vec_golden[] = {")
    for n, (name, payload) in enumerate(PAYLOADS.items()):
        seq = 0x0102030405060701 + n
        offset = 0x0000012345678A00 if name in ("DATA", "ZERO") else 0
        arg = {"BARRIER": 0x2122232425262728, "ZERO": 0x3FFFFE00}.get(name, 0)
        head = struct.pack("<IHHQQQIII", MAGIC, NUMBERS[name], 0, seq, offset, arg,
                           len(payload), 0, 0)
        head += struct.pack("<I", crc32c(head + bytes(4) + payload))
        print("\t{ DMM_MSG_%s, 0x%xULL, 0x%xULL, 0x%xULL, %d, {" %
              (name, seq, offset, arg, len(payload)))
        print("\n".join(rows(head)))
        print("\t} },")
    print("};\n")
    print("static const struct dmm_vec_golden_ack {\n\tstruct dmm_ack ack;\n\tu8 bytes[32];\n"
          "} dmm_vec_golden_acks[] = {")
    for kind, seq, arg, status in ACKS:
        wire = struct.pack("<IHHQQI", MAGIC, kind, 0, seq, arg, status)
        wire += struct.pack("<I", crc32c(wire))
        print("\t{ { %d, 0x%xULL, 0x%xULL, %d }, {" % (kind, seq, arg, status))
        print("\n".join(rows(wire)))
        print("\t} },")
    print("};\n\n#endif")


if __name__ == "__main__":
    main()
