"""How an application is asked whether it is well, as settings spell it. Pure.

Source:
    istio.io/docs/reference/config/networking/workload-group, ReadinessProbe, whose
    shape is that of Kubernetes' probes; Istio's pilot/cmd/pilot-agent/status/server.go
    for the paths.

"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from meltemi.config.probe_text import read_probe
from meltemi.runtime.settings import Address

if TYPE_CHECKING:
    from collections.abc import Callable

    from meltemi.config.schema.workload_group import ReadinessProbe

    At = Callable[[str | None, int], Address]

LOOPBACK: Final = "127.0.0.1"
LOCAL_HOSTS: Final = (None, "", LOOPBACK, "localhost", "::1")
PATH: Final = re.compile(r"/app-health/[^/]+/(livez|readyz|startupz)")


@dataclass(frozen=True, slots=True)
class Pace:
    """How often and how patiently an application is asked; times in seconds."""

    delay: int = 0
    timeout: int = 1
    period: int = 10
    successes: int = 1
    failures: int = 3

    @classmethod
    def of(cls, probe: ReadinessProbe) -> Pace:
        """Return the pace of ``probe``, by default Istio's; 0 counts as left out."""
        usual = cls()
        return cls(
            probe.initial_delay_seconds or usual.delay,
            probe.timeout_seconds or usual.timeout,
            probe.period_seconds or usual.period,
            probe.success_threshold or usual.successes,
            probe.failure_threshold or usual.failures,
        )


def read_own_probe(value: object) -> ReadinessProbe | None:
    """Return the probe of a setting, None where it is empty.

    Raises:
        ValueError: Saying what is not as it must be.

    """
    return None if value in (None, "") else read_probe(value)


def admitted(probe: ReadinessProbe, own: str) -> ReadinessProbe:
    """Return ``probe``, which others wrote, if this machine lets them make it.

    ``own`` is the workload's address. Who writes a WorkloadGroup shall neither run
    programs here nor look about in the network from here.

    Raises:
        ValueError: If they want to.

    """
    if probe.exec is not None:
        raise ValueError(
            "a WorkloadGroup starts no program here: say exec in AGENT_HEALTH_PROBE "
            "or --health"
        )
    for way in (probe.http_get, probe.tcp_socket):
        if way is not None and way.host not in (*LOCAL_HOSTS, own):
            raise ValueError(
                f"a WorkloadGroup has only this machine asked, not {way.host}: say so "
                "in AGENT_HEALTH_PROBE or --health"
            )
    return probe


def read_app_probes(value: object) -> dict[str, ReadinessProbe]:
    """Return the probes that others have the agent make, by the path they ask for.

    Raises:
        ValueError: If a path or a probe is none, or one would run a command: who asks
            over the network shall not start programs.

    """
    found = json.loads(value) if isinstance(value, str) else value
    if not isinstance(found, Mapping):
        raise ValueError(f"expected an object of paths and probes, found {found!r}")  # noqa: TRY004 - pydantic tells of a ValueError
    probes = {str(path): read_probe(each) for path, each in found.items()}
    for path, probe in probes.items():
        if not PATH.fullmatch(path):
            raise ValueError(
                f"{path}: expected /app-health/CONTAINER/livez, readyz or startupz"
            )
        if probe.exec is not None:
            raise ValueError(
                f"{path}: exec runs in the application's container, not beside it: "
                "leave the probe as it is there"
            )
    return probes


def app_metrics_url(text: str) -> str:
    """Return ``text`` if an application's metrics can be there.

    Raises:
        ValueError: If it is no URL of plain HTTP with a port.

    """
    parts = urlsplit(text)
    if text and not (parts.scheme == "http" and parts.hostname and parts.port):
        raise ValueError(f"expected http://HOST:PORT/PATH, found {text!r}")
    return text


def places(apps: Mapping[str, Address] | None) -> At:
    """Return where an application is asked: where it says, or on loopback.

    ``apps`` tells where a port of the service is, when nothing captures traffic.
    """
    known = apps or {}

    def at(host: str | None, port: int) -> Address:
        return (
            Address(host, port)
            if host
            else known.get(f"{port}", Address(LOOPBACK, port))
        )

    return at
