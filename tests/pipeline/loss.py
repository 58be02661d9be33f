#!/usr/bin/python3
"""A loss is an event: what had to be dropped is counted, journalled, and raised as an alert."""
import os
import shutil
import signal
import socket

from probe import probe_tower, write
from tower import ROOT, Skip, Tower, count_lines, free_port, main, stock_rules, wait_for

LOST, DROPPED, GONE = 199101, 199102, 199103
DEPLOY = os.path.join(ROOT, "deploy")
OWN = ("<decoder>%s/yagura_decoder.xml</decoder><include>%s/rules/95_yagura.xml</include></rules>"
       % (DEPLOY, DEPLOY))
TEXT = b"<38>Nov 23 10:00:00 host probe: number %07d " + b"of a line that takes some room " * 20


def loss_tower(rules="", state="1M"):
    t = Tower(rules=rules)
    t.udp = free_port(socket.SOCK_DGRAM)
    t.extra = ("<global><logall_json>yes</logall_json></global><ingest><state_size>%s</state_size></ingest>"
               "<remote><connection>syslog</connection><protocol>udp</protocol><port>%d</port>"
               "<local_ip>127.0.0.1</local_ip><allowed-ips>127.0.0.1</allowed-ips></remote>") % (state, t.udp)
    t.configure()
    return t


def seen(t):
    s = t.status("ingest") or {}
    return s.get("syslog", 0) + s.get("syslog_dropped", 0)


def send(t, first, n):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for i in range(first, first + n):
            s.sendto(TEXT % i, ("127.0.0.1", t.udp))


def fill(t):
    """Send, with nobody to decode, until some was dropped; how many were sent."""
    n = 0
    while t.status("ingest")["syslog_dropped"] < 1000:
        assert n < 100000, t.status("ingest")
        send(t, n, 500)
        n += 500
        wait_for("ingest to have seen %d" % n, lambda: seen(t) == n)
    return n


def dropped_alerts(t):
    return [a for a in t.alerts() if a["rule"]["sidid"] == DROPPED]


def archived(t):
    return sum("probe: number" in a["full_log"] for a in t.archives())


def expect_loss(t, sent, seconds=60):
    """Every message is in the archive, or counted in an alert."""
    path = t.path("var/log/yagura/archives/archives.json")
    wait_for("the whole of it", lambda: count_lines(path) >= sent - 60000 and
             archived(t) + sum(int(a["data"]) for a in dropped_alerts(t)) >= sent, seconds)
    lost = sum(int(a["data"]) for a in dropped_alerts(t))
    assert lost > 0 and lost == sent - archived(t), (lost, sent, archived(t))
    a = dropped_alerts(t)[0]
    assert a["rule"]["level"] >= 10 and "event_loss" in a["rule"]["group"], a
    assert a["location"] == "yagura-ingest" and a["decoder"] == "yagura", a


def finish(t):
    t.start("correlate")
    t.start("decode", "decode-1")
    t.start("alertd")


def what_a_full_journal_drops_raises_an_alert():
    t = loss_tower()
    try:
        t.start("ingest")
        sent = fill(t)
        finish(t)
        expect_loss(t, sent)
    finally:
        t.close()


def what_was_dropped_before_a_stop_is_told_after_it():
    t = loss_tower()
    try:
        t.start("ingest")
        sent = fill(t)
        t.stop("ingest")
        t.start("ingest")
        finish(t)
        expect_loss(t, sent)
    finally:
        t.close()


def what_the_kernel_dropped_raises_an_alert():
    t = loss_tower(state="64M")
    try:
        t.start("ingest")
        finish(t)
        t.procs["ingest"].send_signal(signal.SIGSTOP)
        send(t, 0, 30000)
        t.procs["ingest"].send_signal(signal.SIGCONT)
        expect_loss(t, 30000)
    finally:
        t.procs["ingest"].send_signal(signal.SIGCONT)
        t.close()


def a_log_that_went_away_unwatched_raises_an_alert():
    t = Tower()
    t.localfiles = ("<localfile><location>%s</location><log_format>syslog</log_format></localfile>"
                    % t.path("*.log"))
    t.extra = "<global><logall_json>yes</logall_json></global>"
    t.configure()
    try:
        t.enrol()
        t.start_all()
        for name in ("a.log", "b.log"):
            with open(t.path(name), "w") as f:
                f.write("Nov 23 10:00:00 host probe: in %s\n" % name)
        wait_for("both to be read", lambda: len(t.archives()) == 2)
        wait_for("both to be acknowledged", lambda: t.status("agent")["lag"] == 0)
        for turn in range(2):           # told once, not at each start
            t.stop("agent")
            if turn == 0:
                with open(t.path("a.log"), "a") as f:
                    f.write("Nov 23 10:00:00 host probe: nobody reads this\n")
                os.unlink(t.path("a.log"))
            t.start("agent")
            with open(t.path("b.log"), "a") as f:
                f.write("Nov 23 10:00:00 host probe: turn %d\n" % turn)
            wait_for("the turn", lambda: any(a["full_log"].endswith("turn %d" % turn) for a in t.archives()))
        gone = [a for a in t.alerts() if a["rule"]["sidid"] == GONE]
        assert len(gone) == 1 and "'%s' went away" % t.path("a.log") in gone[0]["full_log"], gone
        assert gone[0]["location"] == "(web1) 127.0.0.1->yagura-agent", gone
        assert len(t.archives()) == 5, t.archives()
    finally:
        t.close()


def a_hole_in_an_agents_records_raises_an_alert():
    """The manager loses its journal, and with it what it knew of the agent's stream."""
    t = probe_tower()
    t.rules = t.rules.replace("</rules>", OWN)
    t.configure()
    try:
        t.enrol()
        t.start_all()
        write(t, 0, 500)
        t.wait_alerts(500)
        wait_for("all to be acknowledged", lambda: t.status("agent")["lag"] == 0)
        t.stop("ingest")
        shutil.rmtree(t.path("var/lib/yagura/ingest"))
        t.start("ingest")
        write(t, 500, 5)
        alerts = t.wait_alerts(506)
        lost = [a for a in alerts if a["rule"]["sidid"] == LOST]
        assert len(lost) == 1 and lost[0]["data"] == "500" and lost[0]["systemname"] == "web1", lost
        assert lost[0]["rule"]["level"] >= 10 and lost[0]["location"] == "yagura-ingest", lost
        assert t.status("ingest")["lost"] == 500
        assert sum(a["rule"]["sidid"] == 100001 for a in alerts) == 505
    finally:
        t.close()


def two_files_are_enough_beside_other_rules():
    rules = stock_rules()
    if rules is None:
        raise Skip("the data sets are not beside this checkout")
    t = loss_tower(rules.replace("</rules>", OWN))
    try:
        t.start("ingest")
        sent = fill(t)
        finish(t)
        expect_loss(t, sent)
    finally:
        t.close()


main(what_a_full_journal_drops_raises_an_alert, what_was_dropped_before_a_stop_is_told_after_it,
     what_the_kernel_dropped_raises_an_alert, a_hole_in_an_agents_records_raises_an_alert,
     a_log_that_went_away_unwatched_raises_an_alert, two_files_are_enough_beside_other_rules)
