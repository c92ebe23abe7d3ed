"""What is captured, by options: Istio's order of rules, judged by packets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meltemi.proxy.capture.options import CaptureOptions, Inbound, InvalidCaptureError
from meltemi.proxy.capture.plan import plan
from meltemi.proxy.capture.rules import OUTPUT, PREROUTING
from meltemi.testkit.packets import Fate, Packet, fate

OUT, IN, DNS = 15001, 15006, 15053
ME, OTHER, VIP = "10.7.0.3", "10.7.0.4", "240.240.0.11"
TO_OTHER = Packet(OUTPUT, "tcp", ME, OTHER, 9080, goes_by="eth0")
FROM_OTHER = Packet(PREROUTING, "tcp", OTHER, ME, 9080, came_by="eth0")
TO_SELF = replace(TO_OTHER, destination=ME, goes_by="lo")
QUERY = replace(TO_OTHER, protocol="udp", port=53)
USUAL = CaptureOptions()
TPROXY = CaptureOptions(inbound=Inbound.TPROXY)


def by_proxy(packet: Packet) -> Packet:
    return replace(packet, uid=1337, gid=1337)


def sent(packet: Packet, options: CaptureOptions = USUAL) -> Fate:
    version = 6 if ":" in packet.destination else 4
    return fate(plan(options, version), packet)


def to(packet: Packet, options: CaptureOptions = USUAL) -> int:
    return sent(packet, options).redirected


def test_what_the_application_opens_goes_to_the_proxy_and_the_proxys_own_does_not() -> (
    None
):
    assert to(TO_OTHER) == OUT
    assert to(replace(TO_OTHER, destination=VIP)) == OUT
    assert to(by_proxy(TO_OTHER)) == 0
    assert to(replace(TO_OTHER, protocol="udp")) == 0


def test_what_comes_from_outside_goes_to_the_proxy_but_for_its_own_ports() -> None:
    assert to(FROM_OTHER) == IN
    for port in (15008, 15020, 15021, 15090):
        assert to(replace(FROM_OTHER, port=port)) == 0


def test_loopback_and_ones_own_address_are_left_alone() -> None:
    assert to(replace(TO_SELF, destination="127.0.0.1")) == 0
    assert to(TO_SELF) == 0


def test_a_call_of_ones_own_service_comes_back_in_through_the_proxy() -> None:
    assert to(by_proxy(TO_SELF)) == IN
    assert to(by_proxy(replace(TO_SELF, port=15008))) == 0
    delivered = replace(TO_SELF, source="127.0.0.6")
    assert to(by_proxy(delivered)) == 0, "and is then given to the application"


@pytest.mark.parametrize(
    ("options", "captured", "left"),
    [
        ({"outbound_exclude": ("9080",)}, 9081, 9080),
        ({"outbound_ranges": (), "outbound_ports": ("9080",)}, 9080, 9081),
    ],
)
def test_ports_of_what_goes_out(
    options: dict[str, tuple[str, ...]], captured: int, left: int
) -> None:
    chosen = CaptureOptions(**options)  # type: ignore[arg-type]
    assert to(replace(TO_OTHER, port=captured), chosen) == OUT
    assert to(replace(TO_OTHER, port=left), chosen) == 0


def test_ranges_of_what_goes_out_are_of_their_ip_version() -> None:
    chosen = CaptureOptions(
        outbound_ranges=("10.0.0.0/8", "fd00::/8"),
        outbound_ranges_exclude=("10.7.0.4",),
    )
    assert to(replace(TO_OTHER, destination="10.9.9.9"), chosen) == OUT
    assert to(TO_OTHER, chosen) == 0
    assert to(replace(TO_OTHER, destination="192.0.2.1"), chosen) == 0
    six = replace(TO_OTHER, source="fd77::3", destination="fd77::4")
    assert to(six, chosen) == OUT
    assert to(replace(six, destination="2001:db8::1"), chosen) == 0


def test_ports_of_what_comes_in() -> None:
    some = CaptureOptions(inbound_ports=("80",))
    assert to(replace(FROM_OTHER, port=80), some) == IN
    assert to(FROM_OTHER, some) == 0
    none = CaptureOptions(inbound_ports=())
    assert to(FROM_OTHER, none) == 0
    but_ssh = CaptureOptions(inbound_exclude=("22",))
    assert to(replace(FROM_OTHER, port=22), but_ssh) == 0
    assert to(FROM_OTHER, but_ssh) == IN


def test_groups_of_applications() -> None:
    only = CaptureOptions(groups=("7", "8"))
    assert to(replace(TO_OTHER, gid=8), only) == OUT
    assert to(replace(TO_OTHER, gid=9), only) == 0
    but = CaptureOptions(groups_exclude=("9",))
    assert to(replace(TO_OTHER, gid=8), but) == OUT
    assert to(replace(TO_OTHER, gid=9), but) == 0


def test_interfaces() -> None:
    apart = CaptureOptions(interfaces_exclude=("eth7",))
    assert to(replace(TO_OTHER, goes_by="eth7"), apart) == 0
    assert to(replace(FROM_OTHER, came_by="eth7"), apart) == 0
    behind = CaptureOptions(virtual_interfaces=("net1",))
    assert to(replace(FROM_OTHER, came_by="net1", destination=VIP), behind) == OUT
    assert to(FROM_OTHER, behind) == IN


def test_dns_goes_to_the_agent_and_the_agents_own_to_the_resolver() -> None:
    dns = CaptureOptions(dns=True)
    assert to(QUERY) == 0
    assert to(QUERY, dns) == DNS
    assert to(replace(QUERY, protocol="tcp"), dns) == DNS
    assert to(by_proxy(QUERY), dns) == 0
    local = replace(QUERY, destination="127.0.0.53", goes_by="lo")
    assert to(local, dns) == DNS
    assert sent(QUERY, dns).zone == 2
    assert sent(by_proxy(QUERY), dns).zone == 1
    assert sent(local, dns).zone == 2
    assert sent(by_proxy(local), dns).zone == 0, "Docker's resolver answers in none"


def test_what_the_proxy_says_to_loopback_arrives() -> None:
    local = by_proxy(replace(TO_SELF, destination="127.0.0.1"))
    assert to(local) == 0, "a probe of the application, say"
    assert to(replace(local, port=15001), CaptureOptions(dns=True)) == 0


def test_a_resolver_of_this_machine_that_is_not_named_is_asked_as_before() -> None:
    named = CaptureOptions(dns=True, dns_servers=("10.0.0.10",))
    local = replace(TO_SELF, destination="127.0.0.1", port=53)
    assert to(local, named) == 0
    assert to(replace(local, protocol="udp"), named) == 0


def test_only_what_goes_to_the_named_resolvers_is_dns() -> None:
    dns = CaptureOptions(dns=True, dns_servers=("10.0.0.10",))
    assert to(replace(QUERY, destination="10.0.0.10"), dns) == DNS
    assert to(QUERY, dns) == 0


def test_marks_tell_the_proxy_apart_where_there_is_one_user() -> None:
    marked = CaptureOptions(uids=(), gids=(), mark=1337)
    assert to(TO_OTHER, marked) == OUT
    assert to(replace(TO_OTHER, mark=1337), marked) == 0
    assert to(replace(TO_SELF, mark=1337), marked) == IN


def test_a_proxy_outside_has_nothing_here_that_is_left_alone() -> None:
    outside = CaptureOptions(uids=(), gids=(), outside=True, dns=True)
    assert to(by_proxy(TO_OTHER), outside) == OUT, "nobody passes for the proxy"
    assert to(FROM_OTHER, outside) == IN
    assert to(TO_SELF, outside) == 0
    assert to(QUERY, outside) == DNS
    assert sent(QUERY, outside).zone == 0, "there is one asker"
    for told in ({"uids": (1337,)}, {"mark": 7}, {"inbound": Inbound.TPROXY}):
        with pytest.raises(InvalidCaptureError, match="proxy-outside"):
            replace(outside, **told)


def test_tproxy_takes_new_connections_and_routes_known_ones_here() -> None:
    assert to(FROM_OTHER, TPROXY) == IN
    known = sent(replace(FROM_OTHER, state="ESTABLISHED"), TPROXY)
    assert (known.redirected, known.packet.mark) == (0, 1337)
    delivered = replace(TO_SELF, source=OTHER, mark=1337)
    assert to(by_proxy(delivered), TPROXY) == 0, "Envoy's, with the caller's address"
    answer = replace(TO_OTHER, connection_mark=1337, state="ESTABLISHED")
    assert sent(answer, TPROXY).packet.mark == 1337, "comes back to Envoy"


def test_invalid_packets_are_dropped_where_that_is_asked() -> None:
    broken = replace(FROM_OTHER, state="INVALID")
    assert sent(broken, CaptureOptions(drop_invalid=True)).dropped
    assert not sent(broken).dropped
