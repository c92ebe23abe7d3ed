"""A VirtualService's timeout, kept by a real Envoy."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from meltemi.testkit.pair import App, pair

if TYPE_CHECKING:
    from pathlib import Path

RULE = """
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews.default.svc.cluster.local]
  http:
  - timeout: 0.2s
    route: [{destination: {host: reviews.default.svc.cluster.local}}]
"""
PATIENCE_SECONDS = 20.0


@pytest.fixture
def over(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Return what the application waits for before it answers anybody."""
    event, answer = threading.Event(), App.do_GET

    def hang(app: App) -> None:
        event.wait(PATIENCE_SECONDS)
        answer(app)

    monkeypatch.setattr(App, "do_GET", hang)
    return event


def test_who_does_not_answer_in_time_is_not_waited_for(
    tmp_path: Path, over: threading.Event
) -> None:
    with pair(tmp_path, RULE) as envoy:
        try:
            assert envoy.call("/x", {}) == 504
        finally:
            over.set()
