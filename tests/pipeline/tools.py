#!/usr/bin/python3
"""What people type: agents and their keys, status, alerts, check, logtest, as real processes."""
import base64
import json
import os
import pty
import select
import signal
import subprocess
import tempfile
import time

from probe import LINE, expect, probe_tower, write
from tower import BIN, DATA, ROOT, SLOW, Skip, Tower, environment, main, wait_for

CONF = os.path.join(ROOT, "deploy", "ossec.conf")
YAGURA = os.path.join(BIN, "yagura")


def fails(t, *args, words=(), code=1, stdin=None):
    r = t.tool(*args, stdin=stdin, check=False)
    assert r.returncode == code, (args, r)
    for w in words:
        assert w in r.stderr, (args, w, r.stderr)
    assert len(r.stderr.strip().splitlines()) == 1 or code == 2, (args, r.stderr)
    return r


class Typed:
    """A program on a terminal of its own; its standard input may be something else."""

    def __init__(self, *argv, stdin=None):
        source = None
        if stdin is not None:
            source = tempfile.TemporaryFile()
            source.write(stdin.encode())
            source.seek(0)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            if source is not None:
                os.dup2(source.fileno(), 0)
            os.execve(argv[0], argv, environment())
        if source is not None:
            source.close()
        self.text = b""

    def read(self, seconds):
        """False: nothing came, or it is over."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            got = os.read(self.fd, 4096)
        except OSError:                 # the other side is closed
            got = b""
        self.text += got
        return bool(got)

    def await_text(self, words):
        end = time.monotonic() + 20 * SLOW
        while words not in self.text:
            assert time.monotonic() < end and self.read(20 * SLOW), (words, self.text)

    def type(self, text):
        os.write(self.fd, text)

    def end(self):
        while self.read(20 * SLOW):
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


# -- agents ------------------------------------------------------------------------------------

def listed(t):
    return [(a["id"], a["name"], a["address"]) for a in json.loads(t.tool("agents", "list", "--json").stdout)]


def agents_are_added_listed_and_removed():
    t = Tower()
    try:
        assert t.tool("agents", "list").stdout == "" and listed(t) == []
        assert t.tool("agents", "add", "web1").stdout == "added 001 web1 (any)\n"
        t.tool("agents", "add", "web2", "--address", "192.0.2.0/24", "--id", "7")
        t.tool("agents", "add", "web3", "-a", "2001:db8::/32")
        assert listed(t) == [(1, "web1", "any"), (7, "web2", "192.0.2.0/24"), (8, "web3", "2001:db8::/32")], listed(t)
        lines = t.tool("agents", "list").stdout.splitlines()
        assert len(lines) == 4 and lines[0].split()[:3] == ["ID", "NAME", "ADDRESS"], lines
        assert lines[1].split()[:3] == ["001", "web1", "any"], lines
        fails(t, "agents", "add", "web1", words=["web1", "already"])
        fails(t, "agents", "add", "web9", "--id", "7", words=["already"])
        for name in ("", "a", "-", "a b", "../x", "..", "a\nb", "ä", "x" * 129, "a;b"):
            fails(t, "agents", "add", "--", name, words=["not added"] if len(name) <= 128 else ["too long"])
        for cidr in ("192.0.2.0/33", "192.0.2.256", "192.0.2", "host.example", "", "any any", "2001:db8::/129", "/8"):
            fails(t, "agents", "add", "web9", "--address", cidr, words=["not added"])
        for n in ("0", "-1", "x", "", "1x", "99999999999999999999"):
            fails(t, "agents", "add", "web9", "--id", n, words=["--id"])
        assert t.tool("agents", "remove", "web1").stdout == "removed 001 web1\n"
        t.tool("agents", "remove", "7")
        fails(t, "agents", "remove", "web1", words=["there is no agent", "web1"])
        fails(t, "agents", "extract", "no\x1bsuch", words=["there is no agent"])
        assert [a[1] for a in listed(t)] == ["web3"]
        for args in ((), ("add",), ("extract",), ("list", "x"), ("fly",), ("--no-such-option", "list")):
            fails(t, "agents", *args, code=2)
    finally:
        t.close()


def a_key_is_given_to_nobody_else():
    t = Tower()
    try:
        t.tool("agents", "add", "web1")
        line = t.tool("agents", "extract", "web1").stdout
        t.start("ingest")               # with the key that extract has made
        assert line.count("\n") == 1 and line == t.tool("agents", "extract", "001").stdout
        assert b"web1" in base64.b64decode(line)
        for name in os.listdir(t.path("var/lib/yagura")):
            mode = os.stat(t.path("var/lib/yagura", name)).st_mode
            assert mode & 0o007 == 0, (name, oct(mode))
        for where, _, files in os.walk(t.path("var/lib/yagura")):
            for f in files:
                mode = os.stat(os.path.join(where, f)).st_mode
                assert mode & 0o077 == 0, (where, f, oct(mode))
    finally:
        t.close()


# -- import ------------------------------------------------------------------------------------

def key_line(t, name="web1"):
    t.tool("agents", "add", name)
    return t.tool("agents", "extract", name).stdout


def key_path(t):
    return t.path("var/lib/yagura/agent.key")


def key_of(t):
    with open(key_path(t)) as f:
        return f.read()


def a_key_line_is_imported_however_it_comes():
    t = Tower()
    try:
        t.start("ingest")
        line = key_line(t).strip()
        with open(t.path("line"), "w") as f:
            f.write(line + "\n")
        third = len(line) // 3
        torn = "  %s\r\n %s\n\t%s \n\n" % (line[:third], line[third:2 * third], line[2 * third:])
        want = None
        for args, stdin in (((line,), None), (("-",), line), ((), line + "\n"), (("--file", t.path("line")), None),
                            (("-",), torn), ((torn,), None)):
            r = t.tool("import", "--yes", *args, stdin=stdin)
            assert "web1" in r.stdout and line not in r.stdout + r.stderr, r
            assert os.stat(key_path(t)).st_mode & 0o7777 == 0o600
            want = want or key_of(t)
            assert key_of(t) == want and "name web1\n" in want, args
            os.unlink(key_path(t))
    finally:
        t.close()


def a_damaged_key_line_is_refused():
    t = Tower()
    try:
        t.start("ingest")
        line = key_line(t).strip()
        middle = len(line) // 2
        other = "A" if line[middle] != "A" else "B"
        for bad in ("", " ", "hello", "no base64 !", line[:-8], line[8:], line[:middle] + other + line[middle + 1:],
                    line + line, "A" * 100000, "\0" * 10, line[:middle] + "\0" + line[middle:]):
            r = fails(t, "import", "--yes", "-", stdin=bad)
            assert r.stderr.startswith("import: ") and len(r.stderr) > 20 and line not in r.stderr, r.stderr
            assert not os.path.exists(key_path(t)), bad
        fails(t, "import", "--yes", "--file", t.path("none"), words=["No such file"])
        fails(t, "import", "a", "b", code=2)
        fails(t, "import", "--file", t.path("none"), "x", code=2)
        t.tool("import", "--yes", "-", stdin=line)
        good = key_of(t)
        fails(t, "import", "--yes", "-", stdin=line[:-8])
        assert key_of(t) == good
    finally:
        t.close()


def import_asks_before_it_replaces():
    t = Tower()
    program = os.path.join(BIN, "yagura-import")
    try:
        t.start("ingest")
        first, second = key_line(t, "web1").strip(), key_line(t, "web2").strip()
        for answer, code, name in ((b"n\n", 1, None), (b"\n", 1, None), (b"y\n", 0, "web1")):
            p = Typed(program, "--prefix", t.dir, "-", stdin=first)
            p.await_text(b"[y/N] ")
            assert b"Name:     web1" in p.text and b"already" not in p.text, p.text
            p.type(answer)
            assert p.end() == code, p.text
            assert os.path.exists(key_path(t)) == (name is not None)
        for answer, name in ((b"no\n", "web1"), (b"yes\n", "web2")):
            p = Typed(program, "--prefix", t.dir, stdin=second)
            p.await_text(b"[y/N] ")
            assert b"Name:     web2" in p.text and b"already" in p.text, p.text
            p.type(answer)
            p.end()
            assert "name %s\n" % name in key_of(t)
        p = Typed(program, "--prefix", t.dir)           # nothing given: asked for on the terminal
        p.await_text(b"Paste the key line: ")
        p.type(first.encode() + b"\n")
        p.await_text(b"[y/N] ")
        p.type(b"y\n")
        assert p.end() == 0 and "name web1\n" in key_of(t), p.text
        r = subprocess.run(["setsid", "-w", program, "--prefix", t.dir, "-"], input=second, text=True,
                           capture_output=True, env=environment())          # nobody to ask
        assert r.returncode == 1 and "--yes" in r.stderr and "name web1\n" in key_of(t), r
    finally:
        t.close()


def keys_that_others_can_read_are_refused():
    t = Tower()
    try:
        t.start("ingest")
        t.enrol("web1")
        t.stop("ingest")
        for stage, name in (("ingest", "manager.key"), ("agent", "agent.key")):
            path = t.path("var/lib/yagura", name)
            for mode in (0o640, 0o604):
                os.chmod(path, mode)
                r = subprocess.run([os.path.join(BIN, "yagura-" + stage), "--prefix", t.dir], text=True,
                                   capture_output=True, timeout=30 * SLOW, env=environment())
                assert r.returncode == 1 and name in r.stderr and "chmod 600" in r.stderr, r
            if stage == "ingest":
                fails(t, "agents", "extract", "web1", words=["can read"])
            os.chmod(path, 0o600)
        t.start("ingest")
        t.start("agent")
    finally:
        t.close()


# -- agents that speak -------------------------------------------------------------------------

def second_host(t):
    """Another host's files, for the same manager."""
    b = Tower(rules=t.rules, localfiles=t.localfiles.replace(t.dir + "/probe.log", "%s"))
    b.localfiles = b.localfiles % b.path("probe.log")
    b.port = t.port
    b.configure()
    return b


