"""Services from Kubernetes' own documents, without a cluster: plain conversion.

Source: pkg/config/kube/conversion.go and
pilot/pkg/serviceregistry/kube/conversion.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from meltemi.config.schema.service_entry import Resolution
from meltemi.pilot.ir import Locality, Origin
from meltemi.pilot.model.protocol import Protocol, protocol
from meltemi.pilot.model.service import (
    UNSPECIFIED,
    Health,
    Instance,
    Port,
    Registry,
    Service,
)

Json = Mapping[str, object]

WELL_KNOWN: Final = (25, 53, 3306, 27017)
"""Ports whose servers speak first: waiting for the client's bytes would hang."""
APPLICATION: Final = {
    "kubernetes.io/h2c": Protocol.HTTP2,
    "kubernetes.io/ws": Protocol.HTTP,
    "kubernetes.io/wss": Protocol.HTTPS,
}
EXPORT_TO: Final = "networking.istio.io/exportTo"
SERVICE_NAME: Final = "kubernetes.io/service-name"


def services(
    documents: Sequence[Json], *, cluster: str, domain_suffix: str, trust_domain: str
) -> Iterator[Service]:
    """Yield the services that Service, EndpointSlice and Pod documents describe.

    Args:
        documents: As ``kubectl get -o json`` prints them; other kinds are passed over.
        cluster: The id of the cluster they are from.
        domain_suffix: What the names of services end in.
        trust_domain: What the identities of pods begin with.

    """
    pods = {
        str(_map(pod, "status").get("podIP")): pod
        for pod in documents
        if pod.get("kind") == "Pod"
    }
    builder = _Builder(cluster, domain_suffix, trust_domain, pods)
    slices: dict[tuple[str, str], list[Json]] = {}
    for each in documents:
        if each.get("kind") == "EndpointSlice":
            metadata = _map(each, "metadata")
            owner = str(_map(metadata, "labels").get(SERVICE_NAME, ""))
            slices.setdefault((_text(metadata, "namespace"), owner), []).append(each)
    for each in documents:
        if each.get("kind") == "Service":
            metadata = _map(each, "metadata")
            key = (_text(metadata, "namespace"), _text(metadata, "name"))
            yield builder.service(each, slices.get(key, []))


@dataclass(frozen=True, slots=True)
class _Builder:
    cluster: str
    domain_suffix: str
    trust_domain: str
    pods: Mapping[str, Json]

    def service(self, document: Json, slices: Sequence[Json]) -> Service:
        metadata, spec = _map(document, "metadata"), _map(document, "spec")
        name, namespace = _text(metadata, "name"), _text(metadata, "namespace")
        address = _text(spec, "clusterIP")
        headless = address == "None"
        alias = (
            _text(spec, "externalName") if spec.get("type") == "ExternalName" else ""
        )
        annotations = _strings(metadata, "annotations")
        virtual = () if headless or not address else (address,)
        return Service(
            host=f"{name}.{namespace}.svc.{self.domain_suffix}",
            name=name,
            namespace=namespace,
            ports=tuple(_port(each) for each in _maps(spec, "ports")),
            resolution=Resolution.NONE if headless else Resolution.STATIC,
            export_to=tuple(
                word.strip()
                for word in annotations.get(EXPORT_TO, "").split(",")
                if word.strip()
            ),
            address=virtual[0] if virtual else UNSPECIFIED,
            cluster_addresses={self.cluster: virtual} if virtual else {},
            labels=_strings(metadata, "labels"),
            annotations=annotations,
            selector=_strings(spec, "selector"),
            instances=tuple(
                instance
                for each in slices
                for instance in self._instances(each, namespace)
            ),
            created=_text(metadata, "creationTimestamp"),
            registry=Registry.KUBERNETES,
            alias_of=alias,
            node_local=spec.get("internalTrafficPolicy") == "Local",
            origin=Origin("Service", namespace, name),
        )

    def _instances(self, document: Json, namespace: str) -> Iterator[Instance]:
        for endpoint in _maps(document, "endpoints"):
            addresses = endpoint.get("addresses")
            found = tuple(map(str, addresses)) if isinstance(addresses, list) else ()
            pod = self.pods.get(found[0] if found else "", {})
            for port in _maps(document, "ports"):
                yield self._instance(found, port, pod, endpoint, namespace)

    def _instance(
        self,
        addresses: tuple[str, ...],
        port: Json,
        pod: Json,
        endpoint: Json,
        namespace: str,
    ) -> Instance:
        metadata, spec = _map(pod, "metadata"), _map(pod, "spec")
        labels = _strings(metadata, "labels")
        home = _text(metadata, "namespace") or namespace
        account = _text(spec, "serviceAccountName")
        return Instance(
            addresses=addresses,
            port=_number(port, "port"),
            port_name=_text(port, "name"),
            name=_text(metadata, "name"),
            namespace=home if pod else "",
            labels={**labels, "topology.istio.io/cluster": self.cluster},
            locality=_place(labels),
            cluster=self.cluster,
            service_account=(
                f"spiffe://{self.trust_domain}/ns/{home}/sa/{account}"
                if account
                else ""
            ),
            tls=labels.get("security.istio.io/tlsMode") == "istio",
            health=_health(_map(endpoint, "conditions")),
            host_name=_text(spec, "hostname") or _text(endpoint, "hostname"),
            sub_domain=_text(spec, "subdomain"),
            node=_text(spec, "nodeName"),
        )


