"""Objects and texts that nobody would write, grown at random from what the schema says.

All choices come from one `Random`: a seed, hypothesis or a fuzzer's bytes decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import inspect

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from meltemi.config.kinds import Kind

WORDS: Final = (
    *("", " ", "a", "A", "*", "**", "*.", "*.a.com", "*a*", "a.b", ".", "..", "-", "_"),
    *("a/b", "/", "//", "./*", "~", "~/*", "*/*", "a b", "a\nb", "\t", "\0", "é", "😀"),
    *("(", "[a", "a{1000}{1000}", "(?P<a>", "\\", "^$", ".*", "%", "%REQ(a)%", "${a}"),
    *(
        "1.2.3.4",
        "1.2.3.4/33",
        "::1",
        "::/0",
        "fe80::%eth0",
        "1",
        "-1",
        "1.0e+9",
        "0x1",
    ),
    *("http", "HTTP", "tcp-a", "grpc", "http://", "https://a:99999/b?c#d", "unix:///a"),
    *("spiffe://a/ns/b/sa/c", "cluster.local/ns/*/sa/*", "kubernetes://a", "sds"),
    *("mesh", "root", "istio-system", "false", "null", "100%", "1s", "-1s", "1h1m1.5s"),
    *("request.headers[a]", "request.auth.claims[a][b]", "source.ip", "[", "a[b", "]["),
    *("{", '{"keys":[]}', '{"keys":[{"kty":1}]}', "size(a) > 1", "a ? b : c", "@", ":"),
    *("\ue000", "a\ue000"),
    "x" * 300,
)
HALF: Final = "\ue000"
"""Stands for half of a surrogate pair, which JSON can spell and no string can hold."""
HALF_SPELLED: Final = b"\\ud83d"
NUMBERS: Final = (0, 1, -1, 2, 80, 100, 101, 503, 65535, 65536, 2**31, 2**63, -(2**63))
FRACTIONS: Final = (0.0, -0.5, 0.5, 50.0, 100.0, 100.5, 1e308)
DEEPEST: Final = 9
MUTATIONS: Final = 6
ODDITY: Final = 300
"""One value in so many is of any type at all."""
SIGNS: Final = "{}[]:,-'\"&*!|>#%@ \n\tab01~.?\\\0é"


def grow_document(kind: Kind, rng: Random) -> dict[str, object]:
    """Return an object of ``kind`` as JSON would spell it, right in form or nearly."""
    metadata: dict[str, object] = {"name": rng.choice(("a", "default", "a.b"))}
    for name in ("namespace", "labels", "annotations"):
        if rng.randrange(8) == 0:
            word, value = rng.choice(WORDS), rng.choice(WORDS)
            metadata[name] = word if name == "namespace" else {word: value}
    return {
        "apiVersion": f"{kind.group}/{rng.choice(kind.versions)}",
        "kind": kind.name,
        "metadata": metadata,
        "spec": _grow(inspect.type_info(kind.spec), rng, 0),
    }


def spell_json(document: object) -> bytes:
    """Return ``document`` as JSON, with halves of surrogate pairs where it has them."""
    return msgspec.json.encode(document).replace(HALF.encode(), HALF_SPELLED)


def mutate(text: bytes, rng: Random) -> bytes:
    """Return ``text`` with parts of it removed, repeated, moved or overwritten."""
    made = bytearray(text)
    for _ in range(rng.randrange(1, MUTATIONS)):
        start = rng.randrange(len(made) + 1)
        end = min(len(made), start + rng.randrange(1, 20))
        piece = bytes(made[start:end])
        match rng.randrange(6):
            case 0:
                del made[start:end]
            case 1:
                made[start:start] = piece * rng.randrange(1, 5)
            case 2:
                made[start:end] = rng.choice(WORDS).encode()
            case 3:
                made[start:start] = rng.choice(SIGNS).encode()
            case 4:
                made[start:start] = HALF_SPELLED
            case _:
                at = rng.randrange(len(made) + 1)
                made[at:at] = piece
    return bytes(made)


def _grow(kind: inspect.Type, rng: Random, depth: int) -> object:  # noqa: PLR0911 - a kind of type a line
    if rng.randrange(ODDITY) == 0:
        return _anything(rng, depth)
    match kind:
        case inspect.Metadata(type=inner):
            return _grow(inner, rng, depth)
        case inspect.UnionType(types=types):
            return _grow(rng.choice(types), rng, depth)
        case inspect.StructType(fields=fields):
            return _grow_struct(fields, rng, depth)
        case inspect.VarTupleType(item_type=item):
            return [_grow(item, rng, depth + 1) for _ in range(rng.randrange(4))]
        case inspect.DictType(value_type=value):
            keys = rng.sample(WORDS, rng.randrange(3))
            return {key: _grow(value, rng, depth + 1) for key in keys}
        case inspect.CustomType(cls=cls) if cls is object:
            return _anything(rng, depth)
        case _:
            return _grow_scalar(kind, rng)


def _grow_struct(
    fields: Sequence[inspect.Field], rng: Random, depth: int
) -> dict[str, object]:
    """Return some of the fields: fewer the deeper, so that there is an end."""
    odds = min(2 + depth, len(fields))
    return {
        each.encode_name: _grow(each.type, rng, depth + 1)
        for each in fields
        if each.required or (depth < DEEPEST and rng.randrange(odds or 1) == 0)
    }


def _grow_scalar(kind: inspect.Type, rng: Random) -> object:  # noqa: PLR0911 - as above
    match kind:
        case inspect.BoolType():
            return rng.random() < 0.5
        case inspect.IntType():
            return rng.choice(NUMBERS)
        case inspect.FloatType():
            return rng.choice(FRACTIONS)
        case inspect.EnumType(cls=cls):
            return rng.choice([member.value for member in cls])
        case inspect.NoneType():
            return None
        case inspect.CustomType():
            return rng.choice(
                ("0s", "1s", "0.5ms", "1h1m5.5s", "-1s", "9999999h", "1ns")
            )
        case _:
            return rng.choice(WORDS)


def _anything(rng: Random, depth: int) -> object:
    match rng.randrange(6 if depth < DEEPEST else 4):
        case 0:
            return rng.choice(WORDS)
        case 1:
            return rng.choice(NUMBERS)
        case 2:
            return rng.choice(FRACTIONS)
        case 3:
            return None
        case 4:
            return [_anything(rng, depth + 1) for _ in range(rng.randrange(3))]
        case _:
            return {rng.choice(WORDS): _anything(rng, depth + 1)}
