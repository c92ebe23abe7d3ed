from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from meltemi.ctl.containers.authority import LIFETIME, Authority
from meltemi.testkit.authority import NOON

NAMES = ("galley", "localhost", "127.0.0.1")


def test_a_certificate_names_every_host_and_serves_both_sides() -> None:
    authority = Authority.new(now=NOON)
    leaf = x509.load_pem_x509_certificate(
        authority.issue(NAMES, now=NOON).certificate.encode()
    )
    leaf.verify_directly_issued_by(authority.certificate)
    read = leaf.extensions.get_extension_for_class
    names = read(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["galley", "localhost"]
    assert list(map(str, names.get_values_for_type(x509.IPAddress))) == ["127.0.0.1"]
    assert set(read(x509.ExtendedKeyUsage).value) == {
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
    }
    assert not read(x509.BasicConstraints).value.ca


def test_an_authority_that_was_kept_is_the_same() -> None:
    authority = Authority.new(now=NOON)
    again = Authority.read(authority.kept)
    assert again.certificate == authority.certificate
    shown = again.issue(NAMES, now=NOON)
    assert authority.vouches(shown.certificate, NAMES, now=NOON)


@pytest.mark.parametrize("why", ["other names", "half over", "another's"])
def test_a_certificate_that_does_not_do_is_not_vouched_for(why: str) -> None:
    authority = Authority.new(now=NOON)
    names = ("nats",) if why == "other names" else NAMES
    signer = Authority.new(now=NOON) if why == "another's" else authority
    now = NOON + LIFETIME / 2 if why == "half over" else NOON
    shown = signer.issue(names, now=NOON).certificate
    assert not authority.vouches(shown, NAMES, now=now)
    assert authority.vouches(
        authority.issue(NAMES, now=NOON).certificate,
        NAMES,
        now=NOON + LIFETIME / 2 - timedelta(minutes=1),
    )
