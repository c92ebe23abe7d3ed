from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import settings

from meltemi.testkit import processes, vault

if TYPE_CHECKING:
    import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--vault-image",
        metavar="IMAGE",
        help="run the tests marked vault on this image, where Docker answers: "
        "meltemi/vault:dev, hashicorp/vault, openbao/openbao",
    )
    for name in ("etcd", "nats"):
        parser.addoption(
            f"--{name}-image",
            metavar="IMAGE",
            help=f"run tests that start {name} on this image: meltemi/{name}:dev",
        )


def pytest_configure(config: pytest.Config) -> None:
    # A busy machine is no finding: how fast things are is judged in the benchmark.
    settings.register_profile("meltemi", deadline=None)
    settings.load_profile("meltemi")
    image = config.getoption("--vault-image", default=None)
    vault.IMAGE.chosen = str(image) if image else ""
    for name in ("etcd", "nats"):
        processes.IMAGES[name] = config.getoption(f"--{name}-image", default="") or ""
