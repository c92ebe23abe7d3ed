"""What Galley answers when it will not do what it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from meltemi.kernel.names import Key


class UnknownKindError(MeshError):
    """The URL names a kind or version that is not served."""

    code = "config.unknown-kind"
    blame = Blame.CALLER


class NotFoundError(MeshError):
    """There is no such object."""

    code = "config.not-found"
    blame = Blame.CALLER

    def __init__(self, key: Key) -> None:
        super().__init__(f"there is no {key}")
        self.key = key


class AlreadyExistsError(MeshError):
    """An object of this name is there already."""

    code = "config.already-exists"
    blame = Blame.CALLER

    def __init__(self, key: Key) -> None:
        super().__init__(f"{key} exists already: replace it with PUT")
        self.key = key


class StaleWriteError(MeshError):
    """The object moved on after the caller read it (resourceVersion in the body)."""

    code = "config.stale-write"
    blame = Blame.CALLER

    def __init__(self, key: Key, *, expected: str, found: str) -> None:
        where = f"is at resourceVersion {found}" if found else "does not exist"
        super().__init__(
            f"{key} {where}, not {expected}: read it again and repeat the change"
        )
        self.key = key


class PreconditionFailedError(MeshError):
    """If-Match or If-None-Match does not hold (RFC 9110 §13)."""

    code = "config.precondition-failed"
    blame = Blame.CALLER


class MismatchError(MeshError):
    """The body is about another object than the URL."""

    code = "config.mismatch"
    blame = Blame.CALLER


class InvalidQueryError(MeshError):
    """A query parameter makes no sense."""

    code = "request.query"
    blame = Blame.CALLER


class BodyTooLargeError(MeshError):
    """The body is over the limit. It was not kept."""

    code = "request.too-large"
    blame = Blame.CALLER


class UnsupportedMediaTypeError(MeshError):
    """The body is in a form Galley does not read."""

    code = "request.media-type"
    blame = Blame.CALLER


class UnauthenticatedError(MeshError):
    """A write needs to say who asks, and to prove it."""

    code = "caller.unauthenticated"
    blame = Blame.CALLER


class ForbiddenError(MeshError):
    """We know who asks, and it may not do this."""

    code = "caller.forbidden"
    blame = Blame.CALLER
