"""What the analyzers say about whole sets of manifests."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec
import yaml

from meltemi.config.analysis.analyze import ANALYZERS
from meltemi.config.analysis.manifests import world
from meltemi.config.analysis.world import subject
from meltemi.config.rules.check import check
from meltemi.config.rules.in_vain import OURS
from meltemi.config.schema.mesh_config import MeshConfig
from meltemi.config.values import decode_value
from meltemi.testkit.conformance.case import Case, SkippedError, UnusableDataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from meltemi.config.analysis.world import World

CLUSTER_ONLY: Final = frozenset(
    {
        "annotations.K8sAnalyzer",
        "authn.BlockedCIDRsAnalyzer",
        "deployment.ApplicationUIDAnalyzer",
        "externalcontrolplane.ExternalControlPlaneAnalyzer",
        "injection.Analyzer",
        "injection.ImageAnalyzer",
        "injection.ImageAutoAnalyzer",
        "k8sgateway.SelectorAnalyzer",
        "maturity.AlphaAnalyzer",
        "webhook.Analyzer",
    }
)
"""What they speak of exists in a cluster only: webhooks, Pods, istiod."""


SCHEMA: Final = "schemaValidation"
"""The analyzers that are the door's rules with us."""


def analyzers(folder: Path) -> Iterator[Case]:
    """Yield Istio's cases of its analyzers.

    Raises:
        UnusableDataError: If the cases are not a list.

    """
    cases = json.loads((folder / "cases.json").read_text("utf-8"))
    if not isinstance(cases, list):
        raise UnusableDataError(f"{folder}/cases.json is not a list of cases")
    for case in cases:
        yield Case(str(case["name"]), partial(_judge, folder, case))


def _judge(folder: Path, case: dict[str, object]) -> str:
    analyzer = str(case["analyzer"])
    if analyzer in CLUSTER_ONLY:
        raise SkippedError("kubernetes-only")
    inputs, expected = case["inputFiles"], case["expected"]
    if not isinstance(inputs, list) or not isinstance(expected, list):
        return f"no manifests or no answer: {case}"
    documents = [
        document
        for name in inputs
        for document in yaml.safe_load_all((folder / str(name)).read_text("utf-8"))
    ]
    named = case.get("meshConfigFile")
    mesh = _mesh((folder / str(named)).read_text("utf-8")) if named else None
    shown = world(documents, mesh=mesh)
    if SCHEMA in analyzer:
        found = Counter(_overlaps(shown))
    elif analyzer in ANALYZERS:
        found = Counter(
            (remark.message.code, str(remark.subject))
            for analyze in ANALYZERS[analyzer]
            for remark in analyze(shown)
        )
    else:
        return f"no analyzer {analyzer}"
    wanted = Counter((each["code"], each["origin"]) for each in expected)
    missing, extra = sorted(wanted - found), sorted(found - wanted)
    return f"missing {missing}, unexpected {extra}" if found != wanted else ""


def _overlaps(shown: World) -> Iterator[tuple[str, str]]:
    """Yield what the door warns of, once an object, as Istio counts."""
    for resource in shown.objects:
        for code in sorted({found.code for found in check(resource)} - OURS):
            yield code, str(subject(resource))


def _mesh(text: str) -> MeshConfig:
    return msgspec.convert(yaml.safe_load(text), MeshConfig, dec_hook=decode_value)
