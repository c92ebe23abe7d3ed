"""From a review to its answer: decided, checked, and patched. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from meltemi.config.finding import Severity
from meltemi.injector import reading, vocabulary
from meltemi.injector.admission.patch import Asked, Terms, patch_of
from meltemi.injector.admission.pod import workload_of
from meltemi.injector.admission.policy import Policy
from meltemi.injector.admission.probes import metrics_of, probes_of
from meltemi.injector.admission.review import allowed, refused
from meltemi.injector.reading import Mode
from meltemi.injector.sidecar import Defaults, sidecar_of

if TYPE_CHECKING:
    from meltemi.injector.admission.pod import Pod
    from meltemi.injector.admission.review import Review
    from meltemi.injector.sidecar import Sidecar

INJECTED, LEFT_ALONE, REFUSED = "injected", "left-alone", "refused"


@dataclass(frozen=True, slots=True)
class Manner:
    """How pods are injected."""

    terms: Terms
    policy: Policy = field(default_factory=Policy)
    defaults: Defaults = field(default_factory=Defaults)


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, and what became of the pod."""

    body: dict[str, object]
    outcome: str
    because: str


def answered(review: Review, manner: Manner) -> Answered:
    """Return the answer to ``review``."""
    pod = review.pod
    if pod is None:
        return Answered(allowed(review), LEFT_ALONE, "no new pod")
    verdict = manner.policy.verdict(pod, review.namespace)
    if not verdict.value:
        return Answered(allowed(review), LEFT_ALONE, verdict.because)
    workload = workload_of(pod, review.namespace)
    sidecar, findings = sidecar_of(workload, manner.defaults, vocabulary.OF_PODS)
    errors = [
        f"{each.path}: {each.message}"
        for each in findings
        if each.severity is Severity.ERROR
    ]
    asked, terms = Asked(), manner.terms
    try:
        asked = _asked(pod, sidecar)
        terms = replace(terms, native=_flag(pod, vocabulary.NATIVE, terms.native))
    except ValueError as error:
        errors.append(str(error))
    if sidecar.capture.mode.value is not Mode.REDIRECT:
        errors.append(f"interceptionMode {sidecar.capture.mode.value}: use REDIRECT")
    if errors:
        return Answered(refused(review, errors), REFUSED, errors[0])
    warnings = [f"{each.path}: {each.message}" for each in findings]
    patch = patch_of(pod, sidecar, asked, terms)
    return Answered(allowed(review, patch, warnings), INJECTED, verdict.because)


def _asked(pod: Pod, sidecar: Sidecar) -> Asked:
    rewrite = _flag(pod, vocabulary.REWRITE_PROBES, True)  # noqa: FBT003 - it is the default
    merge = _flag(pod, vocabulary.MERGE_METRICS, True)  # noqa: FBT003 - likewise
    port = sidecar.proxy.status_port.value
    return Asked(
        tuple(probes_of(pod, port)) if rewrite else (),
        metrics_of(pod) if merge else "",
    )


def _flag(pod: Pod, key: str, otherwise: bool) -> bool:  # noqa: FBT001 - a value, no switch
    said = pod.annotations.get(key)
    if said is None:
        return otherwise
    try:
        return reading.boolean(said)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None
