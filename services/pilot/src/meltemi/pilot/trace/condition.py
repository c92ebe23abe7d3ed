"""Envoy's access conditions: whether they hold, and which part decided.

Source: envoy/config/rbac/v3/rbac.proto; source/extensions/filters/common/rbac/
matchers.cc.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.extensions.path.match.uri_template.v3.uri_template_match_pb2 import (
    UriTemplateMatchConfig,
)

from meltemi.pilot.trace.chain import covers
from meltemi.pilot.trace.header import found_words, header_agrees, header_words
from meltemi.pilot.trace.metadata import metadata_agrees, metadata_words
from meltemi.pilot.trace.path import split, template
from meltemi.pilot.trace.resources import unpacked
from meltemi.pilot.trace.situation import NotModelledError
from meltemi.pilot.trace.text import agrees, described

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envoy.config.core.v3.address_pb2 import CidrRange
    from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
    from envoy.config.rbac.v3.rbac_pb2 import Permission, Principal
    from envoy.config.route.v3.route_components_pb2 import HeaderMatcher
    from envoy.type.matcher.v3.filter_state_pb2 import FilterStateMatcher
    from envoy.type.matcher.v3.metadata_pb2 import MetadataMatcher
    from envoy.type.matcher.v3.path_pb2 import PathMatcher
    from envoy.type.matcher.v3.string_pb2 import StringMatcher

    from meltemi.pilot.trace.situation import Situation

Held = tuple[bool, str]
"""Whether a condition holds, and the words of the part that decided."""
PEER_PRINCIPAL = "io.istio.peer_principal"
"""Where Istio's proxies keep who the peer is, across their own hops."""


def permission_holds(wanted: Permission, now: Situation) -> Held:
    """Tell whether what is asked for is what ``wanted`` says.

    Raises:
        NotModelledError: If it asks for what is not simulated.

    """
    match wanted.WhichOneof("rule"):
        case "any":
            return wanted.any, "any operation"
        case "not_rule":
            return _negated(permission_holds(wanted.not_rule, now))
        case "and_rules":
            return _all(permission_holds(each, now) for each in wanted.and_rules.rules)
        case "or_rules":
            return _any(permission_holds(each, now) for each in wanted.or_rules.rules)
        case _:
            return _operation(wanted, now)


def principal_holds(wanted: Principal, now: Situation) -> Held:
    """Tell whether who asks is whom ``wanted`` means; see `permission_holds`."""
    match wanted.WhichOneof("identifier"):
        case "any":
            return wanted.any, "any caller"
        case "not_id":
            return _negated(principal_holds(wanted.not_id, now))
        case "and_ids":
            return _all(principal_holds(each, now) for each in wanted.and_ids.ids)
        case "or_ids":
            return _any(principal_holds(each, now) for each in wanted.or_ids.ids)
        case _:
            return _caller(wanted, now)


def _operation(wanted: Permission, now: Situation) -> Held:
    match wanted.WhichOneof("rule"):
        case "header":
            return _header(wanted.header, now)
        case "url_path":
            return _url_path(wanted.url_path, now)
        case "uri_template":
            return _template(wanted.uri_template, now)
        case "metadata":
            return _metadata(wanted.metadata, now)
        case _:
            return _connection(wanted, now)


def _connection(wanted: Permission, now: Situation) -> Held:
    match wanted.WhichOneof("rule"):
        case "destination_ip":
            return _in(wanted.destination_ip, now.call.address, "destination")
        case "destination_port":
            port = wanted.destination_port
            return port == now.call.port, f"port is {port}"
        case "destination_port_range":
            ports = wanted.destination_port_range
            words = f"port is from {ports.start} to {ports.end - 1}"
            return ports.start <= now.call.port < ports.end, words
        case "requested_server_name":
            name = now.call.tls.server_name if now.call.tls else ""
            wanted_name = wanted.requested_server_name
            return agrees(wanted_name, name), f"server name {described(wanted_name)}"
        case kind:
            raise NotModelledError(f"a permission asks for {kind}")


def _caller(wanted: Principal, now: Situation) -> Held:
    match wanted.WhichOneof("identifier"):
        case "authenticated":
            if not wanted.authenticated.HasField("principal_name"):
                return now.principal is not None, "the caller is authenticated"
            return _peer(wanted.authenticated.principal_name, now)
        case "header":
            return _header(wanted.header, now)
        case "metadata":
            return _metadata(wanted.metadata, now)
        case "url_path":
            return _url_path(wanted.url_path, now)
        case _:
            return _address(wanted, now)


def _address(wanted: Principal, now: Situation) -> Held:
    match wanted.WhichOneof("identifier"):
        case "filter_state":
            return _filter_state(wanted.filter_state, now)
        case "direct_remote_ip":
            return _in(wanted.direct_remote_ip, now.call.source, "peer")
        case "remote_ip":
            return _in(wanted.remote_ip, now.client, "client")
        case "source_ip":
            return _in(wanted.source_ip, now.client, "client")
        case kind:
            raise NotModelledError(f"a principal asks for {kind}")


def _header(wanted: HeaderMatcher, now: Situation) -> Held:
    values = now.request.values(wanted.name) if now.request else ()
    words = f"{header_words(wanted)} ({found_words(values)})"
    return header_agrees(wanted, values), words


def _metadata(wanted: MetadataMatcher, now: Situation) -> Held:
    return metadata_agrees(wanted, now.found), metadata_words(wanted)


def _path(now: Situation) -> str | None:
    return split(now.request.path)[0] if now.request else None


def _template(wanted: TypedExtensionConfig, now: Situation) -> Held:
    config = unpacked(wanted.typed_config, UriTemplateMatchConfig)
    if config is None:
        raise NotModelledError(f"a permission asks for {wanted.name}")
    path, pattern = _path(now), config.path_template
    words = f"path is of the template {pattern!r}"
    return path is not None and bool(template(pattern).fullmatch(path)), words


def _filter_state(wanted: FilterStateMatcher, now: Situation) -> Held:
    if wanted.key != PEER_PRINCIPAL:
        raise NotModelledError(f"a principal asks for the filter state {wanted.key}")
    return _peer(wanted.string_match, now)


def _peer(name: StringMatcher, now: Situation) -> Held:
    who = "nobody known" if now.principal is None else repr(now.principal)
    words = f"caller {described(name)} (it is {who})"
    return now.principal is not None and agrees(name, now.principal), words


def _url_path(wanted: PathMatcher, now: Situation) -> Held:
    path = _path(now)
    words = f"path {described(wanted.path)} (it is {path!r})"
    return path is not None and agrees(wanted.path, path), words


def _in(block: CidrRange, address: str, whose: str) -> Held:
    if not address:
        raise NotModelledError(f"a rule asks for the address of the {whose}: none said")
    words = f"{whose} {address} is in {block.address_prefix}/{block.prefix_len.value}"
    return covers(block, address), words


def _negated(held: Held) -> Held:
    return not held[0], f"not ({held[1]})"


def _all(parts: Iterable[Held]) -> Held:
    words: list[str] = []
    for held, each in parts:
        if not held:
            return False, each
        words.append(each)
    return True, " and ".join(words)


def _any(parts: Iterable[Held]) -> Held:
    words: list[str] = []
    for held, each in parts:
        if held:
            return True, each
        words.append(each)
    return False, " or ".join(words)
