from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.testkit.up import Up, demo

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def mesh() -> Iterator[Up]:
    """The demo, started once; the tests in ``test_demo_*`` leave it as they found it."""
    with demo("--capture=explicit") as up:
        yield up
