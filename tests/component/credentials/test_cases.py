"""Adversarial cases 36 to 41: what becomes of the credential in bad times."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest

from meltemi.citadel.issue import create_root
from meltemi.credentials.citadel import CitadelClient, CitadelUnavailableError
from meltemi.credentials.keeper import Keeper, Proofs
from meltemi.credentials.wallet import Wallet
from meltemi.identity.certificate import InvalidCertificateError
from meltemi.identity.credential import Credential
from meltemi.identity.keys import new_key
from meltemi.kernel.errors import MeshError
from meltemi.testkit.agents import NOWHERE
from meltemi.testkit.authority import NOON, RATINGS, REVIEWS, authority, credential
from meltemi.testkit.fakes.clock import StillClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime
    from pathlib import Path

HOUR = 3600.0
DAY = 24 * HOUR
Answer = Credential | MeshError


@dataclass(frozen=True)
class Scripted(CitadelClient):
    """A Citadel that answers by a script."""

    answer: Callable[[], Answer] = field(kw_only=True)
    asked: list[str] = field(default_factory=list, kw_only=True)

    async def join(self, token: str, roots_pem: bytes) -> Credential:
        del roots_pem
        return self._said(f"join {token}")

    async def renew(self, held: Credential, roots_pem: bytes) -> Credential:
        del held, roots_pem
        return self._said("renew")

    def _said(self, what: str) -> Credential:
        self.asked.append(what)
        answer = self.answer()
        if isinstance(answer, MeshError):
            raise answer
        return answer


class World:
    """One keeper in a time that passes when somebody sleeps."""

    def __init__(self, folder: Path, answer: Callable[[World], Answer]) -> None:
        self.clock = StillClock(NOON)
        self.folder = folder
        self.citadel = Scripted(NOWHERE, NOWHERE, REVIEWS, answer=lambda: answer(self))
        self.wallet = Wallet(folder / "credential", folder / "credential.key")
        (folder / "roots").write_text(authority().bundle_pem)
        (folder / "token").write_text("joined\n")
        self.shown: list[Credential] = []
        self.slept: list[float] = []
        self.keeper = self.restarted()

    def restarted(self) -> Keeper:
        proofs = Proofs(self.folder / "roots", self.folder / "token")
        rng = Random(1)  # noqa: S311 - a jitter
        return Keeper(self.citadel, proofs, self.wallet, self.clock, rng)

    def fresh(self, lifetime: timedelta = timedelta(hours=24)) -> Credential:
        return credential(now=self.clock.now(), lifetime=lifetime, signer=authority())

    @asynccontextmanager
    async def running(self, patch: pytest.MonkeyPatch) -> AsyncIterator[World]:
        real = asyncio.sleep

        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            self.clock.advance(seconds)
            await real(0)

        async def show(shown: Credential) -> None:
            self.shown.append(shown)

        patch.setattr("meltemi.credentials.keeper.asyncio.sleep", sleep)
        async with asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(self.keeper.keep(show))
            yield self
            keeping.cancel()
        patch.undo()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let time pass until ``condition`` holds; a loop without end fails."""
        for _ in range(200_000):
            if condition():
                return
            await asyncio.wait([asyncio.ensure_future(_nothing())])  # noqa: TID251 - a turn of the loop
        raise AssertionError("it never came to that")


async def _nothing() -> None:
    """Take one turn of the loop."""


def bad(name: str, world: World) -> Answer:
    good = world.fresh()
    match name:
        case "another key":
            return replace(good, key=new_key())
        case "another name":
            return credential(RATINGS, now=world.clock.now(), signer=authority())
        case "another root":
            other = create_root(
                new_key(), trust_domain="cluster.local", now=NOON, serial=7
            )
            return replace(good, roots=(other.certificate,))
        case "expired":
            return world.fresh(timedelta(minutes=10))  # asked for hours later
        case "empty":
            return InvalidCertificateError("the answer holds 0 texts")
        case _:
            return InvalidCertificateError("the answer holds 1 texts")


@pytest.mark.parametrize(
    "answer",
    ["another key", "another name", "another root", "expired", "empty", "no root"],
)
async def test_case_36_a_bad_answer_is_discarded_and_the_old_certificate_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    answers: list[Answer] = []
    world = World(tmp_path, lambda _: answers[0])
    answers[:] = [world.fresh()]
    async with world.running(monkeypatch):
        await world.until(lambda: len(world.shown) == 1)
        answers[:] = [bad(answer, world)]
        await world.until(lambda: len(world.citadel.asked) > 6)
        assert len(world.shown) == 1
        assert world.keeper.held is world.shown[0]
        assert world.wallet.read() is not None
        waits = world.slept[-4:]
        assert all(later > 0 for later in waits)
        assert max(waits) > min(waits), "it backs off"
        answers[:] = [world.fresh()]
        await world.until(lambda: len(world.shown) == 2)


