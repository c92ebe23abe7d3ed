from __future__ import annotations

import grpc
import pytest

from meltemi.store.connection import Connection, Login, RevisionGoneError, Tls
from meltemi.store.ports import (
    LedgerDeniedError,
    LedgerFullError,
    LedgerRefusedError,
    LedgerUnavailableError,
)

Code = grpc.StatusCode


def connection(*endpoints: str) -> Connection:
    return Connection(endpoints or ("a:1",), timeout=1, tls=None, login=None)


def failed(code: grpc.StatusCode, details: str = "") -> grpc.aio.AioRpcError:
    nothing = grpc.aio.Metadata()
    return grpc.aio.AioRpcError(code, nothing, nothing, details=details)


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (failed(Code.UNAVAILABLE), LedgerUnavailableError),
        (failed(Code.DEADLINE_EXCEEDED), LedgerUnavailableError),
        (failed(Code.RESOURCE_EXHAUSTED, "too many requests"), LedgerUnavailableError),
        (
            failed(
                Code.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded"
            ),
            LedgerFullError,
        ),
        (failed(Code.PERMISSION_DENIED), LedgerDeniedError),
        (
            failed(Code.INVALID_ARGUMENT, "etcdserver: authentication failed, invalid"),
            LedgerDeniedError,
        ),
        (failed(Code.INVALID_ARGUMENT, "duplicate key"), LedgerRefusedError),
        (failed(Code.OUT_OF_RANGE, "compacted"), RevisionGoneError),
    ],
)
def test_each_answer_of_etcd_has_one_meaning(
    error: grpc.aio.AioRpcError, meaning: type[Exception]
) -> None:
    assert type(connection("a:1").failure(error)) is meaning


@pytest.mark.parametrize(
    ("error", "write", "read"),
    [
        (failed(Code.UNAVAILABLE, "failed to connect to all addresses"), True, True),
        (failed(Code.UNAVAILABLE, "Socket closed"), False, True),
        (failed(Code.DEADLINE_EXCEEDED, "failed to connect"), False, False),
        (failed(Code.INVALID_ARGUMENT), False, False),
    ],
)
def test_a_write_is_repeated_only_when_the_server_never_saw_it(
    error: grpc.aio.AioRpcError, *, write: bool, read: bool
) -> None:
    assert connection()._may_repeat(error, repeatable=False) is write
    assert connection()._may_repeat(error, repeatable=True) is read


def test_schemes_are_not_part_of_an_endpoint() -> None:
    assert connection("https://a:1/").endpoint == "a:1"


def test_a_ledger_without_endpoints_is_refused() -> None:
    with pytest.raises(LedgerRefusedError, match="expected HOST:PORT"):
        Connection((), timeout=1, tls=None, login=None)


def test_secrets_do_not_show_in_logs() -> None:
    assert "hunter2" not in repr(Login("root", "hunter2"))
    assert "hunter2" not in repr(Tls(b"", b"", b"hunter2"))


def test_a_call_refused_for_its_token_logs_in_again() -> None:
    held = Connection(("a:1",), timeout=1, tls=None, login=Login("root", "hunter2"))
    stale = failed(Code.UNAUTHENTICATED, "etcdserver: invalid auth token")

    assert held.forget_token(failed(Code.UNAVAILABLE)) is False
    assert held.forget_token(stale) is True


def test_of_calls_refused_for_one_token_one_logs_in() -> None:
    held = Connection(("a:1",), timeout=1, tls=None, login=Login("root", "hunter2"))
    stale = failed(Code.UNAUTHENTICATED, "etcdserver: invalid auth token")
    held._token = "newer"  # noqa: S105 - of no server

    assert held.forget_token(stale, used="older") is True
    assert held._token == "newer"  # noqa: S105
    assert held.forget_token(stale, used="newer") is True
    assert held._token == ""


def test_who_never_logs_in_has_no_stale_token() -> None:
    held = connection()
    stale = failed(Code.UNAUTHENTICATED, "etcdserver: invalid auth token")

    assert held.forget_token(stale) is False
    assert held.renounce_token() is False
