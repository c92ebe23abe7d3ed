from __future__ import annotations

import base64
import json

import pytest

from meltemi.ctl.workload.holder import Holder, holder_of
from meltemi.ctl.workload.wish import BadWishError


def token(claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.c2lnbmF0dXJl"


@pytest.mark.parametrize("account", ["cart", "a", "bookinfo-reviews", "ab"])
def test_namespace_and_account_come_from_the_subject(account: str) -> None:
    subject = f"system:serviceaccount:shop:{account}"
    assert holder_of(token({"sub": subject, "exp": 1})) == Holder("shop", account)


@pytest.mark.parametrize("text", ["", "hunter2", "a.b", "a.!.c", "a.e30.b.c", "a.YQ.c"])
def test_what_is_no_token_is_not_quoted(text: str) -> None:
    with pytest.raises(BadWishError) as refused:
        holder_of(text)
    assert not text or text not in str(refused.value)


@pytest.mark.parametrize("subject", ["", "cart", "system:serviceaccount:shop", "a:b"])
def test_a_token_of_somebody_else_names_its_subject(subject: str) -> None:
    with pytest.raises(BadWishError, match="token"):
        holder_of(token({"sub": subject}))
