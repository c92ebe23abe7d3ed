"""Bodies that are made to hurt: large, deep, endless, or impossible to read."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meltemi.config.decode import TEXT_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ITEMS: Final = 10_000
YAML: Final = "application/yaml"
JSON: Final = "application/json"


@dataclass(frozen=True)
class Hostile:
    """A body, and what it claims to be."""

    body: bytes
    media: str = YAML
    encoding: str = "identity"


def rule(spec: str, kind: str = "DestinationRule") -> bytes:
    """Return an object whose specification is ``spec``, in YAML."""
    head = f"apiVersion: networking.istio.io/v1\nkind: {kind}\nmetadata: {{name: a}}\n"
    return f"{head}spec:\n{spec}".encode()


def repeated(part: str, *, head: str = "", tail: str = "") -> bytes:
    """Return ``part`` as often as fits into a body, between ``head`` and ``tail``."""
    number = (TEXT_LIMIT - len(head) - len(tail)) // len(part.encode())
    return (head + part * number + tail).encode()


def lines(parts: Iterable[str]) -> str:
    """Return ``parts``, a line each."""
    return "".join(f"{part}\n" for part in parts)


def json_rule(spec: str) -> bytes:
    """Return a DestinationRule in JSON."""
    head = '{"apiVersion":"networking.istio.io/v1","kind":"DestinationRule",'
    return f'{head}"metadata":{{"name":"a"}},"spec":{spec}}}'.encode()


MALFORMED: Final = (400, "MALFORMED_YAML")
TOO_DEEP: Final = (422, "TOO_DEEP")
TOO_LARGE: Final = (422, "TOO_LARGE")
NUMBER: Final = (422, "NUMBER")
REFUSED: Final[Mapping[str, tuple[int, str]]] = {
    "an alias bomb": (400, "ALIAS"),
    "a billion laughs": (400, "ALIAS"),
    "a gzip bomb": (415, "request.media-type"),
    "deep brackets": MALFORMED,
    "deep braces": TOO_DEEP,
    "deep JSON": TOO_DEEP,
    "deep lists": TOO_DEEP,
    "a small list too deep": TOO_DEEP,
    "10,000 names": TOO_LARGE,
    "10,000 hosts": TOO_LARGE,
    "10,000 routes": TOO_LARGE,
    "10,000 long routes": TOO_LARGE,
    "10,000 items of JSON": TOO_LARGE,
    "10,000 objects of JSON": TOO_LARGE,
    "500,000 numbers": TOO_LARGE,
    "many small items": TOO_LARGE,
    "many keys": TOO_LARGE,
    "many documents": TOO_LARGE,
    "many comments": (400, "EMPTY"),
    "many tags": (400, "TAG"),
    "one key again and again": (422, "DUPLICATE_KEY"),
    "one long word": (422, "REQUIRED"),
    "escapes without end": MALFORMED,
    "a huge number": (422, "WRONG_TYPE"),
    "a huge number of JSON": NUMBER,
    "a number without bound": NUMBER,
    "not a number": NUMBER,
    "NUL": MALFORMED,
    "NUL behind much": MALFORMED,
    "only NUL": MALFORMED,
    "half a character": (400, "MALFORMED_YAML"),
    "not UTF-8": (400, "NOT_UTF8"),
    "many mistakes": (422, "UNKNOWN_FIELD"),
}
"""The status each is answered with, and one of the codes, whoever else may object."""

ROUTE: Final = "  - {match: [{uri: {prefix: /a}}], route: [{destination: {host: a}}]}\n"
LONG_ROUTE: Final = "  - match:\n    - uri:\n        prefix: /a\n    route:\n    - destination: {host: a}\n"

HOSTILE: Final[Mapping[str, Callable[[], Hostile]]] = {
    "an alias bomb": lambda: Hostile(
        b"a: &a [x]\n" + b"b: [*a,*a,*a]\n" * 70_000,
    ),
    "a billion laughs": lambda: Hostile(
        lines(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 9))
        .replace("*l0", "lol")
        .encode()
    ),
    "a gzip bomb": lambda: Hostile(
        gzip.compress(bytes(64 * TEXT_LIMIT), 1)[:TEXT_LIMIT], YAML, "gzip"
    ),
    "deep brackets": lambda: Hostile(repeated("[")),
    "deep braces": lambda: Hostile(repeated('{"a":'), JSON),
    "deep JSON": lambda: Hostile(
        json_rule('{"host":' + '{"a":' * 5_000 + "1" + "}" * 5_001), JSON
    ),
    "deep lists": lambda: Hostile(repeated("- ")),
    "a small list too deep": lambda: Hostile(rule("  host: " + "[" * 60 + "]" * 60)),
    "10,000 names": lambda: Hostile(rule("  exportTo:\n" + "  - a\n" * ITEMS)),
    "10,000 hosts": lambda: Hostile(
        rule(
            "  resolution: DNS\n  hosts:\n"
            + lines(f"  - a{n}.example.com" for n in range(ITEMS)),
            "ServiceEntry",
        )
    ),
    "10,000 routes": lambda: Hostile(
        rule("  hosts: [a]\n  http:\n" + ROUTE * ITEMS, "VirtualService")
    ),
    "10,000 long routes": lambda: Hostile(
        rule("  hosts: [a]\n  http:\n" + LONG_ROUTE * ITEMS, "VirtualService")
    ),
    "10,000 items of JSON": lambda: Hostile(
        json_rule('{"exportTo":[' + ",".join(['"a"'] * ITEMS) + "]}"), JSON
    ),
    "10,000 objects of JSON": lambda: Hostile(
        json_rule('{"subsets":[' + ",".join(['{"name":"a"}'] * ITEMS) + "]}"), JSON
    ),
    "500,000 numbers": lambda: Hostile(repeated("1,", head='{"a":[', tail="1]}"), JSON),
    "many small items": lambda: Hostile(repeated("- a\n")),
    "many keys": lambda: Hostile(lines(f"k{n}: 1" for n in range(90_000)).encode()),
    "many documents": lambda: Hostile(repeated("---\na: 1\n")),
    "many comments": lambda: Hostile(repeated("#\n")),
    "many tags": lambda: Hostile(repeated("- !a b\n")),
    "one key again and again": lambda: Hostile(repeated("a: 1\n")),
    "one long word": lambda: Hostile(repeated("x", head="a: ")),
    "escapes without end": lambda: Hostile(repeated("41", head='"\\x')),
    "a huge number": lambda: Hostile(
        rule("  trafficPolicy: {connectionPool: {tcp: {maxConnections: N}}}\n").replace(
            b"N", b"9" * 500_000
        )
    ),
    "a huge number of JSON": lambda: Hostile(
        json_rule('{"host":"a","trafficPolicy":' + "9" * 500_000 + "}"), JSON
    ),
    "a number without bound": lambda: Hostile(json_rule('{"host":1e999}'), JSON),
    "not a number": lambda: Hostile(
        json_rule('{"host":"a","trafficPolicy":{"tls":{"mode":NaN}}}'), JSON
    ),
    "NUL": lambda: Hostile(rule("  host: a\0\n")),
    "NUL behind much": lambda: Hostile(repeated("# x\n", tail="\0")),
    "only NUL": lambda: Hostile(repeated("\0")),
    "half a character": lambda: Hostile(json_rule('{"host":"\\ud83d"}'), JSON),
    "not UTF-8": lambda: Hostile(b"a" * (TEXT_LIMIT - 1) + b"\xff"),
    "many mistakes": lambda: Hostile(rule(lines(f"  hst{n}: a" for n in range(3_000)))),
}


def rules(number: int) -> bytes:
    """Return ``number`` objects that are right."""
    return b"\n---\n".join(
        b"apiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
        b"metadata: {name: rule-%d, resourceVersion: '7'}\n"
        b"spec: {host: reviews, trafficPolicy: {connectionPool: {tcp:"
        b" {connectTimeout: 1s}}}}" % each
        for each in range(number)
    )
