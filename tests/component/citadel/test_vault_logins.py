"""A login by JWT, on a real Vault."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from meltemi.citadel.vault.call import Connection, Fields
from meltemi.citadel.vault.login import JwtLogin
from meltemi.citadel.vault.pki import POLICY
from meltemi.identity.keys import key_to_pem, new_key
from meltemi.testkit.signers import sign, tended, vault_signer
from meltemi.testkit.vault import vault_server

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.vault


async def test_citadel_logs_in_with_a_token_of_somebody_else(tmp_path: Path) -> None:
    key = new_key()
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    now = int(time.time())  # noqa: TID251 - Vault has no other clock
    claims = {"sub": "citadel", "aud": "vault", "iat": now, "exp": now + 600}
    token = tmp_path / "jwt"
    token.write_text(jwt.encode(claims, key_to_pem(key), algorithm="ES256"))
    with vault_server() as vault:
        vault.set_up(tmp_path)
        assert vault.ask("post", "sys/auth/jwt", {"type": "jwt"}).ok
        keys: Fields = {"jwt_validation_pubkeys": [public.decode()]}
        assert vault.ask("post", "auth/jwt/config", keys).ok
        role: Fields = {
            "role_type": "jwt",
            "user_claim": "sub",
            "bound_audiences": ["vault"],
            "token_policies": [POLICY],
        }
        assert vault.ask("post", "auth/jwt/role/citadel", role).ok
        login = JwtLogin("citadel", token)
        where = Connection((vault.url,))
        async with tended(vault_signer("sign", where, login)) as signer:
            await sign(signer)
