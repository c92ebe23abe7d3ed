"""Which objects say how two sides speak: in plain text, or by mutual TLS. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    Objects = Iterable[Mapping[str, Any]]
    """As the API has them."""


def speaks_plain(objects: Objects, host: str) -> Iterator[str]:
    """Yield the DestinationRules by which callers of ``host`` speak plain text."""
    for each in _of_kind(objects, "DestinationRule"):
        spec = each.get("spec") or {}
        policies = {"trafficPolicy": spec.get("trafficPolicy") or {}} | {
            f"subsets[{number}].trafficPolicy": subset.get("trafficPolicy") or {}
            for number, subset in enumerate(spec.get("subsets") or ())
        }
        for where, policy in policies.items():
            if "tls" not in policy or not _meant(spec.get("host"), host):
                continue
            if (policy["tls"] or {}).get("mode", "DISABLE") == "DISABLE":
                yield f"{_title(each)} spec.{where}.tls.mode"


def _meant(written: str | None, host: str) -> bool:
    """Tell whether a rule's host may be ``host``: whole, or its first part."""
    return written in (host, host.partition(".")[0])


def demands_tls(objects: Objects) -> Iterator[str]:
    """Yield the PeerAuthentications that let nobody in without mutual TLS."""
    for each in _of_kind(objects, "PeerAuthentication"):
        spec = each.get("spec") or {}
        ports = (spec.get("portLevelMtls") or {}).values()
        modes = {(one or {}).get("mode") for one in (spec.get("mtls"), *ports)}
        if "STRICT" in modes:
            yield _title(each)


def _of_kind(objects: Objects, kind: str) -> Iterator[Mapping[str, Any]]:
    return (each for each in objects if each.get("kind") == kind)


def _title(found: Mapping[str, Any]) -> str:
    metadata = found["metadata"]
    return f"{found['kind']}/{metadata.get('namespace', 'default')}/{metadata['name']}"
