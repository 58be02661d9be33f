#!/usr/bin/python3
"""No bytes on any socket end a process or make it grow without bound."""
import os
import random
import socket
import struct
import time

import msgpack
import zmq
from zmq.utils import z85

from probe import expect, probe_tower, write
from tower import Tower, free_port, main, wait_for

GROWTH_KB = 32 * 1024


def frames(seed):
    """Messages that are wrong in every way we know, and some that nobody thought of."""
    r = random.Random(seed)
    good = [msgpack.packb([t, 1, 1, 1, b"x", b"y", 3]) for t in list(range(0, 40)) + [255, 1 << 40]]
    bad = [b"", b"\xc1", b"\xdf\xff\xff\xff\xff", b"\xdd\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff",
           b"\x91" * 5000, b"\x9f" + b"\x81" * 100, b"\xc7\x01\x01\x01", b"\x93\x03\xcf" + b"\xff" * 8,
           msgpack.packb([13, 1, 1, 1, 1, 0, b"", b"", 1, 1, 1 << 62, 7, b"\xdd\xff\xff\xff\xff"]),
           msgpack.packb([11, 1, 1, 1, 1, 0, b"", b"", 1, 1, 1 << 62, b"\x94\x00\xa1x"]),
           msgpack.packb([20, 1, 1 << 63, 1 << 63]), msgpack.packb([10, 1 << 63, b"x" * 70000]),
           msgpack.packb([1, 1, 1, 1]), b"\0" * 100000, os.urandom(200000)]
    for f in good:
        bad.append(f[: r.randrange(len(f))])
        flipped = bytearray(f)
        flipped[r.randrange(len(f))] ^= 1 << r.randrange(8)
        bad.append(bytes(flipped))
    return good + bad + [os.urandom(r.randrange(1, 300)) for _ in range(500)]


def every_inner_socket_survives_garbage():
    t = probe_tower()
    try:
        t.enrol()
        t.start_all()
        write(t, 0, 10)
        expect(t, 10)
        before = {n: t.rss_kb(n) for n in t.procs}
        for name in ("ingest", "correlate", "alerts", "replay", "ctl/ingest", "ctl/decode-1", "ctl/agent"):
            s = t.zmq.socket(zmq.DEALER)
            s.linger, s.sndtimeo = 1000, 2000
            s.connect("ipc://" + t.path("run/yagura", name))
            for f in frames(1):
                s.send(f)
                s.send_multipart([f, f])
            s.close()
        for name in t.procs:
            wait_for("%s to answer" % name, lambda: t.alive(name) and t.status(name))
        write(t, 10, 10)
        expect(t, 20)
        for n, kb in before.items():
            assert t.rss_kb(n) < kb + GROWTH_KB, "%s grew from %d to %d kB" % (n, kb, t.rss_kb(n))
    finally:
        t.close()


def the_agents_port_survives_strangers():
    t = probe_tower()
    try:
        t.enrol()
        t.start_all()
        before = t.rss_kb("ingest")
        for i in range(300):                            # no ZMTP at all, half of it, too much of it
            with socket.create_connection(("127.0.0.1", t.port)) as c:
                c.settimeout(5)
                try:
                    c.sendall([b"GET / HTTP/1.0\r\n\r\n", b"\xff" + b"\0" * 8 + b"\x7f\x03\x01CURVE",
                               os.urandom(4096), b"\xff" * 64][i % 4])
                except OSError:
                    pass
        for flags in (b"\x06", b"\x02"):                # a long frame that claims 2^62 bytes
            with socket.create_connection(("127.0.0.1", t.port)) as c:
                c.sendall(b"\xff" + b"\0" * 8 + b"\x7f\x03\x00" + b"CURVE".ljust(20, b"\0") + b"\0" * 32)
                c.sendall(flags + struct.pack(">Q", 1 << 62) + b"x" * 4096)
        wrong = t.zmq.socket(zmq.DEALER)                # a CURVE key that nobody registered
        wrong.linger = 0
        wrong.curve_publickey, wrong.curve_secretkey = zmq.curve_keypair()
        wrong.curve_serverkey = zmq.curve_keypair()[0]
        wrong.connect("tcp://127.0.0.1:%d" % t.port)
        wrong.send(msgpack.packb([1, 1, 1, 1]))
        write(t, 0, 100)
        expect(t, 100)
        wrong.close()
        assert t.rss_kb("ingest") < before + 8 * 1024, (before, t.rss_kb("ingest"))
    finally:
        t.close()


