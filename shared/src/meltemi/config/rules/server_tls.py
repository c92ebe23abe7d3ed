"""What must hold for the TLS of a server, at a gateway or a sidecar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.rules.hosts import check_count
from meltemi.config.rules.problem import problem, warning
from meltemi.config.schema.gateway import ServerTLSMode, TLSProtocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.schema.gateway import ServerTLSSettings

PASSED_ON: Final = (ServerTLSMode.PASSTHROUGH, ServerTLSMode.AUTO_PASSTHROUGH)
CLIENT_VERIFIED: Final = (ServerTLSMode.MUTUAL, ServerTLSMode.OPTIONAL_MUTUAL)
TERMINATED: Final = (ServerTLSMode.SIMPLE, *CLIENT_VERIFIED)
OLD: Final = (TLSProtocol.TLSV1_0, TLSProtocol.TLSV1_1)
MOST_CERTIFICATES: Final = 2
CIPHERS: Final = frozenset(
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
        "ECDHE-PSK-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES128-SHA",
        "ECDHE-RSA-AES128-SHA",
        "ECDHE-PSK-AES128-CBC-SHA",
        "ECDHE-ECDSA-AES256-SHA",
        "ECDHE-RSA-AES256-SHA",
        "ECDHE-PSK-AES256-CBC-SHA",
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
        "AES128-SHA",
        "AES256-SHA",
        "PSK-AES128-CBC-SHA",
        "PSK-AES256-CBC-SHA",
        "DES-CBC3-SHA",
        "ECDHE-ECDSA-AES128-SHA256",
        "ECDHE-RSA-AES128-SHA256",
        "AES128-SHA256",
    )
)
"""What BoringSSL, Envoy's TLS library, can be asked for."""


def check_server_tls(path: str, tls: ServerTLSSettings) -> Iterator[Finding]:
    """Yield what Istio's validateTLSOptions says."""
    yield from _check_ciphers(path, tls)
    yield from _check_sources(path, tls)
    mode = tls.mode or ServerTLSMode.PASSTHROUGH
    files = {
        "serverCertificate": tls.server_certificate,
        "privateKey": tls.private_key,
        "caCertificates": tls.ca_certificates,
    }
    named = {**files, "credentialName": tls.credential_name}
    if mode is ServerTLSMode.ISTIO_MUTUAL:
        for name, value in named.items():
            if value:
                message = "ISTIO_MUTUAL uses the mesh's own certificates"
                yield problem(f"{path}.{name}", message, "remove it")
    elif mode in PASSED_ON:
        given = [name for name, value in named.items() if value]
        if given or tls.ca_crl:
            message = f"{mode} uses no certificates: they are ignored"
            yield warning(f"{path}.{(given or ['caCrl'])[0]}", message, "remove them")
    else:
        yield from _check_files(path, tls, files)


def _check_files(
    path: str, tls: ServerTLSSettings, files: dict[str, str | None]
) -> Iterator[Finding]:
    if tls.ca_crl and tls.mode is ServerTLSMode.SIMPLE:
        message = "SIMPLE verifies no client, so it revokes none"
        yield problem(f"{path}.caCrl", message, "remove it")
    if tls.ca_crl and (tls.credential_name or tls.credential_names):
        message = "with a credential, the revocation list is part of it"
        yield problem(f"{path}.caCrl", message, "remove it")
    if tls.credential_name or tls.credential_names:
        return
    if tls.tls_certificates:
        yield from _check_pairs(path, tls)
        files = {"caCertificates": files["caCertificates"]}
    for name, value in files.items():
        optional = name == "caCertificates" and tls.mode not in CLIENT_VERIFIED
        elsewhere = name == "caCertificates" and tls.ca_cert_credential_name
        if not (value or optional or elsewhere):
            hint = "or name a secret in credentialName"
            yield problem(f"{path}.{name}", f"mode {tls.mode} needs {name}", hint)


def _check_pairs(path: str, tls: ServerTLSSettings) -> Iterator[Finding]:
    for index, pair in enumerate(tls.tls_certificates):
        files = {
            "serverCertificate": pair.server_certificate,
            "privateKey": pair.private_key,
        }
        for name, value in files.items():
            if not value:
                here = f"{path}.tlsCertificates[{index}].{name}"
                yield problem(here, f"mode {tls.mode} needs {name}")


def _check_sources(path: str, tls: ServerTLSSettings) -> Iterator[Finding]:
    sources = {
        "credentialName": bool(tls.credential_name),
        "credentialNames": bool(tls.credential_names),
        "tlsCertificates": bool(tls.tls_certificates),
    }
    given = [name for name, present in sources.items() if present]
    if len(given) > 1:
        yield problem(path, f"only one may be set: {' and '.join(given)}")
    names, pairs = tls.credential_names, tls.tls_certificates
    yield from check_count(f"{path}.credentialNames", names, MOST_CERTIFICATES)
    yield from check_count(f"{path}.tlsCertificates", pairs, MOST_CERTIFICATES)


def _check_ciphers(path: str, tls: ServerTLSSettings) -> Iterator[Finding]:
    if tls.min_protocol_version in OLD and not tls.cipher_suites:
        message = f"{tls.min_protocol_version} needs ciphers that are off by default"
        yield warning(f"{path}.minProtocolVersion", message, "set cipherSuites")
    seen: set[str] = set()
    for index, cipher in enumerate(tls.cipher_suites):
        here = f"{path}.cipherSuites[{index}]"
        if cipher not in CIPHERS:
            yield warning(here, f"{cipher!r} is no cipher suite: it is ignored")
        elif cipher in seen:
            yield warning(here, f"{cipher!r} stands twice")
        seen.add(cipher)
