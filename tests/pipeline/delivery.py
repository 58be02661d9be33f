#!/usr/bin/python3
"""A line written on a host becomes an alert, once: through stops, kills and restarts of everything."""
import signal

from probe import expect, probe_tower, write
from tower import count_lines, main, wait_for

def a_line_becomes_an_alert():
    t = probe_tower()
    try:
        t.start("ingest")
        t.enrol("web1", "127.0.0.1")
        t.start("correlate")
        t.start("decode", "decode-1")
        t.start("alertd")
        t.start("agent")
        write(t, 0, 3)
        expect(t, 3)
        a = t.alerts()[0]
        assert a["rule"]["sidid"] == 100001 and a["rule"]["level"] == 5, a
        assert a["location"] == "(web1) 127.0.0.1->" + t.path("probe.log"), a["location"]
        assert a["agent_name"] == "web1" and a["program_name"] == "probe", a
        assert len({x["id"] for x in t.alerts()}) == 3
        text = open(t.alerts_path("log")).read()
        assert text.count("** Alert ") == 3 and "Rule: 100001 (level 5) -> 'a probe'" in text
    finally:
        t.close()


def everything_stopped_and_started_repeats_nothing():
    t = probe_tower()
    try:
        t.enrol()
        n = 0
        for turn in range(3):
            t.start_all()
            write(t, n, 500)
            n += 500
            expect(t, n)
            wait_for("the last acknowledgement", lambda: t.status("agent")["lag"] == 0)
            agent = t.status("agent")
            assert agent["out"] == agent["in"], agent       # both since this start
            for name in ("agent", "alertd", "decode-1", "correlate", "ingest"):
                t.stop(name)
            write(t, n, 100)            # while nothing runs
            n += 100
        t.start_all()
        expect(t, n)
    finally:
        t.close()


def lines_written_without_a_manager_arrive_once():
    t = probe_tower()
    try:
        t.enrol()
        t.start_all()
        write(t, 0, 200)
        expect(t, 200)
        t.stop("ingest")
        write(t, 200, 3000)
        t.start("ingest")
        expect(t, 3200)
    finally:
        t.close()


def any_process_killed_loses_and_doubles_nothing():
    t = probe_tower()
    try:
        t.enrol()
        t.start_all()
        n = 0
        for victim in ("ingest", "decode-1", "correlate", "alertd", "agent") * 2:
            write(t, n, 2000)
            n += 2000
            wait_for("some alerts", lambda: count_lines(t.alerts_path()) >= n - 1900, 30)
            t.kill(victim)
            write(t, n, 500)
            n += 500
            t.start("decode" if victim == "decode-1" else victim, victim)
        expect(t, n, 60)
    finally:
        t.close()


def stopping_takes_less_than_two_seconds():
    t = probe_tower()
    try:
        t.enrol()
        t.start_all(decoders=2)
        write(t, 0, 1000)
        for p in t.procs.values():
            p.send_signal(signal.SIGTERM)
        for name, p in t.procs.items():
            assert p.wait(2) == 0, name
    finally:
        t.close()


main(a_line_becomes_an_alert, everything_stopped_and_started_repeats_nothing,
     lines_written_without_a_manager_arrive_once, any_process_killed_loses_and_doubles_nothing,
     stopping_takes_less_than_two_seconds)
