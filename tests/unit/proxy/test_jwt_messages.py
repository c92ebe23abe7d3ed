from __future__ import annotations

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from spiffe._proto import workload_pb2 as spiffe

from meltemi.identity.svid_wire import SvidAnswer
from meltemi.identity.wire import InvalidMessageError
from meltemi.proxy.jwt_messages import (
    JwtSvidAsked,
    ValidationAsked,
    jwt_bundles,
    jwt_svids,
    validated,
)
from meltemi.proxy.svid_check import Proved
from meltemi.testkit.authority import NOON, REVIEWS


@given(st.lists(st.text(max_size=300), max_size=5), st.text())
def test_requests_are_read_as_protobuf_writes_them(
    audience: list[str], name: str
) -> None:
    raw = spiffe.JWTSVIDRequest(audience=audience, spiffe_id=name).SerializeToString()
    assert JwtSvidAsked.decode(raw) == JwtSvidAsked(tuple(audience), name)
    one = spiffe.ValidateJWTSVIDRequest(audience=name, svid="x").SerializeToString()
    assert ValidationAsked.decode(one) == ValidationAsked(name, "x")


@given(st.binary(max_size=64))
def test_no_bytes_break_the_reading(raw: bytes) -> None:
    try:
        JwtSvidAsked.decode(raw)
    except InvalidMessageError:
        return


def test_a_length_beyond_the_end_is_refused() -> None:
    for raw in (b"\x0a\x05abc", b"\x0a", b"\x08\x01", b"\x0a\x01\xff", b"\xff" * 11):
        with pytest.raises(InvalidMessageError):
            ValidationAsked.decode(raw)


def test_answers_are_those_of_spiffe_s_own_proto() -> None:
    raw = jwt_svids(SvidAnswer(str(REVIEWS), "a.b.c", NOON))
    (svid,) = spiffe.JWTSVIDResponse.FromString(raw).svids
    assert (svid.spiffe_id, svid.svid) == (str(REVIEWS), "a.b.c")
    bundles = spiffe.JWTBundlesResponse.FromString(
        jwt_bundles({"b.example": (), "a.example": ({"kid": "1"},)})
    ).bundles
    assert dict(bundles) == {
        "spiffe://a.example": b'{"keys":[{"kid":"1"}]}',
        "spiffe://b.example": b'{"keys":[]}',
    }
    claims = {"aud": ["a"], "exp": 5.0, "nested": {"x": None}}
    checked = spiffe.ValidateJWTSVIDResponse.FromString(
        validated(Proved(str(REVIEWS), claims))
    )
    assert checked.spiffe_id == str(REVIEWS)
    assert MessageToDict(checked.claims) == claims
