"""Which of Envoy's statistics are kept beside Istio's usual ones.

Annotations are read at run time: this module does not postpone them.
"""

import json

from pydantic import BaseModel, ConfigDict, model_validator

from meltemi.config.rules.regex import check_regex


class StatsInclusion(BaseModel):
    """Names of statistics, by how they begin, how they end, or what they match.

    Source: Istio's ``proxyStatsMatcher`` and ``sidecar.istio.io/statsInclusion…``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prefixes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    regexps: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        """Read JSON text, which is what an environment variable can hold."""
        return json.loads(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _regexps_can_be_read(self) -> "StatsInclusion":
        """Refuse what would keep Envoy from starting."""
        wrong = [each for one in self.regexps for each in check_regex("regexps", one)]
        if wrong:
            raise ValueError(wrong[0].message)
        if not all((*self.prefixes, *self.suffixes)):
            raise ValueError("an empty name would keep every statistic")
        return self
