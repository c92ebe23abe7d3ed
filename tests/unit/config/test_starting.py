"""What a proxy starts with, merged as Istio does."""

from __future__ import annotations

import msgspec
import pytest

from meltemi.config.proxy_annotation import proxy_annotation
from meltemi.config.resource import Resource
from meltemi.config.schema.mesh_config import MeshConfig
from meltemi.config.schema.proxy_config import ProxyConfig
from meltemi.config.schema.proxy_defaults import ProxyDefaults
from meltemi.config.starting import (
    InvalidWordsError,
    Words,
    over,
    tellable,
    untold,
    words,
)
from meltemi.testkit.mesh import resources

REVIEWS = {"app": "reviews", "version": "v1"}
MINE = "{selector: {matchLabels: {app: reviews}}, concurrency: 5}"


def mesh(config: str) -> Resource[MeshConfig]:
    (found,) = resources(
        "apiVersion: mesh.istio.io/v1alpha1\nkind: MeshConfig\n"
        "metadata: {name: default, namespace: istio-system}\n"
        f"spec: {{defaultConfig: {config}}}\n"
    )
    assert isinstance(found.spec, MeshConfig)
    return Resource(
        api_version=found.api_version,
        kind=found.kind,
        metadata=found.metadata,
        spec=found.spec,
    )


def said(spec: str, name: str = "a", created: str = "") -> Resource[ProxyConfig]:
    (found,) = resources(
        "apiVersion: networking.istio.io/v1beta1\nkind: ProxyConfig\n"
        f"metadata: {{name: {name}, namespace: default}}\nspec: {spec}\n"
    )
    assert isinstance(found.spec, ProxyConfig)
    metadata = msgspec.structs.replace(found.metadata, creation_timestamp=created)
    return Resource(
        api_version=found.api_version,
        kind=found.kind,
        metadata=metadata,
        spec=found.spec,
    )


def workers(own: str, found: Words) -> int | None:
    return found.over(proxy_annotation(own)).concurrency


@pytest.mark.parametrize(
    ("wide", "own", "annotation", "expected"),
    [
        ([], [], "{}", 1),
        (["{concurrency: 2}"], [], "{}", 2),
        (["{concurrency: 2}"], ["{concurrency: 3}"], "{}", 3),
        (["{concurrency: 2}"], ["{concurrency: 3}"], "{concurrency: 4}", 4),
        ([], ["{concurrency: 3}", MINE], "{concurrency: 4}", 5),
        ([], [MINE.replace("reviews", "ratings")], "{}", 1),
    ],
)
def test_the_nearer_word_holds(
    wide: list[str], own: list[str], annotation: str, expected: int
) -> None:
    far = [said(each) for each in wide]
    near = [said(each, f"n{at}") for at, each in enumerate(own)]
    found = words(mesh("{concurrency: 1}"), far, near, REVIEWS)
    assert workers(annotation, found) == expected


def test_of_two_objects_with_one_reach_the_older_holds() -> None:
    younger = said("{concurrency: 3}", "a", "2030-01-02T00:00:00Z")
    older = said("{concurrency: 2}", "b", "2030-01-01T00:00:00Z")
    assert words(None, [], [younger, older], {}).below.concurrency == 2
    picky = [said(MINE, "a", "2030-01-02T00:00:00Z"), said(MINE.replace("5", "6"))]
    assert words(None, [], picky, REVIEWS).above.concurrency == 6


def test_variables_are_merged_name_by_name_and_the_rest_field_by_field() -> None:
    below = "{proxyMetadata: {ISTIO_META_A: a, ISTIO_META_B: b}, drainDuration: 3s}"
    above = "{proxyMetadata: {ISTIO_META_B: c}}"
    found = over(proxy_annotation(above), proxy_annotation(below))
    assert found.proxy_metadata == {"ISTIO_META_A": "a", "ISTIO_META_B": "c"}
    assert found.drain_duration is not None


@pytest.mark.parametrize(
    ("config", "part"),
    [
        ("{customConfigFile: /etc/shadow}", "customConfigFile"),
        ("{proxyAdminPort: 1}", "proxyAdminPort"),
        ("{interceptionMode: NONE}", "interceptionMode"),
        ("{readinessProbe: {exec: {command: [sh]}}}", "readinessProbe"),
        ("{proxyMetadata: {LD_PRELOAD: x}}", 'proxyMetadata["LD_PRELOAD"]'),
        (
            "{proxyMetadata: {ISTIO_META_MELTEMI_APPLICATION_NETNS: /x}}",
            'proxyMetadata["ISTIO_META_MELTEMI_APPLICATION_NETNS"]',
        ),
        (
            (
                "{envoyMetricsService: {address: 'a:1', tlsSettings: "
                "{mode: MUTUAL, clientCertificate: /a, privateKey: /b}}}"
            ),
            "envoyMetricsService.tlsSettings",
        ),
    ],
)
def test_a_machine_takes_no_files_programs_or_ports_from_the_mesh(
    config: str, part: str
) -> None:
    given = proxy_annotation(config)
    assert list(untold(given)) == [part]
    assert tellable(given) == ProxyDefaults()
    assert Words(given, given).over(ProxyDefaults()) == ProxyDefaults()


def test_what_is_said_to_a_machine_on_the_machine_is_kept() -> None:
    own = proxy_annotation("{proxyAdminPort: 1, proxyMetadata: {LD_PRELOAD: x}}")
    assert Words().over(own) == own


def test_what_is_told_is_read_as_it_was_written() -> None:
    config = "{drainDuration: 3s, tracing: {zipkin: {address: 'z:9411'}}}"
    told = Words(proxy_annotation(config), ProxyDefaults(concurrency=3), ("a",))
    assert Words.decode(told.encode()) == told
    with pytest.raises(InvalidWordsError, match="not what a proxy starts with"):
        Words.decode(b'{"below": 1}')
