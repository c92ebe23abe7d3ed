from __future__ import annotations

import pytest

from meltemi.ctl.local.pods.network import (
    HUB,
    TooManyPodsError,
    addresses,
    free_address,
)


def test_every_pod_has_an_address_of_its_own_beside_the_hub() -> None:
    found = addresses(["reviews-v1", "gateway"])
    assert found == {"reviews-v1": "10.255.0.2", "gateway": "10.255.0.3"}
    assert HUB not in found.values()


def test_a_network_that_is_full_says_so() -> None:
    assert len(addresses(map(str, range(253)))) == 253
    with pytest.raises(TooManyPodsError, match="there are 253 pods"):
        addresses(map(str, range(254)))


def test_the_address_of_a_pod_that_is_gone_is_given_again() -> None:
    assert free_address(["10.255.0.2", "10.255.0.4"]) == "10.255.0.3"
