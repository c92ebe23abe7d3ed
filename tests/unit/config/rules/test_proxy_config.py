from __future__ import annotations

from meltemi.testkit.configuration import problems, warnings


def test_the_usual_settings_are_right() -> None:
    spec = "concurrency: 0\nenvironmentVariables: {A: b}\nimage: {imageType: debug}"
    assert problems("ProxyConfig", spec) == []


def test_threads_cannot_be_negative() -> None:
    assert problems("ProxyConfig", "concurrency: -1") == [
        "spec.concurrency: must be from 0 to 2147483647, got -1"
    ]


def test_a_selector_says_which_workloads() -> None:
    assert problems("ProxyConfig", "selector: {matchLabels: {a: '*'}}") == [
        'spec.selector.matchLabels["a"]: a wildcard is not supported in a selector'
    ]
    assert len(warnings("ProxyConfig", "selector: {}")) == 1
