"""Which packet filter a user is given, and what is said where there is none."""

from __future__ import annotations

import os

import pytest

from meltemi.proxy.adapters import netfilter, xtables
from meltemi.proxy.adapters.netfilter import Backend, Netfilter, NoPacketFilterError
from meltemi.proxy.adapters.xtables import Xtables


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have iptables and not nft."""
    there = {Backend.NFT: lambda: False, Backend.IPTABLES: lambda: True}
    monkeypatch.setattr(netfilter, "INSTALLED", there)


def iptables(monkeypatch: pytest.MonkeyPatch, *, older: bool, user: int) -> None:
    made = Xtables("", in_nf_tables=not older)
    monkeypatch.setattr(xtables, "makes", lambda: iter((made,)))
    monkeypatch.setattr(os, "geteuid", lambda: user)


@pytest.mark.usefixtures("alone")
def test_who_is_not_root_is_told_that_the_older_iptables_is_not_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    iptables(monkeypatch, older=True, user=998)
    with pytest.raises(NoPacketFilterError, match=r"user 998.*install nftables"):
        Netfilter()


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(("older", "user"), [(True, 0), (False, 998)])
def test_root_may_use_either_and_everybody_the_newer(
    monkeypatch: pytest.MonkeyPatch, *, older: bool, user: int
) -> None:
    iptables(monkeypatch, older=older, user=user)
    assert Netfilter().backend is Backend.IPTABLES
