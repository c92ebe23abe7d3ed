"""``labelSelector``: which objects of a list are meant. Equality only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meltemi.galley.refusals import InvalidQueryError

if TYPE_CHECKING:
    from collections.abc import Mapping

TERM = re.compile(r"\s*([-A-Za-z0-9_./]+)\s*(==|=|!=)\s*([-A-Za-z0-9_.]*)\s*")


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """Terms that must all hold: label, wanted value, whether it must be equal."""

    terms: tuple[tuple[str, str, bool], ...] = ()

    @classmethod
    def parse(cls, text: str) -> LabelSelector:
        """Return the selector that ``a=b,c!=d`` spells; nothing selects everything.

        Raises:
            InvalidQueryError: If a term is not KEY=VALUE, KEY==VALUE or KEY!=VALUE.

        Source:
            Kubernetes' equality-based label selectors: ``!=`` also selects objects
            that lack the label.

        """
        if not text.strip():
            return cls()
        terms: list[tuple[str, str, bool]] = []
        for part in text.split(","):
            match = TERM.fullmatch(part)
            if match is None:
                raise InvalidQueryError(
                    f"labelSelector: {part!r} is not KEY=VALUE or KEY!=VALUE"
                )
            terms.append((match[1], match[3], match[2] != "!="))
        return cls(tuple(terms))

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Tell whether all terms hold for ``labels``."""
        return all((labels.get(k) == v) is equal for k, v, equal in self.terms)
