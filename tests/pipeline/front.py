#!/usr/bin/python3
"""What people touch: the one command, logtest, check, and the whole tower in the foreground."""
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from tower import BIN, ROOT, SLOW, environment, free_port, main, read_json_lines, wait_for

YAGURA = os.path.join(BIN, "yagura")
CONF = os.path.join(ROOT, "deploy", "ossec.conf")
LINE = "Nov 23 10:00:01 web1 sshd[100]: Failed password for root from 203.0.113.5 port %d ssh2\n"


def call(*argv, **kw):
    return subprocess.run([YAGURA, *argv], capture_output=True, env=environment(), timeout=60 * SLOW, **kw)


def the_command_finds_its_tools():
    r = call("--help")
    assert r.returncode == 0 and b"logtest" in r.stdout
    names = [l.split()[0] for l in r.stdout.decode().splitlines() if l.startswith("  ")]
    for name in names:
        r = call(name, "--help")
        assert r.returncode == 0 and r.stdout.startswith(b"usage: yagura"), (name, r)
    assert call().returncode == 2
    assert call("no-such-command").returncode == 2
    assert call("../bin/sh").returncode == 2


def logtest_streams_many_lines():
    lines = 30000
    text = "".join(LINE % (i % 60000) for i in range(lines)).encode()
    r = call("logtest", "--json", "-c", CONF, input=text)
    got = [json.loads(l) for l in r.stdout.splitlines()]
    assert r.returncode == 0 and len(got) == lines, (r.returncode, len(got), r.stderr[-500:])
    assert [g["fields"]["srcport"] for g in got] == [str(i % 60000) for i in range(lines)]


def logtest_answers_line_by_line():
    p = subprocess.Popen([YAGURA, "logtest", "--json", "-c", CONF], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment())
    guard = threading.Timer(30 * SLOW, p.kill)
    guard.start()
    for i in range(5):
        p.stdin.write((LINE % i).encode())
        p.stdin.flush()
        assert json.loads(p.stdout.readline())["rule"]["id"] == 5716
    p.stdin.close()
    assert p.wait() == 0
    guard.cancel()
    p.stdout.close()


def logtest_takes_odd_bytes():
    odd = [b"\0\0\0", b"\xff" * 100, b"x" * 70000, b"Nov 23 10:00:01 h sshd[1]: \x1b[2J\xc3", b"a", b""]
    r = call("logtest", "--json", "-c", CONF, input=b"\n".join(odd) + b"\nthe last")
    got = [json.loads(l) for l in r.stdout.splitlines()]
    assert r.returncode == 0, r.stderr
    assert len(got) == 5, got           # lines shorter than two bytes are skipped
    assert got[-1]["log"] == "the last" and len(got[2]["log"]) == 65536


def logtest_fresh_forgets():
    text = "".join(LINE % i for i in range(20)).encode()
    rules = [json.loads(l)["rule"]["id"] for l in call("logtest", "--json", "-c", CONF, input=text).stdout.splitlines()]
    assert rules.count(5720) > 0, rules
    r = call("logtest", "--json", "--fresh", "-c", CONF, input=text)
    assert {json.loads(l)["rule"]["id"] for l in r.stdout.splitlines()} == {5716}


def logtest_exits_as_ossec_logtest_does():
    for want, unit in ((0, "5716:5:sshd"), (1, "5716:4:sshd"), (2, "5710:5:sshd"), (3, "5716:5:su")):
        r = call("logtest", "-U", unit, "-c", CONF, input=(LINE % 1).encode())
        assert r.returncode == want and r.stdout == b"%d\n" % want, (unit, r)
    assert call("logtest", "-U", "1:1:x", "-c", CONF, input=b"nothing knows this\n").returncode == 255
    assert call("logtest", "-U", "1:1", "-c", CONF, input=b"").returncode == 2
    assert call("logtest", "-t", "-c", CONF).returncode == 0
    r = call("logtest", "-a", "--now", "1795404805", "-c", CONF, input=(LINE % 1).encode())
    assert r.stdout.startswith(b"** Alert 1795404805.1: - syslog,sshd,authentication_failed,\n"
                               b"2026 Nov 23 03:33:25 web1->stdin\nRule: 5716 (level 5) -> '"), r.stdout


BROKEN = {
    "ossec.conf": "<ossec_config>\n<global><logal>yes</logal></global>\n<rules>\n"
                  "<decoder>d.xml</decoder>\n<include>r.xml</include>\n</rules></ossec_config>\n",
    "d.xml": '<decoder name="a">\n<nonsense>x</nonsense>\n</decoder>\n',
    "r.xml": '<group name="g">\n<rule id="1" level="0">\n<matsch>x</matsch>\n</rule>\n</group>\n',
}


def check_names_every_error():
    d = tempfile.mkdtemp(prefix="yagura-")
    conf = os.path.join(d, "ossec.conf")
    try:
        for name, text in BROKEN.items():
            with open(os.path.join(d, name), "w") as f:
                f.write(text)
        r = call("check", "-c", conf)
        for at in (b"ossec.conf:2: ", b"d.xml:2: ", b"r.xml:3: "):
            assert r.returncode == 1 and at in r.stdout, r
        with open(conf, "w") as f:
            f.write(BROKEN["ossec.conf"].replace("logal>", "logall>"))
        r = call("logtest", "-c", conf, input=b"a line\n")
        assert r.returncode == 1 and r.stderr.count(b"d.xml:2: ") == 1, r
    finally:
        shutil.rmtree(d)
    assert call("check", "-c", CONF).returncode == 0


