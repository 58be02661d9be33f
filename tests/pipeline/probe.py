"""probe - a tower with one log whose every line is one alert, numbered"""
import os

from tower import Tower, count_lines, wait_for

RULES = """<rules>
  <decoder>%(dir)s/d.xml</decoder>
  <include>%(dir)s/r.xml</include>
</rules>"""
DECODERS = """<decoder name="probe"><program_name>^probe</program_name></decoder>
<decoder name="probe-n"><parent>probe</parent><pcre2>number (\\d+)</pcre2><order>id</order></decoder>
"""
RULESET = """<group name="probe,">
<rule id="1" level="0" noalert="1"><category>syslog</category><description>root</description></rule>
<rule id="100001" level="5"><decoded_as>probe</decoded_as><description>a probe</description></rule>
</group>
"""
LINE = "Nov 23 10:00:00 host probe[7]: number %d\n"


def probe_tower(**more):
    t = Tower(localfiles="", **more)
    os.makedirs(t.path("etc"), exist_ok=True)
    with open(t.path("d.xml"), "w") as f:
        f.write(DECODERS)
    with open(t.path("r.xml"), "w") as f:
        f.write(RULESET)
    t.rules = RULES % {"dir": t.dir}
    t.localfiles = "<localfile><location>%s</location><log_format>syslog</log_format></localfile>" % t.path("probe.log")
    t.configure()
    return t


def write(t, first, n):
    with open(t.path("probe.log"), "a") as f:
        f.write("".join(LINE % i for i in range(first, first + n)))


def numbers(t):
    """The probe numbers in the order of alerts.json."""
    return [int(a["full_log"].rsplit(" ", 1)[1]) for a in t.alerts()]


def expect(t, n, seconds=30.0):
    wait_for("%d alerts" % n, lambda: count_lines(t.alerts_path()) >= n, seconds)
    got = numbers(t)
    assert got == list(range(n)), "want 0..%d once each in order, got %d: %s" % (n - 1, len(got), got[:20])
