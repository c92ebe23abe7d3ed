"""Images are built once, and one mesh serves most tests: it takes a minute to come up."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from meltemi.testkit.compose import BUILT, ComposeMesh, NoDockerError, docker_there

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def images() -> None:
    """Build our images; where there is no Docker: skip.

    With MELTEMI_COMPOSE=required that is a failure.
    """
    try:
        docker_there()
    except NoDockerError as error:
        if os.environ.get("MELTEMI_COMPOSE") == "required":  # noqa: TID251 - a test's own
            raise
        pytest.skip(reason=f"no Docker daemon: {error}")
    ComposeMesh.new().run("build", *BUILT)


@pytest.fixture(scope="session")
def mesh(images: None) -> Iterator[ComposeMesh]:
    """The mesh of docker-compose.yml, up."""
    del images  # there
    with ComposeMesh.new().up() as made:
        yield made
