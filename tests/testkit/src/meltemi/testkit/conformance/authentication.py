"""Which mode of mutual TLS holds, and which tokens are asked for."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec
from google.protobuf.json_format import MessageToDict

from meltemi.config.resource import Metadata, Resource
from meltemi.config.schema.peer_authentication import PeerAuthentication
from meltemi.config.schema.request_authentication import RequestAuthentication
from meltemi.config.values import decode_value
from meltemi.pilot.emit.token import token_filter as emitted
from meltemi.pilot.emit.token import verification
from meltemi.pilot.scope.authentication import mutual_tls
from meltemi.pilot.translate.request_authentication import token_filter
from meltemi.testkit.conformance.case import Case, differs, tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    Policy = Resource[PeerAuthentication]

ROOT = "root-namespace"
HOME = "my-ns"
NO_PORT = 1
"""A port nobody speaks of."""


def authn(folder: Path) -> Iterator[Case]:
    """Yield Istio's tables of PeerAuthentication and RequestAuthentication."""
    tools = str(folder.parent / "tools")
    if tools not in sys.path:
        sys.path.append(tools)
    for table, rows in tables(folder):
        for row in rows:
            judge = _judge_modes if "configs" in row else _judge_tokens
            yield Case(f"{table}/{row['name']}", partial(judge, row))


def _judge_modes(row: dict[str, object]) -> str:
    """Judge the mode of a workload that every policy outside the root selects."""
    configs, want = row["configs"], row["want"]
    if not isinstance(configs, list) or not isinstance(want, dict):
        return f"no policies or no answer: {row}"
    policies = sorted((_policy(each) for each in configs), key=_age)
    labels: dict[str, str] = {}
    for policy in policies:
        if policy.spec.selector and policy.metadata.namespace == HOME:
            labels |= policy.spec.selector.match_labels
    found: dict[str, object] = {"Mode": _mode(policies, labels, NO_PORT)}
    ports = want.get("PerPort") or {}
    if ports:
        found["PerPort"] = {port: _mode(policies, labels, int(port)) for port in ports}
    return differs(found, want)


def _mode(policies: list[Policy], labels: Mapping[str, str], port: int) -> str:
    return mutual_tls(
        policies, root_namespace=ROOT, namespace=HOME, labels=labels, port=port
    ).value


def _policy(config: dict[str, dict[str, object]]) -> Policy:
    given = config["metadata"]
    seconds = given.get("creationTimestamp")
    made = datetime.fromtimestamp(float(str(seconds)), UTC) if seconds else None
    return Resource(
        api_version="security.istio.io/v1",
        kind="PeerAuthentication",
        metadata=Metadata(
            name=str(given["name"]),
            namespace=str(given["namespace"]),
            creation_timestamp=made.isoformat() if made else "",
        ),
        spec=msgspec.convert(config["spec"], PeerAuthentication),
    )


def _age(policy: Policy) -> str:
    """Order as the model does; of equal ages the order of the list decides."""
    return policy.metadata.creation_timestamp


def _judge_tokens(row: dict[str, object]) -> str:
    """Judge the filter of a workload that every policy holds for, or its settings."""
    given, wanted = row["in"], row["expected"]
    if not isinstance(given, list):
        return f"no policies: {row}"
    policies = [_request_policy(each) for each in given]
    made = token_filter(policies, {})
    if made is None or wanted is None:
        return differs(made, wanted)
    if not isinstance(wanted, dict):
        return f"no answer: {row}"
    proto = str(wanted.get("@proto", ""))
    message = emitted(made) if proto.endswith(".HttpFilter") else verification(made)
    hard, _ = import_module("compare").differences(
        proto, wanted.get("value"), MessageToDict(message)
    )
    return str(hard)[:400] if hard else ""


def _request_policy(written: dict[str, Any]) -> Resource[RequestAuthentication]:
    """Return a policy; a bare rule becomes one that holds nothing else."""
    rule = written.get("value") if "@proto" in written else written
    spec = written.get("spec", {"jwtRules": [rule]})
    return Resource(
        api_version="security.istio.io/v1",
        kind="RequestAuthentication",
        metadata=Metadata(name="policy"),
        spec=msgspec.convert(spec, RequestAuthentication, dec_hook=decode_value),
    )
