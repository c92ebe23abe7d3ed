from __future__ import annotations

import pytest

from meltemi.config.proxy_annotation import (
    InvalidProxyAnnotationError,
    proxy_annotation,
)


def test_settings_are_read_from_yaml_and_json() -> None:
    for text in ("tracing:\n  sampling: 5\n", '{"tracing": {"sampling": 5}}'):
        made = proxy_annotation(text)
        assert made.tracing is not None
        assert made.tracing.sampling == 5
        assert made.proxy_headers is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "found 0"),
        ("concurrency: 2\n---\nconcurrency: 3\n", "found 2"),
        ("{", "expected"),
        ("concurency: 2", "concurency"),
        ("concurrency: many", "int"),
        ("drainDuration: soon", "soon"),
    ],
)
def test_what_is_no_proxyconfig_is_refused_with_a_reason(text: str, words: str) -> None:
    with pytest.raises(InvalidProxyAnnotationError, match=words):
        proxy_annotation(text)


@pytest.mark.parametrize(
    "text",
    [
        "concurrency: 2\nsecurityContext: {privileged: true}\n",
        "image: {imageType: a, securityContext: {privileged: true}}\n",
        "!!python/object/apply:os.system ['true']\n",
    ],
)
def test_t21_an_annotation_says_settings_of_a_proxy_and_nothing_else(text: str) -> None:
    with pytest.raises(InvalidProxyAnnotationError):
        proxy_annotation(text)
