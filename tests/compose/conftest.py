"""One mesh in containers for all tests here: it takes a minute to come up."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from meltemi.testkit.compose import BUILT, ComposeMesh, NoDockerError, docker_there

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def mesh() -> Iterator[ComposeMesh]:
    """The mesh of docker-compose.yml, up; where there is no Docker: a skip.

    With MELTEMI_COMPOSE=required that is a failure.
    """
    try:
        docker_there()
    except NoDockerError as error:
        if os.environ.get("MELTEMI_COMPOSE") == "required":  # noqa: TID251 - a test's own
            raise
        pytest.skip(reason=f"no Docker daemon: {error}")
    made = ComposeMesh.new()
    made.run("build", *BUILT)
    try:
        made.run("up", "-d")
        yield made
    except AssertionError as error:
        raise AssertionError(f"{error}\n{made.run('ps', '-a', check=False)}") from None
    finally:
        made.run("down", "-v", "--remove-orphans", "--timeout", "5", check=False)
