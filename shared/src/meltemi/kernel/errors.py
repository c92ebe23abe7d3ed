"""The errors this system can give, and what each one asks of its reader."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Blame(StrEnum):
    """Who must act before another try can succeed."""

    CALLER = "caller"
    """The request is wrong: repeating it unchanged cannot work."""

    PEER = "peer"
    """etcd, NATS, Vault or a proxy failed: try again, with backoff."""

    OURS = "ours"
    """An invariant broke: crash the task and keep the evidence."""


class MeshError(Exception):
    """Every error raised on purpose. ``code`` is API: it is never renamed."""

    code: ClassVar[str]
    blame: ClassVar[Blame]
