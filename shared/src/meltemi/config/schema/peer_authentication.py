"""PeerAuthentication: whether workloads take mutual TLS."""

from collections.abc import Mapping
from enum import StrEnum

from meltemi.config.schema.message import Message
from meltemi.config.schema.selector import PolicySelector


class MutualTLSMode(StrEnum):
    """What a workload accepts."""

    UNSET = "UNSET"
    """What the wider policy says; PERMISSIVE when none says anything."""
    DISABLE = "DISABLE"
    """Plain text."""
    PERMISSIVE = "PERMISSIVE"
    """Either."""
    STRICT = "STRICT"
    """Mutual TLS."""


class MutualTLS(Message, frozen=True, kw_only=True):
    """The mode of a workload or of one of its ports."""

    mode: MutualTLSMode | None = None
    """Default UNSET."""


class PeerAuthentication(Message, frozen=True, kw_only=True):
    """A policy for the selected workloads, a namespace, or the mesh."""

    selector: PolicySelector | None = None
    """Absent: the whole namespace; in the root namespace: the whole mesh."""
    mtls: MutualTLS | None = None
    """The mode of every port; absent inherits."""
    port_level_mtls: Mapping[str, MutualTLS] | None = None
    """The mode of single workload ports by number; needs a selector."""
