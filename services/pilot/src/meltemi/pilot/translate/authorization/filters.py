"""Which filters enforce the AuthorizationPolicies of a workload.

Source: pilot/pkg/security/authz/builder/builder.go: one filter for each action, the
policies of a provider together, AUDIT before DENY before ALLOW.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meltemi.config.schema.authorization_policy import Action, AuthorizationPolicy
from meltemi.pilot.ir import external_check, rbac
from meltemi.pilot.translate.authorization.attribute import HttpOnlyError
from meltemi.pilot.translate.authorization.grant import callers, operations

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from meltemi.config.resource import Resource

    Policy = Resource[AuthorizationPolicy]

DRY_RUN = "istio.io/dry-run"
YES = ("1", "t", "T", "true", "TRUE", "True")
"""What Go reads as true."""
CUSTOM = "istio-ext-authz"
"""What the names of CUSTOM's grants begin with: the check filter looks for it."""
CHECKED_PREFIX = "istio_ext_authz_"
UNUSABLE = "-deny-due-to-bad-CUSTOM-action"
VERDICTS = {
    Action.AUDIT: rbac.Verdict.LOG,
    Action.DENY: rbac.Verdict.DENY,
    Action.ALLOW: rbac.Verdict.ALLOW,
}
"""In the order the filters stand in."""
NOTED = {
    rbac.Verdict.ALLOW: "istio_dry_run_allow_",
    rbac.Verdict.DENY: "istio_dry_run_deny_",
    rbac.Verdict.LOG: "",
}
NEVER = (rbac.Not(rbac.Anything()),)


def access_filters(
    policies: Iterable[Policy], domains: Sequence[str], *, for_tcp: bool
) -> tuple[rbac.AccessFilter, ...]:
    """Return the filters for AUDIT, DENY and ALLOW.

    Args:
        policies: All that hold for the workload, of any action.
        domains: The mesh's trust domain, then its aliases.
        for_tcp: Whether connections are judged: they have no paths and the like.

    """
    given = tuple(policies)
    return tuple(
        _filter(chosen, verdict, domains, for_tcp=for_tcp)
        for action, verdict in VERDICTS.items()
        if (chosen := [each for each in given if _action(each) is action])
    )


def custom_filters(
    policies: Iterable[Policy],
    domains: Sequence[str],
    checks: Mapping[str, external_check.ExternalCheck],
    *,
    for_tcp: bool,
) -> tuple[rbac.AccessFilter | external_check.CheckFilter, ...]:
    """Return the filters for CUSTOM; they come before those that verify tokens.

    What a provider that can't be used would decide is refused, and everything where a
    workload has several: none of them may be the one that is left out.

    Args:
        policies: All that hold for the workload, of any action.
        domains: The mesh's trust domain, then its aliases.
        checks: The providers that can be used, by name.
        for_tcp: Whether connections are judged; providers that speak HTTP can't.

    """
    by_provider: dict[str, list[Policy]] = {}
    for each in policies:
        if _action(each) is Action.CUSTOM:  # the door lets no dry run of it in
            by_provider.setdefault(_provider(each), []).append(each)
    made: list[rbac.AccessFilter | external_check.CheckFilter] = []
    for name, chosen in sorted(by_provider.items()):
        grants = _grants(chosen, rbac.Verdict.DENY, domains, for_tcp=for_tcp)
        check = checks.get(name) if len(by_provider) == 1 else None
        if check is None:
            made.append(rbac.AccessFilter(_refused(grants)))
        elif not for_tcp or check.http is None:
            rules = rbac.Rules(rbac.Verdict.DENY, tuple(grants))
            noted = rbac.AccessFilter(shadow=rules, shadow_prefix=CHECKED_PREFIX)
            made += [noted, external_check.CheckFilter(check, f"{CUSTOM}-{name}")]
    return tuple(made)


def _filter(
    policies: list[Policy],
    verdict: rbac.Verdict,
    domains: Sequence[str],
    *,
    for_tcp: bool,
) -> rbac.AccessFilter:
    dry = [each for each in policies if _is_dry_run(each)]
    enforced = [each for each in policies if not _is_dry_run(each)]
    rules, shadow = (
        rbac.Rules(verdict, tuple(_grants(each, verdict, domains, for_tcp=for_tcp)))
        if each
        else None
        for each in (enforced, dry)
    )
    noted = NOTED[verdict if shadow else rbac.Verdict.ALLOW]
    return rbac.AccessFilter(rules, shadow, noted)


def _grants(
    policies: Iterable[Policy],
    verdict: rbac.Verdict,
    domains: Sequence[str],
    *,
    for_tcp: bool,
) -> Iterator[rbac.Grant]:
    for policy in policies:
        home = policy.metadata.namespace
        if not policy.spec.rules:
            yield rbac.Grant(_name(policy, 0), NEVER, NEVER)
        for index, rule in enumerate(policy.spec.rules):
            try:
                yield rbac.Grant(
                    _name(policy, index),
                    operations(rule, verdict, home, for_tcp=for_tcp),
                    callers(rule, verdict, home, domains, for_tcp=for_tcp),
                )
            except HttpOnlyError:
                continue  # it allows requests, and no connection as such


def _refused(grants: Iterable[rbac.Grant]) -> rbac.Rules:
    named = (replace(each, name=f"{each.name}{UNUSABLE}") for each in grants)
    return rbac.Rules(rbac.Verdict.DENY, tuple(named))


def _name(policy: Policy, rule: int) -> str:
    name, namespace = policy.metadata.name, policy.metadata.namespace
    own = f"ns[{namespace}]-policy[{name}]-rule[{rule}]"
    if _action(policy) is not Action.CUSTOM:
        return own
    return "-".join(filter(None, (CUSTOM, _provider(policy), own)))


def _provider(policy: Policy) -> str:
    provider = policy.spec.provider
    return provider.name or "" if provider else ""


def _action(policy: Policy) -> Action:
    return policy.spec.action or Action.ALLOW


def _is_dry_run(policy: Policy) -> bool:
    return policy.metadata.annotations.get(DRY_RUN) in YES
