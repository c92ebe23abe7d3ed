"""A plug-in CA in a folder: cases 28 and 29 of the adversarial list."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from meltemi.citadel.issue import Authority, Template, create_root
from meltemi.citadel.signer import obtain
from meltemi.citadel.signers.plugin import FILES, PluginSigner
from meltemi.identity.certificate import certificate_pem
from meltemi.identity.keys import key_to_pem, new_key
from meltemi.kernel.clock import SystemClock
from meltemi.kernel.errors import MeshError
from meltemi.testkit.authority import REVIEWS, credential

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric import ec

CLOCK = SystemClock()
CERT, KEY, CHAIN, ROOT = FILES
YEAR = timedelta(days=365)


def root(name: str = "cluster.local") -> Authority:
    serial = x509.random_serial_number()
    return create_root(new_key(), trust_domain=name, now=CLOCK.now(), serial=serial)


def below(
    above: Authority, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
) -> x509.Certificate:
    """An intermediate's certificate for ``key``."""
    sample = root("intermediate").certificate.extensions
    kept = (x509.BasicConstraints, x509.KeyUsage)
    builder = x509.CertificateBuilder(
        issuer_name=above.certificate.subject,
        subject_name=root("intermediate").certificate.subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=CLOCK.now() - timedelta(hours=1),
        not_valid_after=CLOCK.now() + YEAR,
        extensions=[
            *(sample.get_extension_for_class(each) for each in kept),
            x509.Extension(
                x509.SubjectKeyIdentifier.oid,
                critical=False,
                value=x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
            ),
            x509.Extension(
                x509.AuthorityKeyIdentifier.oid,
                critical=False,
                value=x509.AuthorityKeyIdentifier.from_issuer_public_key(
                    above.key.public_key()
                ),
            ),
        ],
    )
    return builder.sign(above.key, hashes.SHA256())


@dataclass
class Files:
    """The four texts of one authority."""

    ca: str
    key: str
    chain: str
    roots: str

    def put(self, folder: Path) -> Path:
        folder.mkdir(exist_ok=True)
        texts = (self.ca, self.key, self.chain, self.roots)
        for name, text in zip(FILES, texts, strict=True):
            (folder / name).write_text(text)
        (folder / KEY).chmod(0o600)
        return folder


def files(above: Authority, *more_roots: Authority) -> Files:
    """An intermediate below ``above``, as its owner would write it."""
    key = new_key()
    certificate = certificate_pem(below(above, key))
    roots = (above, *more_roots)
    chain = certificate + above.bundle_pem
    bundle = "".join(each.bundle_pem for each in roots)
    return Files(certificate, key_to_pem(key), chain, bundle)


def template() -> Template:
    return Template(REVIEWS, new_key().public_key(), timedelta(hours=1))


async def issuer_of(signer: PluginSigner) -> x509.Certificate:
    return (await obtain(signer, template(), CLOCK)).intermediates[0]


async def test_an_authority_of_ones_own_signs_and_names_its_chain(
    tmp_path: Path,
) -> None:
    above = root()
    signer = PluginSigner(files(above).put(tmp_path / "ca"), "cluster.local", CLOCK)
    signed = await obtain(signer, template(), CLOCK)
    assert len(signed.intermediates) == 1
    assert signer.roots == (above.certificate,)


async def test_an_rsa_authority_signs_too(tmp_path: Path) -> None:
    above, key = root(), rsa.generate_private_key(65537, 2048)
    certificate = certificate_pem(below(above, key))
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()
    made = Files(certificate, pem, certificate, above.bundle_pem)
    signer = PluginSigner(made.put(tmp_path / "ca"), "cluster.local", CLOCK)
    assert await obtain(signer, template(), CLOCK)


async def test_a_root_of_ones_own_signs_without_intermediates(tmp_path: Path) -> None:
    key = new_key()
    own = create_root(key, trust_domain="own", now=CLOCK.now(), serial=3)
    pem = own.bundle_pem
    folder = Files(pem, key_to_pem(key), pem, pem).put(tmp_path / "ca")
    signer = PluginSigner(folder, "cluster.local", CLOCK)
    assert (await obtain(signer, template(), CLOCK)).intermediates == ()


def truncated(folder: Path) -> None:
    (folder / CERT).write_bytes((folder / CERT).read_bytes()[:200])


def another_key(folder: Path) -> None:
    (folder / KEY).write_text(key_to_pem(new_key()))


def open_key(folder: Path) -> None:
    (folder / KEY).chmod(0o644)


