from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.testkit import vault

if TYPE_CHECKING:
    import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--vault-image",
        metavar="IMAGE",
        help="run the tests marked vault on this image, where Docker answers: "
        "meltemi-vaultd, hashicorp/vault, openbao/openbao",
    )


def pytest_configure(config: pytest.Config) -> None:
    image = config.getoption("--vault-image", default=None)
    vault.IMAGE.chosen = str(image) if image else ""
