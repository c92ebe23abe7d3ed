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
