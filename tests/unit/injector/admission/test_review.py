from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from meltemi.injector.admission.mutation import answered
from meltemi.injector.admission.review import BadReviewError, Review, review_of
from meltemi.injector.settings import InjectorSettings
from meltemi.runtime.settings import read_settings
from meltemi.testkit.admission import SETTINGS

MANNER = read_settings(InjectorSettings, SETTINGS).manner
CONTAINER = {"name": "web", "image": "nginx"}


def sent(**changes: Any) -> dict[str, Any]:
    """Return a review of a pod, its parts as ``changes`` have them."""
    pod = {
        "metadata": {"name": "web", "annotations": changes.pop("annotations", {})},
        "spec": {"containers": changes.pop("containers", [CONTAINER])},
    }
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "u",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "namespace": "shop",
            "object": pod,
        },
        **changes,
    }


def read(review: object) -> Review:
    return review_of(json.dumps(review).encode())


@pytest.mark.parametrize(
    "version", ["admission.k8s.io/v1beta1", "admission.k8s.io/v2", "v1", ""]
)
def test_case_60_another_version_of_the_api_is_refused(version: str) -> None:
    with pytest.raises(BadReviewError, match=r"expected admission.k8s.io/v1"):
        read(sent(apiVersion=version))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"a":1,"a":2}',
        b"[" * 5000,
        json.dumps(sent(containers=[[]])).encode(),
        json.dumps(sent(containers=None)).encode(),
        json.dumps(sent(annotations={"a": 1})).encode(),
        json.dumps(sent(request={"uid": "u"})).encode(),
    ],
)
def test_case_60_what_is_no_review_is_refused(data: bytes) -> None:
    with pytest.raises(BadReviewError):
        review_of(data)


@pytest.mark.parametrize(
    "text",
    [
        "x\n      securityContext: {privileged: true}",
        "{{ .Spec.ServiceAccountName }}",
        '"}],"privileged":true,"x":[{"',
        "x\u2028y",
    ],
)
@pytest.mark.parametrize(
    "key",
    [
        "sidecar.istio.io/proxyImage",
        "sidecar.istio.io/logLevel",
        "sidecar.istio.io/proxyCPU",
        "traffic.sidecar.istio.io/excludeInterfaces",
        "proxy.istio.io/config",
        "prometheus.io/path",
        "example.com/of-somebody-else",
    ],
)
def test_case_60_and_t21_text_is_refused_or_stays_text(key: str, text: str) -> None:
    scraped = {"prometheus.io/scrape": "true", "prometheus.io/port": "80"}
    answer = answered(read(sent(annotations={**scraped, key: text})), MANNER)
    response: Any = answer.body["response"]
    assert response["allowed"] is (key.startswith("example.com"))
    assert "privileged" not in str(response.get("patch", ""))


def test_kubernetes_expands_no_variable_in_what_the_agent_is_told() -> None:
    config = "{proxyMetadata: {ISTIO_META_X: $(HOME)}}"
    answer = answered(read(sent(annotations={"proxy.istio.io/config": config})), MANNER)
    patch = base64.b64decode(str(answer.body["response"]["patch"])).decode()  # type: ignore[index]
    assert "$$(HOME)" in patch
    assert "$(HOME)" not in patch.replace("$$(HOME)", "")


def test_a_number_of_a_probe_that_is_a_name_becomes_the_number() -> None:
    container = {
        **CONTAINER,
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"port": "http"}},
    }
    review = read(sent(containers=[container]))
    assert review.pod is not None
    assert review.pod.spec.containers[0].port("http") == 8080
    assert review.pod.spec.containers[0].port("other") == "other"
