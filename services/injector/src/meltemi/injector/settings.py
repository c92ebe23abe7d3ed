"""What an injector is told by its environment."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

import msgspec
from pydantic import BeforeValidator, model_validator
from pydantic_settings import SettingsConfigDict

from meltemi.injector.admission.mutation import Manner
from meltemi.injector.admission.patch import Terms
from meltemi.injector.admission.policy import Policy, Selector
from meltemi.injector.agent import Mesh
from meltemi.injector.sidecar import Defaults
from meltemi.runtime.settings import Address, Addresses, ServiceSettings
from meltemi.runtime.tls import TlsFiles

ADDRESS_HTTP = Address("127.0.0.1", 15017)
"""Istio's port for webhooks."""
STATUS_PORT = 15020
"""Where the agent answers kubelet for the application: Istio's."""


class Otherwise(StrEnum):
    """What becomes of pods of which nothing is said."""

    ENABLED = "enabled"
    DISABLED = "disabled"


def _selectors(value: object) -> object:
    if not isinstance(value, str | list):
        return value
    told = json.loads(value) if isinstance(value, str) else value
    try:
        return msgspec.convert(told, tuple[Selector, ...])
    except msgspec.ValidationError as error:
        raise ValueError(f"expected a list of label selectors: {error}") from None


Selectors = Annotated[tuple[Selector, ...], BeforeValidator(_selectors)]


class InjectorSettings(ServiceSettings):
    """One field, one unit, one default, one reason."""

    model_config = SettingsConfigDict(env_prefix="INJECTOR_")

    name: str = "injector-0"
    """What people call this replica."""

    http_address: Address = ADDRESS_HTTP
    """Where reviews come in; beyond loopback only with TLS."""

    tls_cert_file: Path | None = None
    """The certificate that is shown (PEM, leaf first); read again when it changes."""

    tls_key_file: Path | None = None
    """Its key (PEM)."""

    client_ca_file: Path | None = None
    """Roots (PEM) of the API server's certificate: without one nothing is answered.
    Unset: whoever reaches the port may ask, and learns how a pod would look."""

    image: str = "meltemi/proxy:dev"
    """Of proxies, and of what captures."""

    policy: Otherwise = Otherwise.ENABLED
    """What becomes of pods of which nothing is said, where the webhook is asked."""

    never_inject: Selectors = ()
    """Label selectors, JSON: pods that get no sidecar unless they say so."""

    always_inject: Selectors = ()
    """Label selectors, JSON: pods that get one unless they say no."""

    native_sidecars: bool = False
    """Whether the proxy is an init container that stays: Kubernetes 1.29 and newer."""

    revision: str = "default"
    """Of the control plane."""

    roots_config_map: str = "istio-ca-root-cert"
    """The ConfigMap of each namespace with the mesh's roots: key ``root-cert.pem``."""

    trust_domain: str = "cluster.local"
    """What identities start with."""

    citadel_bootstrap: Address
    """Where a token buys a certificate, as pods reach it."""

    citadel_renewal: Address
    """Where a certificate buys the next one."""

    pilots: Addresses
    """Every Pilot's TLS port."""

    galley_url: str
    """Where agents register their workloads."""

    @model_validator(mode="after")
    def _plain_text_stays_here(self) -> Self:
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_cert_file and tls_key_file belong together: set both")
        if self.tls is None and not self.http_address.is_loopback:
            raise ValueError(
                f"http_address {self.http_address} is not on loopback: set "
                "tls_cert_file and tls_key_file, an API server asks over TLS alone"
            )
        if self.tls is None and self.client_ca_file is not None:
            raise ValueError("client_ca_file is of no use in plain text")
        return self

    @property
    def tls(self) -> TlsFiles | None:
        """What the listener shows; None where it speaks plain text."""
        if self.tls_cert_file is None or self.tls_key_file is None:
            return None
        return TlsFiles(self.tls_cert_file, self.tls_key_file, self.client_ca_file)

    @property
    def manner(self) -> Manner:
        """How pods are injected."""
        mesh = Mesh(
            self.trust_domain,
            str(self.citadel_bootstrap),
            str(self.citadel_renewal),
            tuple(map(str, self.pilots)),
            self.galley_url,
        )
        native, revision = self.native_sidecars, self.revision
        return Manner(
            Terms(mesh, self.roots_config_map, native, revision),
            Policy(
                self.policy is Otherwise.ENABLED, self.never_inject, self.always_inject
            ),
            Defaults(image=self.image, hold=False, dns=False, status_port=STATUS_PORT),
        )
