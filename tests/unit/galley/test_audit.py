from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import msgspec
import pytest
from structlog.testing import capture_logs

from meltemi.galley import audit
from meltemi.galley.audit import Audit, Record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


def record(target: str) -> Record:
    return Record(
        time="2030-01-01T12:00:00.000000Z",
        actor="admin",
        address="127.0.0.1",
        verb="put",
        target=target,
        outcome="created",
        allowed=True,
    )


def targets(file: Path) -> list[str]:
    lines = file.read_text().splitlines() if file.exists() else []
    return [msgspec.json.decode(line, type=Record).target for line in lines]


class SlowFile:
    """A file that takes nothing before it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.started = asyncio.Event()
        self.appended: list[int] = []
        self._append, self._loop = audit._append, asyncio.get_running_loop()

    def append(self, file: Path, lines: bytes) -> None:
        self._loop.call_soon_threadsafe(self.started.set)
        self.let_go.wait(10)
        self.appended.append(lines.count(b"\n"))
        self._append(file, lines)


@pytest.fixture
async def slow(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SlowFile]:
    made = SlowFile()
    monkeypatch.setattr(audit, "_append", made.append)
    yield made
    made.let_go.set()


async def test_an_answer_waits_for_its_record_and_nobody_else_does(
    tmp_path: Path, slow: SlowFile
) -> None:
    file = tmp_path / "audit.jsonl"
    async with Audit(file) as kept, asyncio.TaskGroup() as tasks:
        kept.note(record("a"))
        first = tasks.create_task(kept.settled())
        await slow.started.wait()
        assert not first.done(), "the loop goes on while the file does not"
        for number in range(100):
            kept.note(record(str(number)))
        rest = [tasks.create_task(kept.settled()) for _ in range(100)]
        slow.let_go.set()
        await asyncio.wait([first, *rest])
        assert targets(file) == ["a", *map(str, range(100))]
    assert slow.appended == [1, 100], "what waits is written together"


async def test_what_is_noted_is_in_the_file_at_the_end(tmp_path: Path) -> None:
    async with Audit(tmp_path / "audit.jsonl") as kept:
        kept.note(record("a"))
    assert targets(tmp_path / "audit.jsonl") == ["a"]
    async with Audit(tmp_path / "audit.jsonl") as again:
        assert [each.target for each in again.newest(9)] == ["a"]


async def test_a_file_that_cannot_be_written_is_said_so_and_holds_up_nobody(
    tmp_path: Path,
) -> None:
    file = tmp_path / "missing" / "audit.jsonl"
    async with Audit(file) as kept:
        with capture_logs() as logs:
            kept.note(record("a"))
            await kept.settled()
        (told,) = [each for each in logs if each["event"] == "audit.not-written"]
        assert told["records"] == 1
        file.parent.mkdir()
        kept.note(record("b"))
        await kept.settled()
        assert targets(file) == ["b"]


async def test_a_file_that_is_too_slow_loses_nothing_silently(
    tmp_path: Path, slow: SlowFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "MOST_WAITING", 2)
    monkeypatch.setattr(audit, "SETTLE_SECONDS", 0.05)
    async with Audit(tmp_path / "audit.jsonl") as kept:
        with capture_logs() as logs:
            for number in range(3):
                kept.note(record(str(number)))
            await kept.settled()
        slow.let_go.set()
        await kept.settled()
    events = [each["event"] for each in logs]
    assert events.count("write.audited") == 3, "the log has them all"
    assert events.count("audit.not-written") == 1
    assert events.count("audit.late") == 1
    assert targets(tmp_path / "audit.jsonl") == ["0", "1"]


async def test_a_large_file_is_put_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "FILE_BYTES", 10)
    file = tmp_path / "audit.jsonl"
    async with Audit(file) as kept:
        for name in "abc":
            kept.note(record(name))
            await kept.settled()
    assert (targets(file), targets(tmp_path / "audit.jsonl.1")) == (["c"], ["b"])
