#!/usr/bin/python3
"""Syslog as other people's software sends it: util-linux logger and rsyslogd, in every framing."""
import os
import shutil
import signal
import socket
import subprocess

from tower import SLOW, Skip, Tower, free_port, main, wait_for


def syslog_tower(allowed=("127.0.0.0/8",), rules="", alone=False):
    t = Tower(rules=rules)
    t.udp, t.tcp = free_port(socket.SOCK_DGRAM), free_port()
    nets = "".join("<allowed-ips>%s</allowed-ips>" % a for a in allowed)
    t.extra = "<global><logall_json>yes</logall_json></global>" + "".join(
        "<remote><connection>syslog</connection><protocol>%s</protocol><port>%d</port>"
        "<local_ip>127.0.0.1</local_ip>%s</remote>" % (p, port, nets)
        for p, port in (("udp", t.udp), ("tcp", t.tcp)))
    t.configure()
    if alone:
        t.start("ingest")
    else:
        t.start_all(agent=False)
    return t


def archived(t):
    return {a["full_log"]: a for a in t.archives()}


def wait_archived(t, words, seconds=20):
    """Every word stands in exactly one archived record."""
    have = lambda: [a["full_log"] for a in t.archives()]
    wait_for("%d words in the archive" % len(words),
             lambda: all(any(w in l for l in have()) for w in words), seconds)
    for w in words:
        n = sum(w in l for l in have())
        assert n == 1, "%s stands %d times" % (w, n)


def logger_in_every_framing():
    if not shutil.which("logger"):
        raise Skip("needs logger (package bsdutils)")
    t = syslog_tower()
    forms = [("udp3164", ["--udp", "--rfc3164", "-P", t.udp]),
             ("udp5424", ["--udp", "--rfc5424", "-P", t.udp]),
             ("tcp3164", ["--tcp", "--rfc3164", "-P", t.tcp]),
             ("tcp5424", ["--tcp", "--rfc5424", "-P", t.tcp]),
             ("octet3164", ["--tcp", "--rfc3164", "--octet-count", "-P", t.tcp]),
             ("octet5424", ["--tcp", "--rfc5424", "--octet-count", "-P", t.tcp])]
    try:
        for word, args in forms:
            subprocess.run(["logger", "-n", "127.0.0.1", "-t", "probe", "-p", "auth.info",
                            *[str(a) for a in args], "word-%s here" % word], check=True)
        wait_archived(t, ["word-" + w for w, _ in forms])
        for log, a in archived(t).items():
            assert not log.startswith("<") and a["program_name"] == "probe", a
            assert a["logfile"] == "127.0.0.1", a
    finally:
        t.close()


RSYSLOG = """
module(load="imuxsock" SysSock.Use="off" )
module(load="imfile" mode="polling" PollingInterval="1")
$WorkDirectory %(dir)s/rsyslog
input(type="imfile" File="%(dir)s/in.log" Tag="probe:" Severity="info")
template(name="w" type="string" string="<%%PRI%%>%%TIMESTAMP%% %%HOSTNAME%% %%syslogtag%% %(mark)s%%msg%%")
action(type="omfwd" Target="127.0.0.1" Port="%(port)d" Protocol="%(proto)s" %(framing)s template="%(template)s"
       queue.type="LinkedList" action.resumeRetryCount="-1")
"""


def rsyslogd_in_every_framing():
    daemon = shutil.which("rsyslogd") or "/usr/sbin/rsyslogd"
    if not os.path.exists(daemon):
        raise Skip("needs rsyslogd (package rsyslog)")
    t = syslog_tower()
    forms = [("udp", "", "RSYSLOG_TraditionalForwardFormat"),
             ("tcp", 'TCP_Framing="traditional"', "RSYSLOG_TraditionalForwardFormat"),
             ("tcp", 'TCP_Framing="octet-counted"', "RSYSLOG_TraditionalForwardFormat"),
             ("tcp", 'TCP_Framing="octet-counted"', "RSYSLOG_SyslogProtocol23Format"),
             ("tcp", 'TCP_Framing="traditional"', "RSYSLOG_ForwardFormat")]
    try:
        for i, (proto, framing, template) in enumerate(forms):
            one_rsyslogd(t, daemon, i, proto, framing, template)
        for a in t.archives():
            assert a["program_name"] == "probe", a
    finally:
        t.close()


