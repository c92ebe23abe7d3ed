"""Which filters an AuthorizationPolicy becomes."""

from __future__ import annotations

import json
import sys
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec
import yaml
from google.protobuf.json_format import MessageToDict

from meltemi.config.resource import Metadata, Resource
from meltemi.config.schema.authorization_policy import AuthorizationPolicy
from meltemi.config.schema.extension_provider import ExtensionProvider
from meltemi.config.values import decode_value
from meltemi.pilot.emit.policy import http_policies, network_policies
from meltemi.pilot.scope.policies import policies
from meltemi.pilot.translate.authorization.filters import access_filters, custom_filters
from meltemi.pilot.translate.authorization.provider import external_checks
from meltemi.testkit.conformance.case import Case

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Json = dict[str, Any]

HTTP = "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter"
NETWORK = "envoy.config.listener.v3.Filter"


def authz_builder(folder: Path) -> Iterator[Case]:
    """Yield the policies of Istio's builder test, each with its filters."""
    tools = str(folder.parent / "tools")
    if tools not in sys.path:
        sys.path.append(tools)
    table = json.loads((folder / "cases.json").read_text("utf-8"))
    for case in table["cases"]:
        kind = case["protocol"]
        yield Case(f"{case['name']} ({kind})", partial(_judge, folder, table, case))


def _judge(folder: Path, table: Json, case: Json) -> str:
    made = _made(folder / "testdata", table, case)
    wanted = [
        yaml.safe_load((folder / "testdata" / each).read_text("utf-8"))
        for each in case["golden"]
    ]
    if len(made) != len(wanted):
        return f"expected {len(wanted)} filters, found {len(made)}"
    message = HTTP if case["protocol"] == "HTTP" else NETWORK
    compare = import_module("compare")
    found = [
        compare.differences(message, *pair)[0]
        for pair in zip(wanted, made, strict=True)
    ]
    return "; ".join(str(each)[:300] for each in found if each)


def _made(folder: Path, table: Json, case: Json) -> list[Json]:
    documents = yaml.safe_load_all((folder / case["input"]).read_text("utf-8"))
    chosen = policies(
        [_policy(each) for each in documents if each],
        root_namespace=table["rootNamespace"],
        namespace=table["proxy"]["namespace"],
        labels=table["proxy"]["labels"],
    )
    bundle = case["trustDomainBundle"] or {}
    domains = [
        each for each in (bundle.get("trustDomain"), *bundle.get("aliases", [])) if each
    ]
    for_tcp = case["protocol"] != "HTTP"
    if case["builder"] == "CUSTOM":
        checks = external_checks(_providers(case), _services(table))
        filters = custom_filters(chosen, domains, checks, for_tcp=for_tcp)
    else:
        filters = access_filters(chosen, domains, for_tcp=for_tcp)
    emitted = network_policies(filters) if for_tcp else http_policies(filters)
    return [MessageToDict(each) for each in emitted]


def _policy(document: Json) -> Resource[AuthorizationPolicy]:
    metadata = document["metadata"]
    return Resource(
        api_version=document["apiVersion"],
        kind=document["kind"],
        metadata=Metadata(
            name=metadata["name"],
            namespace=metadata.get("namespace", ""),
            annotations=metadata.get("annotations", {}),
        ),
        spec=msgspec.convert(
            document.get("spec") or {}, AuthorizationPolicy, dec_hook=decode_value
        ),
    )


def _providers(case: Json) -> tuple[ExtensionProvider, ...]:
    written = (case["meshConfig"] or {}).get("extensionProviders", [])
    kind = tuple[ExtensionProvider, ...]
    return msgspec.convert(written, kind, dec_hook=decode_value)


def _services(table: Json) -> list[tuple[str, str]]:
    pairs = [each.partition("/") for each in table["services"]]
    return [(namespace, host) for namespace, _, host in pairs]
