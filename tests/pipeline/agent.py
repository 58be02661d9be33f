#!/usr/bin/python3
"""The agent's senses, with real files and commands: each record arrives once, as it was written.

The evidence is archives.json, where every event of the tower stands with its source.
"""
import os
import subprocess
import time

from resident import agent_is_small
from tower import Skip, Tower, main, wait_for

KEEP_ALL = "<global><logall_json>yes</logall_json></global>"
LINE = "Nov 23 10:00:00 host probe[7]: number %d"
RECORD_MAX = 64 << 10


def localfile(location, log_format="syslog", more=""):
    return ("<localfile><location>%s</location><log_format>%s</log_format>"
            "<only-future-events>no</only-future-events>%s</localfile>\n" % (location, log_format, more))


def command(text, log_format, alias, frequency=3600):
    return ("<localfile><log_format>%s</log_format><command>%s</command><alias>%s</alias>"
            "<frequency>%d</frequency></localfile>\n" % (log_format, text, alias, frequency))


class Watched(Tower):
    """A tower whose agent watches what is in the directory `logs`; {} in a location stands for it."""

    def __init__(self, *localfiles, extra=""):
        super().__init__(extra=KEEP_ALL + extra)
        os.makedirs(self.path("logs"))
        self.localfiles = "".join(localfiles).replace("{}", self.path("logs"))
        self.configure()
        self.enrol()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()

    def log(self, name="a.log"):
        return self.path("logs", name)

    def write(self, data, name="a.log"):
        with open(self.log(name), "ab") as f:
            f.write(data if isinstance(data, bytes) else data.encode())

    def numbers(self, first, n, name="a.log"):
        self.write("".join(LINE % i + "\n" for i in range(first, first + n)), name)

    def records(self, name=None):
        """What was archived of one file, or of all sources."""
        return [a["full_log"] for a in self.archives() if not name or a["logfile"] == self.log(name)]

    def expect(self, want, name="a.log", seconds=20.0):
        got = []

        def all_there():
            got[:] = self.records(name)
            return len(got) >= len(want)
        try:
            wait_for("%d records of %s" % (len(want), name), all_there, seconds)
        except AssertionError as e:
            raise AssertionError("%s; got %d: %r" % (e, len(got), [g[:80] for g in got[:20]]))
        assert got == want, "want %r\n got %r" % ([w[:80] for w in want[:20]], [g[:80] for g in got[:20]])

    def expect_numbers(self, n, seconds=30.0):
        """0 to n - 1, each once, whatever the file is called now."""
        got = []

        def all_there():
            got[:] = [int(r.rsplit(" ", 1)[1]) for r in self.records()]
            return len(got) >= n
        try:
            wait_for("%d numbers" % n, all_there, seconds)
        except AssertionError as e:
            missing = sorted(set(range(n)) - set(got))
            raise AssertionError("%s; got %d, missing %s" % (e, len(got), missing[:20]))
        twice = sorted({i for i in got if got.count(i) > 1}) if len(got) != len(set(got)) else []
        assert sorted(got) == list(range(n)), "%d numbers; twice: %s" % (len(got), twice[:20])


def renamed_files_are_read_to_their_end():
    with Watched(localfile("{}/a.log")) as t:
        t.start_all()
        n = 0
        for turn in range(3):
            old = open(t.log(), "ab", buffering=0)
            old.write(b"%s\n" % (LINE % n).encode())
            t.expect_numbers(n + 1)
            old.write(b"".join(b"%s\n" % (LINE % i).encode() for i in range(n + 1, n + 50)))
            os.rename(t.log(), t.log("a.log.%d" % turn))
            old.write(b"%s\n" % (LINE % (n + 50)).encode())
            t.numbers(n + 51, 50)                       # the successor
            old.write(b"%s\n" % (LINE % (n + 101)).encode())
            n += 102
            t.expect_numbers(n)
            old.write(b"%s\n" % (LINE % n).encode())    # when its successor was read already
            old.close()
            n += 1
            t.expect_numbers(n)


def copied_and_truncated_files_begin_anew():
    with Watched(localfile("{}/a.log")) as t:
        t.start_all()
        t.numbers(0, 100)
        t.expect_numbers(100)
        os.truncate(t.log(), 0)
        t.numbers(100, 10)                      # shorter than it was
        t.expect_numbers(110)
        t.stop("agent")
        os.truncate(t.log(), 0)
        t.numbers(110, 300)                     # longer than it was, while nobody looked
        t.start("agent")
        t.expect_numbers(410)


