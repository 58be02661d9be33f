#!/usr/bin/python3
"""The systemd journal, written by a real systemd-journald and read by the agent: each entry once.

Everything runs in a mount namespace with its own /run and /var/log/journal, so that neither this
host's journal is read nor anything of it changed.
"""
import os
import re
import signal
import socket
import struct
import subprocess
import sys

from resident import agent_is_small
from tower import Skip, Tower, main, wait_for

JOURNALD = "/lib/systemd/systemd-journald"
INSIDE = "YAGURA_TEST_NAMESPACE"
RUN = "/run/systemd/journal/"
CONF = "[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=\nForwardToWall=no\nForwardToConsole=no\n" \
       "RateLimitIntervalSec=0\n"
HEAD = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+02:00 %s " % re.escape(os.uname().nodename)
KEEP_ALL = "<global><logall_json>yes</logall_json></global>"


def why_not():
    if not os.path.exists(JOURNALD):
        return "systemd-journald is not installed"
    if not os.path.exists("/etc/machine-id"):
        return "this host has no machine-id"
    if subprocess.run([*unshare(), "mount", "-t", "tmpfs", "none", "/run"], capture_output=True).returncode != 0:
        return "no right to make a mount namespace"
    return None


def unshare():
    return ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])


def make_room():
    """Hide this host's journal from everything that is started from here on."""
    for place in ("/run", "/var/log/journal"):
        if os.path.isdir(place):
            subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
    os.makedirs(RUN)
    os.makedirs("/run/log/journal")
    os.makedirs("/run/systemd/journald.conf.d")
    with open("/run/systemd/journald.conf.d/test.conf", "w") as f:
        f.write(CONF)


class Journal(Tower):
    """A tower whose agent reads the journal, and the journald that writes it."""

    def __init__(self, *locations):
        super().__init__(extra=KEEP_ALL, localfiles="".join(
            "<localfile><location>%s</location><log_format>journald</log_format></localfile>" % l
            for l in locations))
        self.enrol()
        for stale in (RUN + "socket", RUN + "stdout", RUN + "dev-log"):
            if os.path.exists(stale):
                os.unlink(stale)
        self.journald = subprocess.Popen([JOURNALD], stderr=subprocess.DEVNULL)
        self.say("before anybody looks")
        self.start_all(agent=False)
        self.watch()

    def watch(self):
        self.start("agent", "agent", wrapper=("env", "TZ=XXX-2"))

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()
        self.journald.terminate()
        self.journald.wait()

    def say(self, text, ident="probe"):
        """As programs do: structured, to journald's own socket."""
        data = text.encode()
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        wait_for("journald", lambda: os.path.exists(RUN + "socket"))
        wait_for("journald to listen", lambda: s.connect_ex(RUN + "socket") == 0)
        s.send(b"SYSLOG_IDENTIFIER=%s\nMESSAGE\n%s%s\n" % (ident.encode(), struct.pack("<Q", len(data)), data))
        s.close()

    def records(self):
        return [a["full_log"] for a in self.archives() if a["logfile"] == "journald"]

    def expect(self, want):
        """want: what stands behind the time and the host, in order.  journald's own words are left out."""
        def got():
            return [r for r in self.records() if not re.match(HEAD + "systemd", r)]
        wait_for("%d entries" % len(want), lambda: len(got()) >= len(want), 30)
        bad = [r for r in got() if not re.match(HEAD, r)]
        assert not bad, bad[:3]
        have = [re.sub(HEAD, "", r) for r in got()]
        at = next((i for i, (a, b) in enumerate(zip(have, want)) if a != b), len(want))
        assert have == want, "%d entries; from number %d on %r, want %r" % (
            len(have), at, have[at:at + 5], want[at:at + 5])


def each_entry_arrives_once_in_ossec_s_form():
    with Journal("all") as j:
        j.say("structured")
        subprocess.run(["systemd-cat", "-t", "cat"], input=b"by its output\n", check=True)
        j.expect(["probe: structured", "cat: by its output"])
        subprocess.run(["logger", "--socket", RUN + "dev-log", "-t", "old", "by syslog"], check=True)
        j.say("two\nlines\tand a tab")
        j.expect(["probe: structured", "cat: by its output", "old: by syslog",
                  "probe: two\nlines\tand a tab"])


def the_place_is_kept_over_restarts():
    with Journal("") as j:
        want = []
        for turn, sig in enumerate((signal.SIGTERM, signal.SIGKILL, signal.SIGKILL)):
            for i in range(300):
                j.say("turn %d, entry %d" % (turn, i))
                if i == 200:
                    j.stop("agent", sig)
                if i == 100:
                    j.journald.send_signal(signal.SIGUSR2)      # it begins a new file
            want += ["probe: turn %d, entry %d" % (turn, i) for i in range(300)]
            j.watch()
            j.expect(want)


def a_location_chooses_identifiers():
    with Journal("sshd", "su") as j:
        for ident in ("sshd", "cron", "su", "sudo", "sshd"):
            j.say("of " + ident, ident)
        j.expect(["sshd: of sshd", "su: of su", "sshd: of sshd"])


def it_stays_small():
    with Journal("all") as j:
        for i in range(5000):
            j.say("entry %d with some more words in it, as many have" % i)
        j.expect(["probe: entry %d with some more words in it, as many have" % i for i in range(5000)])
        agent_is_small(j)


def skipped():
    raise Skip(REASON)


if INSIDE in os.environ:
    make_room()
    main(each_entry_arrives_once_in_ossec_s_form, the_place_is_kept_over_restarts,
         a_location_chooses_identifiers, it_stays_small)
REASON = why_not()
if REASON:
    main(skipped)
os.environ[INSIDE] = "1"
os.execvp("unshare", [*unshare(), "/usr/bin/python3", os.path.abspath(__file__), *sys.argv[1:]])
