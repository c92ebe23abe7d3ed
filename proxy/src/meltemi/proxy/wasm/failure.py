"""Why a module cannot be had."""

from __future__ import annotations

from meltemi.kernel.errors import Blame, MeshError


class ModuleRefusedError(MeshError):
    """What was asked for, or came, is no module we take: asking again is no help."""

    code = "agent.module-refused"
    blame = Blame.CALLER
