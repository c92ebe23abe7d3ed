"""The agent's calls to Citadel: a certificate for a token, or for a certificate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc

from meltemi.identity import svid_wire
from meltemi.identity.credential import Credential
from meltemi.identity.keys import build_csr, new_key
from meltemi.identity.svid_wire import SvidAnswer, SvidKeys, SvidRequest
from meltemi.identity.wire import (
    CREATE_CERTIFICATE,
    CertificateRequest,
    CertificateResponse,
)
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from meltemi.kernel.identity import SpiffeId
    from meltemi.runtime.settings import Address

TIMEOUT_SECONDS = 5.0

SERVER_NAME = "citadel"
"""The DNS name in Citadel's certificate. No workload's certificate has one."""

OPTIONS = (("grpc.ssl_target_name_override", SERVER_NAME),)

REFUSALS = (
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.INVALID_ARGUMENT,
)


class CertificateRefusedError(MeshError):
    """Citadel will not certify us as we ask."""

    code = "agent.certificate-refused"
    blame = Blame.CALLER


class CitadelUnavailableError(MeshError):
    """Citadel cannot be reached, or cannot sign now."""

    code = "agent.citadel-unavailable"
    blame = Blame.PEER


@dataclass(frozen=True, slots=True)
class CitadelClient:
    """Both doors of Citadel, for one workload."""

    bootstrap: Address
    renewal: Address
    identity: SpiffeId
    node: str = ""

    async def join(self, token: str, roots_pem: bytes) -> Credential:
        """Return a credential with a new key, bought with a workload token.

        Raises:
            CertificateRefusedError: If the token is not good, or was used.
            CitadelUnavailableError: If Citadel is away: the token may be good still.

        """
        trust = grpc.ssl_channel_credentials(roots_pem)
        bearer = (("authorization", f"Bearer {token}"),)
        return await self._ask(self.bootstrap, trust, bearer)

    async def renew(self, held: Credential, roots_pem: bytes) -> Credential:
        """Return a credential with a new key, bought with ``held``.

        Raises:
            CertificateRefusedError: If Citadel does not accept ``held``.
            CitadelUnavailableError: If Citadel is away, or of another root.

        """
        return await self._ask(self.renewal, _shown(held, roots_pem), ())

    async def svid(self, held: Credential, audience: tuple[str, ...]) -> SvidAnswer:
        """Return a JWT-SVID for ``audience``, bought with ``held``.

        Raises:
            CertificateRefusedError: If Citadel gives us none.
            CitadelUnavailableError: If it is away.

        """
        raw = SvidRequest(audience).encode()
        method = f"/{svid_wire.SERVICE}/{svid_wire.CREATE}"
        return SvidAnswer.decode(await _called(self.renewal, _shown(held), method, raw))

    async def svid_keys(self, held: Credential) -> SvidKeys:
        """Return the keys that verify JWT-SVIDs of the mesh; raise as `svid`."""
        method = f"/{svid_wire.SERVICE}/{svid_wire.KEYS}"
        return SvidKeys.decode(await _called(self.renewal, _shown(held), method, b""))

    async def _ask(
        self,
        address: Address,
        trust: grpc.ChannelCredentials,
        metadata: tuple[tuple[str, str], ...],
    ) -> Credential:
        key = new_key()
        request = CertificateRequest(build_csr(key, self.identity), node=self.node)
        raw = await _called(
            address, trust, CREATE_CERTIFICATE, request.encode(), metadata
        )
        return Credential.from_answer(key, CertificateResponse.decode(raw).chain)


def _shown(held: Credential, roots_pem: bytes = b"") -> grpc.ChannelCredentials:
    """Return what shows ``held``, and believes its roots and ``roots_pem``."""
    return grpc.ssl_channel_credentials(
        roots_pem + held.roots_pem.encode(),
        held.key_pem.encode(),
        held.chain_pem.encode(),
    )


async def _called(
    address: Address,
    trust: grpc.ChannelCredentials,
    name: str,
    raw: bytes,
    metadata: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """Call ``name`` once; raise what `CitadelClient` says."""
    async with grpc.aio.secure_channel(str(address), trust, OPTIONS) as channel:
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            name
        )
        try:
            return await method(raw, metadata=metadata, timeout=TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise _mapped(address, error) from error


def _mapped(address: Address, error: grpc.aio.AioRpcError) -> MeshError:
    text = f"Citadel at {address}: {error.code().name}: {error.details()}"
    if error.code() in REFUSALS:
        return CertificateRefusedError(text)
    return CitadelUnavailableError(text)
