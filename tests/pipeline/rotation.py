#!/usr/bin/python3
"""A new day begins new files, and the old day's are compressed, whole."""
import gzip
import os

from probe import LINE, expect, probe_tower, write
from tower import count_lines, main, wait_for

DAY = 86400
NOW = 1795400000                # 2026-11-23 02:13:20 UTC


def old_file(t, kind, ext):
    path = t.path("var/log/yagura", kind, "2026/Nov/yagura-%s-23.%s.gz" % (kind, ext))
    wait_for(path, lambda: os.path.exists(path))
    with gzip.open(path, "rt") as f:
        return f.read()


def yesterday_is_compressed_and_today_begins_anew():
    t = probe_tower(extra="<global><logall>yes</logall><logall_json>yes</logall_json></global>", now=NOW)
    try:
        t.enrol()
        t.start_all()
        write(t, 0, 100)
        expect(t, 100)
        for name in list(t.procs):
            t.stop(name)
        t.now = NOW + DAY               # ingest's clock; files go by the time of receipt
        t.start_all()
        write(t, 100, 50)
        wait_for("today's alerts", lambda: count_lines(t.alerts_path()) == 50)
        for kind in ("alerts", "archives"):
            for ext in ("json", "log"):
                text = old_file(t, kind, ext)
                assert all(text.count(LINE.strip() % i) for i in range(100)), (kind, ext)
                assert LINE.strip() % 100 not in text, (kind, ext)
        assert old_file(t, "alerts", "json").count("\n") == 100
        assert old_file(t, "alerts", "log").count("** Alert ") == 100
    finally:
        t.close()


main(yesterday_is_compressed_and_today_begins_anew)
