"""A synthetic mesh served to a Pilot as an MCP-over-xDS config source, for benchmarks.

It answers every type that is asked for, once at first (with nothing for unknown types) and again after a change.
Messages are encoded by hand from field numbers, so the server needs grpcio only. Commands come on stdin, one a line:

  endpoint J [IP]   service J's last endpoint gets a new address  weight J   VirtualService J splits its traffic differently
  add          a new service with one endpoint appears            quit
  prepare ID endpoint|weight|add [J], then go ID                  the same in two steps, so that a load generator can be armed

Every change prints one JSON line {"event": "sent", "t": CLOCK_MONOTONIC just before the response was queued, "marker": hex
bytes that an xDS response shows once it reflects the change, "types": where}, and {"event": "acked"} once the Pilot stored it.
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

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

METHOD = "envoy.service.discovery.v3.AggregatedDiscoveryService"
RESOURCE_URL = "type.googleapis.com/istio.mcp.v1alpha1.Resource"
SERVICE_ENTRY = "ServiceEntry"
VIRTUAL_SERVICE = "VirtualService"
EPOCH = 1_700_000_000


def varint(n: int) -> bytes:
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def num(number: int, n: int) -> bytes:
    return varint(number << 3) + varint(n)


def msg(number: int, *parts: bytes | str) -> bytes:
    body = b"".join(p.encode() if isinstance(p, str) else p for p in parts)
    return varint(number << 3 | 2) + varint(len(body)) + body


def fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    at = 0

    def take() -> int:
        nonlocal at
        shift = n = 0
        while True:
            c = data[at]
            at += 1
            n |= (c & 127) << shift
            shift += 7
            if c < 128:
                return n

    while at < len(data):
        key = take()
        if key & 7 == 0:
            yield key >> 3, take()
        elif key & 7 == 2:
            size = take()
            yield key >> 3, data[at : at + size]
            at += size
        else:
            at += 8 if key & 7 == 1 else 4


@dataclass(slots=True)
class Service:
    """Service J: svc-J.ns-(J % namespaces).svc.cluster.local, HTTP port 80, static endpoints 10.(1+k).(J/250).(1+J%250)."""

    index: int
    name: str
    namespace: str
    endpoints: list[str]
    vip: str = ""
    version: int = 1

    @property
    def host(self) -> str:
        return f"{self.name}.{self.namespace}.svc.cluster.local"

    def encode(self) -> bytes:
        port = msg(3, num(1, 80), msg(2, "HTTP"), msg(3, "http"))
        ends = b"".join(
            msg(
                6,
                msg(1, ip),
                msg(2, msg(1, "http"), num(2, 8080)),
                msg(3, msg(1, "app"), msg(2, f"app-{self.index}")),
            )
            for ip in self.endpoints
        )
        body = (
            msg(1, self.host)
            + (msg(2, self.vip) if self.vip else b"")
            + port
            + num(4, 1)
            + num(5, 1)
            + ends
        )
        return wrap(SERVICE_ENTRY, self, self.version, body)


@dataclass(slots=True)
class Route:
    """VirtualService J: /v2 and everything else of service J, the rest split by weight with the next service."""

    service: Service
    other: Service
    weight: int = 50
    version: int = 1

    def encode(self) -> bytes:
        def to(service: Service, weight: int) -> bytes:
            return msg(
                2,
                msg(1, msg(1, service.host), msg(3, num(1, 80))),
                num(2, weight) if weight else b"",
            )

        v2 = msg(
            3,
            msg(17, "v2"),
            msg(1, msg(1, msg(2, "/v2"))),
            to(self.other, 0),
            msg(6, num(1, 5)),
        )
        rest = msg(
            3,
            msg(17, "rest"),
            to(self.service, self.weight),
            to(self.other, 100 - self.weight),
        )
        svc = self.service
        body = msg(1, svc.host) + v2 + rest
        return wrap(VIRTUAL_SERVICE, svc, self.version, body)


def wrap(kind: str, service: Service, version: int, body: bytes) -> bytes:
    """The Any{Resource{metadata, body}} of one object, as field 2 of a DiscoveryResponse."""
    meta = msg(
        1,
        msg(1, f"{service.namespace}/{service.name}"),
        msg(2, num(1, EPOCH + service.index)),
        msg(3, str(version)),
    )
    spec = msg(
        2, msg(1, f"type.googleapis.com/istio.networking.v1alpha3.{kind}"), msg(2, body)
    )
    return msg(2, msg(1, RESOURCE_URL), msg(2, meta, spec))


@dataclass
class Source:
    """The mesh and the streams that watch it."""

    services: list[Service]
    routes: list[Route]
    namespaces: int
    encoded: dict[str, list[bytes]] = field(default_factory=dict)
    streams: list[tuple[queue.SimpleQueue[bytes | None], dict[str, str]]] = field(
        default_factory=list
    )
    lock: threading.Lock = field(default_factory=threading.Lock)
    nonce: int = 0
    waiting: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.encoded = {
            SERVICE_ENTRY: [s.encode() for s in self.services],
            VIRTUAL_SERVICE: [r.encode() for r in self.routes],
        }

    def response(self, type_url: str) -> bytes:
        self.nonce += 1
        nonce = str(self.nonce)
        body = b"".join(self.encoded.get(type_url.rsplit("/", 1)[-1], ()))
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

    def publish(self, ident: str, kind: str, marker: bytes, types: str) -> None:
        with self.lock:
            sends = []
            for out, watched in self.streams:
                for type_url in [u for u, k in watched.items() if k == kind]:
                    sends.append((out, self.response(type_url)))
                    self.waiting[str(self.nonce)] = ident
            t = time.monotonic()  # noqa: TID251 - one clock with xdsload
            for out, data in sends:
                out.put(data)
            say(event="sent", t=t, id=ident, marker=marker.hex(), types=types)

    def change(self, verb: str, rest: list[str]) -> bytes:
        """Make the change, told to nobody yet; return its marker."""
        which = int(rest[0]) if rest else 0
        if verb == "endpoint":
            return self.endpoint(which, *rest[1:2])
        return self.weight(which) if verb == "weight" else self.add()

    def endpoint(self, j: int, ip: str = "") -> bytes:
        s = self.services[j]
        s.version += 1
        n = s.version
        ip = ip or f"10.{200 + n // 60000}.{n // 250 % 250}.{1 + n % 250}"
        s.endpoints[-1] = ip
        return self.changed(SERVICE_ENTRY, j, s.encode(), msg(2, ip))

    def weight(self, j: int) -> bytes:
        r = self.routes[j]
        r.version += 1
        r.weight = 1 + (r.weight % 99)
        marker = msg(1, f"outbound|80||{r.service.host}") + msg(
            2, num(1, r.weight)
        )  # ClusterWeight{name, weight} of Envoy
        return self.changed(VIRTUAL_SERVICE, j, r.encode(), marker)

    def add(self) -> bytes:
        j = len(self.services)
        self.services.append(
            make_service(
                j, self.namespaces, 1, vip=bool(self.services[0].vip), prefix="new"
            )
        )
        self.encoded[SERVICE_ENTRY].append(b"")
        return self.changed(
            SERVICE_ENTRY, j, self.services[j].encode(), self.services[j].host.encode()
        )

    def changed(self, kind: str, j: int, data: bytes, marker: bytes) -> bytes:
        self.encoded[kind][j] = data
        return marker


def make_service(
    j: int, namespaces: int, count: int, *, vip: bool, prefix: str = "svc"
) -> Service:
    ends = [f"10.{1 + k}.{j // 250}.{1 + j % 250}" for k in range(count)]
    address = f"172.{16 + j // 62500}.{j // 250 % 250}.{1 + j % 250}" if vip else ""
    return Service(j, f"{prefix}-{j}", f"ns-{j % namespaces}", ends, address)


def say(**fact: object) -> None:
    sys.stdout.write(json.dumps(fact) + "\n")
    sys.stdout.flush()


WHERE = {
    "endpoint": (SERVICE_ENTRY, "EDS"),
    "weight": (VIRTUAL_SERVICE, "RDS"),
    "add": (SERVICE_ENTRY, "CDS+EDS+RDS"),
}
"""What each change is a change of, and where proxies see it."""


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=15051)
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--virtual-services", type=int, default=100)
    parser.add_argument("--namespaces", type=int, default=50)
    parser.add_argument(
        "--vip", action="store_true", help="give every service an address"
    )
    return parser.parse_args()


def made(args: argparse.Namespace) -> Source:
    services = [
        make_service(j, args.namespaces, 1 + j % 5, vip=args.vip)
        for j in range(args.services)
    ]
    routes = [
        Route(services[j], services[(j + 1) % len(services)])
        for j in range(args.virtual_services)
    ]
    return Source(services, routes, args.namespaces)


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
    prepared: dict[str, tuple[str, bytes, str]] = {}
    for line in lines:
        match line.split():
            case ["quit"]:
                return
            case ["go", ident] if ident in prepared:
                source.publish(ident, *prepared.pop(ident))
            case ["prepare", ident, verb, *rest] if verb in WHERE:
                kind, types = WHERE[verb]
                marker = source.change(verb, rest)
                prepared[ident] = (kind, marker, types)
                say(event="prepared", id=ident, marker=marker.hex(), types=types)
            case [verb, *rest] if verb in WHERE:
                kind, types = WHERE[verb]
                source.publish(verb, kind, source.change(verb, rest), types)
            case [_, *_]:
                say(event="error", message=f"unknown command {line.strip()!r}")


def main() -> None:
    args = options()
    source = made(args)
    server = serve(source, args.port)
    say(
        event="listening",
        port=args.port,
        services=args.services,
        bytes=sum(map(len, source.encoded[SERVICE_ENTRY])),
    )
    obey(source, sys.stdin)
    server.stop(None)


if __name__ == "__main__":
    main()
