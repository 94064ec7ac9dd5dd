#!/usr/bin/env python3
"""Writes the migrations as a C table: embed.py OUTPUT.c 0001-name.sql 0002-name.sql …"""
import pathlib
import re
import sys


def c_string(text):
    """One literal per line; no byte of the text can end it or form a trigraph."""
    lines = []
    for line in text.splitlines(keepends=True):
        body = "".join(
            chr(b) if 32 <= b < 127 and b not in b'"\\?' else "\\%03o" % b for b in line.encode("utf-8")
        )
        lines.append('        "%s"' % body)
    return "\n".join(lines)


def main(output, *sources):
    rows, last = [], 0
    for source in sorted(sources, key=lambda s: pathlib.Path(s).name):
        path = pathlib.Path(source)
        match = re.fullmatch(r"(\d{4})-([a-z0-9-]+)\.sql", path.name)
        if not match or int(match[1]) <= last:
            sys.exit(f"{path.name}: expected NNNN-name.sql, with a number above {last:04d}")
        last = int(match[1])
        # A database of another encoding is told so, by what it can read; the letter stands in comments.
        text = path.read_text(encoding="utf-8").replace("µ", "u")
        if not text.isascii():
            sys.exit(f"{path.name}: ASCII alone")
        if f"$migration_{match[1]}$" in text:
            sys.exit(f"{path.name}: holds the quote that it is wrapped in")
        rows.append('    {%d, "%s",\n%s},\n' % (last, match[2], c_string(text)))
    pathlib.Path(output).write_text(
        '#include "migrate.h"\n\nconst struct migration migrations[] = {\n%s};\n'
        "const unsigned n_migrations = %d;\n" % ("".join(rows), len(rows))
    )


main(*sys.argv[1:])
