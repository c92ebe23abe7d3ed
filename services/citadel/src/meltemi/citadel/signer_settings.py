"""Who signs: the part of Citadel's settings that is about the signer."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, model_validator

from meltemi.citadel.vault.pki import INTERMEDIATE_LIFETIME
from meltemi.runtime.settings import ServiceSettings

if TYPE_CHECKING:
    from pathlib import Path

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def seconds(value: object) -> object:
    """Read a bare number as seconds; pydantic reads ISO 8601 (PT24H) by itself."""
    return float(value) if isinstance(value, str) and value.isdecimal() else value


Seconds = Annotated[timedelta, BeforeValidator(seconds)]


def urls(value: object) -> object:
    """Read a comma list of https URLs; http is for the same machine only."""
    if not isinstance(value, str):
        return value
    found = tuple(each.strip().rstrip("/") for each in value.split(",") if each.strip())
    for each in found:
        parts = urlsplit(each)
        plain = parts.scheme == "http" and parts.hostname in LOOPBACK
        if not parts.hostname or not (parts.scheme == "https" or plain):
            raise ValueError(
                f"expected https://HOST[:PORT], or http:// on loopback, found {each!r}"
            )
    return found


Urls = Annotated[tuple[str, ...], BeforeValidator(urls)]


class Kind(StrEnum):
    """The signers there are."""

    SELF_SIGNED = "self-signed"
    PLUGIN = "plugin"
    VAULT_SIGN = "vault-sign"
    VAULT_INTERMEDIATE = "vault-intermediate"


class LoginKind(StrEnum):
    """The ways to log in to Vault."""

    APPROLE = "approle"
    JWT = "jwt"
    CERT = "cert"


LOGIN_NEEDS = {
    LoginKind.APPROLE: ("vault_role_id_file", "vault_secret_id_file"),
    LoginKind.JWT: ("vault_login_role", "vault_jwt_file"),
    LoginKind.CERT: (
        "vault_login_role",
        "vault_certificate_file",
        "vault_certificate_key_file",
    ),
}


class SignerSettings(ServiceSettings):
    """One signer, and what it needs; what another would need is refused."""

    signer: Kind = Kind.SELF_SIGNED
    """Who signs certificates."""

    key_file: Path | None = None
    """32 bytes, base64, that the keys in the ledger are encrypted with: of tokens, and
    of a self-signed root. The same for every replica. Made in the state folder when
    not set."""

    plugin_dir: Path | None = None
    """plugin: the folder with Istio's ca-cert.pem, ca-key.pem, cert-chain.pem and
    root-cert.pem."""

    vault_addresses: Urls = ()
    """vault: URLs of the servers of one cluster. Redirects are not followed."""

    vault_ca_file: Path | None = None
    """vault: whom to believe for https, if not the machine's roots."""

    vault_namespace: str = ""
    """vault: namespace, for servers that have them."""

    vault_mount: str = "pki"
    """vault: path of the PKI engine."""

    vault_issuer: str = "default"
    """vault: which issuer signs, by name or id. Name it before rotating it."""

    vault_role: str = "mesh"
    """vault-sign: PKI role of workloads."""

    vault_server_role: str = "citadel"
    """vault-sign: PKI role of Citadel's own certificate."""

    vault_intermediate_ttl: Seconds = Field(
        default=INTERMEDIATE_LIFETIME, ge=timedelta(seconds=10)
    )
    """vault-intermediate: lifetime of the intermediate, renewed at two thirds."""

    vault_login: LoginKind = LoginKind.APPROLE
    """vault: how to log in."""

    vault_login_mount: str = ""
    """vault: where the login method is mounted; its own name when empty."""

    vault_login_role: str = ""
    """vault: role to log in as, by jwt and cert."""

    vault_role_id_file: Path | None = None
    """vault, approle: file with the role id."""

    vault_secret_id_file: Path | None = None
    """vault, approle: file with the secret id; read at each login."""

    vault_jwt_file: Path | None = None
    """vault, jwt: file with the token; read at each login."""

    vault_certificate_file: Path | None = None
    """vault, cert: the client certificate, PEM."""

    vault_certificate_key_file: Path | None = None
    """vault, cert: its key, PEM."""

    @model_validator(mode="after")
    def _fits_the_signer(self) -> SignerSettings:
        """Refuse what is missing for the signer, and what only another one reads."""
        missing = [name for name in self._needed() if not getattr(self, name)]
        if missing:
            raise ValueError(
                f"CITADEL_SIGNER={self.signer} needs {_variables(missing)}"
            )
        stray = sorted(self.model_fields_set & (FIELDS - self._read()))
        if stray:
            raise ValueError(
                f"CITADEL_SIGNER={self.signer} does not read {_variables(stray)}"
            )
        return self

    def _needed(self) -> tuple[str, ...]:
        match self.signer:
            case Kind.SELF_SIGNED:
                return ()
            case Kind.PLUGIN:
                return ("plugin_dir",)
            case Kind.VAULT_SIGN | Kind.VAULT_INTERMEDIATE:
                return ("vault_addresses", *LOGIN_NEEDS[self.vault_login])

    def _read(self) -> set[str]:
        """Return the settings that the signer reads."""
        read = {"signer", "key_file", *self._needed()}
        if self.signer in (Kind.SELF_SIGNED, Kind.PLUGIN):
            return read
        shared = ["ca_file", "namespace", "mount", "issuer", "login", "login_mount"]
        read |= {f"vault_{name}" for name in shared}
        if self.signer is Kind.VAULT_SIGN:
            return read | {"vault_role", "vault_server_role"}
        return read | {"vault_intermediate_ttl"}


FIELDS = set(SignerSettings.model_fields)


def _variables(names: list[str]) -> str:
    return ", ".join(f"CITADEL_{name.upper()}" for name in names)
