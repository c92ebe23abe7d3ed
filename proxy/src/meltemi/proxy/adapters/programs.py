"""Programs that change the network of the namespace we are in: ip, nft, iptables."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Sequence

SECONDS = 30.0
"""Another program may hold the lock of iptables for a while."""


class CaptureFailedError(MeshError):
    """A program refused what it was told."""

    code = "capture.failed"
    blame = Blame.CALLER


def run_program(argv: Sequence[str], text: str = "") -> str:
    """Run one program; return what it prints.

    Raises:
        CaptureFailedError: If it is not there, fails or takes too long.

    """
    try:
        done = subprocess.run(  # noqa: S603 - words of ours, and checked options
            argv,
            input=text,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CaptureFailedError(f"{argv[0]}: {error}") from error
    if done.returncode:
        said = done.stderr.strip() or f"exit code {done.returncode}"
        raise CaptureFailedError(f"{' '.join(argv)}: {said} (it needs CAP_NET_ADMIN)")
    return done.stdout