def give_key(t, b, name, address):
    t.tool("agents", "add", name, "--address", address)
    b.tool("import", "--yes", "-", stdin=t.tool("agents", "extract", name).stdout)


def two_agents_of_one_manager_both_deliver():
    t = probe_tower()
    b = second_host(t)
    try:
        t.start_all(agent=False)
        give_key(t, t, "web1", "127.0.0.1")
        give_key(t, b, "web2", "127.0.0.0/8")
        t.start("agent")
        b.start("agent")
        write(t, 0, 500)
        write(b, 500, 500)
        alerts = t.wait_alerts(1000)
        said = {(a["agent_name"], int(a["full_log"].rsplit(" ", 1)[1])) for a in alerts}
        assert len(alerts) == 1000 and said == {("web%d" % (1 + i // 500), i) for i in range(1000)}
    finally:
        b.close()
        t.close()


def an_agent_outside_its_network_is_refused_and_counted():
    t = probe_tower()
    b = second_host(t)
    try:
        t.start_all(agent=False)
        give_key(t, t, "web1", "192.0.2.1")
        give_key(t, b, "web2", "127.0.0.1")
        t.start("agent")
        b.start("agent")
        write(t, 0, 10)
        write(b, 0, 10)
        wait_for("a refusal", lambda: t.status("ingest")["wrong_address"] > 0)
        expect(t, 10)
        assert {a["agent_name"] for a in t.alerts()} == {"web2"}
        assert t.status("ingest")["in"] == 10
    finally:
        b.close()
        t.close()


def an_agent_removed_while_it_speaks_is_heard_no_more():
    t = probe_tower()
    try:
        t.start_all(agent=False)
        give_key(t, t, "web1", "127.0.0.1")
        t.start("agent")
        write(t, 0, 10)
        expect(t, 10)
        t.tool("agents", "remove", "web1")
        wait_for("ingest to know", lambda: t.status("ingest")["agents"] == 0)
        write(t, 10, 10)
        wait_for("a refusal", lambda: t.status("ingest")["revoked"] + t.status("ingest")["unknown_key"] > 0)
        expect(t, 10)
        for name in t.procs:
            t.alive(name)
        give_key(t, t, "web1", "127.0.0.1")         # a new key, the same name: what waited arrives
        t.stop("agent")
        t.start("agent")
        expect(t, 20)
    finally:
        t.close()


# -- status ------------------------------------------------------------------------------------

def status_tells_who_runs_and_who_is_silent():
    t = probe_tower()
    names = ["agent", "alertd", "correlate", "decode-1", "ingest"]
    try:
        fails(t, "status", words=["no stage runs"])
        t.enrol()
        t.start_all()
        write(t, 0, 5)
        expect(t, 5)
        lines = t.tool("status").stdout.splitlines()
        assert [l.split()[1] for l in lines[1:]] == names, lines
        assert int(lines[5].split()[2]) == t.procs["ingest"].pid, lines
        rows = [json.loads(l) for l in t.tool("status", "--json").stdout.splitlines()]
        assert [r["name"] for r in rows] == names and all(r["answered"] for r in rows)
        assert rows[4]["values"]["in"] == 5 and rows[4]["stage"] == "ingest", rows[4]
        assert "commits" in t.tool("status", "-v").stdout
        t.procs["correlate"].send_signal(signal.SIGSTOP)
        began = time.monotonic()
        r = t.tool("status", check=False)
        took = time.monotonic() - began
        assert r.returncode == 1 and took < 2 * SLOW, (r, took)
        silent = [l for l in r.stdout.splitlines() if "does not answer" in l]
        assert len(silent) == 1 and "correlate" in silent[0] and r.stdout.count("\n") == 6, r.stdout
        rows = [json.loads(l) for l in t.tool("status", "--json", check=False).stdout.splitlines()]
        assert [r["name"] for r in rows if not r["answered"]] == ["correlate"], rows
        t.procs["correlate"].send_signal(signal.SIGCONT)
        wait_for("all to answer", lambda: t.tool("status", check=False).returncode == 0)
        for name in names:
            t.stop(name)
        fails(t, "status", words=["no stage runs"])
        fails(t, "status", "surplus", code=2)
    finally:
        if "correlate" in t.procs:
            t.procs["correlate"].send_signal(signal.SIGCONT)
        t.close()


# -- alerts ------------------------------------------------------------------------------------

def tail_sees_alerts_live_and_fills_gaps():
    t = probe_tower()
    tail = None
    try:
        t.enrol()
        t.start_all()
        write(t, 0, 1)
        expect(t, 1)
        out = t.path("tail.out")
        with open(out, "wb") as f:
            tail = subprocess.Popen([os.path.join(BIN, "yagura-alerts"), "--prefix", t.dir, "tail", "--json",
                                     "--from", "1"], stdout=f, stderr=f, env=environment())

        def got():
            with open(out) as f:        # the last line may be half written
                lines = [l for l in f.read().split("\n")[:-1] if l.startswith("{")]
            return [int(json.loads(l)["full_log"].rsplit(" ", 1)[1]) for l in lines]

        wait_for("the past", lambda: got() == [0])
        write(t, 1, 5)
        wait_for("the present", lambda: got() == list(range(6)))
        t.stop("alertd")
        write(t, 6, 300)
        t.start("alertd")
        expect(t, 306)
        wait_for("the gap to be filled", lambda: len(got()) >= 306)
        tail.send_signal(signal.SIGSTOP)        # so slow a reader that it loses some
        write(t, 306, 300)
        expect(t, 606)
        t.kill("alertd")
        t.start("alertd")
        tail.send_signal(signal.SIGCONT)
        write(t, 606, 1)
        wait_for("all of it", lambda: len(got()) >= 607)
        assert got() == list(range(607)) and tail.poll() is None
        r = t.tool("alerts", "replay", "--from", "5", "--count", "2", "--json")
        assert [json.loads(l)["full_log"] for l in r.stdout.splitlines()] == [(LINE % n).strip() for n in (4, 5)]
        assert t.tool("alerts", "replay", "--from", "1", "--level", "6").stdout == ""
        fails(t, "alerts", "replay", "--from", "x", words=["not a number"])
        fails(t, "alerts", "fly", code=2)
        fails(t, "alerts", code=2)
    finally:
        if tail is not None:
            tail.kill()
            tail.wait()
        t.close()


# -- check -------------------------------------------------------------------------------------

CHECKED = """<ossec_config>
<global><email_to>root@example.org</email_to><jsonout_output>yes</jsonout_output></global>
<database_output><hostname>192.0.2.9</hostname></database_output>
<wodle name="x"><disabled>no</disabled></wodle>
<rules><decoder>d.xml</decoder><include>r.xml</include></rules>
</ossec_config>
"""


def check_tells_good_from_bad():
    t = probe_tower()
    conf = t.path("c.conf")
    try:
        with open(conf, "w") as f:
            f.write(CHECKED.replace('<wodle name="x"><disabled>no</disabled></wodle>', ""))
        r = t.tool("check", "-c", conf)
        assert r.stdout.endswith("2 files, 2 rules, 2 decoders: no errors\n") and r.stderr == "", r
        assert "not acted on" in r.stdout and "c.conf:2: <global/email_to>" in r.stdout, r.stdout
        assert "c.conf:3: <database_output>" in r.stdout, r.stdout
        bad = {"a value": ("<jsonout_output>yes", "<jsonout_output>maybe", 2),
               "a name": ("<jsonout_output>yes</jsonout_output>", "<jsonout>yes</jsonout>", 2),
               "a tag left open": ("</rules>", "", 6),
               "a file that is not there": ("r.xml", "none.xml", 5)}
        for story, (old, new, line) in bad.items():
            with open(conf, "w") as f:
                f.write(CHECKED.replace('<wodle name="x"><disabled>no</disabled></wodle>', "").replace(old, new))
            r = t.tool("check", "-c", conf, check=False)
            assert r.returncode == 1 and "%s:%d: " % (conf, line) in r.stdout, (story, r)
            assert r.stdout.splitlines()[-1].count("error") == 1, (story, r)
        r = t.tool("check", "-c", t.path("none.conf"), check=False)
        assert r.returncode == 1 and "none.conf" in r.stdout + r.stderr, r
        with open(conf, "wb") as f:
            f.write(os.urandom(4096))
        assert t.tool("check", "-c", conf, check=False).returncode == 1
        fails(t, "check", "surplus", code=2)
    finally:
        t.close()


def check_loads_the_stock_rules():
    conf = os.path.join(DATA, "ossec-4.3", "ossec.conf")
    if not os.path.exists(conf):
        raise Skip("the data sets are not beside this checkout")
    r = subprocess.run([YAGURA, "check", "-c", conf], capture_output=True, text=True, env=environment())
    assert r.returncode == 0 and r.stdout.splitlines()[-1].startswith("87 files, "), r
    assert "no errors, 1 warning" in r.stdout and "decoder.xml:2761: warning: text outside" in r.stdout, r


def check_prints_the_manual_of_the_options():
    r = subprocess.run([YAGURA, "check", "--options"], capture_output=True, text=True, env=environment())
    assert r.returncode == 0 and r.stderr == ""
    sections = {l.split(">")[0] + ">" for l in r.stdout.splitlines() if l.startswith("<")}
    for stage in ("ingest", "decode", "correlate", "alertd", "agent"):
        h = subprocess.run([YAGURA, stage, "--help"], capture_output=True, text=True, env=environment())
        assert h.returncode == 0 and "<%s>" % stage in h.stdout and "yagura check --options" in h.stdout, h
        assert "<%s>" % stage in sections, (stage, sections)
    for word in ("state_size", "listen", "log_alert_level", "default"):
        assert word in r.stdout, word


# -- logtest -----------------------------------------------------------------------------------

SSHD = "Nov 23 10:00:01 web1 sshd[1]: Failed password for invalid user x from 192.0.2.7 port %d ssh2\n"


def logtest(*args, stdin=b""):
    return subprocess.run([YAGURA, "logtest", "-c", CONF, *args], input=stdin, capture_output=True,
                          timeout=120 * SLOW, env=environment())


def logtest_says_what_ossec_logtest_says():
    line = (SSHD % 22).encode()
    r = logtest(stdin=line)
    for words in (b"ossec-testrule: INFO: Reading local decoder file.", b"ossec-testrule: INFO: Started (pid: ",
                  b"ossec-testrule: Type one log per line.\n", b"**Phase 1: Completed pre-decoding.\n",
                  b"       full event: '" + line.strip() + b"'\n", b"       hostname: 'web1'\n",
                  b"       program_name: 'sshd'\n", b"**Phase 2: Completed decoding.\n",
                  b"       srcip: '192.0.2.7'\n", b"       decoder: 'sshd'\n",
                  b"**Phase 3: Completed filtering (rules).\n", b"       Rule id: '57", b"**Alert to be generated.\n"):
        assert words in r.stderr, (words, r.stderr.decode())
    assert r.returncode == 0 and r.stdout == b""
    quiet = logtest("-q", stdin=line)
    assert b"Reading local decoder" not in quiet.stderr and b"**Phase 3" in quiet.stderr
    loud = logtest("-v", stdin=line)
    assert b"**Rule debugging:\n" in loud.stderr and b"    Trying rule: 1 - " in loud.stderr, loud.stderr.decode()
    assert b"*Rule 57" in loud.stderr
    assert b"Phase" not in logtest("-a", stdin=line).stderr
    only = logtest("-t")
    assert only.returncode == 0 and b"Phase" not in only.stderr
    for bad in (("-U", "x"), ("--now", "yesterday"), ("--no-such-option",), ("a line",)):
        assert logtest(*bad).returncode == 2, bad


def logtest_answers_each_line_as_it_comes():
    """Typed on a terminal, and on a pipe: the verdict is there before the next line is written."""
    p = Typed(YAGURA, "logtest", "-q", "-c", CONF)
    p.await_text(b"Type one log per line.")
    for i in range(3):
        p.text = b""
        p.type((SSHD % i).encode())
        p.await_text(b"**Alert to be generated.")
        assert p.text.count(b"**Phase 1") == 1 and b"srcport: '%d'" % i in p.text, p.text
    p.type(b"\x04")
    assert p.end() == 0


def logtest_streams_ten_thousand_lines():
    text = "".join(SSHD % i for i in range(10000)).encode()
    r = logtest("--json", stdin=text)
    ports = [json.loads(l)["fields"]["srcport"] for l in r.stdout.splitlines()]
    assert r.returncode == 0 and ports == [str(i) for i in range(10000)], (r.returncode, len(ports))
    r = logtest("-q", stdin=text)
    assert r.stderr.count(b"**Phase 1") == 10000 and r.stderr.count(b"**Phase 3") == 10000


def the_command_says_how_it_is_used():
    r = subprocess.run([YAGURA, "--help"], capture_output=True, text=True, env=environment())
    assert r.returncode == 0 and r.stdout.startswith("usage: yagura COMMAND") and r.stderr == ""
    r = subprocess.run([YAGURA, "--version"], capture_output=True, text=True, env=environment())
    assert r.returncode == 0 and r.stdout.startswith("yagura "), r
    for args in ((), ("fly",), ("",), ("\x1b[2J",), ("agents/../sh",), ("--fly",)):
        r = subprocess.run([YAGURA, *args], capture_output=True, env=environment())
        assert r.returncode == 2 and b"usage: " in r.stderr and b"\x1b" not in r.stderr and r.stdout == b"", (args, r)


main(agents_are_added_listed_and_removed, a_key_is_given_to_nobody_else, a_key_line_is_imported_however_it_comes,
     a_damaged_key_line_is_refused, import_asks_before_it_replaces, keys_that_others_can_read_are_refused,
     two_agents_of_one_manager_both_deliver, an_agent_outside_its_network_is_refused_and_counted,
     an_agent_removed_while_it_speaks_is_heard_no_more, status_tells_who_runs_and_who_is_silent,
     tail_sees_alerts_live_and_fills_gaps, check_tells_good_from_bad, check_loads_the_stock_rules,
     check_prints_the_manual_of_the_options, logtest_says_what_ossec_logtest_says,
     logtest_answers_each_line_as_it_comes, logtest_streams_ten_thousand_lines, the_command_says_how_it_is_used)
