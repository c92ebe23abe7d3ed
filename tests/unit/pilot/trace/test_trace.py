from __future__ import annotations

from meltemi.pilot.trace import (
    Stage,
    trace,
)
from meltemi.testkit.held import (
    CALL,
    table,
    to,
    web,
)


def test_the_answer_says_every_step() -> None:
    found = trace(web(table(to("a"))), CALL)
    assert [(each.stage, each.name) for each in found.steps] == [
        (Stage.LISTENER, "l"),
        (Stage.CHAIN, "c"),
        (Stage.HANDSHAKE, ""),
        (Stage.FILTER, "http_connection_manager"),
        (Stage.ROUTES, "t"),
        (Stage.HOST, "web"),
        (Stage.ROUTE, "go"),
        (Stage.CLUSTER, "a"),
    ]
