"""What must hold for a WorkloadEntry, also inside a ServiceEntry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.rules.hosts import PORT_NAME, check_port, is_address, is_fqdn
from meltemi.config.rules.problem import problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.schema.workload_entry import WorkloadEntry

UNIX: Final = "unix://"


def check_workload_entry(spec: WorkloadEntry) -> Iterator[Finding]:
    """Yield what Istio's ValidateWorkloadEntry refuses."""
    yield from check_workload("spec", spec)


def check_workload(path: str, entry: WorkloadEntry) -> Iterator[Finding]:
    """Yield what is wrong with the workload at ``path``."""
    address = entry.address or ""
    if address.startswith(UNIX):
        yield from _check_socket(path, address, entry)
    elif not address and not entry.network:
        yield problem(f"{path}.address", "an address is required", "or a network")
    elif address and not (is_address(address) or is_fqdn(address)):
        hint = "ports are written apart, in ports" if ":" in address else ""
        message = f"{address!r} is neither an IP address nor a DNS name"
        yield problem(f"{path}.address", message, hint)
    for name, port in entry.ports.items():
        here = f'{path}.ports["{name}"]'
        if not PORT_NAME.fullmatch(name):
            yield problem(here, f"{name!r} is not a port's name")
        yield from check_port(here, port)


def _check_socket(path: str, address: str, entry: WorkloadEntry) -> Iterator[Finding]:
    socket = address.removeprefix(UNIX)
    if not socket.startswith(("/", "@")) or socket.endswith("/"):
        message = f"{address!r} is not the absolute path of a Unix socket"
        yield problem(f"{path}.address", message, "write unix:///path or unix://@name")
    if entry.ports:
        yield problem(f"{path}.ports", "a Unix socket has no ports", "remove them")
