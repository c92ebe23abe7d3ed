"""Which TLS secrets a gateway holds: those that what it serves refers to (T10).

A secret is its namespace's. A gateway of another one has it only if the secret itself
allows that namespace.

Source:
    Istio resolves ``credentialName`` in the namespace of the gateway's proxies
    (pilot/pkg/model/credentials ParseResourceName, pilot/pkg/xds/sds.go).

"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from meltemi.pilot import ir
from meltemi.pilot.scope.proxy import Role
from meltemi.pilot.translate.cluster.client_tls import GATEWAY_CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from meltemi.pilot.scope.scope import Scope

ROOTS: Final = "-cacert"
GONE: Final = "invalid://"
"""Istio's prefix for a secret that is named and must not be had."""


@dataclass(frozen=True, slots=True)
class _Need:
    """A secret that something refers to."""

    name: str
    is_root: bool
    origins: ir.Origins


def secrets(
    scope: Scope, listeners: Iterable[ir.Listener], clusters: Iterable[ir.Cluster]
) -> Iterator[ir.ServedSecret]:
    """Yield what gateways with ``scope`` hold of what these refer to, by name."""
    if scope.group.role is not Role.GATEWAY:
        return
    needs = {each.name: each for each in (*_served(listeners), *_called(clusters))}
    for name in sorted(needs):
        made = _made(scope, needs[name])
        if made is not None:
            yield made


def _made(scope: Scope, need: _Need) -> ir.ServedSecret | None:
    home = scope.group.namespace
    key = _place(scope, need.name, is_root=need.is_root)
    found = scope.index.secrets.by_place.get(key)
    if found is None or (key[0] != home and home not in found.allowed):
        return None
    if not need.is_root:
        chain, private = found.chain, found.key
        return ir.ServedSecret(need.name, chain, private, origins=need.origins)
    if not found.roots:
        return None
    return ir.ServedSecret(need.name, roots=found.roots, origins=need.origins)


def _place(scope: Scope, name: str, *, is_root: bool) -> tuple[str, str]:
    """Return the namespace and the name of a secret that an SDS name stands for."""
    named = name.removeprefix(GATEWAY_CREDENTIALS)
    namespace, _, own = named.rpartition("/")
    known = (namespace or scope.group.namespace, own)
    return (known[0], own.removesuffix(ROOTS)) if is_root else known


def without_gone(scope: Scope, listener: ir.Listener) -> ir.Listener:
    """Return ``listener``, which does not go on serving secrets that were deleted.

    Envoy keeps a secret whose removal it is told of. What refers to it is renamed, to
    a name that nobody serves: then its old holder ends with the chain that had it.
    """
    if scope.group.role is not Role.GATEWAY or not scope.index.secrets.gone:
        return listener
    chains = tuple(_without_gone(scope, each) for each in listener.chains)
    default = listener.default and _without_gone(scope, listener.default)
    return replace(listener, chains=chains, default=default)


def _without_gone(scope: Scope, chain: ir.FilterChain) -> ir.FilterChain:
    tls = chain.tls
    if not isinstance(tls, ir.TerminateServer):
        return chain
    certificates = tuple(
        _unserved(scope, each, is_root=False) for each in tls.certificates
    )
    root = tls.root and _unserved(scope, tls.root, is_root=True)
    return replace(chain, tls=replace(tls, certificates=certificates, root=root))


def _unserved(scope: Scope, secret: ir.Secret, *, is_root: bool) -> ir.Secret:
    from_us = secret.source is ir.SecretSource.CONTROL_PLANE
    place = _place(scope, secret.name, is_root=is_root)
    if not from_us or place not in scope.index.secrets.gone:
        return secret
    return replace(secret, name=GONE + secret.name.removeprefix(GATEWAY_CREDENTIALS))


def _served(listeners: Iterable[ir.Listener]) -> Iterator[_Need]:
    for listener in listeners:
        chains = (*listener.chains, *((listener.default,) if listener.default else ()))
        for chain in chains:
            if not isinstance(chain.tls, ir.TerminateServer):
                continue
            if chain.tls.root is not None:
                yield from _need(chain.tls.root, chain.origins, is_root=True)
            for each in chain.tls.certificates:
                yield from _need(each, chain.origins, is_root=False)


def _called(clusters: Iterable[ir.Cluster]) -> Iterator[_Need]:
    for cluster in clusters:
        client = cluster.client
        if isinstance(client, ir.AnnouncedClient):
            client = client.inner
        if isinstance(client, ir.AutoClient):
            client = client.mesh
        if not isinstance(client, ir.OriginateClient):
            continue
        if client.root is not None:
            yield from _need(client.root, cluster.origins, is_root=True)
        if client.certificate is not None:
            yield from _need(client.certificate, cluster.origins, is_root=False)


def _need(secret: ir.Secret, origins: ir.Origins, *, is_root: bool) -> Iterator[_Need]:
    if secret.source is ir.SecretSource.CONTROL_PLANE:
        yield _Need(secret.name, is_root, origins)
