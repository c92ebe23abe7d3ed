from __future__ import annotations

import json
from base64 import b64encode

import pytest

from meltemi.proxy.wasm.failure import ModuleRefusedError
from meltemi.proxy.wasm.registry_login import Login, challenge, login_for, token_in

SCOPE = "repository:a/b:pull"


def config(**auths: dict[str, str]) -> bytes:
    return json.dumps({"auths": auths}).encode()


def test_credentials_are_those_of_the_registry_and_of_no_other() -> None:
    auth = b64encode(b"me:pass:word").decode()
    raw = json.dumps(
        {
            "auths": {
                "r.example:5000": {"auth": auth},
                "https://other.example/v1/": {"username": "you", "password": "p"},
            }
        }
    ).encode()
    assert login_for("r.example:5000", raw) == Login("me", "pass:word")
    assert login_for("other.example", raw) == Login("you", "p")
    assert login_for("r.example", raw) is None
    assert login_for("evil.example", raw) is None


def test_the_hub_has_its_old_name_in_dockers_file() -> None:
    raw = config(**{"https://index.docker.io/v1/": {"username": "a", "password": "b"}})
    assert login_for("registry-1.docker.io", raw) == Login("a", "b")


@pytest.mark.parametrize(
    "raw", [b"{", b"[]", config(**{"r.example": {"auth": "no base64, s3cret"}})]
)
def test_a_bad_pull_secret_is_refused_and_not_told(raw: bytes) -> None:
    with pytest.raises(ModuleRefusedError) as caught:
        login_for("r.example", raw)
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(Login("a", "s3cret"))


def test_a_bearer_challenge_says_where_a_token_is_had() -> None:
    found = challenge(
        'Bearer realm="https://a.example/token",service="r",scope="repository:x:pull"',
        SCOPE,
        plain=False,
    )
    assert not found.basic
    server = "https://a.example/token?"
    assert found.token_url == f"{server}scope=repository%3Ax%3Apull&service=r"
    bare = challenge('bearer realm="https://a.example/token?x=1"', SCOPE, plain=False)
    assert bare.token_url == f"{server}x=1&scope=repository%3Aa%2Fb%3Apull"


def test_t20_credentials_do_not_go_where_anybody_reads_them() -> None:
    told = 'Bearer realm="http://a.example/token"'
    with pytest.raises(ModuleRefusedError, match="realm of https"):
        challenge(told, SCOPE, plain=False)
    assert challenge(told, SCOPE, plain=True).token_url


@pytest.mark.parametrize("header", ["", "Negotiate", "Bearer", 'Bearer realm="x"'])
def test_what_we_have_no_answer_to_is_refused(header: str) -> None:
    with pytest.raises(ModuleRefusedError, match="expected basic"):
        challenge(header, SCOPE, plain=True)


def test_a_token_has_one_of_two_names() -> None:
    assert token_in(b'{"token":"a"}') == "a"
    assert token_in(b'{"access_token":"b"}') == "b"
    for raw in (b"{}", b"x", b'{"token":"a\\r\\nhost: b"}'):
        with pytest.raises(ModuleRefusedError, match="no token"):
            token_in(raw)
