"""Which of Envoy's routes a VirtualService becomes."""

from __future__ import annotations

import json
import sys
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec
from google.protobuf.json_format import MessageToDict

from meltemi.config.resource import Metadata, Resource
from meltemi.config.schema.destination_rule import DestinationRule
from meltemi.config.schema.virtual_service import VirtualService
from meltemi.config.values import decode_value
from meltemi.pilot import emit, ir
from meltemi.pilot.model.protocol import protocol
from meltemi.pilot.model.service import Port, Service, only_port
from meltemi.pilot.translate.route.forward import Destinations
from meltemi.pilot.translate.route.match import Caller
from meltemi.pilot.translate.route.rules import routes
from meltemi.testkit.conformance.case import Case

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Json = dict[str, Any]


def route_translate(folder: Path) -> Iterator[Case]:
    """Yield the routes that Istio's generator made, each list with its input."""
    tools = str(folder.parent / "tools")
    if tools not in sys.path:
        sys.path.append(tools)
    for path in sorted(folder.glob("*.json")):
        if not path.name.endswith(".golden.json"):
            case = json.loads(path.read_text("utf-8"))
            yield Case(case["slug"], partial(_judge, folder, case))


def _judge(folder: Path, case: Json) -> str:
    golden = json.loads((folder / case["golden"]).read_text("utf-8"))
    given = case["input"]
    made = routes(_virtual(given["virtualService"]), _caller(given), _targets(given))
    if golden.get("error"):
        return f"expected {golden['error']}, found {len(made)} routes" if made else ""
    hosts = (ir.VirtualHost("all", ("*",), made),)
    table = emit.route_table(ir.RouteTable("all", hosts))
    found = [MessageToDict(each) for each in table.virtual_hosts[0].routes]
    report = import_module("compare").compare(
        {"routes": golden["routes"]}, {"routes": found}, kinds=["routes"]
    )
    return "" if report.ok else str(report.kinds)[:400]


def _virtual(document: Json) -> Resource[VirtualService]:
    metadata = document["metadata"]
    return Resource(
        api_version="networking.istio.io/v1",
        kind="VirtualService",
        metadata=Metadata(
            name=metadata["name"],
            namespace=metadata.get("namespace", ""),
            annotations=metadata.get("annotations", {}),
        ),
        spec=msgspec.convert(document["spec"], VirtualService, dec_hook=decode_value),
    )


def _caller(given: Json) -> Caller:
    headers = (
        (given.get("routeMeshOverrides") or {})
        .get("defaultConfig", {})
        .get("proxyHeaders", {})
    )
    return Caller(
        namespace=given["proxy"].get("configNamespace", ""),
        port=given["listenPort"],
        labels=given["proxy"].get("labels") or {},
        gateways=frozenset(given["gatewayNames"]),
        forwarded_host=headers.get("xForwardedHost", {}).get("enabled", False),
    )


def _targets(given: Json) -> Destinations:
    services = {
        host: _service(host, each)
        for host, each in (given.get("lookupServices") or {}).items()
        if each
    }
    rules = dict(map(_rule, given.get("lookupHash") or []))
    return Destinations(
        only_port=lambda host: only_port(services.get(host)),
        rule=rules.get,
        namespace="",
        domain_suffix="cluster.local",
        port=given["listenPort"],
    )


def _service(host: str, written: Json) -> Service:
    ports = tuple(
        Port(
            each["port"],
            each.get("name", ""),
            protocol(each.get("protocol")),
            each["port"],
        )
        for each in written.get("ports", [])
    )
    return Service(
        host=host,
        name=host,
        namespace="",
        ports=ports,
    )


def _rule(given: Json) -> tuple[str, Resource[DestinationRule]]:
    """Return the DestinationRule that says how requests to a host are hashed."""
    destination = given["destination"]["destination"]
    subset = destination.get("subset")
    balancer = {"consistentHash": given["consistentHash"]}
    spec = {
        "host": destination["host"],
        "subsets": [{"name": subset}] if subset else [],
        "trafficPolicy": {"loadBalancer": balancer},
    }
    rule = Resource(
        api_version="networking.istio.io/v1",
        kind="DestinationRule",
        metadata=Metadata(name="hash"),
        spec=msgspec.convert(spec, DestinationRule, dec_hook=decode_value),
    )
    return destination["host"], rule
