"""A program of an image instead of a process: same arguments, same files, same ports.

The container has the machine's network and the test's user, so that a test cannot tell
the two apart. It needs a Docker daemon, and images that are there already.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from meltemi.testkit.processes import Program, until_ready

if TYPE_CHECKING:
    from collections.abc import Iterable

    from testcontainers.core.container import DockerContainer


@dataclass
class Contained(Program):
    """A `Program` in a container of ``image``; each start makes a new one."""

    image: str = field(kw_only=True)
    container: DockerContainer | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it and wait until it is ready; raise `NotReadyError`."""
        from testcontainers.core.config import testcontainers_config  # noqa: PLC0415 - slow
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - slow

        testcontainers_config.ryuk_disabled = True  # it is an image to be fetched
        container = (
            DockerContainer(self.image)
            .with_command([Path(self.argv[0]).name, *self.argv[1:]])
            .with_kwargs(
                network_mode="host", user=f"{os.getuid()}:{os.getgid()}", init=False
            )
        )
        for folder in folders(self.argv):
            container = container.with_volume_mapping(folder, folder, "rw")
        self.container = container.start()
        until_ready(self, ended=lambda: self._status() == "exited")

    def _status(self) -> str:
        assert self.container is not None
        wrapped = self.container.get_wrapped_container()
        wrapped.reload()
        return str(wrapped.status)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self.container is not None
        name = signal.Signals(number).name
        self.container.get_wrapped_container().kill(signal=name)

    def kill(self) -> None:
        """End it with SIGKILL, and keep what it said."""
        if self.container is None:
            return
        with self.log.open("ab") as log:
            for each in self.container.get_logs():
                log.write(each)
        self.container.stop(force=True)
        self.container = None


def folders(argv: Iterable[str]) -> set[str]:
    """Return the folders that options name, or the files in them that they name."""
    values = (each.rpartition("=")[2] for each in argv)
    paths = [Path(each) for each in values if each.startswith("/")]
    found = {each if each.is_dir() else each.parent for each in paths[1:]}
    return {str(each) for each in found}
