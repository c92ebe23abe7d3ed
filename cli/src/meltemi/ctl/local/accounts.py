"""Who may do what at the ledger and on the bell: a user a service, and no more. Pure.

Threats T14 and T15: whoever takes over one service has what that one has, and a
program that is none of ours has nothing of the ledger and can ring no bell.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SUPERUSER: Final = "root"
READER: Final = "reader"
"""Who comes to the bell without a name: on loopback everybody may listen, as to reads
of the API."""


@dataclass(frozen=True, slots=True)
class Account:
    """What one service needs. ``MESH`` stands for the mesh's name.

    Attributes:
        reads: Prefixes of keys in etcd.
        writes: Prefixes that it reads and writes.
        hears: Subjects of NATS.
        rings: Subjects that it publishes on.

    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    hears: tuple[str, ...] = ()
    rings: tuple[str, ...] = ()


ACCOUNTS: Final[Mapping[str, Account]] = {
    "galley": Account(
        reads=(
            "/mesh/arrival/",
            "/mesh/runtime/v1/MESH/pilots/",
            "/mesh/runtime/v1/MESH/trust",
        ),
        writes=(
            "/mesh/v1/MESH/",
            "/mesh/history/v1/MESH/",
            "/mesh/auth/v1/MESH/",
            "/mesh/secrets/v1/MESH/",
            "/mesh/runtime/v1/MESH/keys/",
            "/mesh/runtime/v1/MESH/rung",
            "/mesh/runtime/v1/MESH/sweeping",
        ),
        rings=("mesh.cfg.v1.MESH.>", "mesh.beat.v1.MESH"),
    ),
    "pilot": Account(
        reads=(
            "/mesh/arrival/",
            "/mesh/v1/MESH/",
            "/mesh/secrets/v1/MESH/",
            "/mesh/runtime/v1/MESH/keys/",
            "/mesh/runtime/v1/MESH/trust",
            "/mesh/citadel/v1/MESH/denied/",
        ),
        writes=("/mesh/runtime/v1/MESH/pilots/",),
        hears=("mesh.cfg.v1.MESH.>", "mesh.beat.v1.MESH"),
    ),
    "citadel": Account(
        reads=(
            "/mesh/arrival/",
            "/mesh/runtime/v1/MESH/pilots/",
            "/mesh/v1/MESH/meshconfigs.mesh.istio.io/",
        ),
        writes=("/mesh/citadel/v1/MESH/", "/mesh/runtime/v1/MESH/trust"),
        rings=("mesh.cert.v1.MESH.>",),
    ),
}


def password(secret: str, user: str) -> str:
    """Return the password of ``user`` in the mesh whose secret this is."""
    return blake2b(user.encode(), key=secret.encode(), digest_size=16).hexdigest()


def bus_configuration(
    secret: str, mesh: str, *, tls: Mapping[str, object] | None = None
) -> str:
    """Return NATS's configuration: its users, and what each may say and hear.

    With ``tls``, NATS's block of that name, it is reached from elsewhere, and nobody
    comes without a name.
    """
    users: list[dict[str, Any]] = [
        {
            "user": name,
            "password": password(secret, name),
            "permissions": _subjects(account, mesh),
        }
        for name, account in ACCOUNTS.items()
    ]
    everybody = Account(hears=(">",))
    users.append(
        {
            "user": READER,
            "password": password(secret, READER),
            "permissions": _subjects(everybody, mesh),
        }
    )
    made: dict[str, object] = {"authorization": {"users": users}}
    made |= {"no_auth_user": READER} if tls is None else {"tls": tls}
    return "\n".join(f"{name}: {json.dumps(value)}" for name, value in made.items())


def _subjects(account: Account, mesh: str) -> dict[str, object]:
    sides = {"publish": account.rings, "subscribe": account.hears}
    return {
        side: {"allow": _of(mesh, subjects)} if subjects else {"deny": ">"}
        for side, subjects in sides.items()
    }


def ledger_steps(secret: str, mesh: str) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield what etcd is told, in order: the path below ``/v3/auth/``, and the body.

    Source:
        etcd's gateway to its Auth service: keys and ends of ranges in base64.

    """
    yield from _user(SUPERUSER, secret)
    for name, account in ACCOUNTS.items():
        yield from _user(name, secret)
        for kind, prefixes in (("READ", account.reads), ("READWRITE", account.writes)):
            for prefix in _of(mesh, prefixes):
                yield (
                    "role/grant",
                    {"name": name, "perm": {"permType": kind, **_range(prefix)}},
                )
    yield "enable", {}


def _user(name: str, secret: str) -> Iterator[tuple[str, dict[str, object]]]:
    yield "role/add", {"name": name}
    yield "user/add", {"name": name, "password": password(secret, name)}
    yield "user/grant", {"user": name, "role": name}


def _range(prefix: str) -> dict[str, str]:
    end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    return {
        "key": b64encode(prefix.encode()).decode(),
        "range_end": b64encode(end.encode()).decode(),
    }


def _of(mesh: str, names: tuple[str, ...]) -> list[str]:
    return [each.replace("MESH", mesh) for each in names]
