"""Who asks the administration, against the files that say who may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.citadel.access import Grant, InvalidAccessError, Scope, parse_access
from meltemi.kernel.errors import Blame, MeshError
from meltemi.runtime.admin_token import AdminDeniedError, AdminToken

if TYPE_CHECKING:
    from pathlib import Path

ADMINISTRATOR = "admin"


class OutOfScopeError(MeshError):
    """The token is known, and is not good for this."""

    code = "citadel.out-of-scope"
    blame = Blame.CALLER


class Administrators:
    """Compares what is shown with the files, as they are at that moment."""

    def __init__(self, token_file: Path, access_file: Path | None) -> None:
        self._admin = AdminToken(token_file)
        self._access_file = access_file

    def check(self, authorization: str | None, scope: Scope) -> str:
        """Return the name of who may do what ``scope`` stands for.

        Raises:
            AdminDeniedError: If nobody is known by what is shown.
            OutOfScopeError: If somebody is, and may do other things.
            InvalidAccessError: If the list of limited tokens cannot be read.

        """
        try:
            self._admin.check(authorization)
        except AdminDeniedError:
            grant = self._limited(authorization)
            if grant is None:
                raise
            if scope not in grant.scopes:
                raise OutOfScopeError(
                    f"the token of {grant.name} is good for "
                    f"{', '.join(sorted(grant.scopes))}, and this needs {scope}"
                ) from None
            return grant.name
        return ADMINISTRATOR

    def _limited(self, authorization: str | None) -> Grant | None:
        scheme, _, shown = (authorization or "").partition(" ")
        if self._access_file is None or scheme.lower() != "bearer" or not shown.strip():
            return None
        try:
            grants = parse_access(self._access_file.read_bytes())
        except OSError as error:
            raise InvalidAccessError(
                f"{self._access_file}: {error.strerror}"
            ) from error
        return next((each for each in grants if each.fits(shown.strip())), None)
