"""What is wrong with options of the capture, in the user's words. No I/O."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final

from meltemi.kernel.networks import Network, is_inside
from meltemi.proxy.capture.limits import (
    ALL,
    GROUPS_LIMIT,
    ID_LIMIT,
    INTERFACE_LIMIT,
    MARK_LIMIT,
    PORT_LIMIT,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from meltemi.proxy.capture.options import CaptureOptions

FLAGS: Final = {
    "inbound_ports": "--inbound-ports",
    "inbound_exclude": "--exclude-inbound-ports",
    "outbound_ports": "--outbound-ports",
    "outbound_exclude": "--exclude-outbound-ports",
    "outbound_ranges": "--outbound-ranges",
    "outbound_ranges_exclude": "--exclude-outbound-ranges",
    "groups": "--groups",
    "groups_exclude": "--exclude-groups",
    "interfaces_exclude": "--exclude-interfaces",
    "virtual_interfaces": "--virtual-interfaces",
    "dns_servers": "--dns-servers",
}
"""What a user calls each list."""
PORTS: Final = (
    "inbound_ports",
    "inbound_exclude",
    "outbound_ports",
    "outbound_exclude",
)
RANGES: Final = ("outbound_ranges", "outbound_ranges_exclude")
GROUPS: Final = ("groups", "groups_exclude")
INTERFACES: Final = ("interfaces_exclude", "virtual_interfaces")
STARRED: Final = ("inbound_ports", "outbound_ranges", "groups")
"""Lists that may be ``*`` instead."""
OPPOSITES: Final = (
    ("inbound_ports", "inbound_exclude"),
    ("outbound_ports", "outbound_exclude"),
    ("virtual_interfaces", "interfaces_exclude"),
)
"""Lists that no word stands in both of."""


def complaints(options: CaptureOptions) -> Iterator[str]:
    """Yield everything that cannot be: what, found against expected, what to do."""
    words = list(_about_words(options))
    yield from words
    yield from _about_proxy(options)
    yield from _about_groups(options)
    if options.dns_servers and not options.dns:
        yield "--dns-servers without --dns changes nothing: say --dns, or leave it out"
    if not words:
        yield from _about_overlaps(options)


def network(word: str) -> Network | None:
    """Return the network that ``word`` spells, host bits or not; None if it is none."""
    try:
        return ip_network(word, strict=False)
    except ValueError:
        return None


def _about_words(options: CaptureOptions) -> Iterator[str]:
    wrong = {
        **dict.fromkeys(PORTS, _wrong_port),
        **dict.fromkeys(RANGES, _wrong_range),
        **dict.fromkeys(GROUPS, _wrong_group),
        **dict.fromkeys(INTERFACES, _wrong_interface),
        "dns_servers": _wrong_address,
    }
    for name, judge in wrong.items():
        words: tuple[str, ...] = getattr(options, name)
        starred = name in STARRED
        if starred and words == (ALL,):
            continue
        if starred and ALL in words:
            rest = ", ".join(each for each in words if each != ALL)
            yield f"{FLAGS[name]}: * is all of them, found with {rest}: say one of both"
            continue
        for each in words:
            if expected := judge(each):
                star = " or *" if starred else ""
                yield f"{FLAGS[name]}: {each!r} found, expected {expected}{star}"


def _wrong_port(word: str) -> str:
    return "" if _is_number(word, 1, PORT_LIMIT) else f"a port from 1 to {PORT_LIMIT}"


def _wrong_group(word: str) -> str:
    if _is_number(word, 0, ID_LIMIT):
        return ""
    return f"the number of a group, from 0 to {ID_LIMIT}"


def _wrong_range(word: str) -> str:
    meant = network(word)
    if meant is None:
        return "an address or CIDR"
    has_host_bits = "/" in word and not _is_network(word)
    return f"{meant}, or {word.partition('/')[0]} alone" if has_host_bits else ""


def _wrong_address(word: str) -> str:
    try:
        ip_address(word)
    except ValueError:
        return "an address"
    return ""


def _wrong_interface(word: str) -> str:
    plain = word.isascii() and word.isprintable() and not set(word) & set(' /"!+:')
    if plain and 0 < len(word) <= INTERFACE_LIMIT:
        return ""
    return f"the name of an interface, up to {INTERFACE_LIMIT} characters"


def _is_number(word: str, lowest: int, highest: int) -> bool:
    """Whether ``word`` is a number as it is usually written: without zeros ahead."""
    plain = word.isascii() and word.isdecimal() and len(word) <= len(str(highest))
    return plain and lowest <= int(word) <= highest and str(int(word)) == word


def _is_network(word: str) -> bool:
    try:
        ip_network(word)
    except ValueError:
        return False
    return True


def _about_proxy(options: CaptureOptions) -> Iterator[str]:
    told = options.mark is not None or options.uids or options.gids
    transparent = options.inbound == "TPROXY"
    if options.outside and (told or transparent):
        yield (
            "--proxy-outside: the proxy opens nothing here: expected REDIRECT, and "
            "neither --proxy-uid, --proxy-gid nor --proxy-mark"
        )
    if not told and not options.outside:
        yield (
            "neither --proxy-uid, --proxy-gid nor --proxy-mark tell which connections "
            "are the proxy's: what it opens would come back to it for ever"
        )
    if options.mark is not None and (options.uids or options.gids):
        yield "--proxy-mark is instead of --proxy-uid and --proxy-gid: say one of both"
    if transparent and options.mark is not None:
        yield "TPROXY marks packets itself: say --proxy-uid instead of --proxy-mark"
    if options.mark is not None and not 0 < options.mark <= MARK_LIMIT:
        yield (
            f"--proxy-mark: {options.mark} found, expected a number from 1 to "
            f"{MARK_LIMIT}: what has no mark has 0"
        )
    for flag, ids in (("--proxy-uid", options.uids), ("--proxy-gid", options.gids)):
        for each in ids:
            if not 0 <= each <= ID_LIMIT:
                yield f"{flag}: {each} found, expected a number from 0 to {ID_LIMIT}"


def _about_groups(options: CaptureOptions) -> Iterator[str]:
    if options.groups_exclude and options.groups != (ALL,):
        yield "--groups and --exclude-groups are both given: say one of both"
    if len(options.groups) + len(options.groups_exclude) > GROUPS_LIMIT:
        yield f"--groups: more than {GROUPS_LIMIT} are given"
    if not options.groups:
        yield (
            "--groups: nothing found, expected numbers or *: to capture nothing that "
            "applications open, say --outbound-ranges="
        )
    for each in options.groups:
        if each in map(str, options.gids):
            yield (
                f"--groups: {each} found, which is the proxy's group: its connections "
                "are never captured. Leave it out, or say another --proxy-gid"
            )


def _about_overlaps(options: CaptureOptions) -> Iterator[str]:
    for wanted, spared in OPPOSITES:
        both = set(getattr(options, wanted)) & set(getattr(options, spared))
        for each in sorted(both):
            yield _twice(each, FLAGS[wanted], FLAGS[spared])
    spared_ranges = _networks(options.outbound_ranges_exclude)
    for each in _networks(options.outbound_ranges):
        if any(is_inside(each, other) for other in spared_ranges):
            yield _twice(str(each), *(FLAGS[name] for name in RANGES))


def _twice(word: str, wanted: str, spared: str) -> str:
    return f"{wanted} and {spared}: {word} is in both: leave it out of one"


def _networks(words: Iterable[str]) -> list[Network]:
    found = (network(each) for each in words if each != ALL)
    return [each for each in found if each is not None]
