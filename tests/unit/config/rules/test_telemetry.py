from __future__ import annotations

import pytest

from meltemi.testkit.configuration import problems, warnings

KIND = "Telemetry"


def tag(text: str) -> str:
    return f"metrics: [{{overrides: [{{tagOverrides: {{t: {text}}}}}]}}]"


@pytest.mark.parametrize(
    "spec",
    [
        "{}",
        "tracing: [{randomSamplingPercentage: 0.5, customTags: {a: {literal: {value: b}}}}]",
        tag("{operation: UPSERT, value: a}"),
        tag("{operation: REMOVE}"),
        "accessLogging: [{providers: [{name: a}, {name: b}]}]",
        "accessLogging: [{providers: [{name: a}], filter: {expression: 'response.code >= 400'}}]",
    ],
)
def test_the_usual_telemetry_is_right(spec: str) -> None:
    assert problems(KIND, spec) == []
    assert warnings(KIND, spec) == []


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            "tracing: [{randomSamplingPercentage: 101}]",
            "spec.tracing[0].randomSamplingPercentage: must be from 0 to 100, got 101",
        ),
        (
            "tracing: [{customTags: {a: null}}]",
            'spec.tracing[0].customTags["a"]: expected object, found null',
        ),
        (
            "tracing: [{customTags: {a: {header: {name: ''}}}}]",
            'spec.tracing[0].customTags["a"].header.name: must not be empty',
        ),
        (
            "tracing: [{customTags: {'': {literal: {value: b}}}}]",
            'spec.tracing[0].customTags[""]: a tag\'s name must not be empty',
        ),
        (
            tag("{operation: UPSERT}"),
            'spec.metrics[0].overrides[0].tagOverrides["t"].value: UPSERT needs a value',
        ),
        (
            tag("{operation: REMOVE, value: a}"),
            (
                'spec.metrics[0].overrides[0].tagOverrides["t"].value: has no meaning with '
                "REMOVE"
            ),
        ),
        (
            "metrics: [{overrides: [{match: {customMetric: ''}}]}]",
            "spec.metrics[0].overrides[0].match.customMetric: must not be empty",
        ),
        (
            "accessLogging: [{providers: [{name: ''}]}]",
            "spec.accessLogging[0].providers[0].name: a name is required",
        ),
        (
            "accessLogging: [{filter: {expression: 'response.code >='}}]",
            (
                "spec.accessLogging[0].filter.expression: is not a CEL expression: "
                "expected a value, found 'end'"
            ),
        ),
        (
            "metrics: [{reportingInterval: 1us}]",
            "spec.metrics[0].reportingInterval: must be at least 1ms, got 0.000001s",
        ),
    ],
)
def test_what_istio_refuses_is_refused(spec: str, told: str) -> None:
    assert told in problems(KIND, spec)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("tracing: [{}, {}]", "spec.tracing: only the first entry has an effect"),
        (
            "tracing: [{providers: [{name: a}, {name: b}]}]",
            "spec.tracing[0].providers: only the first provider has an effect",
        ),
    ],
)
def test_what_has_no_effect_is_warned_of(spec: str, told: str) -> None:
    assert warnings(KIND, spec) == [told]
