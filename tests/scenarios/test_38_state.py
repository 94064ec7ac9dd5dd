"""How a subscriber comes by the state that publications change: its application's own (getState), or the newest publication."""

from sdk import JsPerson


def subscriber(stack, channel, gateway=1, **how):
    person = JsPerson()
    person.send(op="connect", url=stack.ws(gateway))
    person.send(op="subscribe", channel=channel, **how)
    return person


def subscribed(person, channel, n=1):
    """The nth time that it was."""
    def seen():
        return [e for e in list(person.events) if e["event"] == "subscribed" and e["channel"] == channel]
    person.wait(lambda e: len(seen()) >= n)
    return seen()[n - 1]


def loaded(person):
    return [e["offset"] for e in list(person.events) if e["event"] == "get_state"]


def test_what_was_published_since_the_state_was_loaded_follows_it(stack, channel):
    places = [stack.publish(channel, n) for n in range(5)]
    person = subscriber(stack, channel, states=[places[1]])
    for n in (2, 3, 4):
        person.wait(lambda e: e["event"] == "publication" and e["data"] == n)
    assert subscribed(person, channel)["recovered"]
    assert [e["offset"] for e in person.publications(channel)] == [3, 4, 5]
    assert loaded(person) == [2]
    person.close()


def test_a_state_that_cannot_be_followed_is_loaded_again(stack, channel):
    """The first is of another generation of the log, the second never was: each is refused with 112."""
    place = stack.publish(channel, 0)
    states = [{"epoch": "7777", "offset": 1}, {"epoch": place["epoch"], "offset": 99}, place]
    person = subscriber(stack, channel, states=states, options={"minResubscribeDelay": 1, "maxResubscribeDelay": 50})
    assert subscribed(person, channel)["recovered"]
    assert loaded(person) == [1, 99, 1]
    stack.publish(channel, 1)
    person.wait(lambda e: e["event"] == "publication" and e["data"] == 1)
    assert [e["data"] for e in person.publications(channel)] == [1]
    person.close()


def test_of_a_cache_only_the_newest_comes(stack, channel):
    channel = f"kv:{channel}"
    for n in range(5):
        last = stack.publish(channel, n)
    person = subscriber(stack, channel, options={"since": {"offset": 0, "epoch": ""}})
    context = subscribed(person, channel)
    assert (context["wasRecovering"], context["recovered"]) == (True, True)
    person.wait(lambda e: e["event"] == "publication")
    person.send(op="disconnect")
    person.wait_event("disconnected")
    witness = subscriber(stack, channel)
    subscribed(witness, channel)
    for n in range(5, 8):
        stack.publish(channel, n)
    witness.wait(lambda e: e["event"] == "publication" and e["data"] == 7)  # the gateway has it
    person.send(op="reconnect")
    assert subscribed(person, channel, 2)["recovered"]
    person.wait(lambda e: e["event"] == "publication" and e["data"] == 7)
    stack.publish(channel, 8)
    person.wait(lambda e: e["event"] == "publication" and e["data"] == 8)
    assert [e["offset"] for e in person.publications(channel)] == [last["offset"], 8, 9]
    person.close()
    witness.close()


def test_a_cache_comes_unasked_where_the_namespace_says_so(stack, channel):
    channel = f"auto:{channel}"
    for n in range(3):
        stack.publish(channel, n)
    person = subscriber(stack, channel, gateway=2)
    person.wait(lambda e: e["event"] == "publication")
    assert [e["data"] for e in person.publications(channel)] == [2]
    person.close()