class Run:
    """One `yagura run` in a directory."""

    def __init__(self, d, *options):
        self.out = os.path.join(d, "out")
        with open(self.out, "wb") as f:
            self.p = subprocess.Popen([YAGURA, "run", "--dir", os.path.join(d, "run"), *options], stdout=f,
                                      stderr=f, stdin=subprocess.DEVNULL, env=environment())

    def text(self):
        assert self.p.poll() is None, open(self.out).read()
        return open(self.out, "rb").read()

    def stop(self):
        began = time.monotonic()
        self.p.send_signal(signal.SIGINT)
        status = self.p.wait(timeout=10 * SLOW)
        return status, time.monotonic() - began


def count(alerts, rule):
    return sum(a["rule"]["sidid"] == rule for a in read_json_lines(alerts))


def the_tower_shows_an_attack_and_repeats_nothing():
    d = tempfile.mkdtemp(prefix="yagura-")
    alerts = os.path.join(d, "run/var/log/yagura/alerts/alerts.json")
    run = None
    try:
        for n, options in ((1, ["--port", str(free_port())]), (2, [])):
            run = Run(d, *options)
            wait_for("ready", lambda: b"\nready\n" in b"\n" + run.text(), 20)
            wait_for("the last alert of the attack", lambda: run.text().count(b" 199013 ") == 1, 5)
            wait_for("the last of the scan", lambda: run.text().count(b" 31106 ") == 1, 5)
            for rule in (b" 5404 ", b" 199001 ", b" 199011 "):
                assert run.text().count(rule) == 1, (rule, run.text())
            # history outlives a run, and these rules keep still for a minute once they have spoken
            for rule in (b" 5712 ", b" 31151 ") if n == 1 else ():
                assert run.text().count(rule) == 1, (rule, run.text())
            assert b" 40112 " in run.text()
            wait_for("the same alerts in the file", lambda: count(alerts, 31106) == n and count(alerts, 199013) == n, 5)
            status, seconds = run.stop()
            assert status == 0 and seconds < 2 * SLOW, (status, seconds)
        ids = [a["id"] for a in read_json_lines(alerts)]
        assert len(ids) == len(set(ids))
        assert [count(alerts, rule) for rule in (5404, 199001, 199011, 199013, 31104)] == [2] * 4 + [4]
    finally:
        if run is not None and run.p.poll() is None:
            run.p.kill()
            run.p.wait()
        shutil.rmtree(d)


def a_stage_that_dies_is_started_again():
    d = tempfile.mkdtemp(prefix="yagura-")
    run = Run(d, "--port", str(free_port()))
    try:
        wait_for("ready", lambda: b"\nready\n" in b"\n" + run.text(), 20)

        def pid(name):
            rows = [json.loads(l) for l in call("status", "-p", os.path.join(d, "run"), "--json").stdout.splitlines()]
            return next((r.get("pid") for r in rows if r["name"] == name), None)

        for name in ("decode-1", "correlate"):
            old = wait_for("an answer of " + name, lambda: pid(name))
            os.kill(old, signal.SIGKILL)
            wait_for("another " + name, lambda: pid(name) not in (None, old))
        assert run.text().count(b"ended by signal 9; starting it again") == 2
        assert run.stop()[0] == 0
        assert call("status", "-p", os.path.join(d, "run")).returncode == 1
    finally:
        if run.p.poll() is None:
            run.p.kill()
            run.p.wait()
        shutil.rmtree(d)


def child_of(pid, program):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return next((int(c) for c in f.read().split()
                     if os.path.realpath("/proc/%s/exe" % c).endswith(program)), None)


def a_tail_that_dies_shows_no_alert_twice_whatever_the_directory_is_called():
    d = os.path.join(tempfile.mkdtemp(prefix="yagura-"), "a&b <c> [x]*?%d")
    os.mkdir(d)
    run = Run(d, "--port", str(free_port()))
    try:
        wait_for("the last of both attacks", lambda: all(rule in run.text() for rule in (b" 199013 ", b" 31106 ")))
        os.kill(child_of(run.p.pid, "/yagura-alerts"), signal.SIGKILL)
        wait_for("another tail", lambda: b"alerts: ended by signal 9" in run.text()
                 and child_of(run.p.pid, "/yagura-alerts"))
        with open(os.path.join(d, "run/sample.log"), "a") as f:
            f.write("Nov 23 12:00:00 sample sshd[1]: Failed password for root from 203.0.113.9 port 22 ssh2\n")
        wait_for("the next alert", lambda: b"203.0.113.9" in run.text())
        for rule in (b" 199011 ", b" 199013 ", b" 31106 "):
            assert run.text().count(rule) == 1, run.text()
        assert run.stop()[0] == 0
    finally:
        if run.p.poll() is None:
            run.p.kill()
            run.p.wait()
        shutil.rmtree(os.path.dirname(d))


def a_taken_port_is_said():
    d = tempfile.mkdtemp(prefix="yagura-")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        r = call("run", "--dir", os.path.join(d, "run"), "--port", str(port), stdin=subprocess.DEVNULL)
    # nothing was kept of it: another port is all it takes
    assert not os.path.exists(os.path.join(d, "run/etc/yagura/ossec.conf"))
    shutil.rmtree(d)
    assert r.returncode == 1 and b"port %d of 127.0.0.1 is taken" % port in r.stderr, r.stderr


main(the_command_finds_its_tools, logtest_streams_many_lines, logtest_answers_line_by_line,
     logtest_takes_odd_bytes, logtest_fresh_forgets, logtest_exits_as_ossec_logtest_does,
     check_names_every_error, the_tower_shows_an_attack_and_repeats_nothing,
     a_stage_that_dies_is_started_again,
     a_tail_that_dies_shows_no_alert_twice_whatever_the_directory_is_called, a_taken_port_is_said)
