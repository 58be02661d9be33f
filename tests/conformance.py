#!/usr/bin/python3
"""conformance.py BIN [-v] - are our verdicts OSSEC's?

Runs yagura-logtest over the data sets in ../shared/data, which are no part of this tree, and
compares decoder, rule, level and alert (and program_name and fields where they are given) with
what a running OSSEC 4.3 said.  Prints for each file how many verdicts are equal; -v the first
that differ.  Fails below 145 of the 151 cases, and below 98 % of any other file.
"""
import glob
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DATA = os.path.join(ROOT, "..", "shared", "data")
CONF = os.path.join(DATA, "ossec-4.3", "ossec.conf")
CASES_NEEDED = 145
SHARE_NEEDED = 0.98
SHOWN = 20


def judge(binary, lines, *options):
    out = subprocess.run([binary, "--json", "-q", "-c", CONF, "--now", "1795404805", *options],
                         input=b"".join(line + b"\n" for line in lines), stdout=subprocess.PIPE)
    return [json.loads(line) for line in out.stdout.decode().splitlines()]


def flat(got):
    """A verdict with the keys of the wanted ones."""
    rule = got["rule"] or {"id": None, "level": None}
    return {"program_name": got["program_name"], "decoder": got["decoder"],
            "fields": got["fields"], "rule": rule["id"], "level": rule["level"],
            "alert": got["alert"]}


def wanted_cases():
    """The suite's files are ini files, in which %% stands for %."""
    rows = [json.loads(line) for line in open(os.path.join(DATA, "ossec-4.3", "cases.jsonl"))]
    return [row["log"].replace("%%", "%").encode() for row in rows], [row["got"] for row in rows]


def wanted_file(path):
    lines = open(path, "rb").read().split(b"\n")
    rows = [json.loads(line) for line in open(path[:-len(".log")] + ".want.jsonl")]
    wants = [{k: v for k, v in row.items() if k != "n"} for row in rows]
    return [lines[row["n"] - 1] for row in rows], wants


def compare(name, lines, wants, gots, needed, verbose):
    """Print a file's line; true when enough are equal."""
    bad = [(i, w, {k: flat(g)[k] for k in w}) for i, (w, g) in enumerate(zip(wants, gots))
           if any(flat(g)[k] != w[k] for k in w)]
    equal = len(gots) - len(bad) if len(gots) == len(wants) else 0
    print("%-4s %-24s %5d of %5d verdicts equal (%.1f %%)" % (
        "ok" if equal >= needed else "FAIL", name, equal, len(wants), 100.0 * equal / len(wants)))
    if len(gots) != len(wants):
        print("     %d lines in, %d verdicts out" % (len(wants), len(gots)))
    for i, want, got in bad[:SHOWN] if verbose else []:
        print("  %d: %s" % (i + 1, lines[i].decode("utf-8", "backslashreplace")))
        for k in want:
            if want[k] != got[k]:
                print("       %s: %r, not %r" % (k, got[k], want[k]))
    return equal >= needed


def main():
    if not os.path.exists(CONF):
        print("skip conformance: the data sets are not beside this checkout")
        return 0
    binary = os.path.join(sys.argv[1], "yagura-logtest")
    verbose = "-v" in sys.argv[2:]
    lines, wants = wanted_cases()
    good = compare("cases", lines, wants, judge(binary, lines, "--fresh"), CASES_NEEDED, verbose)
    for path in sorted(glob.glob(os.path.join(DATA, "loghub", "*.log"))):
        lines, wants = wanted_file(path)
        name = "loghub/" + os.path.basename(path)[:-len(".log")]
        good &= compare(name, lines, wants, judge(binary, lines), SHARE_NEEDED * len(wants), verbose)
    return 0 if good else 1


sys.exit(main())
