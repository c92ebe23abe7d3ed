"""Values of labels and annotations, read strictly: what is odd never gets further."""

from __future__ import annotations

import re
from enum import StrEnum
from ipaddress import ip_network
from typing import Final

from meltemi.config.rules.annotations import BOOLEANS
from meltemi.config.rules.regex import check_regex

ALL: Final = "*"
HIGHEST_PORT: Final = 65535
INTERFACE: Final = re.compile(r'[^\s/"!+:]{1,15}', re.ASCII)
IMAGE: Final = re.compile(r"[A-Za-z0-9][-A-Za-z0-9._:/@]{0,254}")
"""What may name an image; Docker's own grammar is narrower."""
CPU: Final = re.compile(r"[0-9]{1,9}m|[0-9]{1,6}(\.[0-9]{1,6})?")
MEMORY: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?(k|[MGT]|[KMGT]i)?")
"""Kubernetes' quantities, of those units that a proxy needs."""
LOG_LEVELS: Final = (
    *("trace", "debug", "info", "warning", "error", "critical", "off"),
)


class Mode(StrEnum):
    """How connections reach Envoy."""

    REDIRECT = "REDIRECT"
    TPROXY = "TPROXY"
    NONE = "NONE"


def words(text: str) -> tuple[str, ...]:
    """Return the parts of a comma list."""
    return tuple(each.strip() for each in text.split(",") if each.strip())


def regexps(text: str) -> tuple[str, ...]:
    """Return a comma list of regular expressions; raise `ValueError` if one is none."""
    for each in words(text):
        for found in check_regex("", each):
            raise ValueError(found.message)
    return words(text)


def boolean(text: str) -> bool:
    """Return what Go's strconv.ParseBool reads, and Istio's injector more: yes, on.

    Raises:
        ValueError: If it is neither.

    """
    if text in BOOLEANS:
        return text.lower() in ("1", "t", "true")
    if text.lower() in ("y", "yes", "on", "n", "no", "off"):
        return text.lower() in ("y", "yes", "on")
    raise ValueError(f'{text!r} is neither "true" nor "false"')


def port(text: str) -> int:
    """Return the port that ``text`` spells; raise `ValueError` if it is none."""
    known = text.isascii() and text.isdecimal() and len(text) < 6  # noqa: PLR2004 - digits of 65535
    if not known or not 0 < int(text) <= HIGHEST_PORT:
        raise ValueError(f"{text!r} is no port from 1 to 65535")
    return int(text)


def ports(text: str) -> tuple[str, ...]:
    """Return a comma list of ports; raise `ValueError` if one is none."""
    return tuple(str(port(each)) for each in words(text))


def ports_or_all(text: str) -> tuple[str, ...]:
    """Return a comma list of ports, or ``*``; raise `ValueError` as `ports`."""
    return (ALL,) if text.strip() == ALL else ports(text)


def ranges(text: str) -> tuple[str, ...]:
    """Return a comma list of CIDRs; raise `ValueError` if one is none."""
    for each in words(text):
        try:
            ip_network(each, strict=False)
        except ValueError:
            raise ValueError(f"{each!r} is no address or CIDR") from None
    return words(text)


def ranges_or_all(text: str) -> tuple[str, ...]:
    """Return a comma list of CIDRs, or ``*``; raise `ValueError` as `ranges`."""
    return (ALL,) if text.strip() == ALL else ranges(text)


def interfaces(text: str) -> tuple[str, ...]:
    """Return a comma list of interfaces; raise `ValueError` if one is none."""
    for each in words(text):
        if not (each.isprintable() and INTERFACE.fullmatch(each)):
            raise ValueError(f"{each!r} is no name of an interface")
    return words(text)


def image(text: str) -> str:
    """Return the name of an image; raise `ValueError` if it is none."""
    if not IMAGE.fullmatch(text):
        raise ValueError(f"{text!r} is no name of an image")
    return text


def cpu(text: str) -> str:
    """Return a quantity of CPUs; raise `ValueError` if it is none."""
    if not CPU.fullmatch(text):
        raise ValueError(f"{text!r} is no quantity of CPUs: 500m, 1.5")
    return text


def memory(text: str) -> str:
    """Return a quantity of memory; raise `ValueError` if it is none."""
    if not MEMORY.fullmatch(text):
        raise ValueError(f"{text!r} is no quantity of memory: 128Mi, 1G")
    return text


def log_level(text: str) -> str:
    """Return Envoy's name of a log level; raise `ValueError` if it is none."""
    level = {"warn": "warning", "none": "off"}.get(text, text)
    if level not in LOG_LEVELS:
        raise ValueError(f"{text!r} is not one of {', '.join(LOG_LEVELS)}")
    return level


def mode(text: str) -> Mode:
    """Return how connections are captured; raise `ValueError` if it cannot be so."""
    try:
        return Mode(text)
    except ValueError:
        raise ValueError(f"{text!r} is not one of {', '.join(Mode)}") from None
