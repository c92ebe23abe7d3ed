"""How a proxy takes a connection: which listener, which chain, and the handshake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envoy.extensions.filters.listener.http_inspector.v3.http_inspector_pb2 import (
    HttpInspector,
)
from envoy.extensions.filters.listener.tls_inspector.v3.tls_inspector_pb2 import (
    TlsInspector,
)
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import SubjectAltNameMatcher
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import DownstreamTlsContext

from meltemi.pilot.trace.answer import Problem, Stage, Step
from meltemi.pilot.trace.call import Way
from meltemi.pilot.trace.chain import Seen, choose
from meltemi.pilot.trace.resources import holds, unpacked
from meltemi.pilot.trace.text import agrees, described

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from envoy.config.core.v3.address_pb2 import Address
    from envoy.config.listener.v3.listener_components_pb2 import (
        FilterChain,
        ListenerFilterChainMatchPredicate,
    )
    from envoy.config.listener.v3.listener_pb2 import Listener

    from meltemi.pilot.trace.call import Call, Tls

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, never bound
INBOUND, OUTBOUND = "virtualInbound", "virtualOutbound"
"""The listeners that redirected connections come to, as Istio names them."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """The chain a connection came to, or why it came to none."""

    listener: Listener | None = None
    chain: FilterChain | None = None
    problem: Problem | None = None
    steps: tuple[Step, ...] = ()


def seen(listener: Listener, call: Call) -> Seen:
    """Return what the listener filters let the choice of the chain depend on."""
    tls = call.tls if inspects(listener, TlsInspector, call.port) else None
    protocols: tuple[str, ...] = tls.alpn if tls else ()
    if call.tls is None and call.http and inspects(listener, HttpInspector, call.port):
        protocols = ("http/1.1",) if call.http.version == 1 else ("h2c",)
    return Seen(
        address=call.address,
        port=call.port,
        server_name=tls.server_name if tls else "",
        transport="tls" if tls else "raw_buffer",
        protocols=protocols,
        source=call.source,
        source_port=call.source_port,
    )


def arrive(
    listeners: Sequence[Listener],
    call: Call,
    look: Callable[[Listener, Call], Seen] = seen,
) -> Arrival:
    """Return the listener and the chain that take the connection of ``call``.

    Args:
        listeners: All of the proxy's.
        call: What arrives.
        look: What the listener knows of it when it chooses; Envoy's own way if not
            said otherwise.

    """
    found = _listener(listeners, call)
    where = f"{call.address}:{call.port}"
    if found is None:
        step = Step(Stage.LISTENER, "", f"nothing listens at {where}")
        return Arrival(problem=Problem.NO_LISTENER, steps=(step,))
    listener, why = found
    step = Step(Stage.LISTENER, listener.name, why)
    if listener.HasField("filter_chain_matcher"):
        unknown = Step(Stage.CHAIN, "", "a matcher tree chooses the chain")
        return Arrival(listener, None, Problem.NOT_MODELLED, (step, unknown))
    choice = choose(listener.filter_chains, look(listener, call))
    match choice.chains:
        case (chain,):
            chosen = Step(Stage.CHAIN, chain.name, choice.why)
            return Arrival(listener, chain, None, (step, chosen))
        case () if listener.HasField("default_filter_chain"):
            chain = listener.default_filter_chain
            chosen = Step(Stage.CHAIN, chain.name, f"{choice.why}: the default")
            return Arrival(listener, chain, None, (step, chosen))
        case ():
            none = Step(Stage.CHAIN, "", choice.why)
            return Arrival(listener, None, Problem.NO_CHAIN, (step, none))
        case several:
            names = ", ".join(each.name for each in several)
            many = Step(Stage.CHAIN, "", f"{names} match equally well")
            return Arrival(listener, None, Problem.MANY_CHAINS, (step, many))


def handshake(chain: FilterChain, call: Call) -> tuple[Problem | None, Step]:
    """Return what becomes of the TLS handshake, or of its absence."""
    context = server_tls(chain)
    ends = chain.HasField("transport_socket") and (
        chain.transport_socket.name.rpartition(".")[2] != "raw_buffer"
    )
    if not ends:
        return None, Step(Stage.HANDSHAKE, "", "the chain does not speak TLS")
    if call.tls is None:
        return Problem.TLS, Step(Stage.HANDSHAKE, "", "TLS wanted, plain text found")
    if context is None:
        name = chain.transport_socket.name
        return Problem.NOT_MODELLED, Step(Stage.HANDSHAKE, "", f"by {name}")
    return _shown(context, call.tls)


def _shown(context: DownstreamTlsContext, tls: Tls) -> tuple[Problem | None, Step]:
    """Return what becomes of what the client shows of itself."""
    if not context.require_client_certificate.value:
        return None, Step(Stage.HANDSHAKE, "tls", "no client certificate is wanted")
    if not tls.certificate:
        why = "a client certificate is wanted, none is presented"
        return Problem.MUTUAL_TLS, Step(Stage.HANDSHAKE, "", why)
    strange = _strange(context, tls.principal) if tls.principal else ""
    if strange:
        return Problem.MUTUAL_TLS, Step(Stage.HANDSHAKE, "", strange)
    return None, Step(Stage.HANDSHAKE, "mtls", f"by {tls.principal or 'someone'}")


def _strange(context: DownstreamTlsContext, who: str) -> str:
    """Return why a caller of that name is turned away; empty when it is not.

    Source:
        source/common/tls/cert_validator/default_validator.cc: one name of the
        certificate must agree with one of the matchers, if there are any.

    """
    common = context.common_tls_context
    checks = (
        common.combined_validation_context.default_validation_context
        if common.HasField("combined_validation_context")
        else common.validation_context
    )
    wanted = [
        each.matcher
        for each in checks.match_typed_subject_alt_names
        if each.san_type == SubjectAltNameMatcher.URI
    ]
    if not wanted or any(agrees(each, who) for each in wanted):
        return ""
    names = " or ".join(described(each) for each in wanted)
    return f"the certificate is of {who}, a name is wanted that {names}"


def server_tls(chain: FilterChain) -> DownstreamTlsContext | None:
    """Return the TLS settings of a chain, if it ends TLS."""
    return unpacked(chain.transport_socket.typed_config, DownstreamTlsContext)


def verified_principal(chain: FilterChain, call: Call) -> str | None:
    """Return who the peer is, if the chain ends TLS and was shown a certificate."""
    context = server_tls(chain)
    if context is None or call.tls is None or not call.tls.certificate:
        return None
    asked = (
        context.require_client_certificate.value
        or context.common_tls_context.WhichOneof("validation_context_type")
    )
    return call.tls.principal if asked else None


def inspects(
    listener: Listener, kind: type[TlsInspector | HttpInspector], port: int
) -> bool:
    """Tell whether a listener filter looks at connections to ``port``."""
    return any(
        holds(each.typed_config, kind)
        and not (
            each.HasField("filter_disabled") and _holds(each.filter_disabled, port)
        )
        for each in listener.listener_filters
    )


def _listener(listeners: Sequence[Listener], call: Call) -> tuple[Listener, str] | None:
    if call.way is Way.INBOUND:
        redirected = _named(listeners, INBOUND)
        return (redirected, "redirected on the way in") if redirected else None
    bound = [
        (listener, address)
        for listener in listeners
        for address in _addresses(listener)
        if address.socket_address.port_value == call.port
    ]
    for listener, address in bound:
        if address.socket_address.address == call.address:
            return listener, f"bound to {call.address}:{call.port}"
    for listener, address in bound:
        if _is_everywhere(address.socket_address.address, call.address):
            return listener, f"bound to port {call.port} of any address"
    fallback = next(
        (each for each in listeners if each.use_original_dst.value), None
    ) or _named(listeners, OUTBOUND)
    if fallback is None:
        return None
    return fallback, f"redirected: nothing is bound to {call.address}:{call.port}"


def _is_everywhere(bound: str, address: str) -> bool:
    return bound in EVERYWHERE and (":" in address) <= (":" in bound)


def _named(listeners: Sequence[Listener], name: str) -> Listener | None:
    return next((each for each in listeners if each.name == name), None)


def _addresses(listener: Listener) -> Iterator[Address]:
    yield listener.address
    yield from (each.address for each in listener.additional_addresses)


def _holds(predicate: ListenerFilterChainMatchPredicate, port: int) -> bool:
    match predicate.WhichOneof("rule"):
        case "or_match":
            return any(_holds(each, port) for each in predicate.or_match.rules)
        case "and_match":
            return all(_holds(each, port) for each in predicate.and_match.rules)
        case "not_match":
            return not _holds(predicate.not_match, port)
        case "destination_port_range":
            ports = predicate.destination_port_range
            return ports.start <= port < ports.end
        case _:
            return predicate.any_match
