"""Access rules, as Envoy's RBAC filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from envoy.config.core.v3.address_pb2 import CidrRange
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.config.rbac.v3.rbac_pb2 import RBAC, Permission, Policy, Principal
from envoy.config.route.v3.route_components_pb2 import HeaderMatcher
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2 as http
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from envoy.extensions.filters.network.rbac.v3 import rbac_pb2 as network
from envoy.extensions.path.match.uri_template.v3.uri_template_match_pb2 import (
    UriTemplateMatchConfig,
)
from envoy.type.matcher.v3.metadata_pb2 import MetadataMatcher
from envoy.type.matcher.v3.path_pb2 import PathMatcher
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from envoy.type.matcher.v3.value_pb2 import ListMatcher, OrMatcher, ValueMatcher
from google.protobuf.wrappers_pb2 import UInt32Value

from meltemi.kernel.errors import Blame, MeshError
from meltemi.pilot.emit.wire import packed
from meltemi.pilot.ir import rbac

if TYPE_CHECKING:
    from collections.abc import Iterable

HTTP_FILTER = "envoy.filters.http.rbac"
NETWORK_FILTER = "envoy.filters.network.rbac"
STATISTICS = "tcp."
ACTIONS = {
    rbac.Verdict.ALLOW: RBAC.ALLOW,
    rbac.Verdict.DENY: RBAC.DENY,
    rbac.Verdict.LOG: RBAC.LOG,
}


class MisplacedConditionError(MeshError):
    """A condition on the caller stands among those on the operation, or reversed."""

    code = "pilot.misplaced-condition"
    blame = Blame.OURS


def http_access(made: rbac.AccessFilter) -> hcm.HttpFilter:
    """Return the filter that judges requests."""
    config = http.RBAC(
        rules=_rules(made.rules),
        shadow_rules=_rules(made.shadow),
        shadow_rules_stat_prefix=made.shadow_prefix,
    )
    return hcm.HttpFilter(name=HTTP_FILTER, typed_config=packed(config))


def network_access(made: rbac.AccessFilter) -> Filter:
    """Return the filter that judges connections."""
    config = network.RBAC(
        rules=_rules(made.rules),
        shadow_rules=_rules(made.shadow),
        shadow_rules_stat_prefix=made.shadow_prefix,
        stat_prefix=STATISTICS,
    )
    return Filter(name=NETWORK_FILTER, typed_config=packed(config))


def text(made: rbac.Text) -> StringMatcher:
    """Return a comparison of a text."""
    match made.compare:
        case rbac.Compare.EXACT:
            return StringMatcher(exact=made.value, ignore_case=made.ignore_case)
        case rbac.Compare.PREFIX:
            return StringMatcher(prefix=made.value, ignore_case=made.ignore_case)
        case rbac.Compare.SUFFIX:
            return StringMatcher(suffix=made.value, ignore_case=made.ignore_case)
        case rbac.Compare.REGEX:
            return StringMatcher(safe_regex=RegexMatcher(regex=made.value))
        case rbac.Compare.PRESENT:
            return StringMatcher(safe_regex=RegexMatcher(regex=".*"))
        case never:
            assert_never(never)


def _rules(made: rbac.Rules | None) -> RBAC | None:
    if made is None:
        return None
    policies = {
        each.name: Policy(
            permissions=[_permission(part) for part in each.operations],
            principals=[_principal(part) for part in each.callers],
        )
        for each in made.grants
    }
    return RBAC(action=ACTIONS[made.verdict], policies=policies)


def _permission(made: rbac.Condition) -> Permission:
    match made:
        case rbac.Anything():
            return Permission(any=True)
        case rbac.Not(part):
            return Permission(not_rule=_permission(part))
        case rbac.All(parts):
            return Permission(and_rules=_permissions(parts))
        case rbac.Either(parts):
            return Permission(or_rules=_permissions(parts))
        case _:
            return _operation(made)


def _permissions(parts: Iterable[rbac.Condition]) -> Permission.Set:
    return Permission.Set(rules=[_permission(each) for each in parts])


def _operation(made: rbac.Condition) -> Permission:
    match made:
        case rbac.Header():
            return Permission(header=_header(made))
        case rbac.Path(wanted):
            return Permission(url_path=PathMatcher(path=text(wanted)))
        case rbac.PathTemplate(template):
            return Permission(uri_template=_template(template))
        case rbac.Metadata():
            return Permission(metadata=_metadata(made))
        case _:
            return _connection(made)


def _connection(made: rbac.Condition) -> Permission:
    match made:
        case rbac.DestinationAddress(block):
            return Permission(destination_ip=_block(block))
        case rbac.DestinationPort(port):
            return Permission(destination_port=port)
        case rbac.ServerName(wanted):
            return Permission(requested_server_name=text(wanted))
        case _:
            raise MisplacedConditionError(f"{made!r} is not about what is asked for")


def _principal(made: rbac.Condition) -> Principal:
    match made:
        case rbac.Anything():
            return Principal(any=True)
        case rbac.Not(part):
            return Principal(not_id=_principal(part))
        case rbac.All(parts):
            return Principal(and_ids=_principals(parts))
        case rbac.Either(parts):
            return Principal(or_ids=_principals(parts))
        case _:
            return _caller(made)


def _principals(parts: Iterable[rbac.Condition]) -> Principal.Set:
    return Principal.Set(ids=[_principal(each) for each in parts])


def _caller(made: rbac.Condition) -> Principal:
    match made:
        case rbac.Header():
            return Principal(header=_header(made))
        case rbac.Peer(wanted):
            who = Principal.Authenticated(principal_name=text(wanted))
            return Principal(authenticated=who)
        case rbac.PeerAddress(block):
            return Principal(direct_remote_ip=_block(block))
        case rbac.ClientAddress(block):
            return Principal(remote_ip=_block(block))
        case rbac.Metadata():
            return Principal(metadata=_metadata(made))
        case _:
            raise MisplacedConditionError(f"{made!r} is not about who asks")


def _header(made: rbac.Header) -> HeaderMatcher:
    if made.text.compare is rbac.Compare.PRESENT:
        return HeaderMatcher(name=made.name, present_match=True)
    return HeaderMatcher(name=made.name, string_match=text(made.text))


def _template(template: str) -> TypedExtensionConfig:
    config = UriTemplateMatchConfig(path_template=template)
    return TypedExtensionConfig(name="uri-template", typed_config=packed(config))


def _block(made: rbac.Block) -> CidrRange:
    length = UInt32Value(value=made.length)
    return CidrRange(address_prefix=made.address, prefix_len=length)


def _metadata(made: rbac.Metadata) -> MetadataMatcher:
    return MetadataMatcher(
        filter=made.filter,
        path=[MetadataMatcher.PathSegment(key=each) for each in made.path],
        value=_either([_value(each) for each in made.any_of]),
    )


def _value(made: rbac.OneOf) -> ValueMatcher:
    texts = [ValueMatcher(string_match=text(each)) for each in made.texts]
    value = _either(texts)
    return ValueMatcher(list_match=ListMatcher(one_of=value)) if made.in_list else value


def _either(values: list[ValueMatcher]) -> ValueMatcher:
    if len(values) == 1:
        return values[0]
    return ValueMatcher(or_match=OrMatcher(value_matchers=values))
