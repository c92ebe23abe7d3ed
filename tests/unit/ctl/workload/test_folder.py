from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.ctl.workload.folder import Home
from meltemi.ctl.workload.wish import BadWishError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ["../victim", "..", "a/b", "", "/etc", "A b", "x."])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadWishError, match="is no name of a workload"):
        Home(tmp_path, name)


def test_a_workload_has_a_folder_of_its_own(tmp_path: Path) -> None:
    assert Home(tmp_path, "hello-vm1").folder == tmp_path / "workloads" / "hello-vm1"
