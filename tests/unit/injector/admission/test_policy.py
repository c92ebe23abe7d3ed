from __future__ import annotations

import pytest

from meltemi.injector.admission.pod import Container, Metadata, Pod, Spec
from meltemi.injector.admission.policy import Expression, Policy, Selector

NEVER = Selector({"app": "no"})
ALWAYS = Selector(match_expressions=(Expression("tier", "In", ("mesh",)),))


def pod(labels: dict[str, str] | None = None, **annotations: str) -> Pod:
    said = {key.replace("_", "/"): text for key, text in annotations.items()}
    spec = Spec((Container("web"),))
    return Pod(spec, Metadata("web", labels=labels, annotations=said))


@pytest.mark.parametrize("word", ["true", "TRUE", "yes", "on", "y"])
def test_a_pod_that_asks_gets_one_whatever_the_policy(word: str) -> None:
    asking = pod({"sidecar.istio.io/inject": word, "app": "no"})
    assert Policy(otherwise=False, never=(NEVER,)).verdict(asking, "shop").value


@pytest.mark.parametrize("word", ["false", "no", "off", "enabled", "1"])
def test_any_other_word_is_no_as_in_istio(word: str) -> None:
    asking = pod({"sidecar.istio.io/inject": word})
    assert not Policy(always=(ALWAYS,)).verdict(asking, "shop").value


def test_never_comes_before_always_and_both_before_the_policy() -> None:
    policy = Policy(otherwise=False, never=(NEVER,), always=(ALWAYS,))
    both = pod({"app": "no", "tier": "mesh"})
    assert policy.verdict(both, "shop").because == "neverInjectSelector"
    assert policy.verdict(pod({"tier": "mesh"}), "shop").value
    assert policy.verdict(pod(), "shop").because == "policy"


@pytest.mark.parametrize(
    ("operator", "values", "holds"),
    [
        ("In", ("a",), True),
        ("In", ("b",), False),
        ("NotIn", ("b",), True),
        ("Exists", (), True),
        ("DoesNotExist", (), False),
        ("Gt", ("a",), False),
    ],
)
def test_the_operators_of_a_selector(
    operator: str, values: tuple[str, ...], *, holds: bool
) -> None:
    selector = Selector(match_expressions=(Expression("k", operator, values),))
    assert selector.selects({"k": "a"}) is holds


def test_a_selector_that_says_nothing_selects_nothing() -> None:
    assert not Selector().selects({"a": "b"})


def test_the_name_of_a_pod_that_a_deployment_makes_is_the_deployments() -> None:
    made = Metadata(generate_name="web-7d4b-", labels={"pod-template-hash": "7d4b"})
    assert Pod(Spec((Container("c"),)), made).called == "web"
    job = Metadata(generate_name="job-")
    assert Pod(Spec((Container("c"),)), job).called == "job"
