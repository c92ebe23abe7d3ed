"""Extensions' configuration on its way from Pilot to Envoy, with modules put in place.

::

    Pilot ─▶ response ─▶ fetch what is not here ─▶ modules are files now ─▶ Envoy
                               │ not to be had
                               ▼
         what Envoy had last, or a stand-in; and Pilot hears a refusal in Envoy's place
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Never

import structlog
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse, Resource
from prometheus_client import Counter, Gauge

from meltemi.kernel.backoff import Backoff
from meltemi.proxy.adapters.module_web import shown
from meltemi.proxy.wasm.order import (
    STAND_IN,
    ModuleOrder,
    file_of,
    order_of,
    stand_in,
    with_file,
    without_file,
)
from meltemi.runtime.containment import Failed, contained_wait
from meltemi.runtime.guarded_fetch import FetchFailedError
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from random import Random

    from prometheus_client import CollectorRegistry

    from meltemi.proxy.adapters.module_source import ModuleSource
    from meltemi.proxy.adapters.module_store import ModuleStore
    from meltemi.proxy.checkpoint import Recorder
    from meltemi.proxy.wasm.shelf import Kept

AGAIN: Final = Backoff(first=5.0, ceiling=300.0)
"""How often a module that could not be had is asked for again."""

Found = Path | Exception
"""Where a module is, or why it is not there. Whatever a server says or a bug of ours
makes of it, it costs this module alone."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Answer:
    """What Envoy is given of a response, and what Pilot is told of it.

    Attributes:
        response: For Envoy.
        refusal: Why the agent does not take all of it; empty: it does.

    """

    response: DeltaDiscoveryResponse
    refusal: str = ""


