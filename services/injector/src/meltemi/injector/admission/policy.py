"""Whether a pod gets a sidecar.

::

    host network, a namespace of Kubernetes' own ─▶ no
    a sidecar is there already ───────────────────▶ no
    sidecar.istio.io/inject (label, annotation) ──▶ as it says
    a selector: never, always ────────────────────▶ as it says
    otherwise ────────────────────────────────────▶ the policy

Which namespaces are asked about at all (``istio-injection``, ``istio.io/rev``) says the
MutatingWebhookConfiguration: the API server knows their labels, a review does not.

Source:
    Istio, pkg/kube/inject, ``injectRequired``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from meltemi.injector import vocabulary
from meltemi.injector.admission.pod import PROXY
from meltemi.injector.decision import Decision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.injector.admission.pod import Pod

OF_KUBERNETES: Final = frozenset(
    ("kube-system", "kube-public", "kube-node-lease", "local-path-storage")
)
YES: Final = frozenset(("y", "yes", "true", "on"))


class Expression(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One condition of a selector."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Tell whether ``labels`` meet it."""
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value in self.values
            case "NotIn":
                return value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
            case _:
                return False


class Selector(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Kubernetes' LabelSelector; one that says nothing selects nothing here."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple[Expression, ...] = ()

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Tell whether ``labels`` meet every condition."""
        if not (self.match_labels or self.match_expressions):
            return False
        same = all(labels.get(key) == text for key, text in self.match_labels.items())
        return same and all(each.holds(labels) for each in self.match_expressions)


@dataclass(frozen=True, slots=True)
class Policy:
    """Who gets a sidecar that does not say.

    Attributes:
        otherwise: Whether those do of whom nothing is said.
        never: Who does not.
        always: Who does.

    """

    otherwise: bool = True
    never: tuple[Selector, ...] = ()
    always: tuple[Selector, ...] = ()

    def verdict(self, pod: Pod, namespace: str) -> Decision[bool]:
        """Return whether ``pod`` in ``namespace`` gets a sidecar, and why."""
        why = _impossible(pod, namespace)
        if why:
            return Decision(value=False, because=why)
        said = pod.labels.get(
            vocabulary.INJECT, pod.annotations.get(vocabulary.INJECT, "")
        )
        if said:
            return Decision(said.lower() in YES, vocabulary.INJECT)
        if any(each.selects(pod.labels) for each in self.never):
            return Decision(value=False, because="neverInjectSelector")
        if any(each.selects(pod.labels) for each in self.always):
            return Decision(value=True, because="alwaysInjectSelector")
        return Decision(self.otherwise, "policy")


def _impossible(pod: Pod, namespace: str) -> str:
    """Return why ``pod`` cannot have a sidecar, whatever it says; empty: it can."""
    if pod.spec.host_network:
        return "hostNetwork"
    if namespace in OF_KUBERNETES:
        return f"namespace {namespace}"
    there = any(each.name == PROXY for each in pod.spec.all_containers)
    return "it has a sidecar" if there or vocabulary.STATUS in pod.annotations else ""
