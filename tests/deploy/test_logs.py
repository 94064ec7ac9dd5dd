"""Each line that a program logs is logfmt, as common/run/log.h has it. log_line sees to values; what it can't see to is looked at here: the formats."""

import re
from pathlib import Path

import pytest

from logfmt import pairs

REPO = Path(__file__).resolve().parents[2]
ROOMS = ("common", "sequencer", "fanout-worker", "gateway", "supervisor", "webhooks")
PAIR = r'[a-z0-9_-]+=(?:"[^"]*"|[^\s"])+'


def calls():
    """-> (place, event, format) of each call of log_*"""
    for room in ROOMS:
        for path in sorted((REPO / room).rglob("*.c")):
            text = re.sub(r"\bPRI([duxX])64\b", r'"l\1"', path.read_text())
            for call in re.finditer(r"\blog_(?:debug|info|warn|error|line)\(", text):
                words, at, depth = [""], call.end(), 1
                while depth:  # the arguments, with strings as they stand
                    string = re.match(r'"(?:[^"\\]|\\.)*"', text[at:])
                    word = string[0] if string else text[at]
                    depth += {"(": 1, ")": -1}.get(word, 0)
                    if word == "," and depth == 1:
                        words.append("")
                    elif depth:
                        words[-1] += word
                    at += len(word)
                where = f"{path.relative_to(REPO)}:{text.count(chr(10), 0, call.start()) + 1}"
                if path.name != "log.c":
                    event, form = words[1:3] if text[call.end() - 5:call.end()] == "line(" else words[:2]
                    yield where, event, "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', form)).replace('\\"', '"')


CALLS = list(calls())


def test_all_calls_are_found():
    assert len(CALLS) > 200 and all(re.search(r'"\w+"', event) and form for _, event, form in CALLS)


def test_formats_are_pairs_then_words():
    for where, event, form in CALLS:
        assert re.fullmatch(r'(?:[^"]|"\w+")*', event), f"{where}: an event is one word"
        words = re.sub(rf"^(?:{PAIR}(?: |$))*", "", form)
        assert not re.search(r'(?:^| )[a-z_]+="', words), f"{where}: a pair behind words is part of msg"
        assert form.count('"') % 2 == 0, where
        for conversion in re.findall(r"%[^a-zA-Z%]*(?:ll|l|z)?[a-zA-Z]", form.replace("%%", "")):
            assert re.fullmatch(r"%0?\d*(?:ll|l|z)?[diuxXc]|%(?:\.\*)?s|%(?:\.\d)?f|%p", conversion), f"{where}: {conversion}"


def test_the_reader_of_the_tests_is_strict():
    assert pairs('a=b why="no \\"such\\" host" none=""') == {"a": "b", "why": 'no "such" host', "none": ""}
    for bad in ("a=b c", "errno=Connection reset", 'why="no "such" host"', "a=b=c", 'a="x', "a=b  c=d", "a=b a=c"):
        with pytest.raises(ValueError):
            pairs(bad)
