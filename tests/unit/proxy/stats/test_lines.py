from __future__ import annotations

import pytest

from meltemi.proxy.stats.lines import Lines, is_failure, place_of
from meltemi.stats.counts import number, quantile
from meltemi.stats.edge import Edge, End
from meltemi.stats.report import Counted, Report, decoded, encoded
from meltemi.testkit.edges import counts

PAGE = r"""
# TYPE istio_requests_total counter
istio_requests_total{reporter="source",source_workload="web",source_workload_namespace="shop",source_principal="spiffe://a/ns/shop/sa/web",destination_workload="api-v1",destination_workload_namespace="default",destination_principal="unknown",connection_security_policy="unknown",destination_service="a \"b\" \\c",response_flags="-",response_code="200",request_protocol="http"} 40
istio_requests_total{reporter="source",source_workload="web",source_workload_namespace="shop",source_principal="spiffe://a/ns/shop/sa/web",destination_workload="api-v1",destination_workload_namespace="default",destination_principal="unknown",connection_security_policy="unknown",destination_service="a \"b\" \\c",response_flags="UF",response_code="503",request_protocol="http"} 2
istio_request_duration_milliseconds_bucket{reporter="source",source_workload="web",source_workload_namespace="shop",source_principal="spiffe://a/ns/shop/sa/web",destination_workload="api-v1",destination_workload_namespace="default",destination_principal="unknown",connection_security_policy="unknown",destination_service="a \"b\" \\c",response_code="200",request_protocol="http",le="5"} 21
istio_request_duration_milliseconds_bucket{reporter="source",source_workload="web",source_workload_namespace="shop",source_principal="spiffe://a/ns/shop/sa/web",destination_workload="api-v1",destination_workload_namespace="default",destination_principal="unknown",connection_security_policy="unknown",destination_service="a \"b\" \\c",response_code="200",request_protocol="http",le="30000"} 42
istio_request_duration_milliseconds_bucket{reporter="source",source_workload="web",source_workload_namespace="shop",source_principal="spiffe://a/ns/shop/sa/web",destination_workload="api-v1",destination_workload_namespace="default",destination_principal="unknown",connection_security_policy="unknown",destination_service="a \"b\" \\c",response_code="200",request_protocol="http",le="+Inf"} 42
istio_request_duration_milliseconds_sum{reporter="source",source_workload="web",source_workload_namespace="shop",source_principal="spiffe://a/ns/shop/sa/web",destination_workload="api-v1",destination_workload_namespace="default",destination_principal="unknown",connection_security_policy="unknown",destination_service="a \"b\" \\c",response_code="200",request_protocol="http"} 300.5
istio_request_bytes_sum{reporter="source"} 5
envoy_server_live 1
"""
EDGE = Edge(
    "source",
    End("web", "shop", "spiffe://a/ns/shop/sa/web"),
    End("api-v1", "default", "unknown"),
    r'a "b" \c',
    "http",
    "unknown",
)


def test_a_page_is_read_into_edges_whatever_the_codes() -> None:
    ((edge, found),) = Lines().read(PAGE).items()
    assert edge == EDGE
    assert (number(found, "requests"), number(found, "failed")) == (42, 2)
    assert number(found, "milliseconds") == 300.5
    assert quantile(found, 0.5) == 5.0


def line(value: float, *, code: int = 200, host: str = "api") -> str:
    labels = f'reporter="source",destination_service="{host}",response_code="{code}"'
    return f"istio_requests_total{{{labels}}} {value}\n"


def counted(lines: Lines, page: str) -> float:
    return sum(number(each, "requests") for each in lines.read(page).values())


def test_what_a_page_says_is_told_once() -> None:
    lines = Lines()
    assert counted(lines, line(3)) == 3
    assert lines.read(line(3)) == {}
    assert counted(lines, line(5) + line(2, code=404)) == 4


def test_a_proxy_that_began_anew_is_counted_from_nothing() -> None:
    lines = Lines()
    assert counted(lines, line(1000)) == 1000
    assert counted(lines, line(4)) == 4


def test_a_series_that_was_forgotten_begins_at_nothing() -> None:
    lines = Lines()
    assert counted(lines, line(1000) + line(10, code=404)) == 1010
    assert counted(lines, line(1000)) == 0
    assert counted(lines, line(1000) + line(12, code=404)) == 12


def test_nothing_is_kept_of_lines_that_are_gone() -> None:
    lines = Lines()
    for n in range(100):
        assert counted(lines, line(1, host=f"h{n}")) == 1
    assert len(lines._seen) == 1


def test_connections_and_bytes_are_counted_of_tcp() -> None:
    line = 'istio_tcp_{}_total{{reporter="destination",request_protocol="tcp"}} {}'
    names = ("connections_opened", "connections_closed", "sent_bytes", "received_bytes")
    page = "\n".join(line.format(name, 3 + n) for n, name in enumerate(names))
    ((edge, tcp),) = Lines().read(page).items()
    assert (edge.reporter, edge.protocol) == ("destination", "tcp")
    found = [number(tcp, n) for n in ("opened", "closed", "sent", "received")]
    assert found == [3, 4, 5, 6]


def test_a_pilot_takes_what_a_tag_override_left() -> None:
    place = place_of('istio_requests_total{reporter="source"')
    assert place is not None
    assert place.edge == Edge("source", End(), End(), "unknown", "http", "unknown")
    tcp = place_of('istio_tcp_sent_bytes_total{reporter="source",request_protocol="x"')
    assert tcp is not None
    assert tcp.edge.protocol == "tcp"
    odd = place_of(
        'istio_requests_total{reporter="source",connection_security_policy="some",'
        f'destination_service="{"x" * 5000}"'
    )
    assert odd is not None
    report = Report((Counted(odd.edge, counts(1)),))
    assert decoded(encoded(report)) == report
    assert place_of('istio_requests_total{source_workload="web"') is None, "whose?"


@pytest.mark.parametrize("name", ["istio_request_bytes_sum", "istio_build", "x"])
def test_other_metrics_are_no_part_of_the_graph(name: str) -> None:
    assert place_of(f'{name}{{reporter="source"') is None


@pytest.mark.parametrize(
    ("code", "grpc", "failed"),
    [
        ("200", "", False),
        ("404", "", False),
        ("500", "", True),
        ("503", "14", True),
        ("0", "", True),
        ("200", "0", False),
        ("200", "5", False),
        ("200", "13", True),
    ],
)
def test_a_failure_is_what_the_server_is_to_blame_for(
    code: str, grpc: str, *, failed: bool
) -> None:
    assert is_failure({"response_code": code, "grpc_response_status": grpc}) is failed
