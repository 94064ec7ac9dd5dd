"""A short fault run of the bench: whatever dies, stops or is cut off, nothing is lost, invented, repeated or reordered."""


import pytest

import bench_faults  # noqa: E402
from fault_stack import FaultStack  # noqa: E402


@pytest.mark.timeout(240)
def test_faults_in_random_order_violate_nothing():
    o = bench_faults.arguments(["--seed=7", "--minutes=0.35", "--subscribers=60", "--rate=100", "--sdk=2", "--longest=1.5"])
    stack = FaultStack()
    try:
        result = bench_faults.run(stack.start(), o)
        assert result["violations"] == 0, (result["first_violations"], stack.last_words())
        assert result["faults"] >= 3 and result["delivered"] > 1000
    finally:
        stack.stop()
