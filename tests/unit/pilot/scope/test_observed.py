"""What was looked at is taken down."""

from __future__ import annotations

import pytest

from meltemi.pilot.scope.observed import of_class
from meltemi.pilot.scope.proxy import ProxyClass, Role


def test_a_question_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be asked"):
        of_class(ProxyClass(Role.SIDECAR, "shop", ()), ("a", "b", "c"))
