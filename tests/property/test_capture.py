"""Whatever is asked for: the kernel takes the rules, and the proxy's own stays its own."""

from __future__ import annotations

import shutil
import subprocess
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meltemi.kernel.networks import is_inside
from meltemi.proxy.capture import iptables, nft
from meltemi.proxy.capture.limits import ALL
from meltemi.proxy.capture.options import CaptureOptions, Inbound
from meltemi.proxy.capture.plan import plan
from meltemi.proxy.capture.rules import OUTPUT
from meltemi.testkit.packets import Packet, fate
from meltemi.testkit.rule_words import Said, meant, of_iptables, of_nft

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ports = st.lists(st.integers(1, 65535).map(str), max_size=3).map(tuple)
groups = st.lists(st.integers(0, 1300).map(str), max_size=3).map(tuple)
ids = st.lists(
    st.sampled_from((1337, 4242, 70_000)), min_size=1, max_size=2, unique=True
)
networks = st.ip_addresses(network="10.0.0.0/8") | st.ip_addresses(v=6)
ranges = st.lists(
    st.builds(
        lambda address, bits: str(ip_network(f"{address}/{bits}", strict=False)),
        networks,
        st.integers(8, 32),
    ),
    max_size=3,
).map(tuple)
names = st.lists(st.sampled_from(("eth7", "net1", "veth-0.12")), max_size=2).map(tuple)
servers = st.lists(networks.map(str), max_size=3).map(tuple)


@st.composite
def options(draw: st.DrawFn) -> CaptureOptions:
    known_by = draw(st.sampled_from(("user", "mark", "nothing")))
    by_user, marked = known_by == "user", known_by == "mark"
    inbound = draw(st.sampled_from(Inbound)) if by_user else Inbound.REDIRECT
    only, dns = draw(groups), draw(st.booleans())
    inbound_ports = draw(st.just((ALL,)) | ports)
    outbound_ports, virtual = draw(ports), draw(names)
    outbound_ranges = draw(st.just((ALL,)) | ranges)
    return CaptureOptions(
        uids=tuple(draw(ids)) if by_user else (),
        gids=tuple(draw(ids)) if by_user else (),
        outside=known_by == "nothing",
        mark=draw(st.integers(1, 2**32 - 1)) if marked else None,
        inbound=inbound,
        inbound_ports=inbound_ports,
        inbound_exclude=draw(without(ports, inbound_ports)),
        outbound_ports=outbound_ports,
        outbound_exclude=draw(without(ports, outbound_ports)),
        outbound_ranges=outbound_ranges,
        outbound_ranges_exclude=draw(ranges.filter(no_cover(outbound_ranges))),
        groups=only or (ALL,),
        groups_exclude=() if only else draw(groups),
        interfaces_exclude=draw(without(names, virtual)),
        virtual_interfaces=virtual,
        dns=dns,
        dns_servers=draw(servers) if dns else (),
        drop_invalid=draw(st.booleans()),
    )


def without(
    lists: st.SearchStrategy[tuple[str, ...]], words: tuple[str, ...]
) -> st.SearchStrategy[tuple[str, ...]]:
    return lists.map(lambda found: tuple(e for e in found if e not in words))


def no_cover(wanted: tuple[str, ...]) -> Callable[[tuple[str, ...]], bool]:
    """Return whether nothing that is ``wanted`` is inside of what is excluded."""
    inner = [ip_network(each) for each in wanted if each != ALL]
    return lambda excluded: (
        not any(
            is_inside(each, ip_network(outer)) for each in inner for outer in excluded
        )
    )


versions = st.sampled_from((4, 6))


@given(options().filter(lambda one: not one.outside), versions, st.data())
def test_what_the_proxy_opens_leaves_as_it_is(
    chosen: CaptureOptions, version: int, data: st.DataObject
) -> None:
    uid, gid = data.draw(
        st.sampled_from(
            [(each, 99) for each in chosen.uids]
            + [(99, each) for each in chosen.gids]
            + ([(99, 99)] if chosen.mark else [])
        )
    )
    addresses = st.ip_addresses(v=version).map(str)  # type: ignore[arg-type]
    own = Packet(
        OUTPUT,
        data.draw(st.sampled_from(("tcp", "udp"))),
        data.draw(addresses),
        data.draw(addresses),
        data.draw(st.integers(1, 65535)),
        goes_by="eth0",
        uid=uid,
        gid=gid,
        mark=chosen.mark or 0,
    )
    assert not fate(plan(chosen, version), own).redirected


@given(options(), versions)
def test_what_the_proxy_hands_to_the_application_arrives(
    chosen: CaptureOptions, version: int
) -> None:
    source, local = ("127.0.0.6", "10.7.0.3") if version == 4 else ("::6", "fd77::3")
    handed = Packet(OUTPUT, "tcp", source, local, 8080, goes_by="lo", uid=1337)
    assert not fate(plan(chosen, version), handed).redirected


def by_chain(rules: Iterable[Said]) -> dict[str, list[Said]]:
    """Return the rules of each chain, in their order."""
    found: dict[str, list[Said]] = {}
    for each in rules:
        found.setdefault(each.chain, []).append(each)
    return found


@given(options())
def test_both_programs_are_told_exactly_what_was_planned(
    chosen: CaptureOptions,
) -> None:
    plans = [plan(chosen, version) for version in (4, 6)]
    in_nft = of_nft(nft.transaction(plans))
    assert len(in_nft) == sum(len(each.tables) for each in plans)
    for each in plans:
        in_iptables = of_iptables(iptables.transaction(each, ""))
        assert len(in_iptables) == len(each.tables)
        for table in each.tables:
            wanted = by_chain(map(meant, table.rules))
            said = in_nft[f"{nft.FAMILIES[each.version]} {table.kind}"]
            assert by_chain(said) == wanted
            assert by_chain(in_iptables[table.kind]) == wanted


def taken(command: str, text: str, *words: str) -> str:
    """Give ``text`` to ``command`` in a namespace of its own; return its complaint."""
    alone = shutil.which("unshare") or "unshare"
    done = subprocess.run(
        [alone, "-Urn", command, *words],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr if done.returncode else ""


def needed(command: str) -> None:
    if shutil.which(command) is None or taken("true", ""):
        pytest.skip(reason=f"needs {command} and user namespaces")


slow = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@slow
@given(options(), versions)
def test_iptables_takes_every_plan(chosen: CaptureOptions, version: int) -> None:
    command = "ip6tables-restore" if version == 6 else "iptables-restore"
    needed(command)
    text = iptables.transaction(plan(chosen, version), "")
    assert not taken(command, text, "--noflush", "--test"), text


@slow
@given(options())
def test_nft_takes_every_plan(chosen: CaptureOptions) -> None:
    needed("nft")
    text = nft.transaction([plan(chosen, version) for version in (4, 6)])
    assert not taken("nft", text, "-c", "-f", "-"), text
