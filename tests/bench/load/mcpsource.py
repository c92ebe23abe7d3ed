"""A played mesh, served to a Pilot as an MCP-over-xDS config source, for benchmarks.

It answers every type that is asked for, once at first (with nothing for unknown types) and again after a change.
Which mesh is `meltemi.testkit.corpus`; it is encoded by hand from field numbers. Commands come on stdin, one a line:

  endpoint J [IP]   service J's last endpoint gets a new address  weight J   VirtualService J splits its traffic differently
  add          a new service with one endpoint appears            quit
  prepare ID endpoint|weight|add [J], then go ID                  the same in two steps, so that a load generator can be armed
  seen J       from which namespaces service J is seen

Every change prints one JSON line {"event": "sent", "t": CLOCK_MONOTONIC just before the response was queued, "marker": hex
bytes that an xDS response shows once it reflects the change, "types": where, "namespaces": whose proxies are told, numbers
joined by +, or *}, and {"event": "acked"} once the Pilot stored it.
"""

from __future__ import annotations

import argparse
import json
import queue
import sys
import threading
import time
from concurrent import futures
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import grpc

from meltemi.testkit.corpus.mesh import Change, Corpus
from meltemi.testkit.corpus.objects import SERVICE_ENTRY
from meltemi.testkit.corpus.profile import Profile, Shape
from meltemi.testkit.corpus.wire import fields, msg

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

METHOD = "envoy.service.discovery.v3.AggregatedDiscoveryService"
VERBS = ("endpoint", "weight", "add")


@dataclass
class Source:
    """The mesh and the streams that watch it."""

    mesh: Corpus
    streams: list[tuple[queue.SimpleQueue[bytes | None], dict[str, str]]] = field(
        default_factory=list
    )
    lock: threading.Lock = field(default_factory=threading.Lock)
    nonce: int = 0
    waiting: dict[str, str] = field(default_factory=dict)

    def response(self, type_url: str) -> bytes:
        self.nonce += 1
        nonce = str(self.nonce)
        body = b"".join(self.mesh.encoded.get(type_url.rsplit("/", 1)[-1], ()))
        return msg(1, nonce) + body + msg(4, type_url) + msg(5, nonce)

    def stream(
        self, requests: Iterator[bytes], _context: grpc.ServicerContext
    ) -> Iterator[bytes]:
        out: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        watched: dict[str, str] = {}
        threading.Thread(
            target=self.read, args=(requests, out, watched), daemon=True
        ).start()
        entry = (out, watched)
        with self.lock:
            self.streams.append(entry)
        try:
            while (item := out.get()) is not None:
                yield item
        finally:
            with self.lock:
                self.streams.remove(entry)

    def read(
        self,
        requests: Iterator[bytes],
        out: queue.SimpleQueue[bytes | None],
        watched: dict[str, str],
    ) -> None:
        try:
            for raw in requests:
                found = dict(fields(raw))
                type_url = bytes(found.get(4, b"")).decode()
                nonce = bytes(found.get(5, b"")).decode()
                with self.lock:
                    if type_url not in watched:
                        watched[type_url] = type_url.rsplit("/", 1)[-1]
                        out.put(self.response(type_url))
                        say(event="watch", type=type_url)
                    elif nonce in self.waiting:
                        rejected = 6 in found
                        say(
                            event="acked",
                            t=time.monotonic(),  # noqa: TID251 - one clock with xdsload
                            id=self.waiting.pop(nonce),
                            rejected=rejected,
                        )
        except grpc.RpcError:
            pass
        finally:
            out.put(None)

    def publish(self, ident: str, change: Change) -> None:
        with self.lock:
            sends = []
            for out, watched in self.streams:
                for type_url in [u for u, k in watched.items() if k == change.kind]:
                    sends.append((out, self.response(type_url)))
                    self.waiting[str(self.nonce)] = ident
            t = time.monotonic()  # noqa: TID251 - one clock with xdsload
            for out, data in sends:
                out.put(data)
            tell("sent", ident, change, t=t)

    def change(self, verb: str, rest: list[str]) -> Change:
        """Make the change, told to nobody yet."""
        which = int(rest[0]) if rest else 0
        with self.lock:  # a Pilot may come back meanwhile, and is told what there is
            if verb == "endpoint":
                return self.mesh.endpoint(which, *rest[1:2])
            return self.mesh.weight(which) if verb == "weight" else self.mesh.add()


def say(**fact: object) -> None:
    sys.stdout.write(json.dumps(fact) + "\n")
    sys.stdout.flush()


def tell(event: str, ident: str, change: Change, **more: object) -> None:
    say(
        event=event,
        id=ident,
        marker=change.marker.hex(),
        types=change.types,
        namespaces=change.seen_from,
        **more,
    )


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--port", type=int, default=15051)
    add("--services", type=int, default=1000)
    add("--virtual-services", type=int, default=100)
    add("--namespaces", type=int, default=50)
    add("--corpus", type=Profile, choices=list(Profile), default=Profile.HTTP)
    add("--seed", type=int, default=1, help="the same seed is the same mesh")
    add("--vip", action="store_true", help="give every service an address")
    return parser.parse_args()


def shape(args: argparse.Namespace) -> Shape:
    return Shape(
        services=args.services,
        routes=args.virtual_services,
        namespaces=args.namespaces,
        profile=args.corpus,
        seed=args.seed,
        addressed=args.vip,
    )


def serve(source: Source, port: int) -> grpc.Server:
    server = grpc.server(
        futures.ThreadPoolExecutor(16),
        options=[("grpc.max_send_message_length", -1), ("grpc.so_reuseport", 0)],
    )
    methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "StreamAggregatedResources": grpc.stream_stream_rpc_method_handler(
            source.stream
        )
    }
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(METHOD, methods),)
    )
    if not server.add_insecure_port(f"127.0.0.1:{port}"):
        sys.exit(f"cannot listen on port {port}")
    server.start()
    return server


def obey(source: Source, lines: Iterable[str]) -> None:
    prepared: dict[str, Change] = {}
    for line in lines:
        match line.split():
            case ["quit"]:
                return
            case ["go", ident] if ident in prepared:
                source.publish(ident, prepared.pop(ident))
            case ["prepare", ident, verb, *rest] if verb in VERBS:
                prepared[ident] = source.change(verb, rest)
                tell("prepared", ident, prepared[ident])
            case ["seen", which]:
                home = source.mesh.services[int(which)].home
                say(event="seen", id=which, namespaces=source.mesh.seen_from(home))
            case [verb, *rest] if verb in VERBS:
                source.publish(verb, source.change(verb, rest))
            case [_, *_]:
                say(event="error", message=f"unknown command {line.strip()!r}")


def main() -> None:
    args = options()
    source = Source(Corpus.of(shape(args)))
    server = serve(source, args.port)
    say(
        event="listening",
        port=args.port,
        services=args.services,
        bytes=sum(map(len, source.mesh.encoded[SERVICE_ENTRY])),
    )
    obey(source, sys.stdin)
    server.stop(None)


if __name__ == "__main__":
    main()
