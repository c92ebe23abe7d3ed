"""Secrets of gateways, kept sealed in the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.schema.gateway import Gateway
from meltemi.galley.distribution import FALSE, TRUE, Condition
from meltemi.galley.refusals import NoSuchSecretError
from meltemi.identity.tls_secret import (
    InvalidSecretError,
    checked_secret,
    gone_secret,
    kept_secret,
    sealed_secret,
    secrets_prefix,
)
from meltemi.store.ports import Write

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from meltemi.config.schema.gateway import ServerTLSSettings
    from meltemi.config.schema.message import Message
    from meltemi.identity.sealed import SealingKey
    from meltemi.identity.tls_secret import KeptSecret, TlsSecret
    from meltemi.kernel.clock import Clock
    from meltemi.store.ports import LedgerWriter

ROOTS = "-cacert"


class SecretBook:
    """All secrets of a mesh. What is in one is never read back through it."""

    def __init__(
        self, ledger: LedgerWriter, mesh: str, key: SealingKey | None, clock: Clock
    ) -> None:
        self._ledger, self._key, self._clock = ledger, key, clock
        self._prefix = secrets_prefix(mesh)

    async def put(self, namespace: str, name: str, secret: TlsSecret) -> KeptSecret:
        """Keep ``secret`` in place of what was there.

        Raises:
            InvalidSecretError: If a gateway could not serve it, or Galley has no key
                to seal it with.

        """
        if self._key is None:
            raise InvalidSecretError(
                "this Galley has no key to seal secrets with: set "
                "GALLEY_SECRETS_KEY_FILE, and PILOT_SECRETS_KEY_FILE to the same file"
            )
        checked = checked_secret(secret, now=self._clock.now())
        kept = sealed_secret(checked, namespace, name, self._key)
        await self._ledger.commit([Write(self._prefix + kept.place, kept.encoded())])
        return kept

    async def has(self, namespace: str, name: str) -> bool:
        """Tell whether there is a secret of that name."""
        entry = await self._ledger.get(f"{self._prefix}{namespace}/{name}")
        kept = None if entry is None else kept_secret(entry.value)
        return kept is not None and not kept.is_gone

    async def all(self) -> Sequence[KeptSecret]:
        """Return every secret, by namespace and name."""
        listing = await self._ledger.list(self._prefix)
        found = (kept_secret(entry.value) for entry in listing.entries)
        return [each for each in found if each is not None and not each.is_gone]

    async def remove(self, namespace: str, name: str) -> None:
        """Forget a secret: gateways stop serving it.

        Raises:
            NoSuchSecretError: If there is none of that name.

        """
        place = f"{namespace}/{name}"
        entry = await self._ledger.get(self._prefix + place)
        kept = None if entry is None else kept_secret(entry.value)
        if entry is None or (kept is not None and kept.is_gone):
            raise NoSuchSecretError(f"there is no secret {place}")
        gone = gone_secret(namespace, name).encoded()
        await self._ledger.commit([Write(entry.key, gone, entry.revision)])

    async def conditions(self, spec: Message) -> tuple[Condition, ...]:
        """Return how it stands with the secrets that a Gateway names; else nothing."""
        if not isinstance(spec, Gateway):
            return ()
        names = sorted(set(_named(spec)))
        if not names:
            return ()
        known: dict[str, list[KeptSecret]] = {}
        for each in await self.all():
            known.setdefault(each.name, []).append(each)
        problems = list(self._problems(names, known))
        if problems:
            reason = "SecretProblem"
            return (Condition("ResolvedSecrets", FALSE, reason, "; ".join(problems)),)
        return (Condition("ResolvedSecrets", TRUE, "Resolved", ", ".join(names)),)

    def _problems(
        self, names: Iterable[str], known: dict[str, list[KeptSecret]]
    ) -> Iterator[str]:
        now = self._clock.now().isoformat()
        for name in names:
            found = known.get(name, [])
            if not found:
                yield f"there is no secret {name}: its hosts do not answer over TLS"
            elif all(each.not_after <= now for each in found):
                yield f"the certificate of {name} expired at {found[0].not_after}"


def _named(spec: Gateway) -> Iterator[str]:
    for server in spec.servers:
        tls: ServerTLSSettings | None = server.tls
        if tls is None:
            continue
        single = (tls.credential_name, tls.ca_cert_credential_name)
        for each in (*tls.credential_names, *single):
            if each:
                yield each.rpartition("/")[2].removesuffix(ROOTS)
