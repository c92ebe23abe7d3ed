"""What became of a request, as people and programs are told it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meltemi.ctl.why.evidence import Account
    from meltemi.ctl.why.hop import Hop
    from meltemi.ctl.why.refusal import Refusal


def told(asked: str, accounts: Sequence[Account]) -> Iterator[str]:
    """Yield the story: each proxy's part, and then what was decisive.

    Args:
        asked: The id of the request, or of a trace.
        accounts: What became of it, in the order of time.

    """
    yield from _heading(asked, accounts)
    for hop, found, refusal, _ in accounts:
        other = "" if asked in (hop.request_id, hop.trace_id) else hop.request_id
        aside = f" (request {other})" if other else ""
        by = "itself" if hop.answered_itself else "from behind"
        yield f"{hop.start_time} {_where(hop)}: {hop.method} {hop.path}{aside}"
        yield f"    {hop.response_code} {by}, flags {hop.response_flags or '-'}"
        if refusal:
            yield f"    {_met(refusal)}"
        for cause in found:
            yield f"    because {cause.what}"
            if cause.look:
                yield f"    look at {cause.look}"
            if cause.page:
                yield f"    see {cause.page}"
    if not any(each.hop.failed for each in accounts):
        yield "every proxy had a good answer"


def _heading(asked: str, accounts: Sequence[Account]) -> Iterator[str]:
    """Yield which request it is, and where there is more of its trace."""
    if any(each.hop.request_id == asked for each in accounts):
        yield f"request {asked}"
    traces: dict[str, set[str]] = {}
    for each in accounts:
        if each.hop.trace_id:
            told = traces.setdefault(each.hop.trace_id, set())
            told |= {each.collector} if each.collector else set()
    for trace, collectors in sorted(traces.items()):
        where = " and ".join(sorted(collectors))
        yield f"trace {trace}" + (f"; spans, if sampled, are at {where}" * bool(where))


def _met(refusal: Refusal) -> str:
    server = refusal.server
    return (
        f"{server.start_time} {server.proxy} took no connection from "
        f"{server.downstream_remote_address}: {server.details}"
    )


def _where(hop: Hop) -> str:
    if hop.inbound:
        return f"{hop.proxy}, called by {hop.downstream_peer_uri_san or 'plain text'}"
    return f"{hop.proxy}, calling {hop.called or hop.authority or 'nobody'}"


def as_json(account: Account) -> dict[str, object]:
    """Return a hop, with its causes and who is told its span, for programs."""
    return {
        **msgspec.to_builtins(account.hop),
        "collector": account.collector,
        "causes": [
            {"what": each.what, "look": each.look, "page": each.page}
            for each in account.causes
        ],
    }
