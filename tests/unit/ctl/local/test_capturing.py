from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psutil
import pytest

from meltemi.ctl.local.capturing import (
    Capture,
    CaptureRefusedError,
    OtherCaptureError,
    choose_capture,
)
from meltemi.ctl.local.record import Captured, Mode, Record, Running

if TYPE_CHECKING:
    from collections.abc import Callable


def allowed(_: Mode) -> str:
    return ""


def refused(_: Mode) -> str:
    return "unshare: Operation not permitted"


def chosen(
    asked: Capture,
    trouble: Callable[[Mode], str] = allowed,
    record: Record | None = None,
    *,
    demo: bool = True,
) -> Captured:
    return choose_capture(asked, record, trouble, demo=demo)


def running(mode: Mode) -> Record:
    own = psutil.Process(os.getpid())
    parts = {"etcd": Running(own.pid, own.create_time())}
    return Record("e1", demo=True, ports={}, parts=parts, capture=Captured(mode, "so"))


def test_the_best_that_the_machine_allows_is_transparent_and_needs_no_root() -> None:
    assert chosen(Capture.AUTO).mode is Mode.ROOTLESS


def test_a_machine_without_user_namespaces_gets_ports_and_is_told_why() -> None:
    found = chosen(Capture.AUTO, refused)
    assert found.mode is Mode.EXPLICIT
    assert "not rootless: unshare: Operation not permitted" in found.why


def test_without_applications_there_is_nothing_to_capture() -> None:
    assert chosen(Capture.AUTO, demo=False).mode is Mode.EXPLICIT


@pytest.mark.parametrize("asked", [Capture.EXPLICIT, Capture.ROOTLESS, Capture.ROOT])
def test_what_is_asked_for_is_what_happens(asked: Capture) -> None:
    assert chosen(asked) == Captured(Mode(asked.value), "you asked for it")


def test_what_the_machine_does_not_allow_is_refused_with_its_reason() -> None:
    with pytest.raises(CaptureRefusedError, match="Operation not permitted"):
        chosen(Capture.ROOTLESS, refused)


def test_what_runs_is_not_moved() -> None:
    assert chosen(Capture.AUTO, record=running(Mode.EXPLICIT)).mode is Mode.EXPLICIT
    with pytest.raises(OtherCaptureError, match="run meltemi down"):
        chosen(Capture.ROOTLESS, record=running(Mode.EXPLICIT))
