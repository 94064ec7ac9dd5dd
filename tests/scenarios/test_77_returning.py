"""Returning is the cheap path: a token that the cell has checked is not checked again."""

import json
import re

import pytest

from idle import close_all, open_many, say
from sdk import token
from stack import CONFIGURATION, wait_until

CLIENTS = 60


def total(stack, name, process=None):
    """Of that process alone (gateway-2, worker-1), or of all."""
    return sum(float(v) for labels, v in re.findall(rf"^cellcast_{name}{{(.*)}} (\S+)$", stack.metrics(), re.M)
               if process is None or f'process="{process}"' in labels)


def settled(stack, name, want, process):
    """Gateways tell their metrics each second."""
    wait_until(lambda: total(stack, name, process) == want, 10, f"{name} of {process} is {want}")


def tokens_of(n, **claims):
    return [token(sub=f"user-{i}", exp=4000000000, **claims) for i in range(n)]


def enter(stack, gateway, tokens):
    socks = open_many(stack.slot_base + gateway, len(tokens))
    say(socks, lambda i: [{"id": 1, "connect": {"token": tokens[i]}}])
    return socks


def test_who_returns_after_a_kill_costs_no_signature(stack):
    tokens = tokens_of(CLIENTS, channel_of=stack.port)
    socks = enter(stack, 1, tokens)
    checked, remembered = (total(stack, f"gateway_tokens_{what}_total", "gateway-2") for what in ("checked", "remembered"))
    old = stack.pid("gateway-1")
    stack.kill("gateway-1")
    close_all(socks)
    socks = enter(stack, 2, tokens)
    settled(stack, "gateway_tokens_remembered_total", remembered + CLIENTS, "gateway-2")
    assert total(stack, "gateway_tokens_checked_total", "gateway-2") == checked
    close_all(socks)
    stack.wait_back("gateway-1", old)
    stack.wait_ready()
    # The one that replaces it has the cell's memory, too.
    socks = enter(stack, 1, tokens)
    settled(stack, "gateway_tokens_remembered_total", CLIENTS, "gateway-1")
    assert total(stack, "gateway_tokens_checked_total", "gateway-1") == 0
    close_all(socks)


def test_a_changed_key_ends_what_is_remembered_at_once(stack):
    (mine,) = tokens_of(1)
    close_all(enter(stack, 1, [mine]))
    close_all(enter(stack, 2, [mine]))
    changed = json.loads(json.dumps(CONFIGURATION))
    changed["tenants"][0]["options"]["token_hmac_secret_key"] = "another"
    versions = total(stack, "supervisor_config_changes_total")
    stack.configure(changed)
    try:
        wait_until(lambda: total(stack, "supervisor_config_changes_total") > versions, 10, "the new key is there")
        (sock,) = open_many(stack.slot_base + 2, 1)
        with pytest.raises((EOFError, AssertionError)):  # closed with 3500
            say([sock], lambda i: [{"id": 1, "connect": {"token": mine}}])
    finally:
        stack.configure(CONFIGURATION)
    wait_until(lambda: total(stack, "supervisor_config_changes_total") > versions + 1, 10, "the old key is back")
    close_all(enter(stack, 2, [mine]))
