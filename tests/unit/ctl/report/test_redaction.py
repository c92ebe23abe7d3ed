from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from meltemi.ctl.report.redaction import redacted
from meltemi.testkit.leaks import leaks

KEYS = {
    f"{name}-{word}": key.private_bytes(Encoding.PEM, form, NoEncryption())
    for name, key in (
        ("ec", ec.generate_private_key(ec.SECP256R1())),
        ("rsa", rsa.generate_private_key(65537, 2048)),
    )
    for word, form in (
        ("pkcs8", PrivateFormat.PKCS8),
        ("traditional", PrivateFormat.TraditionalOpenSSL),
    )
}
JWT = b"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhZG1pbiIsImF1ZCI6WyJ4Il19.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
CERTIFICATE = (
    b"-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUcertificate\n"
    b"-----END CERTIFICATE-----\n"
)


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_private_key_is_taken_out_however_it_is_written(key: bytes) -> None:
    body = key.partition(b"\n")[2].rpartition(b"\n-----END")[0]
    for text in (
        b"before\n" + key + b"after",
        b"before" + json.dumps({"key": key.decode()}).encode(),
        b'before {"inline_bytes": "' + base64.b64encode(key) + b'"}',
        b"before: " + body.replace(b"\n", b"") + b" ",
        b"before: " + key[:-40],
        b"before: " + key[60:] + b"after",
    ):
        found = redacted(text)
        assert found.startswith(b"before"), text
        assert b"[redacted]" in found
        assert not leaks(found)
        assert body[70:100] not in found


def test_certificates_stay_they_are_what_is_looked_for() -> None:
    for text in (CERTIFICATE, base64.b64encode(CERTIFICATE)):
        assert redacted(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (b"authorization: Bearer 0123456789abcdef", b"authorization: Bearer "),
        (b'"authorization": "Basic dXNlcjpwYXNz"', b'"authorization": "Basic '),
        (b"cookie: session=0123456789", b"cookie: "),
        (b"nats://pilot:s3cret-pass@127.0.0.1:4222", b"nats://pilot:"),
        (b"GET /x?access_token=abc&y=1", b"GET /x?access_token="),
        (b'{"kty":"oct","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQ"}', b'{"kty":"oct","k":"'),
        (b"password=hunter2hunter2", b"password="),
        (b"token " + JWT, b"token "),
        (b"hvs.CAESIJ0123456789abcdefghij", b""),
        (
            b'{"key": "authorization", "value": "Basic dXNl"}',
            b'{"key": "authorization", "value": "',
        ),
        (
            b'{\n "key": "x-api-key",\n "value": "k1"}',
            b'{\n "key": "x-api-key",\n "value": "',
        ),
        (
            b'{"key":"X-Auth-Token","raw_value":"t"}',
            b'{"key":"X-Auth-Token","raw_value":"',
        ),
        (
            b'{"key": "x-client-secret", "value": "a b"}',
            b'{"key": "x-client-secret", "value": "',
        ),
        (
            b'{"key": "x-password", "value": "p$s&"}',
            b'{"key": "x-password", "value": "',
        ),
        (b'{"key": "cookie", "value": "a=1; b=2"}', b'{"key": "cookie", "value": "'),
        (b'"cookie": "a=1; session=0123"', b'"cookie": "'),
        (b"cookie: a=1; session=0123", b"cookie: "),
        (b"accessToken: lightstep-0123", b"accessToken: "),
        (b"password: pa$$w&rd", b"password: "),
        (b'authorization: "ApiKey 0123"', b'authorization: "'),
        (b'"x-api-key": "k1"', b'"x-api-key": "'),
    ],
)
def test_what_stands_behind_a_telling_word_is_taken_out(
    text: bytes, left: bytes
) -> None:
    found = redacted(text)
    assert found.startswith(left + b"[redacted]"), found


def test_known_secrets_are_taken_out_though_they_look_like_nothing() -> None:
    text = b"ordinary-word-42 and short and more"
    known = [b"ordinary-word-42", b"short", b"ordinary-word"]
    assert redacted(text, known) == b"[redacted] and short and more"


@pytest.mark.parametrize(
    "text",
    [
        b'{"response_code":200,"path":"/reviews?page=2","cluster":"outbound|9080||x"}',
        b"spec: {mtls: {mode: STRICT}}\n",
        b'"san": "spiffe://cluster.local/ns/default/sa/bookinfo-reviews"',
        b"http://127.0.0.1:15020/stats/prometheus",
        b'{"credentialName": "web", "use_refresh_token": true, "max_token": 9}',
        b'{"secret": {"name": "kubernetes://web"}, "key": "end-user", "value": "jason"}',
        b"tokens_per_fill: 1000",
    ],
)
def test_everything_else_stays_as_it_is(text: bytes) -> None:
    assert redacted(text) == text


def test_what_was_taken_out_stays_so_and_long_words_take_no_time() -> None:
    once = redacted(b'{"key": "x-token", "value": "0123"} password: 0123456')
    assert redacted(once) == once
    word = b"Zm9v" * 500_000
    assert redacted(word) == word
