"""What must hold for an AuthorizationPolicy."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

import msgspec

from meltemi.config.rules.condition import (
    check_addresses,
    check_condition,
    check_filled,
    check_ports,
)
from meltemi.config.rules.hosts import check_count
from meltemi.config.rules.labels import check_targets
from meltemi.config.rules.problem import problem, warning
from meltemi.config.schema.authorization_policy import Action

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.schema.authorization_policy import (
        AuthorizationPolicy,
        RequestOperation,
        Rule,
        Source,
    )

ONE, ANY = "{*}", "{**}"
LITERAL: Final = re.compile(r"[-a-zA-Z0-9._~%!$&'()+,;:@=]*")
"""What may stand between the slashes of a path beside a template (RFC 3986 pchar)."""
ACCOUNT: Final = re.compile(r"([^/]+/)?[^/]+")
MOST_ACCOUNTS: Final = 16
MOST_RULES: Final = 512
NO_IDENTITY: Final = (
    *("namespaces", "notNamespaces", "principals", "notPrincipals"),
    *("requestPrincipals", "notRequestPrincipals"),
)
"""Fields of a source that CUSTOM cannot use."""
ONLY_HTTP: Final = ("requestPrincipals", "notRequestPrincipals")
"""Fields of a source that mean nothing for TCP."""


def check_authorization_policy(spec: AuthorizationPolicy) -> Iterator[Finding]:
    """Yield what Istio's ValidateAuthorizationPolicy says."""
    yield from check_targets(spec, spec.target_ref)
    yield from check_count("spec.rules", spec.rules, MOST_RULES)
    action = spec.action or Action.ALLOW
    if action in (Action.CUSTOM, Action.DENY) and not spec.rules:
        message = f"{action} without rules never acts"
        yield problem("spec.rules", message, "the rule {} matches every request")
    provider = spec.provider
    if provider is not None and action is not Action.CUSTOM:
        yield problem("spec.provider", "is for action CUSTOM only", "remove it")
    if action is Action.CUSTOM and not (provider and provider.name):
        yield problem("spec.provider.name", "CUSTOM needs a provider's name")
    for index, rule in enumerate(spec.rules):
        path = f"spec.rules[{index}]"
        yield from _check_rule(path, rule)
        if action is Action.CUSTOM:
            yield from _check_custom(path, rule)
        if action is Action.DENY and _denies_all_tcp(rule):
            message = (
                "on TCP ports it denies everything: only HTTP has these attributes"
            )
            yield warning(path, message, "add the ports it is meant for")


def _check_rule(path: str, rule: Rule) -> Iterator[Finding]:
    for name, items in (("from", rule.from_), ("to", rule.to)):
        if items is not None and not items:
            yield problem(f"{path}.{name}", "must not be empty", "remove it")
        yield from check_count(f"{path}.{name}", items or (), MOST_RULES)
    for index, each in enumerate(rule.from_ or ()):
        here = f"{path}.from[{index}].source"
        if each.source is None or not _given(each.source):
            yield problem(here, "a source that says something is required")
        else:
            yield from _check_source(here, each.source)
    for index, to in enumerate(rule.to or ()):
        here = f"{path}.to[{index}].operation"
        if to.operation is None or not _given(to.operation):
            yield problem(here, "an operation that says something is required")
        else:
            yield from _check_operation(here, to.operation)
    for index, condition in enumerate(rule.when):
        yield from check_condition(f"{path}.when[{index}]", condition)


def _given(part: Source | RequestOperation) -> dict[str, tuple[str, ...]]:
    """Return the lists that ``part`` fills, by their names in JSON."""
    lists = ((name, getattr(part, field)) for field, name in _fields(type(part)))
    return {name: values for name, values in lists if values}


@cache
def _fields(part: type[Source | RequestOperation]) -> tuple[tuple[str, str], ...]:
    """Return the fields of ``part`` and their names in JSON."""
    return tuple((f.name, f.encode_name) for f in msgspec.structs.fields(part))


def _check_source(path: str, source: Source) -> Iterator[Finding]:
    given = _given(source)
    for name, values in given.items():
        yield from check_filled(f"{path}.{name}", values)
        if name.lower().endswith("ipblocks"):
            yield from check_addresses(f"{path}.{name}", values)
        if name.lower().endswith("serviceaccounts"):
            yield from _check_accounts(f"{path}.{name}", values)
    if source.service_accounts or source.not_service_accounts:
        others = [name for name in NO_IDENTITY[:4] if name in given]
        if others:
            message = f"serviceAccounts excludes {' and '.join(others)}"
            yield problem(path, message, "use one of them")


def _check_accounts(path: str, accounts: tuple[str, ...]) -> Iterator[Finding]:
    yield from check_count(path, accounts, MOST_ACCOUNTS)
    for index, account in enumerate(accounts):
        if account and not ACCOUNT.fullmatch(account):
            message = f"{account!r} is not [NAMESPACE/]ACCOUNT"
            yield problem(f"{path}[{index}]", message)
        elif "*" in account:
            yield problem(f"{path}[{index}]", "a wildcard is not supported here")


def _check_operation(path: str, operation: RequestOperation) -> Iterator[Finding]:
    for name, values in _given(operation).items():
        yield from check_filled(f"{path}.{name}", values)
        if name.lower().endswith("ports"):
            yield from check_ports(f"{path}.{name}", values)
        if name.lower().endswith("paths"):
            for index, value in enumerate(values):
                yield from _check_template(f"{path}.{name}[{index}]", value)


def _check_template(path: str, template: str) -> Iterator[Finding]:
    """Yield what is wrong with a path that may hold ``{*}`` and ``{**}``.

    Source:
        pkg/config/security/security.go CheckValidPathTemplate.

    """
    holds_template = ONE in template or ANY in template
    ended = False
    for part in template.split("/"):
        if part in (ONE, ANY):
            if ended:
                yield problem(path, f"in {template!r} nothing may follow {ANY}")
                return
            ended = part == ANY
        elif "{" in part or "}" in part:
            hint = f"write {ONE} for one part of the path, {ANY} for the rest"
            yield problem(path, f"{part!r} is not a template", hint)
            return
        elif holds_template and not LITERAL.fullmatch(part):
            yield problem(path, f"{part!r} may not stand beside a template")
            return


def _check_custom(path: str, rule: Rule) -> Iterator[Finding]:
    for index, each in enumerate(rule.from_ or ()):
        given = _given(each.source) if each.source is not None else {}
        for name in NO_IDENTITY:
            if name in given:
                here = f"{path}.from[{index}].source.{name}"
                yield problem(here, "is not supported with action CUSTOM")
    for index, condition in enumerate(rule.when):
        key = condition.key
        identity = key in ("source.namespace", "source.principal")
        if identity or key.startswith("request.auth."):
            message = f"{key} is not supported with action CUSTOM"
            yield problem(f"{path}.when[{index}].key", message)


def _denies_all_tcp(rule: Rule) -> bool:
    sources = [each.source for each in rule.from_ or () if each.source is not None]
    operations = [
        each.operation for each in rule.to or () if each.operation is not None
    ]
    if operations:
        return not any(each.ports or each.not_ports for each in operations)
    for_tcp = any(set(_given(source)) - set(ONLY_HTTP) for source in sources)
    return bool(sources) and not for_tcp
