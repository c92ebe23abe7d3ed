from __future__ import annotations

import pytest

from meltemi.config.decode import read
from meltemi.config.finding import InvalidConfigError, Severity


def test_warnings_refuse_nothing_and_have_places() -> None:
    text = b"""apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: a}
spec:
  selector: {}
"""
    decoded = read(text, file="f.yaml", default_namespace="default")
    (told,) = decoded.warnings
    assert (str(told.source), told.code, told.severity) == (
        "f.yaml:5:13",
        "IST0133",
        Severity.WARNING,
    )
    assert len(decoded.resources) == 1


def test_warnings_crowd_no_error_out() -> None:
    head = (
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}"
    )
    match = "{route: [{destination: {host: a}}], match: [{port: 1}]}"
    spec = f"spec: {{hosts: [a], http: [{', '.join([match] * 300)}], exportTo: ['?']}}"
    with pytest.raises(InvalidConfigError) as caught:
        read(f"{head}\n{spec}".encode(), file="f", default_namespace="default")
    assert [each.path for each in caught.value.findings] == ["spec.exportTo[0]"]
