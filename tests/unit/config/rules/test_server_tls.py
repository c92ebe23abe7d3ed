from __future__ import annotations

import pytest

from meltemi.config.rules.server_tls import check_server_tls
from meltemi.config.schema.gateway import (
    ServerTLSMode,
    ServerTLSSettings,
    TLSCertificate,
    TLSProtocol,
)

SIMPLE, MUTUAL = ServerTLSMode.SIMPLE, ServerTLSMode.MUTUAL
PAIR = TLSCertificate(server_certificate="/c", private_key="/k")


def told(tls: ServerTLSSettings) -> list[str]:
    return [f"{each.path}: {each.message}" for each in check_server_tls("tls", tls)]


@pytest.mark.parametrize(
    "tls",
    [
        ServerTLSSettings(mode=SIMPLE, credential_name="a"),
        ServerTLSSettings(mode=MUTUAL, credential_names=("a", "b")),
        ServerTLSSettings(mode=SIMPLE, tls_certificates=(PAIR, PAIR)),
        ServerTLSSettings(mode=MUTUAL, tls_certificates=(PAIR,), ca_certificates="/a"),
        ServerTLSSettings(mode=ServerTLSMode.PASSTHROUGH),
    ],
)
def test_certificates_come_from_one_place(tls: ServerTLSSettings) -> None:
    assert told(tls) == []


@pytest.mark.parametrize(
    ("tls", "message"),
    [
        (
            ServerTLSSettings(mode=SIMPLE, private_key="/k"),
            "tls.serverCertificate: mode SIMPLE needs serverCertificate",
        ),
        (
            ServerTLSSettings(mode=MUTUAL, server_certificate="/c", private_key="/k"),
            "tls.caCertificates: mode MUTUAL needs caCertificates",
        ),
        (
            ServerTLSSettings(mode=SIMPLE, tls_certificates=(TLSCertificate(),)),
            "tls.tlsCertificates[0].privateKey: mode SIMPLE needs privateKey",
        ),
        (
            ServerTLSSettings(
                mode=SIMPLE, credential_name="a", credential_names=("b",)
            ),
            "tls: only one may be set: credentialName and credentialNames",
        ),
        (
            ServerTLSSettings(mode=SIMPLE, credential_names=("a", "b", "c")),
            "tls.credentialNames: at most 2, got 3",
        ),
        (
            ServerTLSSettings(mode=ServerTLSMode.ISTIO_MUTUAL, credential_name="a"),
            "tls.credentialName: ISTIO_MUTUAL uses the mesh's own certificates",
        ),
        (
            ServerTLSSettings(mode=SIMPLE, credential_name="a", ca_crl="/r"),
            "tls.caCrl: SIMPLE verifies no client, so it revokes none",
        ),
        (
            ServerTLSSettings(mode=ServerTLSMode.PASSTHROUGH, credential_name="a"),
            "tls.credentialName: PASSTHROUGH uses no certificates: they are ignored",
        ),
        (
            ServerTLSSettings(min_protocol_version=TLSProtocol.TLSV1_0),
            "tls.minProtocolVersion: TLSV1_0 needs ciphers that are off by default",
        ),
        (
            ServerTLSSettings(cipher_suites=("AES128-SHA", "AES128-SHA")),
            "tls.cipherSuites[1]: 'AES128-SHA' stands twice",
        ),
        (
            ServerTLSSettings(cipher_suites=("NOPE",)),
            "tls.cipherSuites[0]: 'NOPE' is no cipher suite: it is ignored",
        ),
    ],
)
def test_what_does_not_fit_the_mode_is_told(
    tls: ServerTLSSettings, message: str
) -> None:
    assert message in told(tls)
