#!/usr/bin/python3
"""run.py BUILD [FUZZ_BUILD] - run every test of a build, two at a time, and count them.

Unit tests are cmocka programs and are counted by test function.  Scripts in tests/pipeline and
tests/ruleset print a line "ok ...", "FAIL ..." or "skip ..." for each claim.  Each fuzz target
of FUZZ_BUILD runs for FUZZ_SECONDS (5).  One line per test file; the output of what failed
follows it.  The last line is "N passed, N failed"; the exit status is 1 when any failed.
"""
import concurrent.futures
import glob
import os
import re
import signal
import subprocess
import sys

TIMEOUT_S = 400
JOBS = 2


def call(argv, env):
    """Run argv in a process group of its own, which is gone afterwards."""
    p = subprocess.Popen(argv, env={**os.environ, **env}, stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        out, _ = p.communicate(timeout=TIMEOUT_S)
        code = p.returncode
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGKILL)
        out, _ = p.communicate()
        out += b"\nno end within %d seconds\n" % TIMEOUT_S
        code = -1
    try:
        os.killpg(p.pid, signal.SIGKILL)    # what it left behind
    except ProcessLookupError:
        pass
    return code, out.decode("utf-8", "backslashreplace")


def count(lines, code):
    """TAP of cmocka, or ok/FAIL/skip lines: (passed, failed, skipped)."""
    passed = failed = skipped = 0
    for line in lines.splitlines():
        if re.match(r"(not )?ok\b.*# SKIP|skip\b", line):
            skipped += 1
        elif re.match(r"not ok\b|FAIL\b", line):
            failed += 1
        elif re.match(r"ok\b", line):
            passed += 1
    if code != 0 and failed == 0:
        failed = 1                          # it died, or failed outside of a test
    if passed + failed + skipped == 0:
        failed = 1                          # a test that claims nothing
    return passed, failed, skipped


def script(build):
    """What the scripts are told.  Sanitizers take their time: they get more of it, and less work."""
    env = {"YAGURA_BIN": os.path.abspath(os.path.join(build, "bin")), "O": os.path.abspath(build)}
    if "asan" in build:
        env.update(SLOW="4", LINES="10000")
    return {k: os.environ.get(k, v) if k in ("SLOW", "LINES") else v for k, v in env.items()}


def interpreter(path):
    """The program behind #! in the first line; none for what other scripts only import."""
    with open(path, "rb") as f:
        first = f.readline().decode("utf-8", "replace")
    return first[2:].split() if first.startswith("#!") else None


def jobs_of(build, fuzz):
    """(name, argv, environment, is it a fuzz target)"""
    for path in sorted(glob.glob(build + "/tests/*/*_test")):
        yield path[len(build) + 1:], [path], {"CMOCKA_MESSAGE_OUTPUT": "TAP"}, False
    for path in sorted(glob.glob("tests/ruleset/*.*") + glob.glob("tests/pipeline/*.*")):
        if path.endswith((".py", ".sh")) and interpreter(path):
            yield path, interpreter(path) + [path], script(build), False
    seconds = os.environ.get("FUZZ_SECONDS", "5")
    for path in sorted(glob.glob(fuzz + "/fuzz/*")) if fuzz else []:
        name = os.path.basename(path)
        corpus = "%s/corpus/%s" % (fuzz, name)
        os.makedirs(corpus, exist_ok=True)
        seeds = [d for d in ["tests/fuzz/corpus/" + name] if os.path.isdir(d)]
        argv = [path, "-max_total_time=" + seconds, "-rss_limit_mb=2048", "-timeout=10",
                "-artifact_prefix=%s/%s-" % (fuzz, name), corpus] + seeds
        yield "fuzz/" + name, argv, {}, True


def run(job):
    name, argv, env, is_fuzz = job
    code, out = call(argv, env)
    return name, code, out, (int(code == 0), int(code != 0), 0) if is_fuzz else count(out, code)


def show(name, code, out, counts):
    passed, failed, skipped = counts
    print("%-4s %-44s %4d passed%s%s" % (
        "FAIL" if failed else "ok", name, passed,
        ", %d failed" % failed if failed else "", ", %d skipped" % skipped if skipped else ""))
    for line in out.splitlines():
        if failed or line.startswith("skip"):
            print("     | " + line)
    if failed:
        print("     | exit status %d" % code)
    sys.stdout.flush()


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    fuzz = sys.argv[2] if len(sys.argv) == 3 else None
    total = [0, 0]
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for result in pool.map(run, jobs_of(sys.argv[1], fuzz)):
            show(*result)
            total[0] += result[3][0]
            total[1] += result[3][1]
    print("%d passed, %d failed" % tuple(total))
    sys.exit(total[1] > 0)


main()
