"""Whose volume holds what: each service finds its own things there, and no more. Pure.

::

    /mesh/NAME    as `meltemi containers` sees it, every volume beside the others
    /mesh         the same, as the service NAME sees its own
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MOUNTED: Final = "/mesh"
"""Where a service finds its volume."""

CA, CERTIFICATE, KEY = "ca.pem", "tls.pem", "tls.key"
PASSWORD, ADMIN, SEALING = "password", "admin.token", "secrets.key"
TOKEN, ROOTS = "token", "roots.pem"
BELL, STRONGROOM = "nats.conf", "vault.hcl"


@dataclass(frozen=True, slots=True)
class Place:
    """One service's volume.

    Attributes:
        name: The service, and the volume's folder.
        hosts: Names that others reach it by; none: it needs no certificate.
        account: Whose password it has for etcd and NATS.
        administers: Whether it knows the administrators' token.
        unseals: Whether it knows what the TLS secrets of gateways are sealed with.

    """

    name: str
    hosts: tuple[str, ...] = ()
    account: str = ""
    administers: bool = False
    unseals: bool = False


LOCAL = ("localhost", "127.0.0.1")
"""As health checks inside a container reach its server, and people a published port."""

PLACES: Final = (
    *(Place(name, hosts=(name, *LOCAL)) for name in ("etcd", "etcd-1", "etcd-2")),
    Place("nats", hosts=("nats", *LOCAL)),
    Place("vault", hosts=("vault", *LOCAL)),
    Place("injector", hosts=("injector", *LOCAL)),
    Place("prometheus", hosts=("prometheus", *LOCAL)),
    Place("citadel", account="citadel", administers=True),
    *(
        Place(name, hosts=(name, *LOCAL), account="pilot", unseals=True)
        for name in ("pilot-0", "pilot-1")
    ),
    Place(
        "galley",
        hosts=("galley", *LOCAL),
        account="galley",
        administers=True,
        unseals=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A service that gets a workload token, and whom its certificate is for."""

    name: str
    namespace: str
    account: str

    @classmethod
    def parse(cls, text: str) -> Newcomer:
        """Return what ``NAME=NAMESPACE/ACCOUNT`` spells.

        Raises:
            ValueError: If it is not that.

        """
        name, _, identity = text.partition("=")
        namespace, _, account = identity.partition("/")
        if not (name and namespace and account) or "/" in name or name.startswith("."):
            raise ValueError(f"expected NAME=NAMESPACE/ACCOUNT, found {text!r}")
        return cls(name, namespace, account)
