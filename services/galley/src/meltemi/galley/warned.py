"""Something odd about an object that was written all the same: for people to know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import msgspec

if TYPE_CHECKING:
    from meltemi.config.analysis.remark import Remark
    from meltemi.kernel.names import Key


class Warned(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is odd, and about which object; ``path`` is a field path, or empty."""

    code: str
    kind: str
    namespace: str
    name: str
    message: str
    path: str = ""

    @classmethod
    def about(cls, key: Key, code: str, message: str, path: str = "") -> Self:
        """Return a warning about the object at ``key``."""
        return cls(
            code=code,
            kind=key.kind,
            namespace=key.namespace,
            name=key.name,
            message=message,
            path=path,
        )

    @classmethod
    def of(cls, remark: Remark) -> Self:
        """Return what an analyzer says."""
        return cls(
            code=remark.message.code,
            kind=remark.subject.kind,
            namespace=remark.subject.namespace,
            name=remark.subject.name,
            message=remark.text,
            path=remark.path,
        )

    def __str__(self) -> str:
        where = f" ({self.path})" if self.path else ""
        about = f"{self.kind} {self.namespace}/{self.name}"
        return f"{self.code} {about}: {self.message}{where}"