async def test_case_37_a_disk_that_takes_nothing_costs_the_copy_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, World.fresh)
    (tmp_path / "file").write_text("")
    world.wallet = Wallet(tmp_path / "file" / "credential", tmp_path / "file" / "key")
    world.keeper = world.restarted()
    async with world.running(monkeypatch):
        await world.until(lambda: len(world.shown) == 2)
    assert world.wallet.read() is None


def test_case_37_key_and_certificate_lie_in_one_file_and_always_match(
    tmp_path: Path,
) -> None:
    path = tmp_path / "credential"
    wallet = Wallet(path, tmp_path / "key")
    first, second = credential(), credential()
    wallet.write(first)
    wallet.write(second)
    found = wallet.read()
    assert found is not None
    found.check(REVIEWS, now=NOON)
    assert [each.name for each in sorted(tmp_path.iterdir())] == ["credential", "key"]
    text = path.read_bytes() + (tmp_path / "key").read_bytes()
    assert b"PRIVATE" not in text
    assert second.key_pem.splitlines()[1].encode() not in text
    (tmp_path / "key").unlink()
    assert wallet.read() is None, "without its key it is worth nothing"


@pytest.mark.parametrize("jump", [-HOUR, HOUR, 30 * DAY])
async def test_case_38_a_clock_that_jumps_makes_no_tight_loop_and_one_renewal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    world = World(tmp_path, World.fresh)
    async with world.running(monkeypatch):
        await world.until(lambda: len(world.shown) == 1)
        before = len(world.slept)
        world.clock.advance(jump)
        await world.until(lambda: len(world.slept) > before + 100)
        renewals = world.citadel.asked[1:]
        due = jump > DAY / 2
        assert len(renewals) == int(due), "renewed at once if it was due, and once"
        assert min(world.slept) > 1.0


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"a" * (1 << 20), None])
async def test_case_39_a_token_file_without_a_token_is_said_once_and_waited_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    content: bytes | None,
) -> None:
    world = World(tmp_path, World.fresh)
    if content is None:
        (tmp_path / "token").unlink()
    else:
        (tmp_path / "token").write_bytes(content)
    async with world.running(monkeypatch):
        await world.until(lambda: len(world.slept) > 10)
        assert world.citadel.asked == []
        (tmp_path / "token").write_text("rotated")
        await world.until(lambda: len(world.shown) == 1)
    assert world.citadel.asked == ["join rotated"], "it is read anew each time"
    assert capsys.readouterr().out.count("credential.missed") == 1


@pytest.mark.parametrize(("left", "served"), [(10, True), (4, False), (-1, False)])
async def test_case_40_a_restart_without_citadel_serves_what_has_five_minutes_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: int, *, served: bool
) -> None:
    away = CitadelUnavailableError("Citadel is away")
    world = World(tmp_path, lambda _: away)
    world.wallet.write(world.fresh(timedelta(hours=1)))
    world.clock.advance(3600 - left * 60)
    world.keeper = world.restarted()
    (tmp_path / "token").unlink()
    async with world.running(monkeypatch):
        await world.until(lambda: bool(world.shown) or len(world.slept) > 3)
        assert bool(world.shown) is served
        why = world.keeper.trouble()
        assert (why is None) is served
        if why:
            assert "no certificate yet: no" in why


async def test_case_41_citadel_away_until_a_minute_before_the_end_is_not_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back: list[datetime] = []
    ready: list[bool] = []

    def answer(world: World) -> Answer:
        if back and world.clock.now() < back[0]:
            ready.append(world.keeper.trouble() is None)
            return CitadelUnavailableError("Citadel is away")
        return world.fresh()

    world = World(tmp_path, answer)
    async with world.running(monkeypatch):
        await world.until(lambda: len(world.shown) == 1)
        end = world.shown[0].leaf.not_valid_after_utc
        back.append(end - timedelta(seconds=61))
        await world.until(lambda: len(world.shown) == 2)
        assert world.shown[1].leaf.not_valid_before_utc < end - timedelta(minutes=2)
    assert len(ready) > 100, "it was asked for again and again"
    assert all(ready), "and the old certificate served all the time"
