"""What Vault must hold so that Citadel can have certificates signed. Pure.

A description only: `meltemi.citadel.vault.setup` makes a Vault agree with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from meltemi.citadel.admit import citadel_identity
from meltemi.citadel.issue import BACKDATE, LOCAL_IP, local_names
from meltemi.kernel.identity import CONTROL_ACCOUNTS

if TYPE_CHECKING:
    from meltemi.citadel.vault.call import Fields

DAY = timedelta(days=1)
ROOT_LIFETIME = 3650 * DAY
LEAF_LIFETIME, LONGEST_LEAF = DAY, 7 * DAY
INTERMEDIATE_LIFETIME = 3 * DAY
TOKEN_LIFETIME, LONGEST_TOKEN = timedelta(hours=1), DAY
POLICY = "meltemi-citadel"
APP_ROLE = "meltemi-citadel"


@dataclass(frozen=True, slots=True)
class Engine:
    """Where in Vault the mesh's PKI is.

    Attributes:
        mount: Path of the PKI engine.
        issuer: Which of its issuers signs: a name or an id, pinned in every call.
        role: Of workloads' certificates.
        server_role: Of Citadel's own.
        intermediate_ttl: How long an intermediate of Citadel's lives.

    """

    mount: str = "pki"
    issuer: str = "default"
    role: str = "mesh"
    server_role: str = "citadel"
    intermediate_ttl: timedelta = INTERMEDIATE_LIFETIME

    @property
    def issuer_path(self) -> str:
        """Path of the pinned issuer."""
        return f"{self.mount}/issuer/{self.issuer}"


def seconds(length: timedelta) -> int:
    """Return ``length`` as Vault's API answers it."""
    return int(length.total_seconds())


def roles(engine: Engine, trust_domain: str) -> dict[str, Fields]:
    """Return the fields of each role.

    Source:
        Fields and values as in security design 4.2: no leases and no stored
        certificates, since they make a Vault with many of them stall.

    """
    shared: Fields = {
        "allow_any_name": False,
        "allow_localhost": False,
        "allow_wildcard_certificates": False,
        "require_cn": False,
        "use_csr_common_name": False,
        "use_csr_sans": False,
        "key_type": "any",
        "server_flag": True,
        "client_flag": True,
        "key_usage": ["DigitalSignature", "KeyEncipherment"],
        "basic_constraints_valid_for_non_ca": True,
        "no_store": True,
        "generate_lease": False,
        "ttl": seconds(LEAF_LIFETIME),
        "max_ttl": seconds(LONGEST_LEAF),
        "not_before_duration": seconds(BACKDATE),
    }
    workloads: Fields = {
        "allowed_domains": [],
        "allow_ip_sans": False,
        "allowed_uri_sans": [f"spiffe://{trust_domain}/ns/*/sa/*"],
    }
    server: Fields = {
        "allowed_domains": [*CONTROL_ACCOUNTS, "localhost"],
        "allow_bare_domains": True,
        "allow_ip_sans": True,
        "allowed_uri_sans": [str(citadel_identity(trust_domain))],
    }
    return {
        engine.role: {**shared, **workloads},
        engine.server_role: {**shared, **server},
    }


def policy(engine: Engine, trust_domain: str) -> str:
    """Return what Citadel's token may do, in Vault's policy language.

    Fields that are not named are denied with that: ``not_after`` would bypass the
    role's longest lifetime. ``sign-verbatim`` is in no policy, so it is denied too.
    """
    uris = f"spiffe://{trust_domain}/ns/*"
    leaf = {"csr": [], "uri_sans": [uris], "ttl": [], "common_name": [""]}
    server = {
        **leaf,
        "alt_names": [local_names(each) for each in CONTROL_ACCOUNTS],
        "ip_sans": [LOCAL_IP],
    }
    intermediate: dict[str, list[str]] = {
        "csr": [],
        "common_name": [],
        "exclude_cn_from_sans": ["true"],
        "uri_sans": [f"spiffe://{trust_domain}"],
        "max_path_length": ["0"],
        "ttl": [],
    }
    at = f"{engine.mount}/issuer/+"
    return "\n".join(
        [
            _rule(f"{at}/sign/{engine.role}", "update", leaf),
            _rule(f"{at}/sign/{engine.server_role}", "update", server),
            _rule(f"{at}/sign-intermediate", "update", intermediate),
            _rule(f"{at}/json", "read", {}),
        ]
    )


def app_role() -> Fields:
    """Return the fields of the AppRole that Citadel logs in by."""
    return {
        "token_policies": [POLICY],
        "token_ttl": seconds(TOKEN_LIFETIME),
        "token_max_ttl": seconds(LONGEST_TOKEN),
        "bind_secret_id": True,
    }


def _rule(path: str, capability: str, allowed: dict[str, list[str]]) -> str:
    lines = [f'path "{path}" {{', f'  capabilities = ["{capability}"]']
    if allowed:
        lines.append("  allowed_parameters = {")
        for name, values in allowed.items():
            quoted = ", ".join(f'"{value}"' for value in values)
            lines.append(f'    "{name}" = [{quoted}]')
        lines.append("  }")
    return "\n".join([*lines, "}", ""])
