"""The signer that the settings name, put together."""

from __future__ import annotations

from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING

from prometheus_client import Counter

from meltemi.citadel.adapters.safe import StateSafe
from meltemi.citadel.adapters.state import Store
from meltemi.citadel.signer_settings import Kind, LoginKind
from meltemi.citadel.signers.plugin import PluginSigner
from meltemi.citadel.signers.rotating import RotatingSigner
from meltemi.citadel.signers.vault_intermediate import VaultIntermediate
from meltemi.citadel.signers.vault_sign import VaultSigner
from meltemi.citadel.vault.call import Connection
from meltemi.citadel.vault.client import VaultClient
from meltemi.citadel.vault.login import AppRole, CertificateLogin, JwtLogin
from meltemi.citadel.vault.pki import Engine

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from meltemi.citadel.settings import CitadelSettings
    from meltemi.citadel.signer import Signer
    from meltemi.citadel.vault.login import Login
    from meltemi.config.trust_domains import MeshDomains
    from meltemi.kernel.clock import Clock
    from meltemi.store.ports import LedgerWriter


def chosen_signer(
    settings: CitadelSettings,
    domains: MeshDomains,
    ledger: LedgerWriter,
    clock: Clock,
    registry: CollectorRegistry,
) -> Signer:
    """Return the signer of ``settings``.

    Raises:
        MeshError: If what lies on this machine for it is not in order. Whether Vault
            is there shows later, as `Signer.trouble`.

    """
    domain, rng = domains.now.own, SystemRandom()
    match settings.signer:
        case Kind.SELF_SIGNED:
            store = Store(settings.state_dir, settings.key_file)
            safe = StateSafe(store, domains, clock)
            safe.sealed()
            waits = settings.rotation_waits
            return RotatingSigner(ledger, settings.mesh, safe, waits, clock)
        case Kind.PLUGIN:
            return PluginSigner(settings.plugin_dir or Path(), domain, clock)
        case Kind.VAULT_SIGN:
            warnings = Counter(
                "meltemi_citadel_vault_warnings",
                "Certificates that Vault made other than asked, a shorter life mostly.",
                registry=registry,
            )
            vault = VaultClient(_connection(settings), _login(settings), clock, rng)
            return VaultSigner(vault, _engine(settings), rng, warnings)
        case Kind.VAULT_INTERMEDIATE:
            vault = VaultClient(_connection(settings), _login(settings), clock, rng)
            return VaultIntermediate(vault, _engine(settings), domain, clock, rng)


def _connection(settings: CitadelSettings) -> Connection:
    pair = settings.vault_certificate_file, settings.vault_certificate_key_file
    return Connection(
        settings.vault_addresses,
        str(settings.vault_ca_file or ""),
        settings.vault_namespace,
        (str(pair[0]), str(pair[1])) if all(pair) else None,
    )


def _login(settings: CitadelSettings) -> Login:
    mount = settings.vault_login_mount or settings.vault_login.value
    role = settings.vault_login_role
    match settings.vault_login:
        case LoginKind.APPROLE:
            return AppRole(
                settings.vault_role_id_file or Path(),
                settings.vault_secret_id_file or Path(),
                mount,
            )
        case LoginKind.JWT:
            return JwtLogin(role, settings.vault_jwt_file or Path(), mount)
        case LoginKind.CERT:
            return CertificateLogin(role, mount)


def _engine(settings: CitadelSettings) -> Engine:
    return Engine(
        settings.vault_mount,
        settings.vault_issuer,
        settings.vault_role,
        settings.vault_server_role,
        settings.vault_intermediate_ttl,
    )
