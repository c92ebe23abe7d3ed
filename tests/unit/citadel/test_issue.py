from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from meltemi.citadel.issue import (
    ROOT_LIFETIME,
    Authority,
    BadAuthorityError,
    SignerExpiredError,
    Template,
    check_authority,
    issue,
)
from meltemi.identity.certificate import verify_chain
from meltemi.identity.keys import new_key
from meltemi.kernel.identity import control_plane
from meltemi.testkit.authority import NOON, REVIEWS, authority

KEY = new_key().public_key()
DAY = timedelta(hours=24)


def leaf(lifetime: timedelta = DAY, *, local_server: bool = False) -> x509.Certificate:
    template = Template(REVIEWS, KEY, lifetime, local_server)
    return issue(authority(), template, now=NOON, serial=77)


def test_a_certificate_names_the_identity_alone_in_a_critical_san() -> None:
    made = leaf()
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.critical, "RFC 5280 4.2.1.6: the subject is empty"
    assert made.subject == x509.Name([])
    assert list(names.value) == [x509.UniformResourceIdentifier(str(REVIEWS))]


def test_a_certificate_serves_both_ends_and_signs_nothing() -> None:
    extensions = leaf().extensions
    usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usage) == {
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
    }
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert not constraints.value.ca
    assert not extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_validity_starts_two_minutes_ago_and_lasts_as_granted() -> None:
    made = leaf(timedelta(hours=1))
    assert made.not_valid_before_utc == NOON - timedelta(minutes=2)
    assert made.not_valid_after_utc == NOON + timedelta(hours=1)


def test_a_strict_verifier_accepts_the_chain() -> None:
    assert verify_chain([leaf()], [authority().certificate], now=NOON) == REVIEWS


def test_citadels_own_certificate_adds_the_names_it_is_reached_by() -> None:
    template = Template(
        control_plane("cluster.local", "citadel"), KEY, DAY, local_server=True
    )
    made = issue(authority(), template, now=NOON, serial=77)
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["citadel", "localhost"]


def test_a_certificate_never_outlives_its_signer() -> None:
    late = NOON + ROOT_LIFETIME - timedelta(hours=20)
    made = issue(authority(), Template(REVIEWS, KEY, DAY), now=late, serial=1)
    assert made.not_valid_after_utc == authority().certificate.not_valid_after_utc


def test_a_signer_at_its_end_signs_nothing() -> None:
    last = NOON + ROOT_LIFETIME - timedelta(minutes=1)
    with pytest.raises(SignerExpiredError, match="rotate"):
        issue(authority(), Template(REVIEWS, KEY, DAY), now=last, serial=1)


def test_a_key_that_is_not_its_certificates_signs_nothing() -> None:
    mixed = Authority(new_key(), authority().certificate)
    with pytest.raises(BadAuthorityError, match="belong together"):
        check_authority(mixed, now=NOON)


def test_a_stored_authority_is_checked_before_use() -> None:
    check_authority(authority(), now=NOON)
    with pytest.raises(SignerExpiredError):
        check_authority(authority(), now=NOON + ROOT_LIFETIME)
