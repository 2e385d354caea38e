#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Write journal_golden.h: records of the hand-over's journal, encoded here a second
time, from doc/handover.rst and not by the library, so that neither can drift alone.

Usage: gen-journal-golden.py > journal_golden.h
Needed only when the format changes, which needs another version.
"""
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
golden = __import__("gen-wire-golden")

ROLES = {"SOURCE": 1, "DEST": 2}
STATES = {"ACTIVE": 1, "RELINQUISHED": 2, "RELEASED": 3, "RECEIVING": 4, "COMPLETE": 5,
          "OWNED": 6, "RUNNING": 7, "REFUSED": 8, "SETTLED": 9}


def record(seq, role, state, epoch, disks=2, flags=0, uid=0, host="host-a", by="dmmigrated 0.1"):
    head = struct.pack("<4sHHQ", b"DMJ1", 1, 256, seq) + golden.ident(0x10)
    head += struct.pack("<Q", epoch) + golden.ident(0x40) + golden.ident(0x60)
    head += struct.pack("<QHHHHII", 0x1122334455667788, ROLES[role], STATES[state], disks, flags,
                        uid, 0)
    head += golden.text(host, 64) + golden.text(by, 80) + bytes(8)
    return head + struct.pack("<I4s", golden.crc32c(head), b"END\n")


RECORDS = [
    record(1, "SOURCE", "ACTIVE", 0),
    record(2, "SOURCE", "ACTIVE", 1),
    record(3, "SOURCE", "RELINQUISHED", 1),
    record(4, "SOURCE", "ACTIVE", 2, flags=1, uid=1000, by="recover --force-owner, by alice"),
    record(1, "DEST", "RECEIVING", 0, disks=64, host="host-b"),
    record(2, "DEST", "REFUSED", 2 ** 64 - 1, disks=64, host="host-b", by=""),
]


def main():
    print("""/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Written by gen-journal-golden.py, not by hand: four records of a source's journal,
 * then two of a destination's.
 */
#ifndef DMM_VECTORS_JOURNAL_GOLDEN_H
#define DMM_VECTORS_JOURNAL_GOLDEN_H

static const unsigned char dmm_vec_journal_golden[%d][256] = {""" % len(RECORDS))
    for r in RECORDS:
        print("\t{")
        for i in range(0, 256, 12):
            print("\t\t" + " ".join("0x%02x," % b for b in r[i:i + 12]))
        print("\t},")
    print("};\n\n#endif")


if __name__ == "__main__":
    main()
