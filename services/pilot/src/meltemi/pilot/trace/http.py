"""What an HTTP connection manager does with a request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from envoy.config.route.v3.route_components_pb2 import VirtualHost
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)

from meltemi.pilot.trace.answer import Answer, Problem, Stage, Step
from meltemi.pilot.trace.aside import copies, faults
from meltemi.pilot.trace.connection import verified_principal
from meltemi.pilot.trace.cors import preflight
from meltemi.pilot.trace.host import virtual_host, without_port
from meltemi.pilot.trace.offer import offered
from meltemi.pilot.trace.path import normalized
from meltemi.pilot.trace.policy import judge, steps
from meltemi.pilot.trace.rewrite import passed_on
from meltemi.pilot.trace.route import route
from meltemi.pilot.trace.scheme import FORWARDED_SCHEME, with_scheme
from meltemi.pilot.trace.situation import Situation, client_address
from meltemi.pilot.trace.target import targets

if TYPE_CHECKING:
    from envoy.config.listener.v3.listener_components_pb2 import FilterChain
    from envoy.config.route.v3.route_components_pb2 import Route, RouteAction
    from envoy.config.route.v3.route_pb2 import RouteConfiguration

    from meltemi.pilot.trace.call import Call, Http
    from meltemi.pilot.trace.resources import Resources

Manager = hcm.HttpConnectionManager

NAME = "http_connection_manager"


@dataclass(frozen=True, slots=True)
class Visit:
    """A request as a manager reads it, and the answer so far."""

    held: Resources
    call: Call
    request: Http
    manager: Manager
    answer: Answer

    def then(self, stage: Stage, name: str, why: str) -> Visit:
        """Return the visit after one more decision."""
        return self.and_then(Step(stage, name, why))

    def and_then(self, *more: Step) -> Visit:
        """Return the visit after more decisions."""
        steps = (*self.answer.steps, *more)
        return replace(self, answer=replace(self.answer, steps=steps))

    def ends(self, problem: Problem | None) -> Answer:
        """Return the answer, which ``problem`` makes final."""
        return replace(self.answer, problem=problem)


def serve_http(
    held: Resources, chain: FilterChain, manager: Manager, call: Call
) -> Answer:
    """Return where the manager sends the request of ``call``."""
    garbled = _garbled(chain, manager, call)
    if call.http is None or garbled:
        step = Step(Stage.FILTER, NAME, garbled)
        return Answer(problem=Problem.PROTOCOL, steps=(step,))
    request = received(manager, call, call.http)
    if request is None:
        step = Step(Stage.FILTER, NAME, f"{call.http.path}: escaped slashes")
        return Answer(problem=Problem.BAD_REQUEST, steps=(step,))
    step = Step(Stage.FILTER, NAME, f"{request.method} {request.host}{request.path}")
    principal = verified_principal(chain, call)
    client = client_address(manager, call, request)
    now = Situation(call, request, principal, client)
    problem, verdicts = judge(manager.http_filters, now)
    judged = Answer(
        verdicts=verdicts,
        steps=(step, *steps(verdicts)),
        problem=problem,
        protocols=offered(manager.http_filters, request),
    )
    if problem:
        return judged
    return _table(Visit(held, call, request, manager, judged))


def received(manager: Manager, call: Call, request: Http) -> Http | None:
    """Return the request as the manager changes it, or None when it refuses it."""
    path = normalized(request.path, manager)
    if path is None:
        return None
    host = request.host
    matching = manager.strip_matching_host_port and host.endswith(f":{call.port}")
    if matching or manager.strip_any_host_port:
        host = without_port(host)
    if manager.strip_trailing_host_dot:
        host = host.rstrip(".")
    return with_scheme(replace(request, path=path, host=host), manager, call)


def _garbled(chain: FilterChain, manager: Manager, call: Call) -> str:
    """Return why the manager cannot read what is sent; empty when it can."""
    if call.tls is not None and not chain.HasField("transport_socket"):
        return "TLS found, HTTP wanted: the chain does not end TLS"
    if call.http is None:
        return "bytes found, HTTP wanted"
    wanted = {Manager.HTTP1: 1, Manager.HTTP2: 2}.get(manager.codec_type)
    if wanted not in (None, call.http.version):
        return f"HTTP/{call.http.version} found, HTTP/{wanted} wanted"
    return ""


def _table(visit: Visit) -> Answer:
    manager = visit.manager
    match manager.WhichOneof("route_specifier"):
        case "route_config":
            name = manager.route_config.name
            known = visit.then(Stage.ROUTES, name, "it stands in the listener")
            return _host(known, manager.route_config)
        case "rds":
            name = manager.rds.route_config_name
            named = replace(visit, answer=replace(visit.answer, routes=name))
            table = visit.held.routes.get(name)
            if table is None:
                missing = named.then(Stage.ROUTES, name, "the proxy does not hold it")
                return missing.ends(Problem.NO_VIRTUAL_HOST)
            return _host(named.then(Stage.ROUTES, name, "by RDS"), table)
        case _:
            scoped = visit.then(Stage.ROUTES, "", "scopes choose the routes")
            return scoped.ends(Problem.NOT_MODELLED)


def _host(visit: Visit, table: RouteConfiguration) -> Answer:
    asked = visit.request.host
    if table.vhost_header:
        asked = visit.request.header(table.vhost_header) or ""
    host, why = virtual_host(table, asked)
    if host is None:
        return visit.then(Stage.HOST, "", why).ends(Problem.NO_VIRTUAL_HOST)
    visit = visit.then(Stage.HOST, host.name, why)
    visit = replace(visit, answer=replace(visit.answer, host=host.name))
    if _must_redirect(host, visit.request):
        return visit.ends(Problem.TLS_REDIRECT)
    if host.HasField("matcher"):
        tree = visit.then(Stage.ROUTE, "", "a matcher tree chooses the route")
        return tree.ends(Problem.NOT_MODELLED)
    found, why = route(host, visit.call, visit.request)
    if found is None:
        return visit.then(Stage.ROUTE, "", why).ends(Problem.NO_ROUTE)
    visit = visit.then(Stage.ROUTE, found.name, why)
    rule = list(host.routes).index(found)
    visit = replace(visit, answer=replace(visit.answer, route=found.name, rule=rule))
    asked_before = preflight(visit.manager.http_filters, host, found, visit.request)
    if asked_before and not faults(found)[1]:
        return visit.and_then(asked_before).answer
    return _action(visit, found)


def _must_redirect(host: VirtualHost, request: Http) -> bool:
    """Tell whether HTTPS is demanded and missing (``x-forwarded-proto``)."""
    inside = request.header("x-envoy-internal") == "true"
    demanded = host.require_tls == VirtualHost.ALL or (
        host.require_tls == VirtualHost.EXTERNAL_ONLY and not inside
    )
    return demanded and request.header(FORWARDED_SCHEME) != "https"


def _action(visit: Visit, found: Route) -> Answer:
    match found.WhichOneof("action"):
        case "route":
            made, ends = faults(found)
            visit = visit.and_then(*made)
            if ends:
                return visit.ends(Problem.ABORTED)
            weights = _clusters(found.route, visit.request)
            if weights is None:
                unknown = visit.then(
                    Stage.CLUSTER, "", "an extension names the cluster"
                )
                return unknown.ends(Problem.NOT_MODELLED)
            goals, problem, step = targets(visit.held, weights, visit.call)
            visit = visit.and_then(step, *copies(found.route))
            passed = passed_on(found, visit.request)
            return replace(visit.answer, targets=goals, problem=problem, passed=passed)
        case "direct_response":
            status = found.direct_response.status
            return visit.then(Stage.CLUSTER, "", f"answered with {status}").answer
        case "redirect":
            return visit.then(Stage.CLUSTER, "", "answered with a redirect").answer
        case _:
            return visit.then(Stage.CLUSTER, "", "the route forwards nothing").answer


def _clusters(action: RouteAction, request: Http) -> list[tuple[str, int]] | None:
    match action.WhichOneof("cluster_specifier"):
        case "cluster":
            return [(action.cluster, 1)]
        case "weighted_clusters":
            several = action.weighted_clusters.clusters
            return [
                (
                    each.name or request.header(each.cluster_header) or "",
                    each.weight.value,
                )
                for each in several
            ]
        case "cluster_header":
            return [(request.header(action.cluster_header) or "", 1)]
        case _:
            return None
