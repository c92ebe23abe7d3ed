"""The names by which services of a compose file are called, beside their own.

Docker's resolver knows containers by the names of services and containers, by aliases,
host names and links. Each of them that can be a host is one of the mesh: under STRICT
nobody is reached by any other, for it would be called in plain text.

Source:
    docs.docker.com, "Networking overview", DNS services; the Compose Specification,
    "links", "networks", "aliases", "container_name", "hostname".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meltemi.config.rules.hosts import is_fqdn
from meltemi.config.rules.problem import warning
from meltemi.injector.compose.variable import is_variable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from meltemi.config.finding import Finding
    from meltemi.injector.compose.service import Service
    from meltemi.injector.compose.value import Value

CODE: Final = "NAME"


@dataclass(frozen=True, slots=True)
class Bearer:
    """A service that gets sidecars.

    Attributes:
        service: As it stands in the file.
        app: What it is called together with others, by the label ``app``.

    """

    service: Service
    app: str


@dataclass(frozen=True, slots=True)
class _Claim:
    """A name of ``owner``, said by the service ``speaker`` at ``path``."""

    name: str
    owner: str
    speaker: str
    path: str


@dataclass(frozen=True, slots=True)
class Names:
    """What services are called.

    Attributes:
        hosts: The names of each beside its own, by the service's key.
        findings: What there is to say to the owner of each.

    """

    hosts: Mapping[str, tuple[str, ...]]
    findings: Mapping[str, tuple[Finding, ...]]


def names_in(bearers: Sequence[Bearer]) -> Names:
    """Return the names of all services of a file that get sidecars."""
    by_key = {each.service.name: each for each in bearers}
    own = {each.service.called: each.service.name for each in bearers}
    claims = [
        each
        for bearer in bearers
        for each in _claims(bearer.service)
        if each.owner in by_key
    ]
    owners: dict[str, set[str]] = {}
    for each in claims:
        owners.setdefault(each.name.lower(), set()).add(each.owner)
    hosts: dict[str, dict[str, None]] = {}
    findings: dict[str, list[Finding]] = {}
    for each in claims:
        name, owner = each.name.lower(), by_key[each.owner]
        others = {*owners[name], own.get(name, each.owner)} - {each.owner}
        if name in (owner.service.called, owner.app):
            continue
        wrong = _wrong(each, owner, others)
        if wrong is None:
            hosts.setdefault(each.owner, {})[name] = None
        else:
            findings.setdefault(each.speaker, []).append(wrong)
    return Names(
        {key: tuple(each) for key, each in hosts.items()},
        {key: tuple(each) for key, each in findings.items()},
    )


def _wrong(claim: _Claim, owner: Bearer, others: set[str]) -> Finding | None:
    called = owner.service.called
    if is_variable(claim.name):
        message = f"{claim.name!r} is a variable: the mesh does not know the name"
        hint = f"call it {called!r}, or write the value"
    elif not is_fqdn(claim.name):
        message = f"{claim.name!r} can be no host of the mesh, where it is {called!r}"
        hint = f"call it {called!r}: a host has letters, digits, '-' and '.'"
    elif others:
        message = f"{claim.name!r} is the name of {', '.join(sorted(others))} as well"
        hint = f"if they are one service, say the label app: {claim.name} of each"
    else:
        return None
    return warning(claim.path, message, hint, code=CODE)


def _claims(service: Service) -> Iterator[_Claim]:
    """Yield what ``service`` is called, and what it calls others."""
    me, value = service.name, service.value
    if me.lower() != service.called:
        yield _Claim(me, me, me, "")
    for key in ("container_name", "hostname"):
        if str(value.get(key, "")) and service.replicas == 1:
            yield _Claim(str(value[key]), me, me, key)
    networks = value.get("networks")
    for network, terms in networks.items() if isinstance(networks, dict) else ():
        aliases = terms.get("aliases") if isinstance(terms, dict) else None
        for index, each in enumerate(aliases if isinstance(aliases, list) else []):
            path = f"networks.{network}.aliases[{index}]"
            yield _Claim(str(each), me, me, path)
    for index, each in enumerate(_list(value.get("links"))):
        owner, colon, alias = str(each).partition(":")
        if colon:
            yield _Claim(alias, owner, me, f"links[{index}]")


def outside(service: Service) -> Iterator[Finding]:
    """Yield a warning for each container of another project that is linked to."""
    for index, each in enumerate(_list(service.value.get("external_links"))):
        message = f"{str(each)!r} is called as what is outside of the mesh"
        hint = "in the mesh it is called by the name that its own file gives it"
        yield warning(f"external_links[{index}]", message, hint, code="OUTSIDE")


def _list(value: Value | None) -> list[Value]:
    return value if isinstance(value, list) else []
