#!/usr/bin/python3
"""ruleset_test.py - do the rules in deploy/ say of log lines what the pairs here want?

Each NAME.cases is fed to yagura-logtest as one history, all lines within one second.  A row is

    RULE  the line            RULE: the id that decides; 0: none, or one of level 0
    = field=value ...         what the line before must also have given (decoder=NAME counts)

Rows beginning with # and empty rows are for people.
"""
import glob
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LOGTEST = os.path.join(os.environ.get("YAGURA_BIN", ROOT + "/build/release/bin"), "yagura-logtest")
CONF = os.path.join(ROOT, "deploy", "ossec.conf")


def read_cases(path):
    cases = []
    for number, row in enumerate(open(path), 1):
        row = row.rstrip("\n")
        if not row or row.startswith("#"):
            continue
        head, _, rest = row.partition(" ")
        if head == "=":
            cases[-1]["fields"] = dict(pair.split("=", 1) for pair in rest.split())
        else:
            cases.append({"at": number, "rule": int(head), "log": rest.lstrip(" "), "fields": {}})
    return cases


def differences(case, got):
    rule = got["rule"] or {"id": 0, "level": 0}
    decided = rule["id"] if rule["level"] > 0 else 0
    if decided != case["rule"]:
        yield "rule %d, not %d" % (decided, case["rule"])
    have = dict(got["fields"], decoder=got["decoder"])
    for name, value in case["fields"].items():
        if have.get(name) != value:
            yield "%s is %r, not %r" % (name, have.get(name), value)


def check(path):
    name = os.path.basename(path)
    cases = read_cases(path)
    out = subprocess.run([LOGTEST, "--json", "-c", CONF, "--now", "1795404805"],
                         input="".join(c["log"] + "\n" for c in cases).encode(),
                         stdout=subprocess.PIPE)
    gots = [json.loads(line) for line in out.stdout.decode().splitlines()]
    good = out.returncode == 0 and len(gots) == len(cases)
    if not good:
        print("%s: %d lines, %d verdicts, exit %d" % (name, len(cases), len(gots), out.returncode))
    for case, got in zip(cases, gots):
        for what in differences(case, got):
            print("%s:%d: %s: %s" % (name, case["at"], what, case["log"]))
            good = False
    print("%s %s: %d lines" % ("ok" if good else "FAIL", name, len(cases)))
    return good


results = [check(path) for path in sorted(glob.glob(os.path.dirname(os.path.abspath(__file__)) + "/*.cases"))]
sys.exit(0 if results and all(results) else 1)
