"""Make a Vault agree with the description of `meltemi.citadel.vault.pki`.

Idempotent: what is already so is left alone, and nothing that signs is ever replaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from meltemi.citadel.vault import pki
from meltemi.citadel.vault.call import Answer, Call, Fields, Sessions, data_of
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.citadel.vault.call import Connection
    from meltemi.citadel.vault.pki import Engine

NOT_FOUND = 404
KEPT = (
    "issuer_name",
    "manual_chain",
    "usage",
    "revocation_signature_algorithm",
    "issuing_certificates",
    "crl_distribution_points",
    "ocsp_servers",
)
"""What an operator may have set on an issuer."""


class SetupRefusedError(MeshError):
    """Vault did not let us set something up."""

    code = "vault.setup-refused"
    blame = Blame.CALLER


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that Vault must hold, and whether it was changed for that."""

    what: str
    changed: bool


@dataclass(frozen=True, slots=True)
class Credentials:
    """What Citadel logs in with. Never printed."""

    role_id: str
    secret_id: str

    def __repr__(self) -> str:
        return "Credentials()"


class Setup:
    """An operator at work in one Vault: blocking, for the command line."""

    def __init__(
        self, connection: Connection, token: str, engine: Engine, trust_domain: str
    ) -> None:
        self._sessions = Sessions(connection)
        self._address = connection.addresses[0]
        self._token = token
        self._engine = engine
        self._trust_domain = trust_domain

    def apply(self) -> Iterator[Step]:
        """Make and yield one thing after the other.

        Raises:
            SetupRefusedError: If Vault does not do one of them.
            VaultUnreachableError: If it does not answer.

        """
        yield self._engine_mounted()
        yield self._root_made()
        yield self._issuer_truncates()
        for name, fields in pki.roles(self._engine, self._trust_domain).items():
            path = f"{self._engine.mount}/roles/{name}"
            yield self._written(f"role {name}", path, fields)
        text = pki.policy(self._engine, self._trust_domain)
        policy = f"sys/policies/acl/{pki.POLICY}"
        yield self._written(f"policy {pki.POLICY}", policy, {"policy": text})
        yield self._login_enabled()
        role = f"auth/approle/role/{pki.APP_ROLE}"
        yield self._written(f"AppRole {pki.APP_ROLE}", role, pki.app_role())

    def credentials(self) -> Credentials:
        """Return the role id and a new secret id; older ones stay good."""
        role = f"auth/approle/role/{pki.APP_ROLE}"
        found = data_of(self._done("read the role id", "get", f"{role}/role-id"))
        made = data_of(self._done("make a secret id", "post", f"{role}/secret-id", {}))
        return Credentials(str(found["role_id"]), str(made["secret_id"]))

    def _engine_mounted(self) -> Step:
        mount = self._engine.mount
        what = f"PKI engine at {mount}/"
        longest: Fields = {"max_lease_ttl": f"{pki.seconds(pki.ROOT_LIFETIME)}s"}
        if f"{mount}/" in data_of(self._done(what, "get", "sys/mounts")):
            return Step(what, changed=False)
        self._done(what, "post", f"sys/mounts/{mount}", {"type": "pki"})
        self._done(what, "post", f"sys/mounts/{mount}/tune", longest)
        return Step(what, changed=True)

    def _root_made(self) -> Step:
        mount, what = self._engine.mount, "root certificate"
        if self._asked("list issuers", "list", f"{mount}/issuers").status != NOT_FOUND:
            return Step(what, changed=False)
        fields: Fields = {
            "common_name": f"Root of {self._trust_domain}",
            "exclude_cn_from_sans": True,
            "key_type": "ec",
            "key_bits": 256,
            "ttl": f"{pki.seconds(pki.ROOT_LIFETIME)}s",
        }
        self._done(what, "post", f"{mount}/root/generate/internal", fields)
        return Step(what, changed=True)

    def _issuer_truncates(self) -> Step:
        """Have leaves end with their issuer instead of being refused."""
        path = self._engine.issuer_path
        what = f"issuer {self._engine.issuer} cuts lifetimes to its own"
        found = data_of(self._done(what, "get", path))
        if found.get("leaf_not_after_behavior") == "truncate":
            return Step(what, changed=False)
        # A post resets every field it does not name, and Vault 1.13 answers a patch
        # of this field alone with 200 and forgets it.
        kept = {name: found[name] for name in KEPT if found.get(name)}
        wanted = msgspec.convert(kept, Fields) | {"leaf_not_after_behavior": "truncate"}
        self._done(what, "post", path, wanted)
        return Step(what, changed=True)

    def _login_enabled(self) -> Step:
        what = "login by AppRole"
        if "approle/" in data_of(self._done(what, "get", "sys/auth")):
            return Step(what, changed=False)
        self._done(what, "post", "sys/auth/approle", {"type": "approle"})
        return Step(what, changed=True)

    def _written(self, what: str, path: str, fields: Fields) -> Step:
        found = data_of(self._asked(what, "get", path))
        if all(found.get(name) == value for name, value in fields.items()):
            return Step(what, changed=False)
        self._done(what, "post", path, fields)
        return Step(what, changed=True)

    def _done(
        self, what: str, method: str, path: str, fields: Fields | None = None
    ) -> Answer:
        answer = self._asked(what, method, path, fields)
        if not answer.ok:
            raise SetupRefusedError(
                f"{what}: Vault answered {answer.status}: the token needs to be an "
                "operator's, the server active and unsealed"
            )
        return answer

    def _asked(
        self, what: str, method: str, path: str, fields: Fields | None = None
    ) -> Answer:
        call = Call(what, method, path, fields)
        return self._sessions.perform(call, self._address, self._token)
