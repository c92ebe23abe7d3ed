from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.testkit.galleys import Api, galley_api, listening

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from meltemi.runtime.settings import Address


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with galley_api(tmp_path) as served:
        yield served


@pytest.fixture
async def served(api: Api) -> AsyncIterator[Address]:
    async with listening(api.app) as address:
        yield address
