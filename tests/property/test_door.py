from __future__ import annotations

import contextlib

import msgspec
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from meltemi.config.canonical import content, from_stored, stored
from meltemi.config.decode import decode
from meltemi.config.finding import InvalidConfigError
from meltemi.config.kinds import KINDS
from meltemi.config.values import encode_value

WORDS = st.sampled_from(
    sorted(
        {
            field.encode_name
            for kind in KINDS
            for field in msgspec.structs.fields(kind.spec)
        }
        | {"match", "route", "destination", "host", "uri", "exact", "number", "tls"}
        | {"apiVersion", "kind", "metadata", "spec", "name", "namespace", "labels"}
    )
)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "a", "*", "1s", "NO", "-", "80", "(", "é", "\u0001"])
)
TREES = st.recursive(
    VALUES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)
UNHURRIED = settings(deadline=None)
"""A machine that does much else is no reason to fail."""
PLAIN = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, object]:
    kind = draw(st.sampled_from(KINDS))
    names = {field.encode_name for field in msgspec.structs.fields(kind.spec)}
    spec = draw(st.dictionaries(st.sampled_from(sorted(names)), TREES, max_size=4))
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": {"name": draw(PLAIN)},
        "spec": spec,
    }


def only_findings(data: bytes) -> None:
    with contextlib.suppress(InvalidConfigError):
        decode(data, file="f", default_namespace="default")


@UNHURRIED
@given(st.binary(max_size=400))
def test_any_bytes_give_objects_or_findings(data: bytes) -> None:
    only_findings(data)


@UNHURRIED
@given(st.text(alphabet=st.sampled_from("{}[]:,-'\"&*!|>#%@ \n\tab01~.?"), max_size=80))
def test_any_punctuation_gives_objects_or_findings(text: str) -> None:
    only_findings(text.encode())


@UNHURRIED
@given(documents())
def test_any_tree_gives_objects_or_findings_in_both_spellings(
    document: dict[str, object],
) -> None:
    only_findings(msgspec.json.encode(document))
    only_findings(yaml.safe_dump(document, allow_unicode=True).encode())


@st.composite
def specs(draw: st.DrawFn) -> dict[str, object]:
    """A VirtualService that is right, with parts present or not."""
    destination = {"host": draw(PLAIN), "subset": draw(st.none() | PLAIN)}
    route = {
        "route": [{"destination": destination, "weight": draw(st.integers(1, 100))}],
        "timeout": draw(st.none() | st.sampled_from(["1s", "1500ms", "1h1m5.5s"])),
        "match": [
            {
                "uri": {draw(st.sampled_from(["exact", "prefix"])): draw(PLAIN)},
                "headers": draw(
                    st.dictionaries(PLAIN, st.just({"exact": "x"}), max_size=2)
                ),
                "ignoreUriCase": draw(st.none() | st.booleans()),
            }
        ],
    }
    return {"hosts": [draw(PLAIN)], "http": [route], "gateways": draw(st.just([]))}


@UNHURRIED
@given(specs())
def test_decoding_what_is_canonical_gives_the_same_object_and_bytes(
    spec: dict[str, object],
) -> None:
    document = {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "VirtualService",
        "metadata": {"name": "a"},
        "spec": spec,
    }
    data = msgspec.json.encode(document, enc_hook=encode_value)
    (first,) = decode(data, file="f", default_namespace="default")
    (second,) = decode(content(first), file="f", default_namespace="other")
    assert second.spec == first.spec
    assert second.key == first.key
    assert content(second) == content(first)
    assert stored(from_stored(stored(first))) == stored(first)
    assert from_stored(stored(first)).spec == first.spec