def one_rsyslogd(t, daemon, i, proto, framing, template):
    where = t.path("rsyslog-%d" % i)
    os.makedirs(where + "/rsyslog")
    words = ["form%d-line%d." % (i, k) for k in range(200)]
    with open(where + "/in.log", "w") as f:
        f.write("".join("%s of a long enough line\n" % w for w in words))
    conf = where + "/rsyslog.conf"
    with open(conf, "w") as f:
        f.write(RSYSLOG % dict(dir=where, mark="", proto=proto, framing=framing, template=template,
                               port=t.udp if proto == "udp" else t.tcp))
    p = subprocess.Popen([daemon, "-n", "-f", conf, "-i", where + "/pid"],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_archived(t, words, 30)
    finally:
        p.terminate()
        p.wait(10 * SLOW)


def many_senders_at_once():
    t = syslog_tower()
    try:
        conns = [socket.create_connection(("127.0.0.1", t.tcp)) for _ in range(300)]
        for part in (0, 1):             # every line arrives in two halves, from all in turn
            for i, c in enumerate(conns):
                line = b"<38>Nov 23 10:00:00 h probe: sender-%03d-says something\n" % i
                c.sendall(line[:20] if part == 0 else line[20:])
        wait_archived(t, ["sender-%03d-says" % i for i in range(300)])
        for c in conns:
            c.close()
    finally:
        t.close()


def short_lines_of_many_are_not_dropped():
    """Two bytes on the wire are many more in memory; who can wait on tcp is made to wait."""
    t = syslog_tower(alone=True)
    try:
        conns = [socket.create_connection(("127.0.0.1", t.tcp)) for _ in range(48)]
        os.kill(t.procs["ingest"].pid, signal.SIGSTOP)
        for c in conns:                 # all of it waits in the kernel, and comes in one turn
            c.sendall(b"a\n" * 30000)
        os.kill(t.procs["ingest"].pid, signal.SIGCONT)

        def counts():
            s = t.status("ingest")
            return s and s["syslog"] + s["syslog_dropped"] >= 48 * 30000 and s

        s = wait_for("every line to be counted", counts)
        assert s["syslog_dropped"] == 0, s
        for c in conns:
            c.close()
    finally:
        t.close()


def strangers_are_refused():
    t = syslog_tower(allowed=("192.0.2.0/24",))
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for i in range(10):
                s.sendto(b"<38>probe: not allowed", ("127.0.0.1", t.udp))
        try:
            c = socket.create_connection(("127.0.0.1", t.tcp))
            c.sendall(b"<38>probe: not allowed\n")
            c.settimeout(5)
            assert c.recv(1) == b"", "the connection stays open"
        except (ConnectionResetError, BrokenPipeError):
            pass
        wait_for("a count of refusals", lambda: t.status("ingest")["refused"] >= 10)
        assert t.status("ingest")["in"] == 0 and t.archives() == []
    finally:
        t.close()


def odd_bytes_are_kept():
    t = syslog_tower()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"<38>Nov 23 10:00:00 h probe: nul \0 tab \t bell \7 bad \xff utf8 \xc3\xa4 end", ("127.0.0.1", t.udp))
        wait_for("the record", lambda: len(t.archives()) == 1)
        log = t.archives()[0]["full_log"]
        assert log.endswith("nul \0 tab \t bell \7 bad \xff utf8 \xe4 end"), repr(log)
        raw = open(t.path("var/log/yagura/archives/archives.json"), "rb").read()
        assert all(32 <= b < 127 or b >= 128 or b == 10 for b in raw), "unescaped control bytes"
    finally:
        t.close()


main(logger_in_every_framing, rsyslogd_in_every_framing, many_senders_at_once,
     short_lines_of_many_are_not_dropped, strangers_are_refused, odd_bytes_are_kept)