def an_unregistered_key_is_refused_and_counted():
    t = probe_tower()
    try:
        t.enrol()
        t.start_all()
        manager = open(t.path("var/lib/yagura/manager.key"), "rb").read()
        assert os.stat(t.path("var/lib/yagura/manager.key")).st_mode & 0o077 == 0
        assert manager
        t.stop("agent")
        t.tool("agents", "remove", "web1")
        wait_for("the removal to be noticed", lambda: t.status("ingest")["agents"] == 0)
        t.start("agent")
        write(t, 0, 5)
        wait_for("a refusal", lambda: t.status("ingest")["unknown_key"] > 0)
        assert t.alerts() == []
    finally:
        t.close()


def key_of(t):
    """The agent's key file as a dictionary."""
    with open(t.path("var/lib/yagura/agent.key")) as f:
        return dict(l.split(None, 1) for l in f.read().splitlines())


def an_enrolled_agent_cannot_hurt():
    t = probe_tower()
    try:
        t.enrol("other")
        key = key_of(t)
        os.unlink(t.path("var/lib/yagura/agent.key"))
        t.enrol("web1")
        t.start_all()
        before = t.rss_kb("ingest")
        s = t.zmq.socket(zmq.DEALER)
        s.linger, s.sndtimeo = 0, 5000
        s.curve_serverkey = z85.encode(bytes.fromhex(key["manager"]))
        s.curve_publickey = z85.encode(bytes.fromhex(key["public"]))
        s.curve_secretkey = z85.encode(bytes.fromhex(key["secret"]))
        s.connect("tcp://127.0.0.1:%d" % t.port)
        hello = msgpack.packb([1, 77, 1, 1 << 63, "v", "host", "os", "f"])
        deep = b"\x95\x03\x4d\x01\x01\xc4\x40" + b"\x91" * 64
        claims = [msgpack.packb([3, 77, first, count, body]) for first, count, body in
                  ((1, 1 << 62, b""), (1, 1, b"\xdd\xff\xff\xff\xff"), (1 << 63, 1, b"\x94\x00\xa1x\x00\xa1y"),
                   (0, 1, b"\x94\x00\xa1x\x00\xa1y"), (1, 2, b"\x94\x00\xa1x\x00\xa1y"), (1, 1025, b"\x90" * 1025))]
        for f in [hello, deep, *claims, *frames(3)] * 3:
            s.send(f)
            s.send_multipart([f, b"second"])
        s.send(b"x" * (2 << 20))        # over the edge's limit: the connection ends
        write(t, 0, 100)
        expect(t, 100)
        t.alive("ingest")
        wait_for("its messages to be counted", lambda: t.status("ingest")["malformed"] > 500)
        assert t.rss_kb("ingest") < before + GROWTH_KB, (before, t.rss_kb("ingest"))
        s.close()
    finally:
        t.close()


