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


class NoInvitationError(MeshError):
    """It is not known where workloads join, or whom they shall believe."""

    code = "joining.unknown"
    blame = Blame.PEER


class NoSuchSecretError(MeshError):
    """There is no secret of that name."""

    code = "secret.not-found"
    blame = Blame.CALLER


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


class PatchError(MeshError):
    """A patch is malformed, or does not fit the object it is for."""

    code = "config.patch"
    blame = Blame.CALLER


class ExpiredError(MeshError):
    """A list's continuation or a watch's start is no longer in the history."""

    code = "config.expired"
    blame = Blame.CALLER


class FutureRevisionError(MeshError):
    """A watch is to start at a revision that the ledger has not reached."""

    code = "request.future-revision"
    blame = Blame.CALLER


class UnknownRevisionError(MeshError):
    """An object's history does not hold the revision asked for."""

    code = "config.unknown-revision"
    blame = Blame.CALLER


class InvalidBodyError(MeshError):
    """The body is not what this request needs."""

    code = "request.body"
    blame = Blame.CALLER


class ReservedError(MeshError):
    """A label or an annotation that Meltemi writes itself is to be set."""

    code = "config.reserved"
    blame = Blame.CALLER


class NoSuchTokenError(MeshError):
    """There is no token of that id."""

    code = "token.not-found"
    blame = Blame.CALLER


class BodyTooSlowError(MeshError):
    """The body did not arrive in time."""

    code = "request.too-slow"
    blame = Blame.CALLER


class TooCostlyError(MeshError):
    """The body takes too long to read. It was given up."""

    code = "request.too-costly"
    blame = Blame.CALLER


class BusyError(MeshError):
    """Too many are asking for the same at once: repeat it a little later."""

    code = "request.busy"
    blame = Blame.PEER


class UnauthenticatedError(MeshError):
    """A write needs to say who asks, and to prove it."""

    code = "caller.unauthenticated"
    blame = Blame.CALLER


class ForbiddenError(MeshError):
    """We know who asks, and it may not do this."""

    code = "caller.forbidden"
    blame = Blame.CALLER
