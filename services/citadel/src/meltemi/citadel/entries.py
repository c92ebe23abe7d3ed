"""Registration entries: which callers an identity is for. No I/O.

An entry maps a selector to an identity. Everything the selector says must hold::

    {"namespace": "a", "service_account": "b", "enabled": true,
     "selector": {"issuer": "https://ci.example", "subject": "repo:acme/shop"}}
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from meltemi.citadel.admit import UnauthenticatedError, joining_identity
from meltemi.citadel.caller import Proof
from meltemi.citadel.tokens import is_within
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meltemi.citadel.caller import Evidence
    from meltemi.kernel.identity import SpiffeId

NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


def entries_prefix(mesh: str) -> str:
    """Return where the entries of ``mesh`` lie in the ledger, by name."""
    return f"/mesh/citadel/v1/{mesh}/entries/"


class InvalidEntryError(MeshError):
    """A registration entry does not say what it must."""

    code = "citadel.invalid-entry"
    blame = Blame.CALLER


class NotRegisteredError(MeshError):
    """The caller is who it says, and there is no entry that lets it in."""

    code = "citadel.not-registered"
    blame = Blame.CALLER


class Registration(StrEnum):
    """Whether an identity needs an entry."""

    OPEN = "open"
    """No: an entry can only shut out, by being disabled."""

    REQUIRED = "required"
    """Yes, and an enabled one."""


class Selector(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What must hold of a caller; an empty text is no demand.

    A certificate has no issuer and no subject: whoever renews was selected before,
    and only ``cidr`` is looked at.
    """

    issuer: str = ""
    subject: str = ""
    cidr: str = ""
    node: str = ""

    def selects(self, evidence: Evidence) -> bool:
        """Tell whether everything holds of ``evidence``."""
        if self.cidr and not is_within(evidence.address, self.cidr):
            return False
        return evidence.proof is Proof.CERTIFICATE or all(
            wanted in ("", found)
            for wanted, found in (
                (self.issuer, evidence.issuer),
                (self.subject, evidence.subject),
                (self.node, evidence.node),
            )
        )


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An identity, and who may have it."""

    namespace: str
    service_account: str
    selector: Selector = Selector()
    enabled: bool = True

    def identity(self, trust_domain: str) -> SpiffeId:
        """Return the identity in ``trust_domain``."""
        return joining_identity(trust_domain, self.namespace, self.service_account)


class _Named(msgspec.Struct, frozen=True):
    """Whom an entry is for, whatever else a newer Citadel wrote into it."""

    namespace: str
    service_account: str


def read_entry(name: str, raw: bytes, trust_domain: str) -> Entry:
    """Return the entry that JSON spells.

    Raises:
        InvalidEntryError: If it is none, its name or its network is malformed.
        InvalidIdentityError: If it names no workload.
        ForbiddenIdentityError: If it is for Citadel itself.

    """
    if not NAME.fullmatch(name):
        raise InvalidEntryError(f"name {name!r} must match {NAME.pattern}")
    try:
        entry = msgspec.json.decode(raw, type=Entry)
        if entry.selector.cidr:
            ipaddress.ip_network(entry.selector.cidr)
    except (msgspec.DecodeError, ValueError) as error:
        raise InvalidEntryError(f"entry {name}: {error}") from error
    entry.identity(trust_domain)
    return entry


class Entries:
    """The newest picture of all entries. A `Follower` of the ledger."""

    def __init__(self, trust_domain: str, registration: Registration) -> None:
        self._trust_domain = trust_domain
        self._registration = registration
        self._entries: dict[str, Entry] = {}
        self.known = False
        """Whether the ledger was read once."""

    def named(self, identity: SpiffeId) -> dict[str, Entry]:
        """Return the entries for ``identity``, by name."""
        return {
            name: each
            for name, each in sorted(self._entries.items())
            if each.namespace == identity.namespace
            and each.service_account == identity.service_account
        }

    def check(self, identity: SpiffeId, evidence: Evidence) -> None:
        """Let a caller in.

        Raises:
            NotRegisteredError: If an entry shuts it out, or none lets it in.

        """
        found = self.named(identity)
        if any(
            each.enabled and each.selector.selects(evidence) for each in found.values()
        ):
            return
        if found:
            why = "disabled" if not _enabled(found.values()) else "for other callers"
            raise NotRegisteredError(
                f"{identity}: its registration is {why}: {', '.join(found)}"
            )
        if self._registration is Registration.REQUIRED:
            raise NotRegisteredError(
                f"{identity} has no registration entry, and needs one: "
                "PUT /v1/ca/entries/NAME"
            )

    def select(self, evidence: Evidence) -> SpiffeId:
        """Return the one identity that entries give to a caller by its subject.

        Raises:
            UnauthenticatedError: If it is none, or more than one.

        """
        found = {
            each.identity(self._trust_domain)
            for each in _enabled(self._entries.values())
            if each.selector.issuer
            and each.selector.subject
            and each.selector.selects(evidence)
        }
        if len(found) != 1:
            raise UnauthenticatedError(
                f"{evidence.subject!r} of {evidence.issuer} is given {len(found)} "
                "identities by registration entries, not one"
            )
        return found.pop()

    def replace(self, found: Mapping[str, bytes]) -> None:
        """Hold ``found``, and nothing else."""
        self._entries = {}
        for name, raw in found.items():
            self.change(name, raw)
        self.known = True

    def change(self, key: str, value: bytes | None) -> None:
        """Take one change. What cannot be read lets nobody in whom it names."""
        self._entries.pop(key, None)
        if value is None:
            return
        try:
            self._entries[key] = read_entry(key, value, self._trust_domain)
        except MeshError:
            with contextlib.suppress(msgspec.DecodeError):
                named = msgspec.json.decode(value, type=_Named)
                self._entries[key] = Entry(
                    named.namespace, named.service_account, enabled=False
                )


def _enabled(entries: Iterable[Entry]) -> list[Entry]:
    return [each for each in entries if each.enabled]
