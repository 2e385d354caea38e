#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""For tests/fuzz/coverage: judges what llvm-cov exported by the list of parsers.  The last line counts their files.

Usage: coverage.py EXPORT PARSERS PERCENT
       coverage.py --list PARSERS		only sees that the list is about what there is
"""
import json
import os
import re
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


def check_list(files):
    """The number of those that are about what is not there any more; says which."""
    stale = 0
    for name, left_out in files:
        try:
            with open(name, encoding="utf-8") as f:
                source = f.read()
        except OSError:
            print("not ok %s: there is no such file any more: mend the list" % name)
            stale += 1
            continue
        for text, reason in left_out:
            if (text[:-1] if text.endswith("()") else text) not in source:
                print("not ok %s: nothing of it has '%s' any more: mend the list" % (name, text))
                stale += 1
            for test in re.findall(r"test_[a-z]+_[a-z_]+", reason):
                if not os.path.exists("tests/unit/%s.c" % test):
                    print("not ok %s: there is no %s: mend the list" % (name, test))
                    stale += 1
    return stale


def branches_of(export, name, left_out):
    """{(line, column, end line, end column, way): count} of a file, its instances added up, without the functions left out."""
    counts = {}
    for function in export["functions"]:
        short = function["name"].rpartition(":")[2]
        for at, filename in enumerate(function["filenames"]):
            # copies of the module's files lie in the directory of the build
            if not filename.endswith("/" + name) and not (
                    name.startswith("kmod/") and filename.endswith("/%s/%s" % (
                        os.path.basename(name)[:-2], os.path.basename(name)))):
                continue
            if short + "()" in left_out:
                continue
            for b in function["branches"]:
                # line, column, end line, end column, taken, not taken, file, ...
                if b[6] != at:
                    continue
                for way in (0, 1):
                    key = tuple(b[:4]) + (way,)
                    counts[key] = counts.get(key, 0) + b[4 + way]
    return counts


def main():
    if sys.argv[1] == "--list":
        sys.exit(check_list(read_parsers(sys.argv[2])) != 0)
    with open(sys.argv[1], encoding="utf-8") as f:
        export = json.load(f)["data"][0]
    percent = float(sys.argv[3])
    all_branches = all_covered = passed = 0
    files = read_parsers(sys.argv[2])
    failed = check_list(files)
    for name, exempt in files:
        if not os.path.exists(name):    # and was said
            continue
        with open(name, encoding="utf-8") as f:
            source = f.read().split("\n")
        functions = {text for text, _ in exempt if text.endswith("()")}
        exempt = [(text, reason) for text, reason in exempt if text not in functions]
        counts = branches_of(export, name, functions)
        if not counts:
            print("not ok %s: nothing of it was built into a target" % name)
            failed += 1
            continue
        left = {k: n for k, n in counts.items()
                if n or not any(text in source[k[0] - 1] for text, _ in exempt)}
        if not left:
            print("not ok %s: all its branches are left out: it is no parser" % name)
            failed += 1
            continue
        covered = sum(1 for n in left.values() if n)
        all_branches += len(left)
        all_covered += covered
        missing = " ".join(map(str, sorted({k[0] for k, n in left.items() if not n})))
        print("%6.2f %% %4d of %4d  %s%s" % (100 * covered / len(left), covered, len(left), name,
                                             "  not: lines " + missing if missing else ""))
        if 100 * covered >= percent * len(left):
            passed += 1
            continue
        print("not ok %s: %.2f %% of its branches are reached, fewer than %s %%; not: lines %s (tests/fuzz/coverage --lines %s)"
              % (name, 100 * covered / len(left), sys.argv[3], missing, name))
        failed += 1
    print("%6.2f %% %4d of %4d  in sum" % (100 * all_covered / max(all_branches, 1), all_covered, all_branches))
    print("%d passed, %d failed, 0 skipped" % (passed, failed))
    sys.exit(failed != 0 or not passed)


main()
