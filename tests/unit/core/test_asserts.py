"""test_asserts.py REPOSITORY COMPILER…: asserts have no effect that anything counts on, and nothing compiles without them."""

import pathlib
import re
import subprocess
import sys

ROOMS = ("common", "gateway", "sequencer", "fanout-worker", "supervisor", "webhooks")
# They only look.
QUESTIONS = {"strlen", "PQntuples", "PQnfields", "list_is_empty", "list_is_linked", "drr_is_empty", "ends_with", "channel_base",
             "history_check", "leader_has", "may_go", "proxy_header_wants"}


def asserted(text):
    """-> line, expression of each assert"""
    for match in re.finditer(r"\bassert\(", text):
        end, depth = match.end(), 1
        while depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        yield text[: match.start()].count("\n") + 1, " ".join(text[match.end() : end - 1].split())


def faults(expression):
    bare = re.sub(r'"(\\.|[^"\\])*"', '""', expression)
    called = set(re.findall(r"\b([A-Za-z_]\w*)\s*\(", bare)) - {"sizeof"}
    return sorted(called - QUESTIONS) + re.findall(r"\+\+|--|(?<![=!<>])=(?!=)", bare)


def main(repository, *compiler):
    root, wrong, n = pathlib.Path(repository), [], 0
    assert faults("c->hash && EVP_DigestInit_ex(c->hash)") and faults("(n = read)") and faults("i++ < 3") and not faults('a >= b && "f(x) = 1"')
    for source in sorted(p for room in ROOMS for p in (root / room).rglob("*.[ch]")):
        for line, expression in asserted(source.read_text()):
            n += 1
            if faults(expression):
                wrong.append(f"{source.relative_to(root)}:{line}: assert({expression}): {' '.join(faults(expression))} is gone with the assert")
    assert n > 100, n
    without = subprocess.run([*compiler, "-DNDEBUG", "-fsyntax-only", "-x", "c", root / "common/core/bytes.h"], capture_output=True, text=True)
    if without.returncode == 0 or "assert stays on" not in without.stderr:
        wrong.append("core/bytes.h compiles with NDEBUG")
    sys.exit("\n".join(wrong) or 0)


main(*sys.argv[1:])
