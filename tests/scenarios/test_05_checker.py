"""The checker catches each violation that it is there for."""


import pytest

from checker import Answer, Observed, Published, Told, check  # noqa: E402

ROWS = [(1, 10, '"a"'), (2, 20, '"b"'), (3, 30, '"c"')]


def published(extra=(), rolled=()):
    p = Published()
    for offset, data in enumerate("abc", 1):
        p.acknowledged("ch", data, offset)
    for data in extra:
        p.acknowledged("ch", data, None)
    for data in rolled:
        p.rolled_back("ch", data)
    return p


def kinds(found):
    return {f.split(":")[0] for f in found}


def test_a_clean_run_has_no_violation():
    assert check(published(), {"ch": ROWS}, [Observed("ch", [1, 2, 3], list("abc"), [(False, False), (True, True)]),
                                             Observed("ch", [2, 3], list("bc"))]) == []


@pytest.mark.parametrize("offsets, data, kind", [
    ([1, 2, 2, 3], "abbc", "repeat"), ([1, 3, 2], "acb", "disorder"), ([1, 3], "ac", "hole"), ([1, 2], "ab", "loss"),
    ([1, 2, 3, 4], "abcd", "ghost"), ([1, 2, 3], "axc", "wrong"), ([], "", "loss"),
])
def test_each_violation_of_a_subscriber_is_seen(offsets, data, kind):
    assert kind in kinds(check(published(), {"ch": ROWS}, [Observed("ch", offsets, list(data))]))


@pytest.mark.parametrize("rows, how, kind", [
    (ROWS[:2], {}, "loss"), (ROWS, {"rolled": ["b"]}, "ghost"), (ROWS + [(4, 40, '"z"')], {}, "ghost"),
    ([ROWS[0], ROWS[2]], {}, "hole"), (ROWS + [(4, 40, '"a"')], {}, "repeat"), ([(1, 10, '"a"'), (2, 5, '"b"'), (3, 30, '"c"')], {}, "disorder"),
    (ROWS, {"extra": ["q"]}, "loss"), ([(1, 10, '"b"'), (2, 20, '"a"'), (3, 30, '"c"')], {}, "wrong"),
])
def test_each_violation_of_the_log_is_seen(rows, how, kind):
    assert kind in kinds(check(published(**how), {"ch": rows}, []))


def test_a_recovery_that_was_refused_is_seen():
    assert "recovery" in kinds(check(published(), {"ch": ROWS}, [Observed("ch", [1, 2, 3], list("abc"), [(True, False)])]))


def live(offsets, answers, until=None):
    return kinds(check(published(), {"ch": ROWS}, [Observed("ch", offsets, ["abcd"[o - 1] for o in offsets], answers=answers, until=until)]))


def test_reconnects_that_went_well_are_no_violation():
    assert live([1, 2, 3], [Answer(0, 0), Answer(1, 1, asked=1, recovered=True), Answer(3, 3, asked=3, recovered=True)]) == set()
    assert live([3], [Answer(0, 2)]) == set()
    assert live([], [Answer(0, 3)]) == set()


@pytest.mark.parametrize("offsets, answers, kind", [
    ([1, 3], [Answer(0, 0), Answer(1, 1, asked=1, recovered=True)], "recovery"),  # recovered, with a hole
    ([1], [Answer(0, 0), Answer(1, 3, asked=1, recovered=False)], "recovery"),  # not recovered, though all of it is there
    ([1, 2, 3], [Answer(0, 0), Answer(1, 1, asked=0, recovered=True)], "recovery"),  # asked from elsewhere than it was
    ([1, 2, 2, 3], [Answer(0, 0), Answer(2, 2, asked=2, recovered=True)], "repeat"),  # across a reconnect
    ([1, 2, 1, 3], [Answer(0, 0), Answer(2, 2, asked=2, recovered=True)], "repeat"),
    ([2, 3], [Answer(0, 0)], "hole"),  # the first publication is not the one behind the reply's position
    ([1], [Answer(0, 0), Answer(1, 1, asked=1, recovered=True)], "loss"),
])
def test_each_violation_over_reconnects_is_seen(offsets, answers, kind):
    assert kind in live(offsets, answers)


def test_what_is_gone_may_be_refused():
    gone = [Observed("ch", [1, 4], ["a", "d"], answers=[Answer(0, 0), Answer(1, 3, asked=1)])]
    rows = [(4, 40, '"d"')]
    assert "recovery" not in kinds(check(Published(), {"ch": rows}, gone))


def test_a_subscription_that_ended_early_is_owed_what_it_was_live_for():
    assert live([1, 2], [Answer(0, 0)], until=2) == set()
    assert live([1], [Answer(0, 0)], until=2) == {"loss"}
    assert live([1, 3], [Answer(0, 0)], until=3) == {"hole"}


def told(*events):
    """"q1" a publication of default/q, "a1<q1" one that answers, "a1<q1!" the same marked late, "q" a subscribe."""
    t = Told()
    for event in events:
        what, _, answers = event.partition("<")
        if len(what) == 1:
            t.subscribed(f"default/{what}")
            continue
        tags = {"late": "1"} if answers.endswith("!") else {}
        if answers:
            tags["after"] = " ".join(f"default/{one[0]}@{one[1:]}" for one in answers.rstrip("!").split(","))
        t.publication(f"default/{what[0]}", int(what[1:]), tags)
    return t


@pytest.mark.parametrize("events, n", [
    ("q1 a1<q1", 0), ("a1<q1 q1", 1), ("a1<q1! q1", 0), ("a1<q1", 0), ("q1 a1<q1,r2 r2", 1), ("a1<q1 a2<q1 q1", 2),
    ("q a1<q1 q q1", 0), ("q a1<q2 r q1 q2", 1), ("q1 a1<q2 b1<a1 q2", 1),
])
def test_an_answer_before_what_it_answers_is_seen(events, n):
    found = check(published(), {"ch": ROWS}, [Observed("ch", [1, 2, 3], list("abc"))], told=[told(*events.split())])
    assert len(found) == n and kinds(found) <= {"causal"}, found
