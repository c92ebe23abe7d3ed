"""Who may write what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from meltemi.config.schema.workload_entry import WorkloadEntry
from meltemi.galley.refusals import ForbiddenError

if TYPE_CHECKING:
    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message
    from meltemi.kernel.identity import SpiffeId
    from meltemi.kernel.names import Key


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


Caller: TypeAlias = Administrator | Workload


def check_permission(
    caller: Caller,
    key: Key,
    asked: Resource[Message] | None,
    current: Resource[Message] | None,
) -> None:
    """Let the caller write ``asked`` over ``current``, or remove it (None).

    A workload may neither claim another account's identity nor take over an entry
    that names another account.

    Raises:
        ForbiddenError: Naming what is not the caller's.

    """
    if isinstance(caller, Administrator):
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


def _account(resource: Resource[Message] | None) -> str | None:
    if resource is None or not isinstance(resource.spec, WorkloadEntry):
        return None
    return resource.spec.service_account or "default"
