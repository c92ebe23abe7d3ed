"""What must hold for a WorkloadEntry, also inside a ServiceEntry or WorkloadGroup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.rules.hosts import (
    UNIX,
    check_port,
    check_port_name,
    check_socket,
    is_address,
    is_fqdn,
)
from meltemi.config.rules.labels import check_label_set
from meltemi.config.rules.problem import problem, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.schema.workload_entry import WorkloadEntry


def check_workload_entry(spec: WorkloadEntry) -> Iterator[Finding]:
    """Yield what Istio's ValidateWorkloadEntry says."""
    yield from check_workload("spec", spec)


def check_workload(path: str, entry: WorkloadEntry) -> Iterator[Finding]:
    """Yield what is wrong with the workload at ``path``."""
    address = entry.address or ""
    if not address and not entry.network:
        yield problem(f"{path}.address", "an address is required", "or a network")
    elif not address:
        message = (
            f"without an address, only the gateway of {entry.network!r} reaches it"
        )
        yield warning(f"{path}.network", message)
    yield from check_template(path, entry)


def check_template(path: str, entry: WorkloadEntry) -> Iterator[Finding]:
    """Yield what is wrong with what ``entry`` says, whatever it leaves out."""
    address = entry.address or ""
    if address.startswith(UNIX):
        yield from check_socket(f"{path}.address", address)
        if entry.ports:
            message = "a Unix socket has no ports"
            yield problem(f"{path}.ports", message, "remove them")
    elif address and not (is_address(address) or is_fqdn(address)):
        hint = "ports are written apart, in ports" if ":" in address else ""
        message = f"{address!r} is neither an IP address nor a DNS name"
        yield problem(f"{path}.address", message, hint)
    for name, port in entry.ports.items():
        here = f'{path}.ports["{name}"]'
        yield from check_port_name(here, name)
        yield from check_port(here, port)
    yield from check_label_set(f"{path}.labels", entry.labels)
