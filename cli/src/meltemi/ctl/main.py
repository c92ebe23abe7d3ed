"""The command ``meltemi``: what it costs is imported when it is asked for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_USAGE = 64
CLICK_USAGE = 2
EXIT_INTERRUPTED = 130


def run() -> NoReturn:
    """Run the command line, and exit as sysexits.h has it (usage 64, not Click's 2)."""
    words = sys.argv[1:]
    if words == ["--version"]:
        print(version_line())  # noqa: T201 - it is the answer
        sys.exit(0)
    sys.exit(execute(words))


def version_line() -> str:
    """Return which Meltemi this is."""
    from importlib.metadata import version  # noqa: PLC0415 - seldom needed

    return f"meltemi {version('meltemi-cli')}"


def execute(words: Sequence[str]) -> int:
    """Run one command line; return its exit code."""
    from meltemi.ctl.application import application  # noqa: PLC0415 - after --version
    from meltemi.kernel.errors import MeshError  # noqa: PLC0415 - likewise

    try:
        application(words)(args=list(words), prog_name="meltemi")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
        return EXIT_USAGE if code == CLICK_USAGE else code
    except KeyboardInterrupt:
        print("meltemi: interrupted", file=sys.stderr)  # noqa: T201 - for people
        return EXIT_INTERRUPTED
    except MeshError as error:
        from meltemi.runtime.service import exit_code  # noqa: PLC0415 - on failure only

        print(f"meltemi: {error.code}: {error}", file=sys.stderr)  # noqa: T201 - for people
        return exit_code(error)
    return 0
