from __future__ import annotations

from datetime import timedelta

import pytest

from meltemi.identity.certificate import (
    BUNDLE_LIMIT,
    InvalidCertificateError,
    certificate_pem,
    parse_chain,
    spiffe_id,
    verify_chain,
)
from meltemi.testkit.authority import NOON, REVIEWS, authority, credential


def test_a_chain_proves_the_identity_its_leaf_names() -> None:
    held = credential()
    assert verify_chain(held.chain, held.roots, now=NOON) == REVIEWS


def test_a_chain_of_another_authority_proves_nothing() -> None:
    stranger = authority("elsewhere.example")
    with pytest.raises(InvalidCertificateError, match="trust bundle"):
        verify_chain(credential().chain, [stranger.certificate], now=NOON)


@pytest.mark.parametrize("moment", [timedelta(hours=25), timedelta(minutes=-3)])
def test_a_chain_proves_nothing_outside_its_validity(moment: timedelta) -> None:
    held = credential()
    with pytest.raises(InvalidCertificateError):
        verify_chain(held.chain, held.roots, now=NOON + moment)


def test_an_empty_chain_proves_nothing() -> None:
    with pytest.raises(InvalidCertificateError, match="empty"):
        verify_chain((), [authority().certificate], now=NOON)


def test_a_bundle_keeps_order_through_pem() -> None:
    roots = (authority().certificate, authority("b.example").certificate)
    assert parse_chain(certificate_pem(*roots)) == roots


@pytest.mark.parametrize(
    "pem", ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_text_without_certificates_is_refused(pem: str) -> None:
    with pytest.raises(InvalidCertificateError, match="no readable certificates"):
        parse_chain(pem)


def test_a_bundle_beyond_the_limit_is_refused_unread() -> None:
    with pytest.raises(InvalidCertificateError, match="limit"):
        parse_chain(b" " * (BUNDLE_LIMIT + 1))


def test_a_root_names_no_workload() -> None:
    with pytest.raises(InvalidCertificateError, match="authority's"):
        spiffe_id(authority().certificate)
