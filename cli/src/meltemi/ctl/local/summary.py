"""What people and scripts are told about the mesh. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict

from meltemi.ctl.local.demo import GATEWAY, SERVICES, WORKLOADS
from meltemi.ctl.local.plan import PILOTS
from meltemi.ctl.local.vault import VAULT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meltemi.ctl.local.layout import Layout
    from meltemi.ctl.local.part import Part
    from meltemi.ctl.local.record import Captured

FAR = "each proxy has its own way, on its machine"
OK = "✔"


@dataclass(frozen=True, slots=True)
class Health:
    """One part as it is now."""

    part: Part
    pid: int | None
    healthy: bool


@dataclass(frozen=True, slots=True)
class Synced:
    """How many proxies hold the newest configuration."""

    proxies: int
    total: int
    revision: int


def up_lines(
    layout: Layout, versions: Mapping[str, str], *, demo: bool
) -> tuple[str, ...]:
    """Return the lines that tell what came up."""
    pilots = "    ".join(
        f"{OK} {each} xds {layout.at(f'{each}.xds')}" for each in PILOTS
    )
    lines = [
        _line(f"etcd {versions['etcd']}", layout.at("etcd"), f"data in {layout.state}"),
        _line(f"nats {versions['nats']}", layout.at("nats")),
        _line("citadel", "root CA valid 10 years, workload certificates 24 h"),
        _line("galley", f"http://{layout.at('galley')}    {pilots}"),
    ]
    if demo:
        reviews = ",".join(each.version for each in WORKLOADS if each.app == "reviews")
        envoy = versions["envoy"]
        lines.append(
            _line(
                "bookinfo",
                f"{' '.join(SERVICES)}-{reviews}",
                f"{len(WORKLOADS)} apps + {len(WORKLOADS)} Envoy {envoy} sidecars "
                "+ gateway",
            )
        )
    return tuple(lines)


def vault_line(layout: Layout) -> str:
    """Return the line that tells of the Vault behind Citadel."""
    return _line("vault", f"http://{layout.at(VAULT)}", "signs Citadel's intermediate")


def tracing_line(collector: str) -> str:
    """Return the line that says who is told the spans of requests."""
    return _line("tracing", f"every request, to {collector}")


def capture_line(capture: Captured) -> str:
    """Return the line that says how traffic gets into the proxies, and why so."""
    return _line("capture", f"{capture.mode}: {capture.why}")


def _line(name: str, what: str, aside: str = "") -> str:
    text = f"{OK} {name:<14} {what}"
    return f"{text:<50} ({aside})" if aside else text


def synced_line(synced: Synced, mtls: str, seconds: float) -> str:
    """Return the line that says the mesh is whole."""
    return (
        f"{OK} {synced.proxies}/{synced.total} proxies synced at revision "
        f"{synced.revision}, mTLS {mtls} mesh-wide ({seconds:.1f} s)"
    )


def next_lines(
    layout: Layout, *, demo: bool, command: str = "meltemi"
) -> tuple[str, ...]:
    """Return where to look, and what to try; ``command`` reaches this mesh."""
    urls = urls_of(layout, demo=demo)
    titles = {"app": "App", "galley": "Galley"}
    where = [f"  {titles[name]:<7} {url}" for name, url in urls.items()]
    where[-1] += f"    admin token: {command} token admin"
    tries = [f"{command} status"]
    if demo:
        tries = [
            f"{command} ps",
            f"{command} apply -f examples/bookinfo/try/reviews-90-10.yaml",
        ]
        tries.append(f"{command} kill pilot-0")
    return (*where, "Next:  " + "    ".join([*tries, f"{command} down"]))


def source_lines(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return how the folders stand that Galley keeps in force, problems by line."""
    lines: list[str] = []
    for each in found:
        state = f"{each['objects']} objects in force"
        if each["problems"]:
            since = each["applied"] or "nothing yet"
            state = f"not in force, what was last good is ({since}):"
        lines.append(f"directory {each['directory']}: {state}")
        lines += [f"  {line}" for line in (*each["problems"], *each["warnings"])]
    return lines


def urls_of(layout: Layout, *, demo: bool) -> dict[str, str]:
    """Return the addresses a person needs."""
    urls = {"app": f"http://{layout.at(GATEWAY)}/productpage"} if demo else {}
    return {**urls, "galley": f"http://{layout.at('galley')}"}


def status_json(
    found: Sequence[Health], urls: Mapping[str, str], capture: Captured | None
) -> dict[str, Any]:
    """Return the frozen shape of ``meltemi status -o json``.

    ``capture`` is None for a mesh elsewhere: each machine has its own way.
    """
    parts = [
        {
            "name": each.part.name,
            "pid": each.pid,
            "addresses": dict(each.part.addresses),
            "healthy": each.healthy,
            "version": each.part.version,
        }
        for each in found
    ]
    told = asdict(capture) if capture else {"mode": "unknown", "why": FAR}
    return {"parts": parts, "urls": dict(urls), "capture": told}


def status_table(found: Sequence[Health], urls: Mapping[str, str]) -> str:
    """Return the same for people."""
    rows = [("PART", "PID", "HEALTHY", "VERSION", "ADDRESSES")]
    for each in found:
        addresses = " ".join(f"{k}={v}" for k, v in each.part.addresses.items())
        pid = "-" if each.pid is None else str(each.pid)
        healthy = "yes" if each.healthy else "no"
        rows.append((each.part.name, pid, healthy, each.part.version, addresses))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "  ".join([*(f"{row[n]:<{widths[n]}}" for n in range(4)), row[4]]).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, *(f"{name}: {url}" for name, url in urls.items())])
