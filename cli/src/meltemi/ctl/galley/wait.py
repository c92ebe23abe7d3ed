"""``meltemi wait``: until it has arrived."""

import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from meltemi.config.kinds import AT_START
from meltemi.ctl.galley.client import NOT_FOUND, Answer, Galley, failed
from meltemi.ctl.galley.connect import connect
from meltemi.ctl.galley.target import Target, target
from meltemi.ctl.output import NamespaceOption
from meltemi.ctl.state import StateOption
from meltemi.kernel.clock import SystemClock

POLL_SECONDS = 0.05
EXIT_REFUSED, EXIT_TIMEOUT = 1, 75


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(wait)


def wait(
    words: Annotated[list[str], typer.Argument(metavar="KIND NAME|KIND/NAME")],
    *,
    state: StateOption,
    condition: Annotated[
        str, typer.Option("--for", help="distribution, delete or condition=TYPE.")
    ] = "distribution",
    namespace: NamespaceOption = "",
    timeout: Annotated[str, typer.Option(help="How long, such as 60s or 2m.")] = "60s",
) -> None:
    """Wait until every proxy holds an object, or its removal.

    Such as: wait vs/reviews; wait vs/reviews --for=delete --timeout 2m. Exits 75 when
    it takes longer, and 1 when a proxy refuses it.
    """
    where = target(words, namespace)
    if not where.name:
        raise typer.BadParameter("say which one: KIND/NAME")
    limit = seconds(timeout)
    galley = connect(state)
    if condition == "distribution" and where.kind.name in AT_START:
        said = f"{where.title}: a proxy is told a {where.kind.name} when it starts"
        typer.echo(said, err=True)
        code = EXIT_REFUSED
    elif condition == "distribution":
        code = wait_arrived(galley, where, "", limit)
    elif condition == "delete":
        code = _wait_deleted(galley, where, limit)
    elif condition.startswith("condition="):
        code = _wait_condition(galley, where, condition.partition("=")[2], limit)
    else:
        raise typer.BadParameter(
            f"--for={condition}: expected distribution, delete or condition=TYPE"
        )
    raise typer.Exit(code)


def seconds(text: str) -> float:
    """Return how long ``text`` is, or raise `typer.BadParameter`."""
    from meltemi.config.values import (  # noqa: PLC0415 - only wait needs it
        Duration,
        InvalidDurationError,
    )

    try:
        return Duration.parse(text).seconds
    except InvalidDurationError as error:
        raise typer.BadParameter(f"--timeout: {error}") from None


def wait_arrived(galley: Galley, where: Target, revision: str, limit: float) -> int:
    """Wait for distribution; print how it stands; return the exit code."""
    query = f"?{urlencode({'revision': revision})}" if revision else ""
    clock = SystemClock()
    deadline = clock.monotonic() + limit
    while True:
        answer = galley.get(f"{where.path}/distribution{query}")
        if not answer.ok:
            raise failed(answer)
        found = answer.body
        total, synced = found["total"], found["synced"]
        if found["rejected"]:
            for each in found["rejected"]:
                line = f"{each['proxy']} refused it ({each['type']}): {each['message']}"
                typer.echo(line, err=True)
            return EXIT_REFUSED
        place = f"{synced}/{total} proxies at revision {found['revision']}"
        if total and synced == total and not found["pending"]:
            typer.echo(place + _took(found))
            return 0
        if clock.monotonic() > deadline:
            laggards = ", ".join(found["pending"]) or "no proxy is connected"
            typer.echo(f"{place} after {limit:g} s; not yet: {laggards}", err=True)
            return EXIT_TIMEOUT
        time.sleep(POLL_SECONDS)


def _took(found: Mapping[str, Any]) -> str:
    seconds = found.get("seconds")
    return "" if seconds is None else f", {seconds * 1000:.0f} ms after it was written"


def _wait_deleted(galley: Galley, where: Target, limit: float) -> int:
    """Wait until an object is gone, and gone from every proxy."""
    answer = _poll(galley, where, limit, lambda each: each.status == NOT_FOUND)
    if answer is None:
        typer.echo(f"{where.title} is still there after {limit:g} s", err=True)
        return EXIT_TIMEOUT
    removal = galley.get(f"{where.path}/history")
    if removal.status == NOT_FOUND:
        typer.echo(f"{where.title} never was there")
        return 0
    if not removal.ok:
        raise failed(removal)
    return wait_arrived(galley, where, removal.body["items"][0]["revision"], limit)


def _wait_condition(galley: Galley, where: Target, name: str, limit: float) -> int:
    """Wait until the object's condition ``name`` (or ``name=False``) holds."""
    kind, _, wanted = name.partition("=")
    expected = (wanted or "True").lower()

    def holds(answer: Answer) -> bool:
        found = (answer.body or {}).get("status", {}).get("conditions", [])
        return answer.ok and any(
            (each["type"].lower(), each["status"].lower()) == (kind.lower(), expected)
            for each in found
        )

    if _poll(galley, where, limit, holds) is None:
        typer.echo(f"{where.title} is not {name} after {limit:g} s", err=True)
        return EXIT_TIMEOUT
    typer.echo(f"{where.title} is {name}")
    return 0


def _poll(
    galley: Galley, where: Target, limit: float, done: Callable[[Answer], bool]
) -> Answer | None:
    clock = SystemClock()
    deadline = clock.monotonic() + limit
    while clock.monotonic() <= deadline:
        answer = galley.get(where.path)
        if done(answer):
            return answer
        time.sleep(POLL_SECONDS)
    return None
