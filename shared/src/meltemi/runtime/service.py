"""A service's life: signals, the exit code, and one clear line when it fails."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    Main = Callable[[asyncio.Event], Coroutine[Any, Any, None]]

EXIT_USAGE, EXIT_INPUT, EXIT_UNAVAILABLE, EXIT_SOFTWARE = 64, 65, 69, 70
BY_BLAME = {
    Blame.CALLER: EXIT_INPUT,
    Blame.PEER: EXIT_UNAVAILABLE,
    Blame.OURS: EXIT_SOFTWARE,
}


def run(
    main: Main,
    *,
    service: str,
    new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
) -> NoReturn:
    """Run ``main`` until it returns, and exit with what became of it.

    SIGTERM and SIGINT set the event that ``main`` is given; a second one ends the
    process at once. Errors we raise on purpose print one line and exit 64 (settings),
    65 (the caller's input), 69 (a peer is missing) or 70 (ours); anything else is a
    bug, prints its traceback and exits 70.

    ``new_loop`` makes the event loop: uvloop's is faster, but starts no process in a
    process group of its own.

    Source:
        Exit codes of sysexits.h.

    """
    gc.freeze()  # modules never die: a full collection need not look at them
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(_until_stopped(main))
    except Exception as error:  # noqa: BLE001 - the last line of defence of a process
        sys.exit(report(error, service=service))
    sys.exit(0)


async def _until_stopped(main: Main) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        if stopping.is_set():
            os._exit(128 + number)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    await main(stopping)


def report(error: Exception, *, service: str) -> int:
    """Print ``error`` on standard error; return the exit code it asks for."""
    leaves = list(_leaves(error))
    bugs = [leaf for leaf in leaves if not isinstance(leaf, MeshError)]
    for bug in bugs:
        traceback.print_exception(bug)
    codes = [EXIT_SOFTWARE for _ in bugs]
    for leaf in leaves:
        if isinstance(leaf, MeshError):
            print(f"{service}: {leaf.code}: {leaf}", file=sys.stderr)  # noqa: T201 - logs may not be up yet
            codes.append(exit_code(leaf))
    return max(codes)


def exit_code(error: MeshError) -> int:
    """Return the exit code of an error: who must act decides."""
    if error.code == "settings.invalid":
        return EXIT_USAGE
    return BY_BLAME[error.blame]


def _leaves(error: Exception) -> Iterator[Exception]:
    if isinstance(error, ExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error
