"""What one rule of an AuthorizationPolicy grants, or forbids.

Source: pilot/pkg/security/authz/model/model.go: sources and operations are
alternatives, their fields and the conditions must hold together, in that file's order.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meltemi.pilot.ir import rbac
from meltemi.pilot.translate.authorization.attribute import (
    Asked,
    HttpOnlyError,
    conditions,
)
from meltemi.pilot.translate.authorization.trust_domain import with_aliases

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from meltemi.config.schema.authorization_policy import (
        RequestOperation,
        Rule,
        Source,
    )


def operations(
    rule: Rule, verdict: rbac.Verdict, home: str, *, for_tcp: bool
) -> tuple[rbac.Condition, ...]:
    """Return the alternatives of what is asked for.

    Raises:
        HttpOnlyError: If an ALLOW rule for connections asks for what only requests
            have: it must not allow more than its author meant.

    """
    when = [each for each in _conditions(rule) if each.about_operation]
    stated = [
        list(_of_operation(each.operation)) if each.operation else []
        for each in rule.to or ()
    ]
    return tuple(
        _together([*each, *when], verdict, home, for_tcp=for_tcp)
        for each in stated or [[]]
    )


def callers(
    rule: Rule,
    verdict: rbac.Verdict,
    home: str,
    domains: Sequence[str],
    *,
    for_tcp: bool,
) -> tuple[rbac.Condition, ...]:
    """Return the alternatives of who asks; see `operations`."""
    when = [each for each in _conditions(rule) if not each.about_operation]
    stated = [
        list(_of_source(each.source)) if each.source else []
        for each in rule.from_ or ()
    ]
    return tuple(
        _together(_everywhere([*each, *when], domains), verdict, home, for_tcp=for_tcp)
        for each in stated or [[]]
    )


def _conditions(rule: Rule) -> Iterable[Asked]:
    return (Asked(each.key, each.values, each.not_values) for each in rule.when)


def _everywhere(asked: list[Asked], domains: Sequence[str]) -> list[Asked]:
    """Return ``asked`` with principals in every trust domain of the mesh."""
    return [
        replace(
            each,
            values=with_aliases(each.values, domains),
            excluded=with_aliases(each.excluded, domains),
        )
        if each.key == "source.principal"
        else each
        for each in asked
    ]


def _together(
    asked: Iterable[Asked], verdict: rbac.Verdict, home: str, *, for_tcp: bool
) -> rbac.Condition:
    """Return a condition that holds when all of ``asked`` does.

    What connections don't have is left out of a rule that forbids: it forbids more.
    """
    parts: list[rbac.Condition] = []
    for each in asked:
        try:
            parts += conditions(each, home, for_tcp=for_tcp)
        except HttpOnlyError:
            if verdict is rbac.Verdict.ALLOW:
                raise
    return rbac.All(tuple(parts) or (rbac.Anything(),))


def _of_source(source: Source) -> tuple[Asked, ...]:
    return (
        Asked("source.principal", source.principals, source.not_principals),
        Asked(
            "request.auth.principal",
            source.request_principals,
            source.not_request_principals,
        ),
        Asked(
            "source.serviceAccount",
            source.service_accounts,
            source.not_service_accounts,
        ),
        Asked("source.trustDomain", source.trust_domains, source.not_trust_domains),
        Asked("source.namespace", source.namespaces, source.not_namespaces),
        Asked("remote.ip", source.remote_ip_blocks, source.not_remote_ip_blocks),
        Asked("source.ip", source.ip_blocks, source.not_ip_blocks),
    )


def _of_operation(operation: RequestOperation) -> tuple[Asked, ...]:
    return (
        Asked(":authority", operation.hosts, operation.not_hosts),
        Asked(":method", operation.methods, operation.not_methods),
        Asked("path", operation.paths, operation.not_paths),
        Asked("destination.port", operation.ports, operation.not_ports),
    )
