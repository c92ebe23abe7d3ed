"""A call from the connection to the endpoint."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meltemi.pilot.trace.answer import Answer
from meltemi.pilot.trace.connection import arrive, handshake
from meltemi.pilot.trace.serve import serve

if TYPE_CHECKING:
    from meltemi.pilot.trace.call import Call
    from meltemi.pilot.trace.resources import Resources


def trace(held: Resources, call: Call) -> Answer:
    """Return where a proxy that holds ``held`` sends ``call``, and why.

    The listener, then the chain, then the handshake, then what the chain does. Nothing
    is raised: what is not modelled is an answer, too.
    """
    arrival = arrive(held.listeners, call)
    answer = Answer(
        listener=arrival.listener.name if arrival.listener else "",
        chain=arrival.chain.name if arrival.chain else "",
        problem=arrival.problem,
        steps=arrival.steps,
    )
    if arrival.chain is None or arrival.problem:
        return answer
    problem, step = handshake(arrival.chain, call)
    steps = (*arrival.steps, step)
    if problem:
        return replace(answer, problem=problem, steps=steps)
    served = serve(held, arrival.chain, call)
    return replace(
        served,
        listener=answer.listener,
        chain=answer.chain,
        steps=(*steps, *served.steps),
    )
