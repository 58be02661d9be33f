#!/usr/bin/python3
"""What the whole tower costs, agent to alert file, on this machine.

    throughput   lines wait in a log; one agent, DECODERS decoders, everything durable
    latency      RATE lines a second are written; from the write to the PUB message

Figures are of one run on a shared machine: compare ratios within a run.
"""
import gzip
import os
import re
import subprocess
import sys
import time

import msgpack
import zmq

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "pipeline"))
from tower import DATA, Tower, own_rules, stock_rules, wait_for  # noqa: E402

LINES = int(os.environ.get("LINES", "300000"))
RATE = int(os.environ.get("RATE", "10000"))
SECONDS = int(os.environ.get("SECONDS", "10"))
DECODERS = int(os.environ.get("DECODERS", "1"))
TICK = os.sysconf("SC_CLK_TCK")


def bench_lines(n):
    path = os.path.join(DATA, "bench", "stream.log.gz")
    if os.path.exists(path):
        with gzip.open(path, "rb") as f:
            lines = f.readlines()
        what = "the mixed stream of the test data, OSSEC's stock rules"
    else:
        lines = [b"Nov 23 10:00:%02d host sshd[%d]: Failed password for root from 192.0.2.%d port %d ssh2\n"
                 % (i % 60, i % 30000, i % 250, i % 60000) for i in range(100000)]
        what = "made sshd lines, Yagura's own rules (the test data are not there)"
    return (lines * (n // len(lines) + 1))[:n], what


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident_kb(pid):
    """All of it, and the part that is the process's own and not pages of a mapped file."""
    with open("/proc/%d/status" % pid) as f:
        found = dict(re.findall(r"^(VmRSS|RssAnon):\s+(\d+) kB", f.read(), re.M))
    return int(found["VmRSS"]), int(found["RssAnon"])


def machine():
    model = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo").read())
    return "%d cores, %s, Linux %s" % (os.cpu_count(), model.group(1) if model else "?", os.uname().release)


def new_tower(log):
    t = Tower(rules=stock_rules() or own_rules())
    t.localfiles = "<localfile><location>%s</location><log_format>syslog</log_format></localfile>" % log(t)
    t.configure()
    t.enrol()
    return t


def pour(t, lines):
    """Let the agent find all lines at once; wait until each alert is in the files.  Seconds it took,
    seconds until ingest had taken the last line, and the number of alerts."""
    with open(t.path("waiting"), "wb") as f:
        f.writelines(lines)
    t.start("agent")
    wait_for("a connection", lambda: t.status("agent")["connected"])
    start = time.monotonic()
    os.rename(t.path("waiting"), t.path("in.log"))
    wait_for("every line at ingest", lambda: (t.status("ingest") or {}).get("in", 0) >= len(lines), 600)
    arrived = time.monotonic()
    wait_for("an empty journal", lambda: (t.status("ingest") or {}).get("queued", 1) == 0, 600)
    alerts = t.status("correlate")["alerts"]
    wait_for("every alert in the journal of alertd", lambda: t.status("alertd")["newest"] >= alerts, 600)
    wait_for("every alert in the files", lambda: t.status("alertd")["queued"] == 0, 600)
    return time.monotonic() - start, arrived - start, alerts


def throughput():
    lines, what = bench_lines(LINES)
    t = new_tower(lambda tower: tower.path("in.log"))
    try:
        t.start_all(decoders=DECODERS, agent=False)
        before = {n: cpu_seconds(p.pid) for n, p in t.procs.items()}
        took, arrived, alerts = pour(t, lines)
        print("throughput: %d lines (%s), %d alerts, %d decoder(s)" % (LINES, what, alerts, DECODERS))
        print("  %d events/s from the log's appearance to the last alert in the files; "
              "all acknowledged after %.2f s" % (LINES / took, arrived))
        print("  %-10s %14s %10s %12s" % ("stage", "CPU us/event", "VmRSS kB", "RssAnon kB"))
        total = 0
        for n, p in t.procs.items():
            us = (cpu_seconds(p.pid) - before.get(n, 0)) * 1e6 / LINES
            total += us
            print("  %-10s %14.2f %10d %12d" % (n, us, *resident_kb(p.pid)))
        print("  %-10s %14.2f" % ("all", total))
    finally:
        t.close()


WRITER = """
import sys, time
path, rate, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
f = open(path, "ab", buffering=0)
start, sent, per = time.monotonic(), 0, max(1, rate // 1000)
while sent < rate * seconds:
    due = start + sent / rate
    now = time.monotonic()
    if due > now:
        time.sleep(due - now)
    f.write(b"".join(b"Nov 23 10:00:00 host sshd[7]: Failed password for root from 192.0.2.%d port %d ssh2 t=%d\\n"
            % ((sent + i) % 250, (sent + i) % 60000, time.monotonic_ns()) for i in range(per)))
    sent += per
"""


def latency():
    t = new_tower(lambda tower: tower.path("in.log"))
    try:
        open(t.path("in.log"), "w").close()
        t.start_all(decoders=DECODERS)
        sub = t.zmq.socket(zmq.SUB)
        sub.rcvhwm = 0
        sub.connect("ipc://" + t.path("run/yagura/pub"))
        sub.subscribe(b"")
        while not sub.recv_multipart()[0].startswith(b"beat"):
            pass
        writer = subprocess.Popen([sys.executable, "-c", WRITER, t.path("in.log"), str(RATE), str(SECONDS)])
        took = []
        while len(took) < RATE * SECONDS and sub.poll(5000):
            m = sub.recv_multipart()
            now = time.monotonic_ns()
            if m[0].startswith(b"alert/"):
                log = msgpack.unpackb(m[2])["full_log"]
                took.append((now - int(log[log.rindex("t=") + 2:])) / 1e6)
        writer.wait()
        if len(took) < RATE * SECONDS:
            print("latency: only %d of %d alerts came" % (len(took), RATE * SECONDS))
            return
        took.sort()
        at = lambda share: took[min(len(took) - 1, int(len(took) * share))]
        print("latency at %d events/s for %d s, write to PUB message: p50 %.1f ms, p99 %.1f ms, most %.1f ms"
              % (RATE, SECONDS, at(0.5), at(0.99), took[-1]))
    finally:
        t.close()


if __name__ == "__main__":
    print("machine: " + machine(), flush=True)
    throughput()
    latency()
