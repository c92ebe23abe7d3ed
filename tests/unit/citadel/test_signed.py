from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from meltemi.citadel.issue import (
    Authority,
    SignerExpiredError,
    Template,
    _leaf_extensions,
    create_root,
    issue,
)
from meltemi.citadel.signed import BadIssueError, Signed, check_signed
from meltemi.identity.keys import new_key
from meltemi.testkit.authority import NOON, RATINGS, REVIEWS, authority

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = new_key().public_key()
DAY = timedelta(hours=24)
ASKED = Template(REVIEWS, KEY, DAY)


def made(template: Template = ASKED, signer: Authority | None = None) -> Signed:
    signer = signer or authority()
    return Signed(issue(signer, template, now=NOON, serial=7), signer.chain)


def with_extension(value: x509.ExtensionType, *, critical: bool) -> Signed:
    """What an authority makes that puts ``value`` in place of the right one."""
    signer = authority()
    found = [
        x509.Extension(value.oid, critical, value) if each.oid == value.oid else each
        for each in _leaf_extensions(signer, ASKED)
    ]
    builder = x509.CertificateBuilder(
        issuer_name=signer.certificate.subject,
        subject_name=x509.Name([]),
        public_key=KEY,
        serial_number=8,
        not_valid_before=NOON,
        not_valid_after=NOON + DAY,
        extensions=found,
    )
    return Signed(builder.sign(signer.key, hashes.SHA256()))


def of_another_root() -> Signed:
    other = create_root(new_key(), trust_domain="cluster.local", now=NOON, serial=1)
    return made(signer=other)


def usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


LIES: dict[str, Callable[[], Signed]] = {
    "another key": lambda: made(replace(ASKED, key=new_key().public_key())),
    "another's name": lambda: made(replace(ASKED, identity=RATINGS)),
    "a name more": lambda: made(replace(ASKED, local_server=True)),
    "a longer life": lambda: made(replace(ASKED, lifetime=2 * DAY)),
    "an unknown root": of_another_root,
    "an authority": lambda: with_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    ),
    "a key that may sign": lambda: with_extension(usage(), critical=True),
    "one usage only": lambda: with_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
    ),
    "a usage more": lambda: with_extension(
        x509.ExtendedKeyUsage(
            [
                ExtendedKeyUsageOID.CLIENT_AUTH,
                ExtendedKeyUsageOID.SERVER_AUTH,
                ExtendedKeyUsageOID.CODE_SIGNING,
            ]
        ),
        critical=False,
    ),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_what_was_not_asked_for_never_leaves(lie: Callable[[], Signed]) -> None:
    with pytest.raises(BadIssueError):
        check_signed(lie(), ASKED, authority().trusted, now=NOON)


def test_what_was_asked_for_is_handed_on() -> None:
    signed = made()
    assert check_signed(signed, ASKED, authority().trusted, now=NOON) == signed


def test_a_certificate_that_has_ended_never_leaves() -> None:
    with pytest.raises(BadIssueError):
        check_signed(made(), ASKED, authority().trusted, now=NOON + 2 * DAY)


def test_a_certificate_with_too_little_left_is_the_signers_fault() -> None:
    late = NOON + DAY - timedelta(minutes=5)
    with pytest.raises(SignerExpiredError, match="rotate"):
        check_signed(made(), ASKED, authority().trusted, now=late)


def test_intermediates_are_part_of_the_proof() -> None:
    root = authority()
    key = new_key()
    middle = create_root(key, trust_domain="middle", now=NOON, serial=3).certificate
    builder = x509.CertificateBuilder(
        issuer_name=root.certificate.subject,
        subject_name=middle.subject,
        public_key=key.public_key(),
        serial_number=9,
        not_valid_before=NOON,
        not_valid_after=NOON + 3 * DAY,
        extensions=[
            each
            for each in middle.extensions
            if each.oid != x509.AuthorityKeyIdentifier.oid
        ]
        + [
            x509.Extension(
                x509.AuthorityKeyIdentifier.oid,
                critical=False,
                value=x509.AuthorityKeyIdentifier.from_issuer_public_key(
                    root.key.public_key()
                ),
            )
        ],
    )
    held = Authority(key, builder.sign(root.key, hashes.SHA256()), (), root.trusted)
    signed = made(signer=held)
    assert len(signed.intermediates) == 1
    assert check_signed(signed, ASKED, root.trusted, now=NOON)
    with pytest.raises(BadIssueError):
        check_signed(Signed(signed.leaf), ASKED, root.trusted, now=NOON)
