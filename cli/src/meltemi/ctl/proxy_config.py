"""``meltemi pc``: what one Envoy holds right now, from Envoy itself."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from meltemi.ctl.galley.connect import running
from meltemi.ctl.local.demo import GATEWAY
from meltemi.ctl.local.plan import GATEWAY_NAMESPACE
from meltemi.ctl.local.web import fetch
from meltemi.ctl.output import Output, OutputOption, show
from meltemi.ctl.state import StateOption
from meltemi.kernel.errors import Blame, MeshError

Row = list[str]
ProxyName = Annotated[str, typer.Argument(metavar="PROXY", help="Such as reviews-v1.")]

commands = typer.Typer(help="What a proxy holds, from its Envoy.")


@dataclass(frozen=True, slots=True)
class View:
    """A part of Envoy's configuration dump, and how it is shown."""

    query: str
    heading: tuple[str, ...]
    rows: Callable[[Mapping[str, Any]], Iterator[Row]]


class ProxyUnreachableError(MeshError):
    """A proxy's Envoy does not answer, or there is no such proxy."""

    code = "proxy.unreachable"
    blame = Blame.PEER


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``, under the long name too."""
    app.add_typer(commands, name="pc")
    app.add_typer(commands, name="proxy-config", hidden=True)


@commands.command()
def cluster(
    proxy: ProxyName, *, state: StateOption, output: OutputOption = Output.TABLE
) -> None:
    """Show the clusters: what the proxy can send to."""
    _show(state, proxy, output, CLUSTERS)


def cluster_rows(config: Mapping[str, Any]) -> Iterator[Row]:
    """Yield a cluster as istioctl shows it: its name says most of it."""
    found = config["cluster"]
    kind = found.get("type") or found.get("cluster_type", {}).get("name", "STATIC")
    parts = found["name"].split("|")
    if len(parts) != 4:  # noqa: PLR2004 - direction, port, subset, host
        yield [found["name"], "-", "-", "-", kind]
        return
    direction, port, subset, host = parts
    yield [host or "-", port, subset or "-", direction, kind]


@commands.command()
def listener(
    proxy: ProxyName, *, state: StateOption, output: OutputOption = Output.TABLE
) -> None:
    """Show the listeners: where the proxy accepts connections."""
    _show(state, proxy, output, LISTENERS)


def listener_rows(config: Mapping[str, Any]) -> Iterator[Row]:
    """Yield a row a filter chain."""
    found = config["active_state"]["listener"]
    address = found["address"]["socket_address"]
    for chain in found.get("filter_chains", []):
        match = chain.get("filter_chain_match", {})
        names = match.get("server_names", [])
        said = [f"SNI: {','.join(names)}"] if names else []
        if match.get("transport_protocol"):
            said.append(f"Trans: {match['transport_protocol']}")
        yield [
            address["address"],
            str(address["port_value"]),
            found["name"],
            "; ".join(said) or "ALL",
            _destination(chain["filters"][-1]["typed_config"]),
        ]


def _destination(filter_config: Mapping[str, Any]) -> str:
    if "rds" in filter_config:
        return f"Route: {filter_config['rds']['route_config_name']}"
    if "route_config" in filter_config:
        return f"Inline Route: {filter_config['route_config'].get('name', '')}"
    weighted = filter_config.get("weighted_clusters", {}).get("clusters", [])
    names = [each["name"] for each in weighted] or [filter_config.get("cluster", "-")]
    return f"Cluster: {', '.join(names)}"


@commands.command()
def route(
    proxy: ProxyName, *, state: StateOption, output: OutputOption = Output.TABLE
) -> None:
    """Show the routes: where requests go."""
    _show(state, proxy, output, ROUTES)


def route_rows(config: Mapping[str, Any]) -> Iterator[Row]:
    """Yield a row a route."""
    found = config["route_config"]
    for host in found.get("virtual_hosts", []):
        domains = ", ".join(host["domains"][:2])
        more = len(host["domains"]) - 2
        for each in host.get("routes", []):
            yield [
                found["name"],
                host["name"],
                f"{domains} + {more} more..." if more > 0 else domains,
                _match(each["match"]),
                _action(each),
            ]


def _match(match: Mapping[str, Any]) -> str:
    for key in ("prefix", "path_separated_prefix"):
        if key in match:
            path = f"{match[key]}*"
            break
    else:
        regex = match.get("safe_regex", {}).get("regex", "")
        path = match.get("path") or f"regex {regex}"
    names = ", ".join(each["name"] for each in match.get("headers", []))
    return f"{path} (headers: {names})" if names else path


def _action(found: Mapping[str, Any]) -> str:
    if "redirect" in found:
        return "redirect"
    if "direct_response" in found:
        return f"answer {found['direct_response']['status']}"
    action = found.get("route", {})
    weighted = action.get("weighted_clusters", {}).get("clusters", [])
    shares = [f"{each['name']} ({each.get('weight', 0)})" for each in weighted]
    return ", ".join(shares) or action.get("cluster", "-")


@commands.command()
def endpoint(
    proxy: ProxyName, *, state: StateOption, output: OutputOption = Output.TABLE
) -> None:
    """Show the endpoints: who answers, and how they are."""
    found = _fetch(state, proxy, "/clusters?format=json").get("cluster_statuses", [])
    heading = ["ENDPOINT", "STATUS", "OUTLIER CHECK", "CLUSTER"]
    rows = [row for each in found for row in endpoint_rows(each)]
    show(found, output, [heading, *sorted(rows)])


def endpoint_rows(status: Mapping[str, Any]) -> Iterator[Row]:
    """Yield a row an endpoint of one cluster."""
    for host in status.get("host_statuses", []):
        place = host["address"].get("socket_address")
        address = (
            f"{place['address']}:{place['port_value']}"
            if place
            else host["address"].get("pipe", {}).get("path", "-")
        )
        health = host.get("health_status", {})
        failed = health.get("failed_outlier_check", False)
        yield [
            address,
            health.get("eds_health_status", "UNKNOWN"),
            "FAILED" if failed else "OK",
            status["name"],
        ]


@commands.command()
def secret(
    proxy: ProxyName, *, state: StateOption, output: OutputOption = Output.TABLE
) -> None:
    """Show the certificates: who the proxy is, and until when."""
    found = _fetch(state, proxy, "/certs").get("certificates", [])
    heading = ["RESOURCE NAME", "TYPE", "SERIAL NUMBER", "NOT AFTER", "IDENTITY"]
    rows = [row for each in found for row in secret_rows(each)]
    unique = [list(row) for row in dict.fromkeys(tuple(row) for row in rows)]
    show(found, output, [heading, *unique])


def secret_rows(certificate: Mapping[str, Any]) -> Iterator[Row]:
    """Yield a row a certificate of one TLS context."""
    for name, kind, field in (
        ("default", "Cert Chain", "cert_chain"),
        ("ROOTCA", "CA", "ca_cert"),
    ):
        for each in certificate.get(field, []):
            names = each.get("subject_alt_names", [])
            until = datetime.fromisoformat(each["expiration_time"])
            yield [
                name,
                kind,
                each["serial_number"],
                until.isoformat(timespec="seconds"),
                ", ".join(alt.get("uri") or alt.get("dns", "") for alt in names) or "-",
            ]


CLUSTERS = View(
    "resource=dynamic_active_clusters",
    ("SERVICE FQDN", "PORT", "SUBSET", "DIRECTION", "TYPE"),
    cluster_rows,
)
LISTENERS = View(
    "resource=dynamic_listeners",
    ("ADDRESSES", "PORT", "NAME", "MATCH", "DESTINATION"),
    listener_rows,
)
ROUTES = View(
    "resource=dynamic_route_configs",
    ("NAME", "VHOST NAME", "DOMAINS", "MATCH", "DESTINATION"),
    route_rows,
)


def _show(state: Path, proxy: str, output: Output, view: View) -> None:
    found = _fetch(state, proxy, f"/config_dump?{view.query}").get("configs", [])
    rows = [row for each in found for row in view.rows(each)]
    show(found, output, [list(view.heading), *rows])


def admin_of(state: Path, proxy: str) -> str:
    """Return where the Envoy of ``proxy`` is asked, as ``HOST:PORT``.

    Raises:
        ProxyUnreachableError: If there is no such proxy.

    """
    _, layout = running(state)
    name, dot, namespace = proxy.partition(".")
    known = sorted(
        port.removesuffix(".admin") for port in layout.ports if port.endswith(".admin")
    )
    home = GATEWAY_NAMESPACE if name == GATEWAY else "default"
    if name not in known or (dot and namespace != home):
        raise ProxyUnreachableError(f"there is no proxy {proxy!r}: {', '.join(known)}")
    return layout.at(f"{name}.admin")


def _fetch(state: Path, proxy: str, path: str) -> Mapping[str, Any]:
    """Return the JSON that the Envoy of ``proxy`` answers ``path`` with.

    Raises:
        ProxyUnreachableError: If it does not.

    """
    url = f"http://{admin_of(state, proxy)}{path}"
    found = fetch(url)
    if found is None:
        raise ProxyUnreachableError(f"{proxy}: Envoy does not answer {url}")
    return dict(found)