@dataclass(slots=True)
class Missing:
    """What could not be had, by the name of the extension, and when that is new."""

    orders: dict[str, ModuleOrder] = field(default_factory=dict[str, ModuleOrder])
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class ModuleDesk:
    """Has modules fetched, and knows what is missing."""

    def __init__(
        self,
        source: ModuleSource,
        store: ModuleStore,
        recorder: Recorder,
        rng: Random,
        registry: CollectorRegistry,
    ) -> None:
        self._source, self._store, self._rng = source, store, rng
        self._recorder = recorder
        self._missing = Missing()
        self._storing = asyncio.Lock()
        self._results = Counter(
            "meltemi_agent_wasm_modules",
            "Wasm modules asked for: kept, fetched, kept while its server does not "
            "answer (stale), failed.",
            ["result"],
            registry=registry,
        )
        kept = Gauge(
            "meltemi_agent_wasm_kept_bytes",
            "Bytes of the Wasm modules that are kept.",
            registry=registry,
        )
        kept.set_function(lambda: float(store.size))

    async def open(self) -> None:
        """Begin with what an agent before left.

        Where a module of the checkpoint is gone or was not whole, what Envoy would be
        given while no Pilot answers has a stand-in: a file that is not there would
        make it fail whatever failStrategy says.
        """
        await asyncio.to_thread(self._store.load)
        held = self._recorder.held(TypeUrl.EXTENSION)
        there = {name: _is_there(raw) for name, raw in held.items()}
        if not all(there.values()):
            mended = {
                name: raw if there[name] else without_file(raw)
                for name, raw in held.items()
            }
            self._recorder.correct(TypeUrl.EXTENSION, mended)

    async def answer(self, response: DeltaDiscoveryResponse) -> Answer:
        """Return what Envoy is given in place of ``response``."""
        orders = [(each, order_of(each)) for each in response.resources]
        found = await self._found(order for _, order in orders if order)
        made = DeltaDiscoveryResponse()
        made.CopyFrom(response)
        del made.resources[:], made.removed_resources[:]
        problems: list[str] = []
        for resource, order in orders:
            result = found[_alike(order)] if order else None
            if order is None or result is None:
                made.resources.append(resource)
            elif isinstance(result, Path):
                self._missing.orders.pop(order.extension, None)
                made.resources.append(with_file(resource, str(result)))
            else:
                self._miss(order)
                instead, then = self._instead(resource, order)
                made.resources.append(instead)
                problems.append(f"{order.extension}: {_words(order, result)}; {then}")
        for name in response.removed_resources:
            # Pilot takes away what was refused; what stands in for it stays.
            if not self._stands_in(name):
                made.removed_resources.append(name)
        return Answer(made, "\n".join(problems))

    async def retry(self, again: Callable[[str], None]) -> Never:
        """Ask for what is missing now and then, and tell ``again`` what came."""
        while True:
            await self._missing.changed.wait()
            self._missing.changed.clear()
            attempt = 0
            while self._missing.orders:
                await asyncio.sleep(AGAIN.delay(attempt, self._rng))
                attempt += 1
                orders = dict(self._missing.orders)
                found = await self._found(orders.values())
                for name, order in orders.items():
                    if isinstance(found[_alike(order)], Path):
                        self._missing.orders.pop(name, None)
                        log.info("module.came", extension=name)
                        again(name)

    def _miss(self, order: ModuleOrder) -> None:
        self._missing.orders[order.extension] = order
        self._missing.changed.set()

    async def _found(self, orders: Iterable[ModuleOrder]) -> dict[ModuleOrder, Found]:
        """Return what became of each module, fetched side by side."""
        wanted = dict.fromkeys(map(_alike, orders))
        async with asyncio.TaskGroup() as tasks:
            running = {each: tasks.create_task(self._file(each)) for each in wanted}
        return {order: task.result() for order, task in running.items()}

    async def _file(self, order: ModuleOrder) -> Found:
        made = await contained_wait(self._kept(order))
        if isinstance(made, Failed):
            self._results.labels("failed").inc()
            log.warning("module.missing", url=shown(order.url), error=str(made.error))
            return made.error
        kept, result = made.value
        self._results.labels(result).inc()
        return self._store.path(kept)

    async def _kept(self, order: ModuleOrder) -> tuple[Kept, str]:
        known = self._store.find(order.key)
        if known and not order.asks_again:
            return await self._used(known), "kept"
        try:
            kept = await self._fetched(order, known)
        except FetchFailedError as error:
            if known is None:
                raise
            log.warning("module.stale", url=shown(order.url), error=str(error))
            return await self._used(known), "stale"
        return kept, "kept" if kept is known else "fetched"

    async def _fetched(self, order: ModuleOrder, known: Kept | None) -> Kept:
        with self._store.download() as came:
            had = known.source if known else ""
            source = await self._source.fetch(order, came, had)
            if known and source and source == known.source:
                return await self._used(known)
            async with self._storing:
                return await asyncio.to_thread(
                    self._store.keep, order.key, source, came, self._in_use()
                )

    async def _used(self, kept: Kept) -> Kept:
        async with self._storing:
            self._store.use(kept)
        return kept

    def _in_use(self) -> frozenset[str]:
        """Return the files that Envoy has modules from."""
        held = self._recorder.held(TypeUrl.EXTENSION)
        return frozenset(Path(path).name for path in map(file_of, held.values()))

    def _instead(self, resource: Resource, order: ModuleOrder) -> tuple[Resource, str]:
        """Return what Envoy gets without the module, and what that means."""
        raw = self._recorder.held(TypeUrl.EXTENSION).get(resource.name)
        if raw is not None:
            last = Resource.FromString(raw)
            if last.version != STAND_IN and _is_there(raw):
                return last, "the module before stays"
        then = "traffic passes without it" if order.opens else "its traffic is refused"
        return stand_in(resource, opens=order.opens), then

    def _stands_in(self, name: str) -> bool:
        raw = self._recorder.held(TypeUrl.EXTENSION).get(name)
        return raw is not None and Resource.FromString(raw).version == STAND_IN


def _is_there(raw: bytes) -> bool:
    """Tell whether Envoy could read the module of a serialised resource."""
    path = file_of(raw)
    return not path or Path(path).is_file()


def _words(order: ModuleOrder, error: Exception) -> str:
    url, words = shown(order.url), str(error)
    return words if url in words else f"{url} {words}"


def _alike(order: ModuleOrder) -> ModuleOrder:
    """Return what extensions with one module have in common."""
    return replace(order, extension="", opens=False)
