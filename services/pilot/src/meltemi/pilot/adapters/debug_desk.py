"""Istio's debug types over xDS, as ``istioctl`` asks for them: for administrators.

Source:
    istio pilot/pkg/xds/statusgen.go: what each of the two types holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import grpc
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest, DiscoveryResponse
from google.protobuf.any_pb2 import Any

from meltemi.pilot.adapters.ads_codec import MalformedRequestError, parsed
from meltemi.pilot.debug_messages import client_config, config_dumps
from meltemi.runtime.admin_token import AdminDeniedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.message import Message

    from meltemi.pilot.adapters.call import Call
    from meltemi.pilot.connections import Connections
    from meltemi.runtime.admin_token import AdminToken

DEBUG: Final = "istio.io/debug"
"""What Istio's types about the control plane begin with: of every proxy's
configuration, some say. No proxy has a use for them."""
SYNCZ: Final = f"{DEBUG}/syncz"
CONFIG_DUMP: Final = f"{DEBUG}/config_dump"


class DebugDesk:
    """Answers who shows the administrators' token; without one it answers nobody."""

    def __init__(self, connections: Connections, admins: AdminToken | None) -> None:
        self._connections, self._admins = connections, admins

    async def serve(self, first: bytes, call: Call) -> None:
        """Answer every request of one stream, of the state of the world."""
        raw: bytes | None = first
        while raw is not None:
            try:
                request = parsed(DiscoveryRequest, raw)
            except MalformedRequestError as error:
                await call.refuse(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            await self._admit(request.type_url, call)
            if not request.response_nonce:
                await call.write((await self._answer(request, call),))
            raw = await call.read()

    async def _admit(self, type_url: str, call: Call) -> None:
        """Refuse whoever is no administrator, at each request: tokens are rotated."""
        if self._admins is None:
            why = f"{type_url} is not served: PILOT_ADMIN_TOKEN_FILE is not set"
            await call.refuse(grpc.StatusCode.PERMISSION_DENIED, why)
        try:
            self._admins.check(call.header("authorization"))
        except AdminDeniedError as error:
            await call.refuse(grpc.StatusCode.UNAUTHENTICATED, str(error))

    async def _answer(self, request: DiscoveryRequest, call: Call) -> bytes:
        made: Iterable[Message] = ()
        if request.type_url == SYNCZ:
            made = [client_config(each) for each in self._connections.all()]
        elif request.type_url == CONFIG_DUMP:
            names = list(request.resource_names)
            streams = [e for e in self._connections.all() if [e.proxy.name] == names]
            if not streams or streams[-1].snapshot is None:
                why = f"no proxy {names} is connected here: name one, as NAME.NAMESPACE"
                await call.refuse(grpc.StatusCode.NOT_FOUND, why)
            made = config_dumps(streams[-1].snapshot)
        else:
            why = f"{request.type_url} is not known: {SYNCZ} and {CONFIG_DUMP} are"
            await call.refuse(grpc.StatusCode.INVALID_ARGUMENT, why)
        return DiscoveryResponse(
            type_url=request.type_url,
            nonce="1",
            version_info="1",
            resources=[_packed(each) for each in made],
        ).SerializeToString()


def asks_for_state(first: bytes) -> bool:
    """Tell whether a stream is a person's, for the state of the control plane."""
    try:
        message = parsed(DiscoveryRequest, first)
    except MalformedRequestError:
        return False
    return message.type_url.startswith(DEBUG)


def _packed(message: Message) -> Any:
    result = Any()
    result.Pack(message)
    return result
