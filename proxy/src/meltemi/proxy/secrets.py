"""Secret discovery as a state machine: what to send, given what Envoy asked. No I/O.

Source:
    Envoy's xDS protocol page, "Discovery": the state-of-the-world and the
    incremental variant; security/pkg/nodeagent/sds of Istio for the names.

"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from envoy.extensions.transport_sockets.tls.v3.tls_spiffe_validator_config_pb2 import (
    SPIFFECertValidatorConfig,
)
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    DiscoveryRequest,
    DiscoveryResponse,
)
from google.protobuf.any_pb2 import Any as Packed

from meltemi.kernel.digest import content_version
from meltemi.proxy.file_secrets import file_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envoy.extensions.transport_sockets.tls.v3.common_pb2 import (
        CertificateValidationContext,
    )

    from meltemi.identity.credential import Credential

DEFAULT = "default"
"""The workload's own certificate and key."""

ROOTCA = "ROOTCA"
"""The trust bundle that peers are checked against."""

TYPE_URL = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"


@dataclass(frozen=True, slots=True)
class VersionedSecret:
    """One secret as it goes out. Never printed: it may hold a key."""

    version: str
    body: Packed

    def __repr__(self) -> str:
        return f"VersionedSecret({self.version})"


Secrets = dict[str, VersionedSecret]
"""What there is to serve, by name."""


def secrets_of(credential: Credential) -> Secrets:
    """Return the two secrets that serve ``credential``."""
    own = Secret(name=DEFAULT)
    own.tls_certificate.certificate_chain.inline_bytes = credential.chain_pem.encode()
    own.tls_certificate.private_key.inline_bytes = credential.key_pem.encode()
    roots = Secret(name=ROOTCA)
    _believe(roots.validation_context, credential)
    return {secret.name: _versioned(secret) for secret in (own, roots)}


def _believe(context: CertificateValidationContext, credential: Credential) -> None:
    """Say who is believed: each root for its own trust domain, where there are others.

    Without that binding an authority of another mesh could name our workloads: Envoy
    takes a certificate of any root for any name (T3).

    Source:
        Envoy's page on the extension envoy.tls.cert_validator.spiffe.

    """
    federation = credential.federation
    own = credential.roots_pem + "".join(federation.added)
    context.trusted_ca.inline_bytes = own.encode()
    if not federation.foreign:
        return
    bound = SPIFFECertValidatorConfig()
    for name in federation.own:
        bound.trust_domains.add(name=name).trust_bundle.inline_bytes = own.encode()
    for each in federation.foreign:
        domain = bound.trust_domains.add(name=each.trust_domain)
        domain.trust_bundle.inline_bytes = "".join(each.roots).encode()
    context.custom_validator_config.name = "envoy.tls.cert_validator.spiffe"
    context.custom_validator_config.typed_config.Pack(bound)


def _versioned(secret: Secret) -> VersionedSecret:
    raw = secret.SerializeToString(deterministic=True)
    return VersionedSecret(content_version(raw), Packed(type_url=TYPE_URL, value=raw))


class SecretSession:
    """What both variants of the protocol remember of one stream.

    Attributes:
        refusal: Envoy's words about the last answer, empty when it took it.

    """

    def __init__(self) -> None:
        self.refusal = ""
        self._wanted: set[str] = set()
        self._sent: dict[str, str] = {}
        self._nonce = 0
        self._settled = 0

    def owes(self, name: str, version: str) -> bool:
        """Tell whether the stream wants ``name`` but has not taken ``version``."""
        taken = self._sent.get(name) == version and self._settled == self._nonce
        return name in self._wanted and not taken

    def _served(self, secrets: Secrets) -> Secrets:
        """Return ``secrets`` and those wanted that are files of this machine."""
        return secrets | {
            secret.name: _versioned(secret) for secret in file_secrets(self._wanted)
        }

    def _fresh(self, secrets: Mapping[str, VersionedSecret]) -> list[str]:
        return sorted(
            name
            for name in self._wanted & secrets.keys()
            if self._sent.get(name) != secrets[name].version
        )

    def _send(self, secrets: Mapping[str, VersionedSecret], names: list[str]) -> str:
        self._nonce += 1
        self._sent |= {name: secrets[name].version for name in names}
        return str(self._nonce)

    def _settle(self, nonce: str, refusal: str) -> None:
        if nonce and nonce == str(self._nonce):
            self._settled = self._nonce
            self.refusal = refusal


class SotwSession(SecretSession):
    """One ``StreamSecrets`` call."""

    def receive(self, request: DiscoveryRequest) -> None:
        """Take a request: a subscription, an acknowledgement or a refusal."""
        self._settle(request.response_nonce, request.error_detail.message)
        self._wanted = set(request.resource_names)
        self._sent = {n: v for n, v in self._sent.items() if n in self._wanted}

    def offer(self, secrets: Secrets) -> DiscoveryResponse | None:
        """Return what Envoy should hear now, all it wants, or None."""
        secrets = self._served(secrets)
        if not self._fresh(secrets):
            return None
        names = sorted(self._wanted & secrets.keys())
        nonce = self._send(secrets, names)
        version = content_version("".join(secrets[n].version for n in names).encode())
        return DiscoveryResponse(
            version_info=version,
            nonce=nonce,
            type_url=TYPE_URL,
            resources=[secrets[name].body for name in names],
        )


class DeltaSession(SecretSession):
    """One ``DeltaSecrets`` call."""

    def receive(self, request: DeltaDiscoveryRequest) -> None:
        """Take a request: changed subscriptions, an acknowledgement or a refusal."""
        self._settle(request.response_nonce, request.error_detail.message)
        self._sent |= dict(request.initial_resource_versions)
        self._wanted |= set(request.resource_names_subscribe)
        for name in request.resource_names_unsubscribe:
            self._wanted.discard(name)
            self._sent.pop(name, None)

    def offer(self, secrets: Secrets) -> DeltaDiscoveryResponse | None:
        """Return what has changed for Envoy, or None."""
        secrets = self._served(secrets)
        names = self._fresh(secrets)
        if not names:
            return None
        answer = DeltaDiscoveryResponse(
            type_url=TYPE_URL, nonce=self._send(secrets, names)
        )
        for name in names:
            secret = secrets[name]
            answer.resources.add(
                name=name, version=secret.version, resource=secret.body
            )
        return answer
