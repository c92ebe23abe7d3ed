"""The suites that can be run, and running them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from meltemi.testkit.conformance.analyzers import analyzers
from meltemi.testkit.conformance.authentication import authn
from meltemi.testkit.conformance.authorization import authz_builder
from meltemi.testkit.conformance.case import (
    Case,
    Result,
    SkippedError,
    Status,
    UnusableDataError,
    numbered,
)
from meltemi.testkit.conformance.delegates import vs_delegate_merge
from meltemi.testkit.conformance.door import crd_validation, validation_tables
from meltemi.testkit.conformance.endpoint_sets import endpoints
from meltemi.testkit.conformance.generated import configgen
from meltemi.testkit.conformance.hosts import host_names, vhost_domains
from meltemi.testkit.conformance.proxy_starts import bootstrap
from meltemi.testkit.conformance.route_translation import route_translate
from meltemi.testkit.conformance.sidecar_routes import sidecar_routes
from meltemi.testkit.conformance.simulator import simulator, traffic_simulation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    Suite = Callable[[Path], Iterator[Case]]

SUITES: Final[Mapping[str, Suite]] = {
    "validation_tables": validation_tables,
    "crd_validation": crd_validation,
    "authn": authn,
    "vs_delegate_merge": vs_delegate_merge,
    "host_names": host_names,
    "vhost_domains": vhost_domains,
    "analyzers": analyzers,
    "route_translate": route_translate,
    "configgen.clusters": partial(configgen, "clusters"),
    "configgen.listeners": partial(configgen, "listeners"),
    "configgen.routes": partial(configgen, "routes"),
    "configgen.endpoints": partial(configgen, "endpoints"),
    "simulator": simulator,
    "traffic_simulation": traffic_simulation,
    "sidecar_routes": sidecar_routes,
    "endpoints": endpoints,
    "authz_builder": authz_builder,
    "bootstrap": bootstrap,
}
"""By name, which begins with that of the folder the cases are in, see `FOLDERS`."""

FOLDERS: Final[Mapping[str, str]] = {"simulator": "traffic_simulation"}
"""The folders of the suites that use another's cases."""


def run(data: Path, *, suite: str = "", case: str = "") -> dict[str, list[Result]]:
    """Return what became of each case, by suite.

    Args:
        data: The folder of the conformance data; suites it lacks are not run.
        suite: The one suite to run; empty runs all.
        case: A part of the names of the cases to run.

    Raises:
        UnusableDataError: If nothing there, or nothing of that name, can be run.

    """
    known = {_folder(name) for name in SUITES} | set(SUITES)
    if suite and suite not in known:
        raise UnusableDataError(f"no suite {suite!r}: there are {', '.join(SUITES)}")
    folders = {name: data / FOLDERS.get(name, _folder(name)) for name in SUITES}
    wanted = [
        name
        for name, folder in folders.items()
        if suite in ("", name, _folder(name)) and folder.is_dir()
    ]
    if not wanted:
        raise UnusableDataError(f"{data} holds no suite that can be run")
    return {
        name: [
            _result(each)
            for each in numbered(SUITES[name](folders[name]))
            if case in each.name
        ]
        for name in wanted
    }


def _folder(suite: str) -> str:
    return suite.partition(".")[0]


def _result(case: Case) -> Result:
    try:
        difference = case.judge()
    except SkippedError as reason:
        return Result(case.name, Status.SKIPPED, str(reason))
    except Exception as error:  # noqa: BLE001 - a case that raises has failed
        return Result(case.name, Status.FAILED, f"{type(error).__name__}: {error}")
    status = Status.FAILED if difference else Status.PASSED
    return Result(case.name, status, difference)
