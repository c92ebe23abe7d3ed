"""Citadel's own server certificate, renewed in process at half of its life."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import grpc
from cryptography import x509

from meltemi.citadel.admit import citadel_identity
from meltemi.citadel.issue import Template, issue
from meltemi.identity.certificate import certificate_pem
from meltemi.identity.keys import key_to_pem, new_key
from meltemi.kernel.renewal import renewal_delay

if TYPE_CHECKING:
    from meltemi.citadel.issue import Authority
    from meltemi.kernel.clock import Clock

LIFETIME = timedelta(days=30)


class OwnCertificate:
    """Server credentials whose certificate is never older than half its life.

    gRPC asks before every handshake, from a thread of its own. Renewal happens in
    that question: it takes a fraction of a millisecond, needs no task, and two that
    happen at once do no harm.
    """

    def __init__(self, authority: Authority, trust_domain: str, clock: Clock) -> None:
        self._authority = authority
        self._identity = citadel_identity(trust_domain)
        self._clock = clock
        self._leaf, self._configuration = self._renewed()

    def credentials(self, *, clients_prove: bool) -> grpc.ServerCredentials:
        """Return credentials; with ``clients_prove`` a certificate is required."""
        return grpc.dynamic_ssl_server_credentials(
            self._configuration, self._current, clients_prove
        )

    def _current(self) -> grpc.ServerCertificateConfiguration:
        wait = renewal_delay(
            self._leaf.not_valid_before_utc,
            self._leaf.not_valid_after_utc,
            now=self._clock.now(),
            jitter=0,
        )
        if not wait:
            self._leaf, self._configuration = self._renewed()
        return self._configuration

    def _renewed(
        self,
    ) -> tuple[x509.Certificate, grpc.ServerCertificateConfiguration]:
        key = new_key()
        template = Template(
            self._identity, key.public_key(), LIFETIME, local_server=True
        )
        leaf = issue(
            self._authority,
            template,
            now=self._clock.now(),
            serial=x509.random_serial_number(),
        )
        pair = key_to_pem(key).encode(), certificate_pem(leaf).encode()
        roots = self._authority.bundle_pem.encode()
        return leaf, grpc.ssl_server_certificate_configuration([pair], roots)
