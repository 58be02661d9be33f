#!/usr/bin/python3
"""What operators get wrong, and what disks do to them."""
import os
import signal
import subprocess

from probe import expect, probe_tower, write
from tower import BIN, Skip, count_lines, environment, main, wait_for


def start_fails(t, stage):
    r = subprocess.run([os.path.join(BIN, "yagura-" + stage), "--prefix", t.dir], capture_output=True,
                       text=True, timeout=30, env=environment())
    assert r.returncode == 1, (r.returncode, r.stderr)
    return r.stderr


def a_broken_rule_file_stops_the_start_with_every_error():
    t = probe_tower()
    try:
        with open(t.path("r.xml"), "w") as f:
            f.write('<group name="probe,">\n'
                    '<rule id="1" level="0" noalert="1"><category>syslog</category><description>r</description></rule>\n'
                    '<rule id="100001" level="5">\n<pcre2>(unclosed</pcre2>\n<description>a</description></rule>\n'
                    '<rule id="100002" level="5">\n<if_sid>99</if_sid><description>b</description></rule>\n'
                    '<rule id="100003" level="5">\n<no_such_thing>x</no_such_thing></rule>\n</group>\n')
        for stage in ("decode", "correlate"):
            err = start_fails(t, stage)
            for line in (4, 6, 9):
                assert "r.xml:%d: " % line in err, err
        r = t.tool("check", "-c", t.path("etc/yagura/ossec.conf"), check=False)
        assert r.returncode == 1 and all("r.xml:%d: " % n in r.stdout + r.stderr for n in (4, 6, 9)), r
    finally:
        t.close()


def a_typo_in_the_configuration_is_named_with_its_line():
    t = probe_tower()
    try:
        conf = t.path("etc/yagura/ossec.conf")
        n = 1 + count_lines(conf)
        with open(conf, "a") as f:
            f.write("<ossec_config><alerts>\n<log_alert_levle>3</log_alert_levle>\n"
                    "<log_alert_level>300</log_alert_level>\n</alerts></ossec_config>\n")
        for stage in ("ingest", "decode", "correlate", "alertd", "agent"):
            err = start_fails(t, stage)
            assert "ossec.conf:%d: " % (n + 1) in err and "log_alert_levle" in err, err
            assert "ossec.conf:%d: " % (n + 2) in err, err
    finally:
        t.close()


def a_second_process_of_one_name_is_refused():
    t = probe_tower()
    try:
        t.start("ingest")
        assert "another ingest is running" in start_fails(t, "ingest")
        t.alive("ingest")
    finally:
        t.close()


def a_hangup_ends_no_stage():
    t = probe_tower()
    try:
        t.enrol()
        t.start_all()
        for name, p in t.procs.items():
            p.send_signal(signal.SIGHUP)
            wait_for("%s to say so" % name, lambda: "SIGHUP ignored" in t.errors(name))
        write(t, 0, 5)
        expect(t, 5)
    finally:
        t.close()


def a_full_disk_holds_back_and_recovers():
    """The alert files lie on a filesystem of 1 MB that fills; then it is made larger."""
    if os.geteuid() != 0:
        raise Skip("mounts a small filesystem: needs root")
    t = probe_tower()
    logs = t.path("var/log/yagura")
    os.makedirs(logs)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", logs], capture_output=True).returncode:
        t.close()
        raise Skip("may not mount here")
    try:
        t.enrol()
        t.start_all()
        n = 8000                            # some 4 MB of alerts
        write(t, 0, n)
        wait_for("a full disk", lambda: "No space left" in t.errors("alertd") or "full" in t.errors("alertd"))
        for name in t.procs:
            t.alive(name)
        assert count_lines(t.alerts_path()) < n
        full_lines = [l for l in t.errors("alertd").splitlines() if "space" in l or "full" in l]
        assert len(full_lines) < 20, full_lines
        subprocess.run(["mount", "-o", "remount,size=64m", logs], check=True)
        expect(t, n, 60)
    finally:
        t.close(keep=True)
        subprocess.run(["umount", logs], check=True)
        t.close()


def a_full_journal_holds_the_agent_back():
    """No decoder runs and the journal is small: nothing is lost, and all comes when one starts."""
    t = probe_tower(extra="<ingest><state_size>1M</state_size></ingest>")
    try:
        t.enrol()
        t.start("ingest")
        t.start("correlate")
        t.start("alertd")
        t.start("agent")
        n = 40000                           # some 2 MB
        write(t, 0, n)
        wait_for("a full journal", lambda: "no room" in t.errors("ingest"), 30)
        t.alive("ingest")
        assert t.status("ingest")["in"] < n
        t.start("decode", "decode-1")
        expect(t, n, 60)
    finally:
        t.close()


main(a_broken_rule_file_stops_the_start_with_every_error,
     a_typo_in_the_configuration_is_named_with_its_line, a_second_process_of_one_name_is_refused,
     a_hangup_ends_no_stage,
     a_full_disk_holds_back_and_recovers, a_full_journal_holds_the_agent_back)