def new_files_are_found_while_it_runs():
    today = time.strftime("%Y-%m-%d", time.gmtime())
    with Watched(localfile("{}/*.log"), localfile("{}/%Y-%m-%d.day"), localfile("{}/new/[ab]?.txt"),
                 localfile("{}/later.one")) as t:
        t.write("first\n", "one.log")
        t.start_all()
        t.expect(["first"], "one.log")
        t.write("second\n", "two.log")
        t.write("of today\n", today + ".day")
        t.write("not of today\n", "1999-01-01.day")
        t.write("named\n", "later.one")
        os.makedirs(t.log("new"))
        t.write("deep\n", "new/a1.txt")
        t.write("no match\n", "new/c1.txt")
        t.expect(["second"], "two.log")
        t.expect(["of today"], today + ".day")
        t.expect(["named"], "later.one")
        t.expect(["deep"], "new/a1.txt")
        assert sorted(t.records()) == sorted(["first", "second", "of today", "named", "deep"])
        if time.strftime("%Y-%m-%d", time.gmtime()) != today:
            raise Skip("midnight passed")


def lines_arrive_as_they_were_written():
    rows = [
        ("crlf.log", b"one\r\ntwo\r\n", ["one", "two"]),
        ("long.log", b"x" * (RECORD_MAX + 5000) + b"\nshort\n", ["x" * RECORD_MAX, "short"]),
        ("edge.log", b"y" * RECORD_MAX + b"\n" + b"z" * (RECORD_MAX + 1) + b"\n",
         ["y" * RECORD_MAX, "z" * RECORD_MAX]),
        ("endless.log", b"q" * (5 * RECORD_MAX) + b"\nnext\n", ["q" * RECORD_MAX, "next"]),
        ("bytes.log", b"tab\there\nnul\0here\nesc\x1b[1m\n", ["tab\there", "nul\0here", "esc\x1b[1m"]),
        ("json.log", b'{"a": "b\\n", "n": [1, {"c": null}]}\n{"a": 2}\n',
         ['{"a": "b\\n", "n": [1, {"c": null}]}', '{"a": 2}']),
    ]
    with Watched(*(localfile("{}/" + name, "json" if name == "json.log" else "syslog")
                   for name, _, _ in rows)) as t:
        t.start_all()
        for name, data, _ in rows:
            t.write(data, name)
        for name, _, want in rows:
            t.expect(want, name)


def a_line_waits_for_its_newline():
    with Watched(localfile("{}/a.log")) as t:
        t.start_all()
        t.write("first\nbegun, ")
        t.expect(["first"])
        t.stop("agent")
        t.start("agent")
        t.write("and ")
        t.write("ended\nlast\n")
        t.expect(["first", "begun, and ended", "last"])


def the_longest_line_is_an_option():
    with Watched(localfile("{}/a.log"), extra="<agent><max_line>300</max_line><batch>2</batch></agent>") as t:
        t.start_all()
        t.write("a" * 1000 + "\n" + "b" * 300 + "\nc\n")
        t.expect(["a" * 300, "b" * 300, "c"])
        assert t.status("agent")["shortened"] == 1


def several_lines_make_one_record():
    rows = [
        ("three.log", "multi-line:3", "", b"a\nb\nc\nd\ne\nf\ng\n", ["a b c", "d e f"]),
        ("regex.log", "multi-line-regex", r"<multiline_regex>^\d\d:</multiline_regex>",
         b"10: Exception\n\tat one\n\tat two\n11: fine\n12: end\n",
         ["10: Exception\n\tat one\n\tat two", "11: fine"]),
        ("indented.log", "multi-line_indented", "", b"head\n  one\n\ttwo\nnext\nlast\n",
         ["head   one \ttwo", "next"]),
        ("audit.log", "audit", "", b"type=A msg=audit(1:2): x\ntype=B msg=audit(1:2): y\n"
         b"type=C msg=audit(3:4): z\n", ["type=A msg=audit(1:2): x type=B msg=audit(1:2): y"]),
    ]
    with Watched(*(localfile("{}/" + r[0], r[1], r[2]) for r in rows)) as t:
        t.start_all()
        for name, _, _, data, _ in rows:
            t.write(data, name)
        for name, _, _, _, want in rows:
            t.expect(want, name)
        t.write("h\ni\n", "three.log")          # the third of its lines
        t.expect(["a b c", "d e f", "g h i"], "three.log")
        t.expect(rows[1][4] + ["12: end"], "regex.log")         # after a while of silence


