#!/usr/bin/python3
"""The stages on machines of their own: each has its prefix, and they meet over tcp with one key."""
import os
import shutil
import subprocess

import zmq
from zmq.utils import z85

from probe import expect, probe_tower, write
from tower import BIN, environment, free_port, main, wait_for

STAGES = ("ingest", "decode", "correlate", "alertd")
KEY = "var/lib/yagura/stages.key"


class Machines:
    """One tower for each stage; the agent lives beside ingest."""

    def __init__(self):
        work, ranges, alerts, pub, replay = ("tcp://127.0.0.%d:%d" % (n, free_port()) for n in (1, 1, 1, 2, 2))
        self.work, self.ranges, self.pub = work, ranges, pub
        extra = ("<ingest><decoders>ipc://%%RUN%%/ingest,%s</decoders></ingest>"
                 "<decode><ingest>%s</ingest><correlate>%s</correlate></decode>"
                 "<correlate><decoders>%s</decoders><alertd>%s</alertd></correlate>"
                 "<alertd><correlate>%s</correlate><pub>%s</pub><replay>%s</replay></alertd>"
                 % (work, work, ranges, ranges, alerts, alerts, pub, replay))
        self.at = {s: probe_tower(extra=extra) for s in STAGES}

    def share_key(self, *stages):
        first = self.at["ingest"]
        path = first.tool("stages-key").stdout.strip()
        assert path == first.path(KEY) and os.stat(path).st_mode & 0o777 == 0o600, path
        for s in stages or STAGES[1:]:
            os.makedirs(self.at[s].path("var/lib/yagura"))
            shutil.copy2(path, self.at[s].path(KEY))

    def start(self, *stages):
        for s in stages:
            self.at[s].start(s)

    def start_fails(self, stage):
        r = subprocess.run([os.path.join(BIN, "yagura-" + stage), "--prefix", self.at[stage].dir],
                           capture_output=True, text=True, timeout=30, env=environment())
        assert r.returncode == 1, r
        return [l for l in r.stderr.splitlines() if "tcp" in l]

    def close(self):
        for t in self.at.values():
            t.close()


def a_thousand_lines_cross_four_machines_once_in_order():
    m = Machines()
    try:
        m.share_key()
        m.start("ingest", "correlate", "decode", "alertd")
        t = m.at["ingest"]
        t.enrol()
        t.start("agent")
        write(t, 0, 1000)
        wait_for("1000 alerts", lambda: len(m.at["alertd"].alerts()) >= 1000, 30)
        expect(m.at["alertd"], 1000)
        for s in STAGES:
            assert m.at[s].status(s)["strangers"] == 0, s
        r = m.at["alertd"].tool("alerts", "replay", "--from", "1", "--json")
        assert r.stdout.count("\n") == 1000, r.stderr
        m.at["decode"].kill("decode")
        write(t, 1000, 500)
        m.start("decode")
        expect(m.at["alertd"], 1500)
    finally:
        m.close()


def a_decoder_with_another_key_gets_nothing_and_is_counted():
    m = Machines()
    try:
        m.share_key("correlate", "alertd")
        m.at["decode"].tool("stages-key")
        m.start("ingest", "correlate", "decode", "alertd")
        t = m.at["ingest"]
        t.enrol()
        t.start("agent")
        write(t, 0, 10)
        wait_for("the refusal", lambda: t.status("ingest")["strangers"] > 0
                 and m.at["correlate"].status("correlate")["strangers"] > 0)
        wait_for("the lines to be kept", lambda: t.status("agent")["out"] >= 10)
        assert m.at["decode"].status("decode")["in"] == 0 and m.at["alertd"].alerts() == []
        assert "without the stages' key" in t.errors("ingest")
        m.at["decode"].stop("decode")
        os.remove(m.at["decode"].path(KEY))
        shutil.copy2(t.path(KEY), m.at["decode"].path(KEY))
        m.start("decode")
        expect(m.at["alertd"], 10)
    finally:
        m.close()


def who_knows_half_the_key_or_none_hears_nothing():
    m = Machines()
    try:
        m.share_key()
        m.start("correlate", "alertd")
        with open(m.at["alertd"].path(KEY)) as f:
            public = zmq.curve_public(z85.encode(bytes.fromhex(f.read())))
        own = zmq.curve_keypair()
        context = zmq.Context()
        for half in (True, False):
            before = m.at["alertd"].status("alertd")["strangers"]
            s = context.socket(zmq.SUB)
            s.linger = 0
            if half:
                s.curve_serverkey, (s.curve_publickey, s.curve_secretkey) = public, own
            s.subscribe(b"")
            s.connect(m.pub)
            wait_for("the refusal", lambda: m.at["alertd"].status("alertd")["strangers"] > before)
            assert not s.poll(0)        # a beat goes out each second
            s.close()
        context.term()
    finally:
        m.close()


def tcp_without_a_sound_key_file_stops_the_start_in_one_line():
    m = Machines()
    try:
        for s in STAGES:
            lines = m.start_fails(s)
            assert len(lines) == 1 and "stages.key" in lines[0] and "no such file" in lines[0], lines
        r = m.at["alertd"].tool("alerts", "replay", "--from", "1", check=False)
        assert r.returncode == 1 and "stages.key" in r.stderr, r
        for s in STAGES[1:]:
            shutil.rmtree(m.at[s].path("var/lib/yagura"), ignore_errors=True)
        m.share_key()
        for mode in (0o640, 0o604):
            for s in STAGES:
                os.chmod(m.at[s].path(KEY), mode)
                lines = m.start_fails(s)
                assert len(lines) == 1 and "others can read it" in lines[0], lines
        again = m.at["ingest"].tool("stages-key", check=False)
        assert again.returncode == 1 and "already" in again.stderr and again.stdout == "", again
    finally:
        m.close()


main(a_thousand_lines_cross_four_machines_once_in_order,
     a_decoder_with_another_key_gets_nothing_and_is_counted,
     who_knows_half_the_key_or_none_hears_nothing,
     tcp_without_a_sound_key_file_stops_the_start_in_one_line)
