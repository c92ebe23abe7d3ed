from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.testkit.contained import folders

if TYPE_CHECKING:
    from pathlib import Path


def test_a_container_sees_the_folders_of_the_files_it_is_told_of(
    tmp_path: Path,
) -> None:
    argv = (
        "/usr/bin/etcd",
        f"--data-dir={tmp_path}/new",
        f"--cert-file={tmp_path}/cert.pem",
        f"--wal-dir={tmp_path}",
        "--listen-client-urls=http://127.0.0.1:1",
    )
    assert folders(argv) == {str(tmp_path)}
