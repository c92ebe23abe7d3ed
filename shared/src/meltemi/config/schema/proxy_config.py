"""ProxyConfig: settings a proxy starts with."""

from collections.abc import Mapping

from meltemi.config.schema.message import Message
from meltemi.config.schema.selector import PolicySelector
from meltemi.config.values import NaturalInt32


class ProxyImage(Message, frozen=True, kw_only=True):
    """Which build of the proxy runs."""

    image_type: str | None = None
    """``default``, ``debug`` or ``distroless``."""


class ProxyConfig(Message, frozen=True, kw_only=True):
    """Settings for the selected workloads, a namespace, or the mesh.

    They take effect when a proxy starts.
    """

    selector: PolicySelector | None = None
    concurrency: NaturalInt32 | None = None
    """Worker threads; 0 takes as many as there are CPUs; default: the CPU limit."""
    environment_variables: Mapping[str, str] = {}
    """Additions to the proxy's environment."""
    image: ProxyImage | None = None
