"""A bootstrap that needs no Pilot: its secrets stand in it, or are asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToDict

from meltemi.pilot.trace import read
from meltemi.pilot.trace.static import AGENT, bootstrap
from meltemi.proxy.boot.clusters import pipe

if TYPE_CHECKING:
    from pathlib import Path

    from envoy.config.bootstrap.v3.bootstrap_pb2 import Bootstrap

    from meltemi.identity.credential import Credential
    from meltemi.pilot.snapshot import Snapshot

NODE = "sidecar~127.0.0.1~test.default~default.svc.cluster.local"


def static(made: Snapshot, node_id: str = NODE) -> Bootstrap:
    """Return what Pilot would send as static resources of one bootstrap."""
    bodies = {
        kind: [each.body for each in found.values()]
        for kind, found in made.resources.items()
    }
    return bootstrap(read(bodies), node_id)


def standalone(made: Bootstrap, shown: Credential) -> str:
    """Return ``made`` as JSON with the secrets it names; ``shown`` is the workload's."""
    names: set[str] = set()
    config = _inlined(MessageToDict(made), names)
    config["staticResources"]["secrets"] = [
        {"name": name, **_secret(name, shown)} for name in sorted(names)
    ]
    return json.dumps(config)


def asking(made: Bootstrap, socket: Path) -> str:
    """Return ``made`` as JSON; it asks for its secrets on ``socket``, by SDS."""
    config: dict[str, Any] = MessageToDict(made, preserving_proto_field_name=True)
    resources = config["static_resources"]
    others = [each for each in resources["clusters"] if each["name"] != AGENT]
    resources["clusters"] = [*others, pipe(AGENT, socket)]
    return json.dumps(config)


def _inlined(value: Any, names: set[str]) -> Any:
    if isinstance(value, list):
        return [_inlined(each, names) for each in value]
    if not isinstance(value, dict):
        return value
    if "sdsConfig" in value:
        names.add(value["name"])
    kept = {key: each for key, each in value.items() if key != "sdsConfig"}
    return {key: _inlined(each, names) for key, each in kept.items()}


def _secret(name: str, shown: Credential) -> dict[str, object]:
    kind, _, files = name.partition(":")
    if name == "ROOTCA":
        return {"validationContext": {"trustedCa": {"inlineString": shown.roots_pem}}}
    if kind == "file-cert":
        chain, _, key = files.partition("~")
        return _pair({"filename": chain}, {"filename": key})
    return _pair({"inlineString": shown.chain_pem}, {"inlineString": shown.key_pem})


def _pair(chain: dict[str, str], key: dict[str, str]) -> dict[str, object]:
    return {"tlsCertificate": {"certificateChain": chain, "privateKey": key}}
