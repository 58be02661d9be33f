#!/usr/bin/python3
"""Every OPTION of schemas/config.def is read by some room: an option that is accepted and not acted
on belongs into a KNOWN row.  Read means: a source file that speaks of the section (config.SECTION,
config->SECTION or struct config_SECTION) names the member behind a dot or an arrow."""
import glob
import re
import sys

ROW = re.compile(r'^OPTION\((\w+), \w+(?:\([^)]*\))?, (\w+),', re.M)


def sources():
    for path in glob.glob("*/*.c") + glob.glob("*/*/*.c") + glob.glob("*/*.h") + glob.glob("*/*/*.h"):
        if not path.startswith(("tests/", "build/", "schemas/")):
            with open(path) as f:
                yield f.read()


def is_read(text, section, member):
    speaks = r"\bconfig_%s\b|\bc(?:onfig|onf)?(?:->|\.)%s\b" % (section, section)
    return re.search(r"(?:->|\.)%s\b" % member, text) and re.search(speaks, text)


def main():
    with open("schemas/config.def") as f:
        rows = ROW.findall(f.read())
    texts = list(sources())
    unread = ["<%s> %s" % r for r in rows if not any(is_read(t, *r) for t in texts)]
    for name in unread:
        print("schemas/config.def: %s is accepted and never read" % name)
    if unread or not rows:
        sys.exit(1)
    print("options: each of the %d is read by some room" % len(rows))


main()
