#!/usr/bin/python3
"""A subscriber that nobody here wrote: python3-zmq and python3-msgpack read the PUB socket."""
import json
import os
import select
import subprocess

import msgpack
import zmq

from tower import ROOT, SLOW, free_port, main, wait_for
from probe import expect, probe_tower, write


def subscribe(t, topic=b""):
    s = t.zmq.socket(zmq.SUB)
    s.linger = 0
    s.connect("ipc://" + t.path("run/yagura/pub"))
    s.setsockopt(zmq.SUBSCRIBE, topic)
    return s


def receive(s, want, seconds=20):
    """Frames of messages until want(message) is true; beats are passed over by the caller."""
    got = []
    while True:
        if not s.poll(seconds * 1000 * SLOW):
            raise AssertionError("nothing came after %d messages" % len(got))
        got.append(s.recv_multipart())
        if want(got):
            return got


def published(t, n_lines, **more):
    t.enrol()
    t.start_all()
    s = subscribe(t)
    receive(s, lambda got: got[-1][0] == b"beat")       # subscribed: a beat has come
    write(t, 0, n_lines)
    got = receive(s, lambda got: sum(m[0] != b"beat" for m in got) >= n_lines * more.get("per_line", 1))
    s.close()
    return [m for m in got if m[0] != b"beat"]


def alerts_come_as_maps_with_a_header():
    t = probe_tower()
    try:
        got = published(t, 20)
        headers = [msgpack.unpackb(m[1]) for m in got]
        bodies = [msgpack.unpackb(m[2]) for m in got]
        assert all(m[0] == b"alert/5/100001" for m in got), got[0]
        epoch, first = headers[0][0], headers[0][1]
        assert [h[:2] for h in headers] == [[epoch, first + i] for i in range(20)], headers
        assert [h[2] for h in headers] == [headers[0][2] + i for i in range(20)], headers
        assert [h[3] for h in headers] == [b["id"] for b in bodies]
        assert len({h[3] for h in headers}) == 20
        assert bodies[7]["rule"] == 100001 and bodies[7]["fields"]["id"] == "7", bodies[7]
        assert bodies[7]["full_log"].endswith("number 7")
    finally:
        t.close()


def json_on_request():
    t = probe_tower(extra="<alertd><format>json</format></alertd>")
    try:
        got = published(t, 3)
        assert [json.loads(m[2])["full_log"][-1] for m in got] == ["0", "1", "2"]
    finally:
        t.close()


def ossecs_own_two_frames_on_request():
    t = probe_tower(extra="<alertd><ossec_frames>yes</ossec_frames></alertd>")
    try:
        got = [m for m in published(t, 3, per_line=2) if m[0] == b"ossec.alerts"]
        assert len(got) == 3 and all(len(m) == 2 for m in got), got
        assert [json.loads(m[1])["rule"]["sidid"] for m in got] == [100001] * 3
    finally:
        t.close()


def ossecs_own_configuration_of_it_works():
    port = free_port()
    t = probe_tower(extra="<global><zeromq_output>yes</zeromq_output>"
                          "<zeromq_uri>tcp://localhost:%d/</zeromq_uri></global>" % port)
    try:
        t.enrol()
        t.start_all()
        for endpoint in ("tcp://127.0.0.1:%d" % port, "ipc://" + t.path("run/yagura/pub")):
            s = t.zmq.socket(zmq.SUB)
            s.linger = 0
            s.connect(endpoint)
            for topic in (b"beat", b"ossec.alerts"):
                s.setsockopt(zmq.SUBSCRIBE, topic)
            receive(s, lambda got: got[-1][0] == b"beat")       # now it is connected
            write(t, 7, 1)
            got = receive(s, lambda got: got[-1][0] == b"ossec.alerts")
            assert json.loads(got[-1][1])["full_log"].endswith("number 7"), got
            s.close()
    finally:
        t.close()


def the_examples_work_as_they_stand():
    t = probe_tower()
    examples = os.path.join(ROOT, "deploy", "examples")
    endpoint = "ipc://" + t.path("run/yagura/pub")
    try:
        subprocess.run(["cc", "-o", t.path("subscribe"), os.path.join(examples, "subscribe.c"),
                        "-lzmq", "-lmsgpackc"], check=True)
        t.enrol()
        t.start_all()
        for argv in (["/usr/bin/python3", os.path.join(examples, "subscribe.py")], [t.path("subscribe")]):
            p = subprocess.Popen([*argv, endpoint], stdout=subprocess.PIPE)
            try:
                first = one_line_of(p, t)
            finally:
                p.kill()
                p.wait()
            assert b"a probe" in first and b"probe[7]: number" in first, first
    finally:
        t.close()


def one_line_of(p, t):
    """Lines are written until the subscriber, whose connection we cannot see, shows one."""
    def seen():
        write(t, 0, 1)
        return select.select([p.stdout], [], [], 0.1)[0]
    wait_for("a line from the example", seen)
    return p.stdout.readline()


def a_late_subscriber_gets_the_rest_by_replay():
    t = probe_tower()
    try:
        t.enrol()
        t.start_all()
        write(t, 0, 50)
        expect(t, 50)
        r = t.tool("alerts", "replay", "--from", "1", "--count", "50", "--json")
        logs = [json.loads(l)["full_log"] for l in r.stdout.splitlines()]
        assert [int(l.rsplit(" ", 1)[1]) for l in logs] == list(range(50)), logs[:3]
        r = t.tool("alerts", "replay", "--from", "11", "--count", "5", "--json")
        assert len(r.stdout.splitlines()) == 5
        t.stop("alertd")
        t.start("alertd")               # the journal is on disk
        r = t.tool("alerts", "replay", "--from", "1", "--count", "50", "--json")
        assert len(r.stdout.splitlines()) == 50
    finally:
        t.close()


main(alerts_come_as_maps_with_a_header, json_on_request, ossecs_own_two_frames_on_request,
     ossecs_own_configuration_of_it_works, the_examples_work_as_they_stand, a_late_subscriber_gets_the_rest_by_replay)
