from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.ctl.report.gathering import (
    LACKS,
    TAIL,
    TAILS,
    Gathering,
    secrets_of,
    tails_in,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_of_a_long_log_the_end_is_kept(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "etcd.log").write_bytes(b"old\n" + b"x" * TAIL)
    (tmp_path / "logs" / "web.log").write_bytes(b"x" * TAIL)
    made = Gathering(tmp_path).gather()
    assert made["logs/etcd.log"] == made["logs/web.log"] == b"x" * TAIL
    assert tails_in(made[TAILS]) == {"etcd"}
    assert b"logs/etcd.log: all but the last 2097152 of 2097156 bytes" in made[LACKS]


def test_the_secrets_of_a_mesh_are_those_in_its_folder(tmp_path: Path) -> None:
    for name, text in (
        ("admin.token", "admin-word\n"),
        ("tokens/details-v1", "one-time-word"),
        ("accounts/pilot", "password-word"),
        ("accounts/nats.conf", "a file\nwith lines"),
    ):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    words = [b"admin-word", b"one-time-word", b"password-word"]
    assert secrets_of(tmp_path) == words
