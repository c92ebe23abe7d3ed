"""The JWT half of the SPIFFE Workload API on the agent's socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import grpc

from meltemi.credentials.citadel import CertificateRefusedError
from meltemi.identity.issued_tokens import InvalidTokenError
from meltemi.identity.wire import InvalidMessageError
from meltemi.kernel.errors import MeshError
from meltemi.proxy.jwt_messages import (
    JwtSvidAsked,
    ValidationAsked,
    jwt_bundles,
    jwt_svids,
    validated,
)
from meltemi.proxy.svid_check import Proved, UnknownKeyError, check_svid
from meltemi.proxy.workload_api import SERVICE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from meltemi.kernel.clock import Clock
    from meltemi.kernel.identity import SpiffeId
    from meltemi.proxy.adapters.jwt_source import JwtSource
    from meltemi.proxy.adapters.workload_door import Context, WorkloadDoor


class JwtApi:
    """Answers applications about tokens."""

    def __init__(
        self, source: JwtSource, identity: SpiffeId, door: WorkloadDoor, clock: Clock
    ) -> None:
        self._source, self._identity = source, identity
        self._door, self._clock = door, clock

    def handler(self) -> grpc.GenericRpcHandler:
        """Return the gRPC handler, to add to a server."""
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "FetchJWTSVID": grpc.unary_unary_rpc_method_handler(self._fetch),
                "FetchJWTBundles": grpc.unary_stream_rpc_method_handler(self._bundles),
                "ValidateJWTSVID": grpc.unary_unary_rpc_method_handler(self._validate),
            },
        )

    async def _fetch(self, raw: bytes, context: Context) -> bytes:
        async with self._door.entered(context):
            try:
                asked = JwtSvidAsked.decode(raw)
                if not all(asked.audience) or not asked.audience:
                    raise InvalidMessageError("a JWT-SVID is for one audience at least")
                if asked.spiffe_id not in ("", str(self._identity)):
                    raise CertificateRefusedError(
                        f"{asked.spiffe_id} is not this workload: {self._identity} is"
                    )
                return jwt_svids(await self._source.svid(asked.audience))
            except MeshError as error:
                await _refuse(context, error)

    async def _bundles(self, _: bytes, context: Context) -> AsyncIterator[bytes]:
        async with self._door.entered(context):
            try:
                async for keys in self._source.newest():
                    yield jwt_bundles(dict.fromkeys(keys.trust_domains, keys.keys))
            except MeshError as error:
                await _refuse(context, error)

    async def _validate(self, raw: bytes, context: Context) -> bytes:
        async with self._door.entered(context):
            try:
                asked = ValidationAsked.decode(raw)
                if not asked.audience:
                    raise InvalidMessageError("an audience must be named")
                return validated(await self._checked(asked))
            except MeshError as error:
                await _refuse(context, error)

    async def _checked(self, asked: ValidationAsked) -> Proved:
        """Check a token; one of a key that is new to us by keys that are newer."""
        try:
            return await self._once(asked, newer=False)
        except UnknownKeyError:
            return await self._once(asked, newer=True)

    async def _once(self, asked: ValidationAsked, *, newer: bool) -> Proved:
        keys = await self._source.keys(newer=newer)
        believed = dict.fromkeys(keys.trust_domains, keys.keys)
        return check_svid(asked.svid, asked.audience, believed, now=self._clock.now())


async def _refuse(context: Context, error: MeshError) -> NoReturn:
    """End the call with the status that the Workload API has for ``error``."""
    if isinstance(error, InvalidMessageError | InvalidTokenError):
        code = grpc.StatusCode.INVALID_ARGUMENT
    elif isinstance(error, CertificateRefusedError):
        code = grpc.StatusCode.PERMISSION_DENIED
    else:
        code = grpc.StatusCode.UNAVAILABLE
    await context.abort(code, str(error))
