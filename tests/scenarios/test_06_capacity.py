"""The capacity model: what deploy/capacity.md says in words."""

import pytest

from capacity_model import Costs, cpu_ms, gateways_within, last_ms

COSTS = Costs(delivery_us=10, idle_ms=2, path_ms=10)


@pytest.mark.parametrize("gateways, cores, ms", [(1, 8, 110), (4, 8, 35), (4, 2, 60)])
def test_gateways_share_the_subscribers_as_far_as_there_are_cores(gateways, cores, ms):
    assert last_ms(COSTS, 10_000, gateways, cores) == ms


@pytest.mark.parametrize("gateways, ms", [(1, 110), (2, 85), (4, 85)])
def test_clients_on_the_same_cores_take_their_part(gateways, ms):
    assert last_ms(COSTS, 10_000, gateways, 2, beside_us=5) == ms


def test_cpu_is_that_of_deliveries_and_of_being_there():
    assert cpu_ms(COSTS, 3, 20_000) == 206


@pytest.mark.parametrize("subscribers, gateways", [(9_000, 1), (9_001, 2), (100_000, 12)])
def test_enough_gateways_reach_the_last_subscriber_in_time(subscribers, gateways):
    assert gateways_within(COSTS, subscribers, 100, margin=1) == gateways
    assert last_ms(COSTS, subscribers, gateways, gateways) <= 100


def test_a_margin_asks_for_more():
    assert gateways_within(COSTS, 9_000, 100) == 2