def with_aliases(services: Sequence[Service]) -> tuple[Service, ...]:
    """Return ``services``; each knows the ExternalName services that stand for it.

    Source:
        pilot/pkg/model/push_context.go resolveServiceAliases: chains are followed.

    """
    targets = {each.host: each.alias_of for each in services if each.alias_of}
    names: dict[str, list[str]] = {}
    for alias in sorted(targets):
        seen = {alias}
        host = targets[alias]
        while host in targets and host not in seen:
            seen.add(host)
            host = targets[host]
        names.setdefault(host, []).append(alias)
    return tuple(_aliased(each, tuple(names.get(each.host, ()))) for each in services)


def _aliased(service: Service, aliases: tuple[str, ...]) -> Service:
    return replace(service, aliases=aliases) if aliases else service


def port_protocol(port: Json) -> Protocol:
    """Return what a Service's port speaks: by its application protocol, or its name.

    A name is ``PROTOCOL`` or ``PROTOCOL-anything``.
    """
    if port.get("protocol") == "UDP":
        return Protocol.UDP
    application = port.get("appProtocol")
    word = str(application) if application else _text(port, "name")
    if application and word in APPLICATION:
        return APPLICATION[word]
    if word.lower().startswith("grpc-web"):
        return Protocol.GRPC_WEB
    found = protocol(word.partition("-")[0])
    if found is Protocol.DETECTED and _number(port, "port") in WELL_KNOWN:
        return Protocol.TCP
    return found


def _port(port: Json) -> Port:
    target = port.get("targetPort")
    return Port(
        number=_number(port, "port"),
        name=_text(port, "name"),
        protocol=port_protocol(port),
        target=target if isinstance(target, int) else 0,
    )


def _health(conditions: Json) -> Health:
    """Return what an EndpointSlice says; an absent condition counts as ready."""
    if conditions.get("ready", True):
        return Health.HEALTHY
    if conditions.get("serving") and conditions.get("terminating"):
        return Health.DRAINING
    if conditions.get("terminating"):
        return Health.TERMINATING
    return Health.UNHEALTHY


def _place(labels: Mapping[str, str]) -> Locality:
    return Locality(
        labels.get("topology.kubernetes.io/region", ""),
        labels.get("topology.kubernetes.io/zone", ""),
        labels.get("topology.istio.io/subzone", ""),
    )


def _map(document: Json, key: str) -> Json:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _maps(document: Json, key: str) -> list[Json]:
    value = document.get(key)
    if not isinstance(value, list):
        return []
    return [each for each in value if isinstance(each, dict)]


def _strings(document: Json, key: str) -> dict[str, str]:
    return {str(name): str(value) for name, value in _map(document, key).items()}


def _text(document: Json, key: str) -> str:
    value = document.get(key)
    return "" if value is None else str(value)


def _number(document: Json, key: str) -> int:
    value = document.get(key)
    return value if isinstance(value, int) else 0
