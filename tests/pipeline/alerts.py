#!/usr/bin/python3
"""alertd and `yagura alerts` beside neighbours that lose messages, lie, or do not listen."""
import os
import signal
import subprocess

import msgpack
import zmq

from tower import BIN, SLOW, Tower, environment, main, wait_for

FETCH, ALERTS, REPLAY, REPLAY_REPLY = 20, 21, 22, 23


def record(i, **more):
    full_log = more.get("full_log", "Nov 23 10:00:00 host probe[7]: number %d" % i)
    return msgpack.packb(["1795404805.%d" % i, 1795404805000000 + i, 100001, 5, "a probe", "probe,", 0, i, "", "", 1, 1,
                          "web1", "192.0.2.5", "(web1) 192.0.2.5->/var/log/probe.log", "host", "probe", "probe", "probe",
                          full_log, [8, str(i)]])


class Outbox:
    """A correlate of one epoch that answers what it is asked, in batches."""

    def __init__(self, t, n, batch=50):
        self.n, self.batch, self.acknowledged = n, batch, 0
        os.makedirs(t.path("run/yagura"), exist_ok=True)
        self.socket = t.zmq.socket(zmq.ROUTER)
        self.socket.bind("ipc://" + t.path("run/yagura/alerts"))

    def serve(self, ms=100):
        """Answer one question, if one comes in time; True when all was acknowledged."""
        if self.socket.poll(ms):
            who, frame = self.socket.recv_multipart()
            first = max(1, (msgpack.unpackb(frame) + [0, 0, 0])[2])
            self.acknowledged = first - 1
            count = min(self.batch, self.n - first + 1)
            if count > 0:
                body = b"".join(record(i) for i in range(first, first + count))
                self.socket.send_multipart([who, msgpack.packb([ALERTS, 77, first, count, body])])
        return self.acknowledged == self.n


def numbers(t):
    return [int(a["full_log"].rsplit(" ", 1)[1]) for a in t.alerts()]


def killed_at_any_moment_it_writes_each_alert_once():
    t = Tower(rules="<rules></rules>")
    try:
        box = Outbox(t, 3000)
        t.start("alertd")
        rounds = 0
        while not box.serve():
            rounds += 1
            if rounds % 13 == 0:
                t.kill("alertd")
                t.start("alertd")
        wait_for("all alerts in the file", lambda: len(t.alerts()) >= 3000)
        assert numbers(t) == list(range(1, 3001))
        log = open(t.alerts_path("log")).read()
        assert log.count("** Alert ") == 3000
        r = t.tool("alerts", "replay", "--from", "1", "--json")
        assert len(r.stdout.splitlines()) == 3000
    finally:
        t.close()


def answers_that_lie_are_dropped():
    t = Tower(rules="<rules></rules>")
    try:
        box = Outbox(t, 10)
        t.start("alertd")
        who, _ = box.socket.recv_multipart()
        good = record(1)
        lies = [b"", b"\xc1", b"\xdf\xff\xff\xff\xff", msgpack.packb([ALERTS, 77, 1, 2, good]),
                msgpack.packb([ALERTS, 77, 1, 1, good + b"\0"]), msgpack.packb([ALERTS, 77, 1, 2**40, good]),
                msgpack.packb([ALERTS, 0, 1, 1, good]), msgpack.packb([ALERTS, 77, 2**64 - 1, 1, good]),
                msgpack.packb([ALERTS, 77, 1, 1, good[:-3]]), msgpack.packb([FETCH, 1, 1])]
        for lie in lies:
            box.socket.send_multipart([who, lie])
        wait_for("refusals", lambda: t.status("alertd")["refused"] == len(lies))
        assert t.alerts() == []
        wait_for("the honest answers", box.serve)
        wait_for("alerts", lambda: len(t.alerts()) == 10)
        assert numbers(t) == list(range(1, 11))
    finally:
        t.close()


def a_subscriber_that_does_not_read_slows_nobody():
    t = Tower(rules="<rules></rules>")
    try:
        box = Outbox(t, 60000, batch=500)
        t.start("alertd")
        s = t.zmq.socket(zmq.SUB)
        s.rcvhwm, s.linger = 10, 0
        s.connect("ipc://" + t.path("run/yagura/pub"))
        s.subscribe(b"")
        s.poll(3000)                            # the first beat: subscribed, and from here on deaf
        before = t.rss_kb("alertd")
        while not box.serve():
            pass
        wait_for("all alerts in the file", lambda: t.status("alertd")["alerts_json"] == 60000)
        assert t.rss_kb("alertd") < before + 50 * 1024 * SLOW, (before, t.rss_kb("alertd"))
    finally:
        t.close()


def frames(seq, epoch=5):
    head = msgpack.packb([epoch, seq, seq, "1795404805.%d" % seq])
    body = msgpack.packb({"id": "1795404805.%d" % seq, "time": 1795404805000000, "rule": 100001, "level": 5,
                          "description": "number %d \x1b[2J" % seq, "full_log": "x"})
    return [b"alert/5/100001", head, body]


def tail_fills_the_holes_it_sees():
    t = Tower(rules="<rules></rules>")
    pub, replay = t.zmq.socket(zmq.XPUB), t.zmq.socket(zmq.ROUTER)
    os.makedirs(t.path("run/yagura"))
    pub.bind("ipc://" + t.path("run/yagura/pub"))
    replay.bind("ipc://" + t.path("run/yagura/replay"))
    p = subprocess.Popen([os.path.join(BIN, "yagura-alerts"), "--prefix", t.dir, "tail"], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, env=environment(), text=True)
    try:
        for _ in ("alert/", "beat"):
            assert pub.poll(10000)
            pub.recv()
        pub.send_multipart(frames(1))
        for junk in ([b"alert/5/1", b"", b""], [b"beat", b"\x93\x01", b"\x80"], [b"alert/5/1"],
                     [b"alert/5/1", b"\x94\x05\x07\x07\xa0", b"\xdf\xff\xff\xff\xff"], frames(1)):
            pub.send_multipart(junk)
        pub.send_multipart(frames(4))
        assert replay.poll(10000)
        who, question = replay.recv_multipart()
        assert msgpack.unpackb(question)[:3] == [REPLAY, 2, 3], question
        reply = msgpack.packb([REPLAY_REPLY, 5, 1, 4, 2, 4])
        replay.send_multipart([who, reply] + frames(2) + frames(3))
        pub.send_multipart([b"beat", msgpack.packb([5, 5, 1]), b"\x80"])
        assert replay.poll(10000)
        who, question = replay.recv_multipart()
        assert msgpack.unpackb(question)[:3] == [REPLAY, 5, 5], question
        replay.send_multipart([who, msgpack.packb([REPLAY_REPLY, 5, 1, 5, 1, 6])] + frames(5))
        lines = [p.stdout.readline() for _ in range(5)]
        assert [int(l.split("number ")[1].split()[0]) for l in lines] == [1, 2, 3, 4, 5], lines
        assert all("\x1b" not in l and "\\x1b[2J" in l for l in lines), lines
    finally:
        p.send_signal(signal.SIGKILL)
        err = p.communicate()[1]
        pub.close(0)
        replay.close(0)
        t.close()
    assert "alerts 2 to 3 were missed" in err and "alerts 5 to 5 were missed" in err, err


main(killed_at_any_moment_it_writes_each_alert_once, answers_that_lie_are_dropped,
     a_subscriber_that_does_not_read_slows_nobody, tail_fills_the_holes_it_sees)
