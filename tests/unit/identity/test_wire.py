from __future__ import annotations

import pytest
from google.protobuf import descriptor_pool

from meltemi.identity.wire import (
    CertificateRequest,
    CertificateResponse,
    InvalidMessageError,
)

# field 1 "csr" = "X", field 3 = 3600, field 4 Struct {"CertSigner": ""}
REQUEST = bytes.fromhex("0a015818901c22120a100a0a436572745369676e657212021a00")


def test_a_request_of_istios_agent_is_read_field_by_field() -> None:
    assert CertificateRequest.decode(REQUEST) == CertificateRequest("X", 3600)


def test_a_request_is_written_with_istios_field_numbers() -> None:
    assert CertificateRequest("X", 3600).encode() == bytes.fromhex("0a015818901c")


def test_of_the_metadata_the_node_and_the_impersonated_are_read() -> None:
    request = CertificateRequest("X", node="n1", impersonated="spiffe://a/ns/b/sa/c")
    assert CertificateRequest.decode(request.encode()) == request
    # metadata whose "NodeName" is a number: 7.0, not text
    raw = bytes.fromhex("0a015822170a150a084e6f64654e616d651209110000000000001c40")
    assert CertificateRequest.decode(raw) == CertificateRequest("X")


@pytest.mark.parametrize("depth", [98, 1_000])
def test_metadata_that_nests_too_deep_is_no_message(depth: int) -> None:
    value = b"\x1a\x00"
    for _ in range(depth):  # a list of a list of a list
        inner = b"\x0a" + _length(value) + value
        value = b"\x32" + _length(inner) + inner
    entry = b"\x0a\x01a\x12" + _length(value) + value
    fields = b"\x0a" + _length(entry) + entry
    with pytest.raises(InvalidMessageError):
        CertificateRequest.decode(b"\x22" + _length(fields) + fields)


def _length(value: bytes) -> bytes:
    rest, encoded = len(value), b""
    while rest > 0x7F:
        encoded += bytes([rest & 0x7F | 0x80])
        rest >>= 7
    return encoded + bytes([rest])


BY_HAND = {
    # csr: field 1, length-delimited; validity_duration: field 3, varint 3600;
    # metadata: field 4, a Struct with one entry {key: "NodeName", value: "n1"}
    "request": "0a 03 43 53 52 18 90 1c"
    "22 14 0a 12 0a 08 4e6f64654e616d65 12 06 1a 04 6e6f6465",
    # cert_chain: field 1, once for each element: "leaf", "mid", "roots"
    "response": "0a 04 6c656166 0a 03 6d6964 0a 05 726f6f7473",
}


def test_the_exchange_by_hand_and_by_protobuf_are_the_same_bytes() -> None:
    request = CertificateRequest("CSR", 3600, node="node")
    response = CertificateResponse(("leaf", "mid", "roots"))
    assert request.encode() == bytes.fromhex(BY_HAND["request"])
    assert response.encode() == bytes.fromhex(BY_HAND["response"])
    assert CertificateRequest.decode(bytes.fromhex(BY_HAND["request"])) == request
    assert CertificateResponse.decode(bytes.fromhex(BY_HAND["response"])) == response


def test_a_response_is_one_text_per_element_in_field_one() -> None:
    response = CertificateResponse(("leaf", "roots"))
    assert response.encode() == b"\n\x04leaf\n\x05roots"
    assert CertificateResponse.decode(response.encode()) == response


def test_a_negative_lifetime_survives_the_wire() -> None:
    again = CertificateRequest.decode(CertificateRequest("X", -1).encode())
    assert again.validity == -1


@pytest.mark.parametrize("raw", [b"\x0a", b"\x0a\x02\xff\xfe", b"\xff" * 12])
def test_bytes_that_are_no_message_are_refused_as_such(raw: bytes) -> None:
    with pytest.raises(InvalidMessageError, match="IstioCertificateRequest"):
        CertificateRequest.decode(raw)


def test_the_messages_leave_the_default_pool_to_istios_own_code() -> None:
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName(
            "istio.v1.auth.IstioCertificateRequest"
        )
