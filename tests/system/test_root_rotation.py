"""A new root under load: real Envoys, certificates of seconds, an authority that dies.

``make test-full`` rotates ten times under a hundred thousand requests.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from meltemi.testkit.up import Load, Up, demo, eventually, outbound

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.system]

LIFE, DISTRIBUTE, DRAIN = 30, 12, 33
SYNCED_SECONDS = 30
ROTATIONS, REQUESTS, CALLERS = 10, 100_000, 4
PHASES = ("PREPARE", "DISTRIBUTE", "DRAIN")


@pytest.fixture
def short_lived(monkeypatch: pytest.MonkeyPatch) -> Iterator[Up]:
    monkeypatch.setenv("CITADEL_WORKLOAD_TTL", str(LIFE))
    monkeypatch.setenv("CITADEL_MAX_WORKLOAD_TTL", str(LIFE))
    monkeypatch.setenv("CITADEL_ROTATION_DISTRIBUTE", str(DISTRIBUTE))
    monkeypatch.setenv("CITADEL_ROTATION_DRAIN", str(DRAIN))
    with demo("--capture=explicit") as mesh:
        yield mesh


def rotation(mesh: Up) -> dict[str, Any]:
    found: dict[str, Any] = mesh.json("ca", "status")["rotation"]
    return found


def signing(mesh: Up) -> int:
    generations = rotation(mesh)["generations"]
    (signs,) = (each for each in generations if each["state"] == "signs")
    return int(signs["generation"])


def come_to(mesh: Up, phase: str, *, seconds: float = 60) -> None:
    eventually(
        lambda: rotation(mesh)["phase"] == phase, seconds=seconds, what=f"now {phase}"
    )


def synced(mesh: Up) -> None:
    """Wait until each of the seven proxies is connected again."""
    eventually(
        lambda: [row["connected"] for row in mesh.proxies().values()] == [True] * 7,
        seconds=SYNCED_SECONDS,
        what="every proxy is connected",
    )


def killed_in(mesh: Up, phase: str) -> None:
    """See the authority killed in ``phase``, or just behind it, and started again.

    PREPARE is over in half a second, and a start may take as long as DISTRIBUTE.
    """
    later = PHASES[PHASES.index(phase) :]
    eventually(
        lambda: rotation(mesh)["phase"] in later, seconds=60, what=f"now {phase}"
    )
    mesh.do("kill", "citadel")
    mesh.do("start", "citadel")


@pytest.mark.timeout(240)
def test_a_root_is_replaced_under_load_though_its_authority_dies_at_each_step(
    short_lived: Up,
) -> None:
    mesh = short_lived
    mesh.do("kill", "reviews-v2")
    old = mesh.json("ca", "status")["roots"]
    with Load(mesh.url("app")) as load:
        mesh.do("ca", "rotate-root")
        for phase in PHASES:
            killed_in(mesh, phase)
        come_to(mesh, "STEADY")
        new = mesh.json("ca", "status")["roots"]
    assert set(load.seen) == {"200"}, load.seen
    assert not {each["sha256"] for each in old} & {each["sha256"] for each in new}
    assert signing(mesh) == 2
    mesh.do("start", "reviews-v2")
    synced(mesh)
    assert len(mesh.proxies()) == 7, "who was away all the time is back"


@pytest.mark.full
@pytest.mark.timeout(1500)
def test_ten_rotations_cost_none_of_a_hundred_thousand_requests(
    short_lived: Up,
) -> None:
    mesh = short_lived
    url = f"{outbound(mesh, 'productpage-v1', 'details')}/details/0"
    with contextlib.ExitStack() as stack:
        loads = [stack.enter_context(Load(url)) for _ in range(CALLERS)]
        for number in range(ROTATIONS):
            mesh.do("ca", "rotate-root")
            killed_in(mesh, PHASES[number % len(PHASES)])
            come_to(mesh, "STEADY", seconds=120)
            assert signing(mesh) == number + 2
        eventually(
            lambda: sum(sum(load.seen.values()) for load in loads) >= REQUESTS,
            seconds=900,
            what=f"{REQUESTS} requests were made",
        )
    seen = {word for load in loads for word in load.seen}
    assert seen == {"200"}, [load.seen for load in loads]
