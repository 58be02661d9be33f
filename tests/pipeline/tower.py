"""tower - start Yagura's real daemons in a directory of their own, and look at them

Nothing here sleeps for a fixed time to let something happen: wait_for() asks for a
condition until it holds or its deadline passes, and a deadline that passes is a failure.
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

import msgpack
import zmq

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BIN = os.path.join(ROOT, os.environ.get("O", "build/release"), "bin")
DATA = os.path.join(ROOT, "..", "shared", "data")
SLOW = float(os.environ.get("SLOW", "1"))       # sanitizers take their time
STATUS, STATUS_REPLY = 30, 31


def wait_for(what, condition, seconds=20.0):
    """Ask until condition() is true; its value is returned.  Fails after the deadline."""
    end = time.monotonic() + seconds * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %gs in vain for: %s" % (seconds * SLOW, what))
        time.sleep(0.01)


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Tower:
    """One prefix with its configuration, and the processes started in it."""

    def __init__(self, rules="", localfiles="", extra="", now=None, keep=None):
        self.dir = keep or tempfile.mkdtemp(prefix="yagura-")
        self.now = now
        self.port = free_port()
        self.procs = {}
        self.rules, self.localfiles, self.extra = rules, localfiles, extra
        self.zmq = zmq.Context()
        for d in ("etc/yagura", "var/lib", "var/log"):
            os.makedirs(os.path.join(self.dir, d), exist_ok=True)
        self.configure()

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def configure(self):
        with open(self.path("etc/yagura/ossec.conf"), "w") as f:
            f.write("<ossec_config>\n%s\n%s\n" % (self.rules or own_rules(), self.localfiles))
            f.write("<ingest><listen>tcp://127.0.0.1:%d</listen></ingest>\n" % self.port)
            f.write("<agent><manager>tcp://127.0.0.1:%d</manager></agent>\n" % self.port)
            f.write("%s\n</ossec_config>\n" % self.extra)

    def tool(self, name, *args, stdin=None, check=True):
        r = subprocess.run([os.path.join(BIN, "yagura-" + name), "--prefix", self.dir, *args],
                           input=stdin, capture_output=True, text=True, env=environment())
        if check and r.returncode != 0:
            raise AssertionError("yagura-%s %s: %s%s" % (name, args, r.stdout, r.stderr))
        return r

    def enrol(self, name="web1", address="127.0.0.1"):
        self.tool("agents", "add", name, "--address", address)
        line = self.tool("agents", "extract", name).stdout
        self.tool("import", "--yes", "-", stdin=line)

    def start(self, stage, name=None, *args, wait=True, wrapper=()):
        name = name or stage
        cmd = [*wrapper, os.path.join(BIN, "yagura-" + stage), "--prefix", self.dir, "--name", name, *args]
        if self.now and stage == "ingest":
            cmd += ["--now", str(self.now)]
        log = open(self.path(name + ".err"), "ab")
        self.procs[name] = subprocess.Popen(cmd, stderr=log, stdout=log, env=environment())
        log.close()
        if wait:
            wait_for("%s to answer" % name, lambda: self.alive(name) and self.status(name))
        return self.procs[name]

    def start_all(self, decoders=1, agent=True):
        self.start("ingest")
        self.start("correlate")
        for i in range(decoders):
            self.start("decode", "decode-%d" % (i + 1))
        self.start("alertd")
        if agent:
            self.start("agent")

    def alive(self, name):
        p = self.procs[name]
        if p.poll() is not None:
            raise AssertionError("%s ended with %s: %s" % (name, p.returncode, self.errors(name)))
        return True

    def errors(self, name):
        with open(self.path(name + ".err"), errors="replace") as f:
            return f.read()

    def status(self, name):
        """The counters of a stage, or None when it does not answer."""
        s = self.zmq.socket(zmq.DEALER)
        s.linger = 0
        try:
            s.connect("ipc://" + self.path("run/yagura/ctl", name))
            s.send(msgpack.packb([STATUS, 0]))
            if not s.poll(500):
                return None
            reply = msgpack.unpackb(s.recv(), raw=False)
            assert reply[0] == STATUS_REPLY, reply
            return reply[5] if len(reply) > 5 else {}
        finally:
            s.close()

    def stop(self, name, sig=signal.SIGTERM):
        p = self.procs.pop(name)
        p.send_signal(sig)
        try:
            code = p.wait(15 * SLOW)
        except subprocess.TimeoutExpired:
            p.kill()
            raise AssertionError("%s did not stop" % name)
        if sig == signal.SIGTERM and code != 0:
            raise AssertionError("%s ended with %d: %s" % (name, code, self.errors(name)))

    def kill(self, name):
        self.stop(name, signal.SIGKILL)

    def rss_kb(self, name):
        with open("/proc/%d/status" % self.procs[name].pid) as f:
            return int([l for l in f if l.startswith("VmRSS")][0].split()[1])

    def alerts_path(self, kind="json"):
        return self.path("var/log/yagura/alerts/alerts." + kind)

    def alerts(self):
        return read_json_lines(self.alerts_path())

    def archives(self):
        return read_json_lines(self.path("var/log/yagura/archives/archives.json"))

    def wait_alerts(self, n, seconds=20.0):
        wait_for("%d alerts" % n, lambda: count_lines(self.alerts_path()) >= n, seconds)
        return self.alerts()

    def close(self, keep=False):
        for p in self.procs.values():
            if p.poll() is None:
                p.terminate()
        for name, p in list(self.procs.items()):
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        self.procs.clear()
        self.zmq.destroy(0)
        if not keep:
            shutil.rmtree(self.dir, ignore_errors=True)


def environment():
    env = dict(os.environ, TZ="UTC", LC_ALL="C")
    env.pop("NOTIFY_SOCKET", None)
    return env


def own_rules():
    """The <rules> of deploy/, by absolute path."""
    deploy = os.path.join(ROOT, "deploy")
    rules = sorted(os.listdir(os.path.join(deploy, "rules")))
    return "<rules>\n<decoder>%s/decoder.xml</decoder>\n<decoder>%s/yagura_decoder.xml</decoder>\n%s\n</rules>" % (
        deploy, deploy, "\n".join("<include>%s/rules/%s</include>" % (deploy, r) for r in rules))


def stock_rules():
    """OSSEC's own ruleset, where the test data has it; None elsewhere."""
    conf = os.path.join(DATA, "ossec-4.3", "ossec.conf")
    if not os.path.exists(conf):
        return None
    base = os.path.dirname(conf)
    text = open(conf).read()
    start, end = text.index("<rules>"), text.index("</rules>") + len("</rules>")
    return (text[start:end].replace("<decoder>", "<decoder>%s/" % base)
            .replace("<include>", "<include>%s/rules/" % base))


def read_json_lines(path):
    if not os.path.exists(path):
        return []
    with open(path, "rb") as f:
        whole = f.read().split(b"\n")[:-1]      # the last one may still be being written
    return [json.loads(l) for l in whole]


def count_lines(path):
    try:
        with open(path, "rb") as f:
            return f.read().count(b"\n")
    except FileNotFoundError:
        return 0


class Skip(Exception):
    """This machine lacks what the test needs; its text says what."""


def main(*tests):
    """Run each test with a fresh context; print a line for each; exit 1 when one failed."""
    failed = 0
    chosen = sys.argv[1:]
    for t in tests:
        if chosen and t.__name__ not in chosen:
            continue
        try:
            t()
            print("ok %s" % t.__name__, flush=True)
        except Skip as why:
            print("skip %s: %s" % (t.__name__, why), flush=True)
        except BaseException:           # an assertion, a time-out, an interrupt: all are failures
            failed += 1
            print("FAIL %s" % t.__name__, flush=True)
            traceback.print_exc()
    sys.exit(1 if failed else 0)
