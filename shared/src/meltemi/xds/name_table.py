"""The names of the mesh and their addresses, on their way from Pilot to the agents.

On the wire it is Istio's NDS: one message, whole each time.

Source:
    istio/istio pkg/dns/proto/nds.proto: NameTable.table = 1, a map of NameInfo
    {ips = 1, registry = 2, shortname = 3, namespace = 4}. Ports are ours: agents of
    Istio pass the field over, and Pilots of Istio do not send it.

"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from meltemi.kernel.errors import Blame, MeshError
from meltemi.kernel.varint import varint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TYPE_URL: Final = "type.googleapis.com/istio.networking.nds.v1.NameTable"

TABLE: Final = 1
KEY, VALUE = 1, 2
"""Fields of a map's entry."""

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
"""Wire types (protobuf.dev/programming-guides/encoding)."""

PORTS: Final = 1001
"""Of a NameInfo: far from whatever Istio may number."""

DIGITS: Final = len("65535")
"""Of a port's number."""

LONGEST_VARINT: Final = 70
"""Bits, in whole groups of seven, that 64 bits need."""


class InvalidNameTableError(MeshError):
    """Bytes are not a NameTable."""

    code = "xds.invalid-name-table"
    blame = Blame.PEER


class NamedPort(NamedTuple):
    """A port of a service, by the names that SRV knows it by.

    Attributes:
        name: The port's.
        transport: ``tcp`` or ``udp``.
        number: What to connect to.

    """

    name: str
    transport: str
    number: int


@dataclass(frozen=True, slots=True)
class Name:
    """What a host stands for: Istio's NameInfo.

    Attributes:
        addresses: IPv4 and IPv6, as text.
        registry: Where its service was described.
        short: The service's name within ``namespace``; empty: it has none.
        namespace: Where ``short`` alone means this host.
        ports: Its service's.

    """

    addresses: tuple[str, ...]
    registry: str = ""
    short: str = ""
    namespace: str = ""
    ports: tuple[NamedPort, ...] = ()


def encode(table: Mapping[str, Name]) -> bytes:
    """Return the message; equal tables give equal bytes."""
    return b"".join(
        _field(TABLE, _field(KEY, host.encode()) + _field(VALUE, _name(table[host])))
        for host in sorted(table)
    )


def _name(name: Name) -> bytes:
    parts = [_field(1, each.encode()) for each in name.addresses]
    texts = (name.registry, name.short, name.namespace)
    parts += [
        _field(number, text.encode()) for number, text in enumerate(texts, 2) if text
    ]
    parts += [_field(PORTS, _port(each)) for each in name.ports]
    return b"".join(parts)


def _port(port: NamedPort) -> bytes:
    return f"{port.number}/{port.transport}/{port.name}".encode()


def _field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | LENGTH) + varint(len(content)) + content


def decode(raw: bytes) -> dict[str, Name]:
    """Read the message; fields it does not know are passed over.

    Raises:
        InvalidNameTableError: If ``raw`` is none.

    """
    try:
        return dict(_entry(each) for number, each in _fields(raw) if number == TABLE)
    except (IndexError, UnicodeDecodeError) as error:
        raise InvalidNameTableError(f"{len(raw)} bytes are no NameTable") from error


def _entry(raw: bytes) -> tuple[str, Name]:
    parts = dict(_fields(raw))
    found: dict[int, list[str]] = {}
    for number, content in _fields(parts.get(VALUE, b"")):
        if number in (*range(1, 5), PORTS):
            found.setdefault(number, []).append(content.decode())
    registry, short, namespace = (found.get(each, [""])[-1] for each in (2, 3, 4))
    addresses = tuple(found.get(1, ()))
    ports = (port for each in found.get(PORTS, ()) if (port := _read_port(each)))
    host = parts.get(KEY, b"").decode()
    return host, Name(addresses, registry, short, namespace, tuple(ports))


def _read_port(text: str) -> NamedPort | None:
    """Return the port that ``text`` spells; None if it is none."""
    number, _, rest = text.partition("/")
    transport, slash, name = rest.partition("/")
    if not (slash and number.isascii() and number.isdecimal()):
        return None
    return NamedPort(name, transport, int(number)) if len(number) <= DIGITS else None


def _fields(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and content of each field that has a length; pass over others."""
    at = 0
    while at < len(raw):
        tag, at = _read_varint(raw, at)
        kind = tag & 7
        if kind == LENGTH:
            length, at = _read_varint(raw, at)
            if at + length > len(raw):
                raise IndexError(length)
            yield tag >> 3, raw[at : at + length]
            at += length
        elif kind == VARINT:
            _, at = _read_varint(raw, at)
        elif kind in (FIXED32, FIXED64):
            at += 4 if kind == FIXED32 else 8
        else:
            raise IndexError(kind)


def _read_varint(raw: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, LONGEST_VARINT, 7):
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte <= 0x7F:  # noqa: PLR2004 - seven bits a byte
            return value, at
    raise IndexError(at)