def no_authority(folder: Path) -> None:
    leaf = credential(now=CLOCK.now())
    (folder / CERT).write_text(leaf.chain_pem)
    (folder / KEY).write_text(leaf.key_pem)


def foreign_root(folder: Path) -> None:
    (folder / ROOT).write_text(root().bundle_pem)


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


FAULTS: dict[str, Callable[[Path], None]] = {
    "a truncated certificate": truncated,
    "a key of another": another_key,
    "a key open to others": open_key,
    "a certificate that may not sign": no_authority,
    "a root that is not above": foreign_root,
    **{f"no {name}": without(name) for name in FILES},
}


CRLS = {
    "of one authority": b"-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n",
    "empty": b"",
    "100 MiB": bytes(100 << 20),
}


@pytest.mark.parametrize("what", CRLS)
def test_case_30_a_list_of_revoked_certificates_is_refused_unread(
    tmp_path: Path, what: str
) -> None:
    """Proxies would not look at it, so nobody shall believe that they do."""
    folder = files(root()).put(tmp_path / "ca")
    (folder / "ca-crl.pem").write_bytes(CRLS[what])
    with pytest.raises(MeshError, match=r"ca-crl\.pem.*meltemi cert revoke"):
        PluginSigner(folder, "cluster.local", CLOCK)


async def test_case_30_a_list_that_comes_later_changes_nothing_and_is_told(
    tmp_path: Path,
) -> None:
    folder = files(root()).put(tmp_path / "ca")
    signer = PluginSigner(folder, "cluster.local", CLOCK)
    (folder / "ca-crl.pem").write_bytes(b"")
    signer.refresh()
    assert "check no such list" in (signer.trouble or "")
    assert await issuer_of(signer)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_case_28_an_authority_that_cannot_sign_refuses_the_start(
    tmp_path: Path, fault: Callable[[Path], None]
) -> None:
    folder = files(root()).put(tmp_path / "ca")
    fault(folder)
    with pytest.raises(MeshError):
        PluginSigner(folder, "cluster.local", CLOCK)


@pytest.mark.parametrize(
    "fault",
    [*FAULTS.values(), shutil.rmtree],
    ids=[*FAULTS, "no folder"],
)
async def test_case_29_the_old_authority_signs_on_through_a_fault(
    tmp_path: Path, fault: Callable[[Path], None]
) -> None:
    folder = files(root()).put(tmp_path / "ca")
    signer = PluginSigner(folder, "cluster.local", CLOCK)
    before = await issuer_of(signer)
    fault(folder)
    signer.refresh()
    assert signer.trouble
    assert await issuer_of(signer) == before


@pytest.mark.parametrize("first", [CERT, KEY])
async def test_case_29_half_of_a_new_authority_is_waited_for(
    tmp_path: Path, first: str
) -> None:
    above = root()
    folder = files(above).put(tmp_path / "ca")
    signer = PluginSigner(folder, "cluster.local", CLOCK)
    before = await issuer_of(signer)
    new = files(above).put(tmp_path / "new")
    shutil.copy2(new / first, folder / first)
    signer.refresh()
    assert await issuer_of(signer) == before
    for name in FILES:
        shutil.copy2(new / name, folder / name)
    signer.refresh()
    assert signer.trouble is None
    assert await issuer_of(signer) != before


async def test_case_29_a_folder_behind_a_link_is_swapped_at_once(
    tmp_path: Path,
) -> None:
    above = root()
    link = tmp_path / "ca"
    link.symlink_to(files(above).put(tmp_path / "one"))
    signer = PluginSigner(link, "cluster.local", CLOCK)
    before = await issuer_of(signer)
    (tmp_path / "next").symlink_to(files(above).put(tmp_path / "two"))
    (tmp_path / "next").rename(link)
    signer.refresh()
    assert await issuer_of(signer) != before


async def test_a_root_follows_by_way_of_a_bundle_with_both(tmp_path: Path) -> None:
    old, new = root(), root("next")
    folder = files(old).put(tmp_path / "ca")
    signer = PluginSigner(folder, "cluster.local", CLOCK)
    files(new).put(folder)
    signer.refresh()
    assert "foreign-root" in (signer.trouble or "")
    assert signer.roots == (old.certificate,)
    for step in (files(old, new), files(new, old), files(new)):
        step.put(folder)
        signer.refresh()
        assert signer.trouble is None
        await issuer_of(signer)
    assert signer.roots == (new.certificate,)
