"""Which mode of mutual TLS holds, and which tokens are asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from meltemi.config.resource import Metadata, Resource
from meltemi.config.schema.peer_authentication import PeerAuthentication
from meltemi.pilot.scope.authentication import mutual_tls
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
    return f"RequestAuthentication is not translated yet: {row['in']!r}"
