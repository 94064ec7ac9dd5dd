import os

import pytest

from stack import Stack


@pytest.fixture(scope="session")
def stack():
    """One Cellcast for all scenarios: 3 gateways, 2 workers. A scenario that breaks something waits until it is well again."""
    s = Stack()
    try:
        s.start()
        os.environ["CELLCAST_PG"] = s.pg
        yield s
    finally:
        s.stop()


@pytest.fixture
def channel(request):
    """A channel that no other scenario uses."""
    return request.node.name.replace("[", "-").replace("]", "")[:80]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed and "stack" in item.funcargs:
        report.sections.append(("logs of the stack", item.funcargs["stack"].last_words()))
