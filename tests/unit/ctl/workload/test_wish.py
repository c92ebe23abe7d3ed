from __future__ import annotations

import pytest

from meltemi.ctl.workload.wish import (
    BadWishError,
    Port,
    Upstream,
    labels_of,
    name_of,
)


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("8080", Port(8080, "http")),
        ("50051:grpc", Port(50051, "grpc")),
        ("80:http-web", Port(80, "http-web")),
    ],
)
def test_a_port_is_a_number_and_the_name_that_the_service_gives_it(
    text: str, port: Port
) -> None:
    assert Port.parse(text) == port


@pytest.mark.parametrize("text", ["", "0", "70000", "http", "80:", "80:GRPC", "80:a:b"])
def test_what_is_no_port_is_quoted(text: str) -> None:
    with pytest.raises(BadWishError, match=f"--port {text}"):
        Port.parse(text)


def test_an_upstream_is_found_by_variables_and_a_short_name_is_completed() -> None:
    short = Upstream.parse("rate-s:9080=18090")
    assert short.named("shop", "cluster.local") == "rate-s.shop.svc.cluster.local:9080"
    assert short.variables == {
        "RATE_S_SERVICE_HOST": "127.0.0.1",
        "RATE_S_SERVICE_PORT": "18090",
    }
    whole = Upstream.parse("api.example.com:443=127.0.0.2:8443")
    assert whole.named("shop", "cluster.local") == "api.example.com:443"
    assert whole.variables["API_SERVICE_HOST"] == "127.0.0.2"


@pytest.mark.parametrize("text", ["a", "a:1", "a=1", "a:1=", "a:1=x", ":1=2", "a:1=0"])
def test_what_is_no_upstream_is_quoted(text: str) -> None:
    with pytest.raises(BadWishError, match="expected HOST:PORT=LOCAL"):
        Upstream.parse(text)


def test_labels_are_key_and_value() -> None:
    assert labels_of(["version=v1", "tier=a=b"]) == {"version": "v1", "tier": "a=b"}
    for word in ("version", "=v1"):
        with pytest.raises(BadWishError, match="KEY=VALUE"):
            labels_of([word])


@pytest.mark.parametrize(
    ("machine", "name"),
    [
        ("web-3.example.com", "cart-web-3"),
        ("Web_3", "cart-web-3"),
        ("x" * 90, "cart-" + "x" * 58),
    ],
)
def test_a_workload_is_called_by_its_service_and_machine(
    machine: str, name: str
) -> None:
    assert name_of("cart", machine) == name
