from __future__ import annotations

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meltemi.citadel.csr import InvalidRequestError, check_request
from meltemi.identity.certificate import InvalidCertificateError, parse_chain
from meltemi.identity.keys import build_csr, new_key
from meltemi.identity.wire import (
    CertificateRequest,
    CertificateResponse,
    InvalidMessageError,
)
from meltemi.kernel.errors import MeshError
from meltemi.kernel.identity import InvalidIdentityError, SpiffeId
from meltemi.kernel.names import Namespace
from meltemi.proxy.checkpoint import CorruptCheckpointError, decode
from meltemi.testkit.authority import RATINGS, REVIEWS

KEY = new_key()
GOOD = build_csr(KEY, REVIEWS)
DER = base64.b64decode("".join(GOOD.splitlines()[1:-1]))

LABELS = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
DOMAINS = st.from_regex(r"[a-z0-9._-]{1,40}", fullmatch=True)


def wrapped(raw: bytes) -> str:
    label = "CERTIFICATE REQUEST"
    text = base64.encodebytes(raw).decode()
    return f"-----BEGIN {label}-----\n{text}-----END {label}-----\n"


@given(DOMAINS, LABELS, LABELS)
def test_an_identity_survives_its_spelling(domain: str, ns: str, account: str) -> None:
    identity = SpiffeId(domain, Namespace(ns), account)
    assert SpiffeId.parse(str(identity)) == identity


@given(st.text())
@example("spiffe://cluster.local/ns/default/sa/x/ns/admin")
@example("spiffe://cluster.local/ns//sa/x")
@example("spiffe://CLUSTER.local/ns/a/sa/x")
@example("spiffe://cluster.local/ns/a/sa/x\n")
@example("spiffe://user@cluster.local/ns/a/sa/x")
@example("spiffe://cluster.local:80/ns/a/sa/x")
@example("spiffe://cluster.local/ns/a/sa/%2e%2e")
@example("spiffe://cluster.local/ns/a/sa/x?y#z")
def test_what_parses_is_spelled_in_one_way_only(text: str) -> None:
    try:
        identity = SpiffeId.parse(text)
    except InvalidIdentityError:
        return
    assert str(identity) == text
    assert text.count("/") == 6


@given(
    st.lists(
        st.tuples(
            st.integers(min_value=0, max_value=len(DER) - 1),
            st.integers(min_value=0, max_value=255),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_a_forged_request_is_refused_or_certifies_the_proved_key_for_its_caller(
    edits: list[tuple[int, int]],
) -> None:
    """F-41: whatever is changed, nobody gets a certificate for a key not theirs."""
    raw = bytearray(DER)
    for position, value in edits:
        raw[position] = value
    try:
        checked = check_request(wrapped(bytes(raw)), REVIEWS)
    except InvalidRequestError:
        return
    assert checked.public_key == KEY.public_key()


@given(st.binary(max_size=200))
def test_junk_is_never_a_request(raw: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        check_request(wrapped(raw), REVIEWS)
    with pytest.raises(InvalidRequestError):
        check_request(raw.decode("latin-1"), REVIEWS)


@given(st.sampled_from([RATINGS, SpiffeId("a.b", REVIEWS.namespace, "x")]))
def test_a_request_for_another_name_is_refused(other: SpiffeId) -> None:
    with pytest.raises(InvalidRequestError):
        check_request(build_csr(KEY, other), REVIEWS)


@given(st.binary(max_size=300))
def test_bytes_from_outside_give_values_or_our_errors(raw: bytes) -> None:
    for read, expected in (
        (CertificateRequest.decode, InvalidMessageError),
        (CertificateResponse.decode, InvalidMessageError),
        (parse_chain, InvalidCertificateError),
        (decode, CorruptCheckpointError),
    ):
        try:
            read(raw)
        except MeshError as error:
            assert isinstance(error, expected)  # noqa: PT017 - a value is fine as well


@given(st.text(), st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_a_request_survives_the_wire(csr: str, validity: int) -> None:
    request = CertificateRequest(csr, validity)
    assert CertificateRequest.decode(request.encode()) == request
