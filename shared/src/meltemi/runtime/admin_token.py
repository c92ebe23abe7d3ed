"""The bearer token of the mesh's administrators, read from a file."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from pathlib import Path


class AdminDeniedError(MeshError):
    """The caller did not show the administrators' token."""

    code = "admin.denied"
    blame = Blame.CALLER


class AdminToken:
    """Compares what callers show with a file's content, as it is at that moment.

    Reading the file for every write keeps a rotated token from living on; it is a
    few microseconds on a path that people take, not proxies.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def check(self, authorization: str | None) -> None:
        """Let the bearer of the token pass.

        Raises:
            AdminDeniedError: If ``authorization`` is not ``Bearer TOKEN``, or the
                file is missing or empty: then nobody is an administrator.

        """
        scheme, _, shown = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not shown.strip():
            raise AdminDeniedError(
                "this needs the header Authorization: Bearer TOKEN; "
                "meltemi token admin prints the token"
            )
        try:
            expected = self._path.read_bytes().strip()
        except OSError as error:
            raise AdminDeniedError(
                f"no administrator's token is set up: {error.strerror}"
            ) from error
        if not expected or not hmac.compare_digest(shown.strip().encode(), expected):
            raise AdminDeniedError("the bearer token is not the administrator's")
