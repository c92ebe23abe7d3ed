"""Meshes that somebody could have written, grown at random from the schema.

Names come from a small set, so that objects meet: rules find services, servers find
VirtualServices, policies find workloads. What the door refuses is grown again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import inspect

from meltemi.config.decode import read
from meltemi.config.finding import InvalidConfigError
from meltemi.config.kinds import KIND_BY_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from random import Random

    from meltemi.config.kinds import Kind
    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message

HOSTS: Final = (
    *("reviews.default.svc.cluster.local", "ratings.default.svc.cluster.local"),
    *("api.example.com", "*.example.com", "other.prod.svc.cluster.local"),
)
WORDS: Final[dict[str, tuple[object, ...]]] = {
    "host": (*HOSTS, "reviews", "ratings"),
    "hosts": HOSTS,
    "name": ("http", "tcp", "tls", "v1", "v2", "edge", "envoy", "prometheus"),
    "subset": ("v1", "v2"),
    "namespace": ("default", "prod", "istio-system"),
    "namespaces": ("default", "prod"),
    "exportTo": (".", "*"),
    "gateways": ("mesh", "edge", "istio-system/edge"),
    "addresses": ("10.0.0.1", "10.0.0.2", "10.0.1.0/24", "2001:db8::1"),
    "address": ("10.1.0.1", "10.1.0.2", "2001:db8::2", "backend.example.com"),
    "destinationSubnets": ("10.0.0.0/24", "10.0.0.1"),
    "ipBlocks": ("10.1.0.0/16", "127.0.0.1"),
    "notIpBlocks": ("10.1.0.0/16", "127.0.0.1"),
    "remoteIpBlocks": ("10.1.0.0/16",),
    "notRemoteIpBlocks": ("10.1.0.0/16",),
    "protocol": ("HTTP", "HTTPS", "TCP", "TLS", "GRPC", "HTTP2", "MONGO"),
    "uri": ("/a", "/b"),
    "regex": ("/a.*", "[ab]+", ".*"),
    "prefix": ("/", "/a"),
    "exact": ("/a", "a"),
    "authority": ("api.example.com",),
    "bind": ("127.0.0.1", "10.9.0.1"),
    "defaultEndpoint": ("127.0.0.1:8080", "0.0.0.0:8080"),
    "sniHosts": HOSTS[2:4],
    "sni": HOSTS[2:3],
    "principals": ("cluster.local/ns/default/sa/a", "*", "cluster.local/*"),
    "paths": ("/a", "/a/*", "*/b", "/{*}/c"),
    "notPaths": ("/a", "*"),
    "methods": ("GET", "POST"),
    "ports": ("80", "9080"),
    "key": ("request.headers[x-a]", "source.ip", "request.auth.claims[iss]"),
    "values": ("a", "10.1.0.1", "a*"),
    "notValues": ("b",),
    "issuer": ("https://issuer.example.com",),
    "jwks": ('{"keys":[]}',),
    "jwksUri": ("https://issuer.example.com/keys",),
    "from": ("region1/*", "region1/zone1/*"),
    "to": ("region1/*", "region2"),
    "region": ("region1",),
    "failover": ("region2",),
    "locality": ("region1/zone1/a", "region2/zone1"),
    "network": ("one", "two"),
    "serverCertificate": ("/certs/chain.pem",),
    "privateKey": ("/certs/key.pem",),
    "caCertificates": ("/certs/ca.pem",),
    "clientCertificate": ("/certs/client.pem",),
    "number": (80, 443, 9080, 15443),
    "port": (80, 443, 9080, "80"),
    "targetPort": (8080, 9080),
    "httpStatus": (403, 503),
    "status": (200, 404),
    "redirectCode": (301, 308),
    "serviceAccount": ("a", "b"),
    "expression": ("true", "response.code >= 400"),
    "inlineCode": ("function envoy_on_request(handle) end",),
    "url": (
        "https://modules.example.com/m",
        "http://[::1]:8080/m",
        "oci://example.com/m",
    ),
    "sha256": ("0123456789abcdef" * 4,),
}
"""What a field of that name may hold, where its type alone would say too little."""
VALUES: Final = (
    *("a", 1, {"connect_timeout": "2s"}, {"stat_prefix": "a"}, {"name": "a"}),
    *({"timeout": "1s"}, {"route": {"timeout": "3s"}}, {"domains": ["a.example.com"]}),
    {
        "name": "envoy.filters.http.buffer",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer",
            "max_request_bytes": 1024,
        },
    },
    {"name": "envoy.filters.network.tcp_proxy"},
    {"per_connection_buffer_limit_bytes": 4096},
)
"""What a field of any type may hold: mostly patches that fit somewhere."""
LABELS: Final = {"app": ("reviews", "ratings"), "version": ("v1", "v2")}
NUMBERS: Final = (1, 2, 5, 10, 30, 70, 100, 1024)
FRACTIONS: Final = (0.0, 0.5, 50.0, 100.0)
SPANS: Final = ("1s", "0.5s", "10s", "1h")
DEEPEST: Final = 10
TRIES: Final = 400
EMPTY_ODDS: Final = 5
KINDS: Final = (
    *("ServiceEntry", "ServiceEntry", "ServiceEntry", "WorkloadEntry"),
    *("VirtualService", "VirtualService", "DestinationRule", "Gateway", "Sidecar"),
    *("PeerAuthentication", "AuthorizationPolicy", "RequestAuthentication"),
    *("Telemetry", "WasmPlugin", "TrafficExtension", "EnvoyFilter", "EnvoyFilter"),
    *("WorkloadGroup", "MeshConfig", "MeshNetworks"),
)
"""Kinds that change proxies, the most usual more often."""
PLACES: Final = {
    "Gateway": (("edge", "istio-system"), ("edge", "istio-system"), ("side", "prod")),
    "MeshConfig": (("default", "istio-system"),),
    "MeshNetworks": (("default", "istio-system"),),
}
"""Where objects of a kind are found by others."""


def grow_mesh(rng: Random, size: int) -> tuple[Resource[Message], ...]:
    """Return about ``size`` objects of any kinds that all pass the door."""
    return grow_kinds(rng, (rng.choice(KINDS) for _ in range(size)))


def grow_kinds(rng: Random, kinds: Iterable[str]) -> tuple[Resource[Message], ...]:
    """Return an object of each of ``kinds`` for which one is found, oldest first."""
    grown: dict[tuple[str, str, str], Resource[Message]] = {}
    for age, kind in enumerate(kinds):
        found = grow_object(KIND_BY_NAME[kind], rng, f"o{age}")
        if found is not None:
            metadata = msgspec.structs.replace(
                found.metadata, creation_timestamp=f"2026-01-01T00:{age % 60:02}:00Z"
            )
            made = msgspec.structs.replace(found, metadata=metadata)
            grown[made.kind, metadata.namespace, metadata.name] = made
    return tuple(grown.values())


def grow_object(kind: Kind, rng: Random, name: str) -> Resource[Message] | None:
    """Return an object that the door takes; None if none was found."""
    anywhere = tuple((name, namespace) for namespace in WORDS["namespace"])
    for _ in range(TRIES):
        name, namespace = rng.choice(PLACES.get(kind.name, anywhere))
        document = {
            "apiVersion": f"{kind.group}/{kind.versions[0]}",
            "kind": kind.name,
            "metadata": {"name": name, "namespace": namespace},
            "spec": _grow(inspect.type_info(kind.spec), "spec", rng, 0),
        }
        try:
            found = read(
                msgspec.json.encode(document), file="grown", default_namespace="default"
            )
        except InvalidConfigError:
            continue
        return found.resources[0]
    return None


def _grow(kind: inspect.Type, name: str, rng: Random, depth: int) -> object:
    match kind:
        case inspect.Metadata(type=inner):
            return _grow(inner, name, rng, depth)
        case inspect.UnionType(types=types):
            known = [each for each in types if not isinstance(each, inspect.NoneType)]
            return _grow(rng.choice(known), name, rng, depth)
        case inspect.StructType(fields=fields):
            return _grow_struct(fields, rng, depth)
        case inspect.VarTupleType(item_type=item):
            count = rng.choice((1, 1, 2, 3)) if rng.randrange(EMPTY_ODDS) else 0
            return [_grow(item, name, rng, depth + 1) for _ in range(count)]
        case inspect.DictType(value_type=value):
            return _grow_map(value, name, rng, depth)
        case _:
            return _grow_scalar(kind, name, rng)


def _grow_struct(
    fields: Sequence[inspect.Field], rng: Random, depth: int
) -> dict[str, object]:
    """Return some of the fields, always those it is about."""
    grown = {}
    for each in fields:
        wanted = each.required or each.encode_name in ("hosts", "host", "ports", "http")
        odds = min(3 + depth, 2 + len(fields) // 2)
        if wanted or (depth < DEEPEST and rng.randrange(odds) == 0):
            grown[each.encode_name] = _grow(each.type, each.encode_name, rng, depth + 1)
    return grown


def _grow_map(value: inspect.Type, name: str, rng: Random, depth: int) -> object:
    if isinstance(value, inspect.StrType):
        return {key: rng.choice(words) for key, words in LABELS.items()}
    keys = ("80", "9080") if "ort" in name else ("a", "x-a")
    return {key: _grow(value, key, rng, depth + 1) for key in keys}


def _grow_scalar(kind: inspect.Type, name: str, rng: Random) -> object:  # noqa: PLR0911 - a kind of type a line
    words = WORDS.get(name, ())
    match kind:
        case inspect.BoolType():
            return rng.random() < 0.5
        case inspect.IntType():
            numbers = [each for each in words if isinstance(each, int)]
            return rng.choice(numbers or NUMBERS)
        case inspect.FloatType():
            return rng.choice(FRACTIONS)
        case inspect.EnumType(cls=cls):
            return rng.choice([member.value for member in cls])
        case inspect.CustomType(cls=cls) if cls is object:
            return rng.choice(VALUES)
        case inspect.CustomType():
            return rng.choice(SPANS)
        case _:
            texts = [each for each in words if isinstance(each, str)]
            return rng.choice(texts or ("a", "b"))
