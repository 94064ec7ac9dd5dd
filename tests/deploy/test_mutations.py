"""What `tests/bench/run mutations` takes out of the sources stands there, once each."""

import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "tests/bench"))

from mutations import MUTATIONS  # noqa: E402


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation["name"])
def test_a_safeguard_is_where_it_is_looked_for(mutation):
    for name, old, new in mutation["edits"]:
        assert (REPO / name).read_text().count(old) == 1, f"{name}:\n{old}"
        assert old != new