def commands_give_each_line_once():
    with Watched(command("sh {}/count", "command", "every:second", 1)) as t:
        t.write("n=$(cat {0} || echo 0); n=$((n+1)); echo $n > {0}.new; mv {0}.new {0}\n"
                "echo run $n; echo; echo and more of $n\n".format(t.log("n")), "count")
        t.start_all()
        want = ["ossec: output: 'every\\second': " + s % n
                for n in (1, 2, 3) for s in ("run %d", "and more of %d")]
        wait_for("three runs", lambda: len(t.records()) >= 6)
        assert t.records()[:6] == want, t.records()
        assert {a["logfile"] for a in t.archives()} == {"every\\second"}, t.archives()[0]
        t.stop("ingest")                        # what it prints now cannot be printed again
        runs = int(open(t.log("n")).read())
        wait_for("two more runs", lambda: int(open(t.log("n")).read()) >= runs + 2)
        t.kill("agent")
        t.start("ingest")
        t.start("agent")
        last = int(open(t.log("n")).read())
        wait_for("one run more", lambda: any("run %d" % (last + 1) in r for r in t.records()))
        got = [r for r in t.records() if ": run " in r]
        assert len(got) == len(set(got)), got
        assert len(got) >= last - 1, (len(got), last)           # the one that the kill cut short


def a_whole_output_is_one_record():
    with Watched(command("sh {}/table", "full_command", "table")) as t:
        t.write("printf 'Proto\\tLocal\\n\\ntcp\\t192.0.2.1:22\\n'\n", "table")
        t.start_all()
        t.expect(["ossec: output: 'table':\nProto\tLocal\ntcp\t192.0.2.1:22"], None)
        assert t.archives()[0]["logfile"] == "table", t.archives()[0]


def unreadable_files_are_named_once():
    wrapper = ()
    if os.geteuid() == 0:           # root reads everything, unless it cannot
        wrapper = ("setpriv", "--bounding-set=-dac_override,-dac_read_search",
                   "--inh-caps=-dac_override,-dac_read_search")
        if subprocess.run([*wrapper, "true"], capture_output=True).returncode != 0:
            raise Skip("setpriv does not work here, and root reads everything")
    with Watched(localfile("{}/secret.log"), localfile("{}/a.log")) as t:
        t.write("hidden\n", "secret.log")
        os.chmod(t.log("secret.log"), 0)
        t.start_all(agent=False)
        t.start("agent", "agent", wrapper=wrapper)
        t.write("open\n")
        t.expect(["open"])
        wait_for("an unreadable file", lambda: t.status("agent")["unreadable"] == 1)
        for n in range(3):
            t.write("hidden\n", "secret.log")
            t.write("%d\n" % n)
            t.expect(["open"] + [str(i) for i in range(n + 1)])
        named = [l for l in t.errors("agent").splitlines() if "secret.log" in l]
        assert len(named) == 1 and "Permission denied" in named[0], named
        os.chmod(t.log("secret.log"), 0o600)
        t.expect(["hidden"] * 4, "secret.log")


def killed_in_a_rotation_it_loses_and_doubles_nothing():
    with Watched(localfile("{}/a.log")) as t:
        t.start_all()
        n = 0

        def die():
            t.kill("agent")

        def rotate():
            os.rename(t.log(), t.log("a.log.%d" % n))

        def go_on():
            t.numbers(n, 500)
        for steps in (die, rotate, go_on), (rotate, die, go_on), (rotate, go_on, die), (go_on, rotate, die):
            t.numbers(n, 3000)
            n += 3000
            wait_for("the file", lambda: len(t.records()) > n - 3000)
            for step in steps:
                step()
            n += 500
            t.start("agent")
        t.expect_numbers(n, 60)


def a_manager_that_was_away_misses_nothing():
    """More is written than the agent reads ahead, and the files change their names meanwhile."""
    with Watched(localfile("{}/a.log")) as t:
        t.start_all()
        t.numbers(0, 100)
        t.expect_numbers(100)
        t.stop("ingest")
        n, files = 100, t.status("agent")["files"]
        for turn in range(5):
            t.numbers(n, 8000)
            n += 8000
            wait_for("the new file", lambda: t.status("agent")["files"] >= files + turn)
            os.rename(t.log(), t.log("a.log.%d" % turn))
        t.numbers(n, 100)
        wait_for("the last file", lambda: t.status("agent")["files"] >= files + 5)
        assert t.status("agent")["in"] < n, "it read ahead without a bound"
        agent_is_small(t)
        t.start("ingest")
        t.expect_numbers(n + 100, 60)
        agent_is_small(t)


main(renamed_files_are_read_to_their_end, copied_and_truncated_files_begin_anew,
     new_files_are_found_while_it_runs, lines_arrive_as_they_were_written, a_line_waits_for_its_newline,
     the_longest_line_is_an_option, several_lines_make_one_record, commands_give_each_line_once,
     a_whole_output_is_one_record, unreadable_files_are_named_once,
     killed_in_a_rotation_it_loses_and_doubles_nothing, a_manager_that_was_away_misses_nothing)
