"""Which traffic an extension sees."""

from enum import StrEnum

from meltemi.config.schema.message import Message
from meltemi.config.values import PortNumber


class TrafficMode(StrEnum):
    """On which side of a call (istio.type.v1beta1.WorkloadMode)."""

    UNDEFINED = "UNDEFINED"
    """CLIENT_AND_SERVER."""
    CLIENT = "CLIENT"
    SERVER = "SERVER"
    CLIENT_AND_SERVER = "CLIENT_AND_SERVER"


class TrafficPort(Message, frozen=True, kw_only=True):
    """A port of the traffic."""

    number: PortNumber
    """From 1 to 65535."""


class TrafficSelector(Message, frozen=True, kw_only=True):
    """A side and some ports; absent fields match all."""

    mode: TrafficMode | None = None
    """Which way the traffic goes; default both."""
    ports: tuple[TrafficPort, ...] = ()
