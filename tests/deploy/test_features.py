"""Each row of deploy/features.md says what becomes of a feature, and links a test that exists."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "deploy/features.md"
OUTCOMES = {"works", "better", "declined"}


def rows():
    """[(section, cells)]"""
    section = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            section = line[3:]
        if line.startswith("| ") and not line.startswith("| feature |"):
            yield section, [cell.strip() for cell in line.strip("|").split(" | ")]


@pytest.mark.parametrize("section, cells", list(rows()), ids=lambda value: value if isinstance(value, str) else value[0][:40])
def test_a_row_has_an_outcome_and_links_tests_that_exist(section, cells):
    if section != "Beyond":
        assert cells[1] in OUTCOMES
    links = re.findall(r"\[(\w+)\]\(([^)]+)\)", cells[-1])
    assert links
    for name, target in links:
        text = (PAGE.parent / target).read_text()
        assert re.search(rf"^(async def|def) {name}\(|^START_TEST\({name}\)", text, re.M), f"{target}: {name}"