def syslog_senders_cannot_hurt():
    t = probe_tower()
    udp, tcp = free_port(socket.SOCK_DGRAM), free_port()
    t.extra = "".join("<remote><connection>syslog</connection><protocol>%s</protocol><port>%d</port>"
                      "<local_ip>127.0.0.1</local_ip><allowed-ips>127.0.0.1</allowed-ips></remote>"
                      % p for p in (("udp", udp), ("tcp", tcp)))
    t.configure()
    try:
        t.start_all(agent=False)
        before = t.rss_kb("ingest")
        with socket.create_connection(("127.0.0.1", tcp)) as c:
            for _ in range(400):                        # 25 MB of one line without end
                c.sendall(b"x" * 65536)
        with socket.create_connection(("127.0.0.1", tcp)) as c:
            c.sendall(b"99999999999 x")                 # a count no message has
        with socket.create_connection(("127.0.0.1", tcp)) as c:
            c.sendall(b"<38>Nov 23 10:00:00 h probe: after all that\n")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for f in frames(2):
                s.sendto(f[:60000], ("127.0.0.1", udp))
        wait_for("the good line's alert", lambda: any("after all that" in a["full_log"] for a in t.alerts()))
        t.alive("ingest")
        assert t.rss_kb("ingest") < before + GROWTH_KB, (before, t.rss_kb("ingest"))
    finally:
        t.close()


def odd_bytes_in_a_log_stay_one_alert_each():
    t = probe_tower()
    try:
        t.enrol()
        t.start_all()
        lines = [b"Nov 23 10:00:00 host probe[7]: " + x for x in
                 (b"nul \0 end", b"bell \7 esc \x1b[2J end", b"bad utf8 \xff\xfe end",
                  b"bidi \xe2\x80\xae end", b"** Alert 1.1: - forged,", b"c1 \xc2\x9b end", b"\x7f end")]
        with open(t.path("probe.log"), "ab") as f:
            f.write(b"\n".join(lines) + b"\n")
        t.wait_alerts(len(lines))
        log = open(t.alerts_path("log"), "rb").read()
        assert log.count(b"\n** Alert ") + log.startswith(b"** Alert ") == len(lines)
        for path in (t.alerts_path("log"), t.alerts_path()):
            data = open(path, "rb").read()
            assert not any(b in data for b in (b"\0", b"\7", b"\x1b", b"\x7f", b"\xff", b"\xe2\x80\xae", b"\xc2\x9b"))
        logs = [a["full_log"] for a in t.alerts()]
        assert logs[0].endswith("nul \0 end") and logs[3].endswith("bidi \u202e end"), logs
    finally:
        t.close()


def main_thread_ticks(pid):
    with open("/proc/%d/task/%d/stat" % (pid, pid)) as f:
        return sum(int(n) for n in f.read().rsplit(")", 1)[1].split()[11:13])


def without_descriptors_nobody_spins():
    """Strangers on the agents' port have them all, and a syslog sender waits for one."""
    t = Tower()
    port = free_port()
    t.extra = ("<remote><connection>syslog</connection><protocol>tcp</protocol><port>%d</port>"
               "<local_ip>127.0.0.1</local_ip><allowed-ips>127.0.0.1</allowed-ips></remote>" % port)
    t.configure()
    try:
        p = t.start("ingest", None, wrapper=("prlimit", "--nofile=200:200"))
        fds = lambda: len(os.listdir("/proc/%d/fd" % p.pid))
        strangers = [socket.create_connection(("127.0.0.1", t.port)) for _ in range(220)]
        wait_for("all descriptors to be taken", lambda: fds() == 200)
        sender = socket.create_connection(("127.0.0.1", port))
        before = main_thread_ticks(p.pid)
        time.sleep(1)                   # this is what is measured
        ticks = main_thread_ticks(p.pid) - before
        assert fds() == 200 and ticks < 30, (fds(), ticks)
        for s in strangers:
            s.close()
        sender.sendall(b"<38>Nov 23 10:00:00 h probe: at last\n")
        wait_for("the sender's turn", lambda: t.status("ingest")["syslog"] == 1)
        sender.close()
    finally:
        t.close()


main(every_inner_socket_survives_garbage, the_agents_port_survives_strangers,
     an_unregistered_key_is_refused_and_counted,
     an_enrolled_agent_cannot_hurt, syslog_senders_cannot_hurt,
     without_descriptors_nobody_spins, odd_bytes_in_a_log_stay_one_alert_each)
