"""Who may write what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from meltemi.config.schema.envoy_filter import EnvoyFilter
from meltemi.config.schema.workload_entry import WorkloadEntry
from meltemi.config.schema.workload_group import WorkloadGroup
from meltemi.galley.guards import reserved_patches
from meltemi.galley.refusals import ForbiddenError

if TYPE_CHECKING:
    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message
    from meltemi.kernel.identity import SpiffeId
    from meltemi.kernel.names import Key

READING: Final = ("get", "list", "watch")
WRITING: Final = ("create", "update", "patch", "delete")
ANY: Final = "*"
POWERFUL: Final = frozenset(
    {"EnvoyFilter", "ProxyConfig", "TrafficExtension", "WasmPlugin"}
)
"""Kinds that can undo what all others say (threat T2)."""


OF_WORKLOADS: Final = (WorkloadEntry.__name__, WorkloadGroup.__name__)
"""What a workload may read in its namespace: a group says how it is asked if it is
well."""


class Scope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a token is good for: each verb, on each kind, in each namespace.

    ``*`` stands for any, but to write one of the `POWERFUL` kinds or anything in the
    root namespace, a scope must name the kind or the namespace itself.
    """

    verbs: tuple[str, ...]
    kinds: tuple[str, ...]
    namespaces: tuple[str, ...]

    def allows(self, verb: str, kind: str, namespace: str, root: str) -> bool:
        """Tell whether it covers ``verb`` on ``kind`` in ``namespace`` (``*``: all)."""
        reading = verb in READING
        wide_kind = ANY in self.kinds and (reading or kind not in POWERFUL)
        wide_namespace = ANY in self.namespaces and (reading or namespace != root)
        return (
            (verb in self.verbs or ANY in self.verbs)
            and (kind in self.kinds or wide_kind)
            and (namespace in self.namespaces or wide_namespace)
        )


@dataclass(frozen=True, slots=True)
class Administrator:
    """Somebody who knows the administrators' token: may write everything."""

    @property
    def manager(self) -> str:
        """What ``managedFields`` calls the caller."""
        return "admin"


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload that proved its identity: may write its own WorkloadEntries."""

    identity: SpiffeId

    @property
    def manager(self) -> str:
        """What ``managedFields`` calls the caller."""
        return str(self.identity)


@dataclass(frozen=True, slots=True)
class Bearer:
    """Somebody whose scopes limit it: by a token, a certificate or an issuer."""

    name: str
    scopes: tuple[Scope, ...]
    root_namespace: str

    @property
    def manager(self) -> str:
        """What ``managedFields`` calls the caller."""
        return self.name

    def check(self, verb: str, kind: str, namespace: str) -> None:
        """Let the bearer do it if a scope covers it.

        Raises:
            ForbiddenError: If none does: whatever is not allowed is denied.

        """
        root = self.root_namespace
        if not any(each.allows(verb, kind, namespace, root) for each in self.scopes):
            place = "all namespaces" if namespace == ANY else f"namespace {namespace!r}"
            raise ForbiddenError(
                f"{self.name!r} has no scope to {verb} {kind} in {place}"
            )


@dataclass(frozen=True, slots=True)
class DirectorySource:
    """The folder of YAML that Galley keeps in force: may write everything."""

    @property
    def manager(self) -> str:
        """What ``managedFields`` calls the caller."""
        return "directory"


Caller: TypeAlias = Administrator | DirectorySource | Workload | Bearer


def check_reading(caller: Caller, verb: str, kind: str, namespace: str) -> None:
    """Let the caller ``verb`` (see `READING`) objects; ``*`` stands for all of them.

    Raises:
        ForbiddenError: Naming what is not the caller's.

    """
    if isinstance(caller, Bearer):
        caller.check(verb, kind, namespace)
    if isinstance(caller, Workload):
        home = caller.identity.namespace
        if kind not in OF_WORKLOADS or namespace != home:
            raise ForbiddenError(
                f"{caller.identity} may read WorkloadEntries and WorkloadGroups of its "
                f"own namespace {home!r} only"
            )


def check_starting(caller: Caller, namespace: str) -> None:
    """Let the caller read what proxies of ``namespace`` start with.

    Raises:
        ForbiddenError: If it is a workload of another one, or no scope covers it.

    """
    if not isinstance(caller, Workload):
        check_reading(caller, "get", "ProxyConfig", namespace)
    elif caller.identity.namespace != namespace:
        raise ForbiddenError(
            f"{caller.identity} may read what proxies of its own namespace start with, "
            f"not of {namespace!r}"
        )


def may_read(caller: Caller, key: Key) -> bool:
    """Tell whether the caller may know of the object at ``key``."""
    try:
        check_reading(caller, "get", key.kind, key.namespace)
    except ForbiddenError:
        return False
    return True


def check_permission(
    caller: Caller,
    verb: str,
    key: Key,
    asked: Resource[Message] | None,
    current: Resource[Message] | None,
) -> None:
    """Let the caller ``verb``: write ``asked`` over ``current``, or remove it (None).

    A workload may neither claim another account's identity nor take over an entry
    that names another account. Nobody's scopes cover what `meltemi.galley.guards`
    keeps for administrators.

    Raises:
        ForbiddenError: Naming what is not the caller's.

    """
    if isinstance(caller, (Administrator, DirectorySource)):
        return
    if isinstance(caller, Bearer):
        caller.check(verb, key.kind, key.namespace)
        _check_patches(caller, key, asked)
        return
    identity = caller.identity
    if key.kind != WorkloadEntry.__name__ or key.namespace != identity.namespace:
        raise ForbiddenError(
            f"{identity} may write WorkloadEntries of its own namespace "
            f"{identity.namespace!r} only, not {key}"
        )
    for resource in (asked, current):
        account = _account(resource)
        if account not in (None, identity.service_account):
            raise ForbiddenError(
                f"{identity} may not write {key}: it is of the service account "
                f"{account!r}"
            )


def _check_patches(caller: Bearer, key: Key, asked: Resource[Message] | None) -> None:
    if asked is None or not isinstance(asked.spec, EnvoyFilter):
        return
    for why in reserved_patches(asked.spec):
        raise ForbiddenError(
            f"{caller.name!r} may not write {key}: {why}; that is for administrators"
        )


def _account(resource: Resource[Message] | None) -> str | None:
    if resource is None:
        return None
    if not isinstance(resource.spec, WorkloadEntry):
        return "(unreadable)"
    return resource.spec.service_account or "default"
