#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""For tests/fuzz/coverage: judges what llvm-cov exported by the list of parsers.

Usage: coverage.py EXPORT PARSERS PERCENT
"""
import json
import os
import sys


def read_parsers(path):
    """[(file, [(text of the line, reason)])]: an indented line is about the file above it: a function() or a line."""
    files = []
    with open(path, encoding="utf-8") as f:
        for line in f:
            if not line.strip() or line.startswith("#"):
                continue
            if line[0] != "\t":
                files.append((line.strip(), []))
                continue
            text, sep, reason = line.strip().partition("  -- ")
            if not sep or not reason.strip():
                sys.exit("%s: no reason: %s" % (path, line.strip()))
            files[-1][1].append((text, reason))
    return files


def branches_of(export, name, left_out):
    """{(line, column, end line, end column, way): count} of a file, its instances added up; and the functions left out."""
    counts = {}
    seen = set()
    for function in export["functions"]:
        short = function["name"].rpartition(":")[2]
        for at, filename in enumerate(function["filenames"]):
            # copies of the module's files lie in the directory of the build
            if not filename.endswith("/" + name) and not (
                    name.startswith("kmod/") and filename.endswith("/%s/%s" % (
                        os.path.basename(name)[:-2], os.path.basename(name)))):
                continue
            if short + "()" in left_out:
                seen.add(short + "()")
                continue
            for b in function["branches"]:
                # line, column, end line, end column, taken, not taken, file, ...
                if b[6] != at:
                    continue
                for way in (0, 1):
                    key = tuple(b[:4]) + (way,)
                    counts[key] = counts.get(key, 0) + b[4 + way]
    return counts, seen


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        export = json.load(f)["data"][0]
    all_branches = all_covered = bad = 0
    for name, exempt in read_parsers(sys.argv[2]):
        with open(name, encoding="utf-8") as f:
            source = f.read().split("\n")
        functions = {text for text, _ in exempt if text.endswith("()")}
        exempt = [(text, reason) for text, reason in exempt if text not in functions]
        counts, seen = branches_of(export, name, functions)
        for text in functions - seen:
            print("not ok %s: there is no %s any more: mend the list" % (name, text))
            bad = 1
        if not counts:
            print("not ok %s: nothing of it was built into a target" % name)
            bad = 1
            continue
        for text, _ in exempt:
            if not any(text in line for line in source):
                print("not ok %s: no line has '%s' any more: mend the list" % (name, text))
                bad = 1
        left = {k: n for k, n in counts.items()
                if n or not any(text in source[k[0] - 1] for text, _ in exempt)}
        covered = sum(1 for n in left.values() if n)
        all_branches += len(left)
        all_covered += covered
        missing = sorted({k[0] for k, n in left.items() if not n})
        print("%6.2f %% %4d of %4d  %s%s" % (100 * covered / len(left), covered, len(left), name,
                                             "  not: lines " + " ".join(map(str, missing)) if missing else ""))
    percent = 100 * all_covered / all_branches
    print("%6.2f %% %4d of %4d  in sum" % (percent, all_covered, all_branches))
    if percent < float(sys.argv[3]):
        print("not ok: fewer than %s %% of the branches" % sys.argv[3])
        bad = 1
    sys.exit(bad)


main()
