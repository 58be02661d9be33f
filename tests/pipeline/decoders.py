#!/usr/bin/python3
"""Same input, same alerts: however many decoders run, and whichever of them dies."""
import gzip
import os
import shutil

from tower import DATA, Tower, main, own_rules, stock_rules, wait_for

LINES = int(os.environ.get("LINES", "100000"))
NOW = 1795400000


RULES = stock_rules() or own_rules()


def read_stream():
    """The mixed stream of the test data where it is there, made sshd and web lines elsewhere."""
    path = os.path.join(DATA, "bench", "stream.log.gz")
    if stock_rules() and os.path.exists(path):
        with gzip.open(path, "rb") as f:
            return [next(f) for _ in range(LINES)]
    forms = [b"Nov 23 10:00:00 host sshd[7]: Failed password for root from 192.0.2.%d port %d ssh2\n",
             b"Nov 23 10:00:00 host sshd[7]: Connection closed by 192.0.2.%d port %d\n",
             b"Nov 23 10:00:00 host sshd[7]: Invalid user admin from 192.0.2.%d port %d\n",
             b'198.51.100.%d - - [23/Nov/2026:10:00:00 +0000] "GET /%d HTTP/1.1" 404 196\n']
    return [forms[i % len(forms)] % (i * 7 % 250, i) for i in range(LINES)]


def prepare():
    """An enrolled agent with one log; its state is copied so that both runs are one host."""
    t = Tower(rules=RULES, now=NOW)
    t.enrol()
    t.start("ingest")
    t.start("agent")                    # its first start draws the number of its stream
    wait_for("a connection", lambda: t.status("agent")["connected"])
    t.stop("agent")
    t.stop("ingest")
    return t


def run(template, lines, decoders, disturb=None):
    t = Tower(rules=RULES, now=NOW)
    shutil.rmtree(t.path("var/lib"))
    shutil.copytree(template.path("var/lib"), t.path("var/lib"))
    log = "/tmp/yagura-stream-%d.log" % os.getpid()     # one name: it stands in every alert
    t.localfiles = "<localfile><location>%s</location><log_format>syslog</log_format></localfile>" % log
    t.configure()
    try:
        open(log, "w").close()
        t.start_all(decoders=decoders)
        with open(log, "ab") as f:
            for at in range(0, len(lines), 10000):
                f.writelines(lines[at:at + 10000])
                f.flush()
                if disturb:
                    disturb(t, at)
        seen = lambda: (t.status("ingest") or {}).get("in", 0) >= len(lines)
        wait_for("every line at ingest", seen, 120)
        quiet = lambda: (t.status("ingest") or {}).get("queued", 1) == 0
        wait_for("an empty journal", quiet, 120)
        total = t.status("correlate")["alerts"]
        wait_for("every alert in the file",
                 lambda: open(t.alerts_path("log"), "rb").read().count(b"** Alert ") >= total, 60)
        for name in list(t.procs):
            t.stop(name)
        with open(t.alerts_path("log"), "rb") as f, open(t.alerts_path(), "rb") as g:
            return f.read(), g.read()
    finally:
        os.unlink(log)
        t.close()


def disturb(t, at):
    """One decoder is killed a third of the way, another is added behind the middle."""
    share = at * 10 // LINES
    if share == 3:
        t.kill("decode-1")
    if share == 6:
        t.start("decode", "decode-3")


def a_killed_and_an_added_decoder_change_no_alert():
    lines = read_stream()
    template = prepare()
    try:
        want_log, want_json = run(template, lines, 1)
        got_log, got_json = run(template, lines, 2, disturb)
    finally:
        template.close()
    n = want_json.count(b"\n")
    assert n > LINES // 4, "only %d alerts" % n
    assert got_json == want_json, difference(want_json, got_json)
    assert got_log == want_log, difference(want_log, got_log)
    print("   %d lines, %d alerts, both files equal" % (len(lines), n))


def difference(want, got):
    a, b = want.split(b"\n"), got.split(b"\n")
    for i, (x, y) in enumerate(zip(a, b)):
        if x != y:
            return "%d and %d lines; line %d differs:\n%s\n%s" % (len(a), len(b), i, x[:400], y[:400])
    return "%d and %d lines; one is the beginning of the other" % (len(a), len(b))


main(a_killed_and_an_added_decoder_change_no_alert)
