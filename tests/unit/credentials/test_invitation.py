from __future__ import annotations

import pytest

from meltemi.credentials.invitation import Invitation
from meltemi.identity.wire import InvalidMessageError


@pytest.mark.parametrize("told", [None, {}, "<html>", {"roots": 1}, []])
def test_what_is_no_invitation_is_refused(told: object) -> None:
    with pytest.raises(InvalidMessageError, match="no invitation"):
        Invitation.read(told)
