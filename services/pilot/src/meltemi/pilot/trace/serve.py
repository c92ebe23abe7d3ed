"""What a filter chain does with what is sent over a connection it took."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy

from meltemi.pilot.trace.answer import Answer, Problem, Stage, Step
from meltemi.pilot.trace.connection import verified_principal
from meltemi.pilot.trace.http import serve_http
from meltemi.pilot.trace.policy import judge, steps
from meltemi.pilot.trace.resources import unpacked
from meltemi.pilot.trace.situation import Situation
from meltemi.pilot.trace.target import targets

if TYPE_CHECKING:
    from envoy.config.listener.v3.listener_components_pb2 import FilterChain

    from meltemi.pilot.trace.call import Call
    from meltemi.pilot.trace.resources import Resources


def serve(held: Resources, chain: FilterChain, call: Call) -> Answer:
    """Return what the chain's network filters do; the connection is set up already."""
    now = Situation(call, None, verified_principal(chain, call), call.source)
    problem, verdicts = judge(chain.filters, now)
    if problem:
        return Answer(verdicts=verdicts, steps=steps(verdicts), problem=problem)
    served = _serve(held, chain, call)
    return replace(
        served,
        verdicts=(*verdicts, *served.verdicts),
        steps=(*steps(verdicts), *served.steps),
    )


def _serve(held: Resources, chain: FilterChain, call: Call) -> Answer:
    for each in chain.filters:
        manager = unpacked(each.typed_config, hcm.HttpConnectionManager)
        if manager is not None:
            return serve_http(held, chain, manager, call)
        proxy = unpacked(each.typed_config, TcpProxy)
        if proxy is not None:
            return _bytes(held, proxy, call)
    step = Step(Stage.FILTER, "", "no filter that is known here forwards anything")
    return Answer(steps=(step,), problem=Problem.NOT_MODELLED)


def _bytes(held: Resources, proxy: TcpProxy, call: Call) -> Answer:
    step = Step(Stage.FILTER, "tcp_proxy", "what is sent is passed on unread")
    weights = [(proxy.cluster, 1)]
    if proxy.HasField("weighted_clusters"):
        several = proxy.weighted_clusters.clusters
        weights = [(each.name, each.weight) for each in several]
    found, problem, last = targets(held, weights, call)
    return Answer(targets=found, problem=problem, steps=(step, last))
