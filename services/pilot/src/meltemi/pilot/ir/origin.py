"""Where a generated object comes from, in the user's own words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """One configuration object, and the field of it that mattered.

    Everything Pilot emits carries its origins, so that a refusal by Envoy, or a
    question, leads back to the line a person wrote.
    """

    kind: str
    namespace: str
    name: str
    path: str = ""

    @property
    def subject(self) -> str:
        """The object as people and the API name it: ``Kind/namespace/name``."""
        return f"{self.kind}/{self.namespace}/{self.name}"

    @property
    def config(self) -> str:
        """The object as Istio writes it into Envoy's metadata, for its tools."""
        base = f"/apis/networking.istio.io/v1/namespaces/{self.namespace}"
        return f"{base}/{_hyphenated(self.kind)}/{self.name}"


@cache
def _hyphenated(kind: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind).lower()


Origins = tuple[Origin, ...]
