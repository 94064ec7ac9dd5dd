"""Logs as a strict reader has them."""

import json
import re

TOKEN = re.compile(r'([^\s="]+)=("(?:[^"\\]|\\.)*"|[^\s="]*)(?: |$)')


def pairs(line):
    """-> {key: value} of a line of logfmt; ValueError where a reader that forgives nothing would stop."""
    at, found = 0, {}
    while at < len(line):
        token = TOKEN.match(line, at)
        if not token or token[1] in found:
            raise ValueError(f"{line[at:at + 60]!r} in {line!r}")
        found[token[1]] = json.loads(token[2]) if token[2].startswith('"') else token[2]
        at = token.end()
    return found
