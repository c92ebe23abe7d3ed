from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from meltemi.ctl.main import execute
from meltemi.testkit.bookinfo import MESH
from meltemi.testkit.tokens import key_set, signed

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = """\
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: reviews}
spec:
  selector: {matchLabels: {app: reviews}}
  mtls: {mode: DISABLE}
"""


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    file = tmp_path / "mesh.yaml"
    file.write_text(MESH)
    return file


def explained(mesh: Path, *words: str, caller: str = "productpage-v1") -> int:
    ends = ["--from", caller, "--to", "reviews-v1", "--port", "9080"]
    return execute(["authz", "explain", *ends, "-f", str(mesh), *words])


def test_a_caller_is_who_its_service_account_says(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explained(mesh, "-o", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["allowed"] is True
    (handshake,) = [each for each in found["steps"] if each["stage"] == "handshake"]
    assert handshake["why"].endswith(
        "spiffe://cluster.local/ns/default/sa/bookinfo-productpage"
    )


def test_a_server_that_speaks_no_tls_is_called_in_the_clear_and_knows_nobody(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mesh.write_text(MESH + NOBODY)
    assert explained(mesh) == 1
    said = capsys.readouterr().out
    assert "the chain does not speak TLS" in said
    assert "(it is nobody known)" in said
    assert said.endswith("refused: ErrDenied (403)\n")


ONE_HOST = """\
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: hosts}
spec:
  selector: {matchLabels: {app: reviews}}
  action: DENY
  rules:
  - to: [{operation: {notHosts: [reviews.default.svc.cluster.local]}}]
    when: [{key: "request.headers[x-team]", notValues: [blue]}]
"""
BYTES = """\
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: bytes}
spec:
  hosts: [bytes.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  addresses: [10.96.0.12]
  ports:
  - {number: 3306, name: tcp, protocol: TCP, targetPort: 13306}
  - {number: 7777, name: any}
  workloadSelector: {labels: {app: reviews}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: gets}
spec:
  selector: {matchLabels: {app: reviews}}
  rules:
  - to: [{operation: {methods: [GET], ports: ["9080", "7777", "13306"]}}]
"""


def test_a_request_is_for_the_host_of_the_service_unless_another_is_named(
    mesh: Path,
) -> None:
    mesh.write_text(MESH + ONE_HOST)
    assert explained(mesh) == 0
    assert explained(mesh, "--host", "other") == 1
    assert explained(mesh, "-H", "Host: other") == 1
    assert explained(mesh, "-H", "Host: other", "-H", "x-team: blue") == 0


def test_bytes_lack_what_a_policy_wants_of_requests(mesh: Path) -> None:
    mesh.write_text(MESH + BYTES)
    assert explained(mesh, "--port", "7777") == 0
    assert explained(mesh, "--port", "3306") == 1


def test_a_service_is_called_at_the_port_its_workload_has(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mesh.write_text(MESH + BYTES.replace("methods: [GET], ", ""))
    assert explained(mesh, "--port", "3306") == 0
    assert "port is 13306" in capsys.readouterr().out


def test_a_port_that_none_can_be_is_a_fault_of_usage(mesh: Path) -> None:
    assert explained(mesh, "--port", "700000") == 64


OUTSIDE = "192.0.2.1"
OPEN = (
    NOBODY.replace("DISABLE", "PERMISSIVE")
    + """\
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: open}
spec:
  selector: {matchLabels: {app: reviews}}
  rules:
  - from: [{source: {remoteIpBlocks: [192.0.2.0/24]}}]
    to: [{operation: {paths: [/open]}}]
"""
)


def test_an_address_outside_speaks_in_the_clear(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explained(mesh, "--path", "/open", caller=OUTSIDE) == 1
    assert capsys.readouterr().out.endswith("refused: ErrNoFilterChain\n")
    mesh.write_text(MESH + OPEN)
    assert explained(mesh, "--path", "/open", caller=OUTSIDE) == 0
    assert explained(mesh, "--path", "/shut", caller=OUTSIDE) == 1
    assert explained(mesh, "--path", "/open", caller="198.51.100.1") == 1


def test_a_spiffe_id_shows_its_certificate_and_is_where_it_is_said_to_be(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reader = "spiffe://cluster.local/ns/default/sa/bookinfo-productpage"
    assert explained(mesh, caller=reader) == 0
    assert explained(mesh, caller=reader.replace("productpage", "other")) == 1
    assert explained(mesh, caller=reader.replace("cluster.local", "foreign")) == 1
    assert capsys.readouterr().out.endswith("refused: ErrMTLSError\n")
    mesh.write_text(MESH + OPEN.replace("remoteIp", "ip"))
    other = reader.replace("productpage", "other")
    assert explained(mesh, "--path", "/open", "--address", OUTSIDE, caller=other) == 0
    assert explained(mesh, "--path", "/open", caller=other) == 1
    assert capsys.readouterr().out.endswith("refused: ErrNotModelled\n")
    assert explained(mesh, caller="spiffe://cluster.local/admin") == 65
    assert explained(mesh, "--address", "here", caller=other) == 64
    assert explained(mesh, "--address", OUTSIDE, caller=OUTSIDE) == 64


def test_bytes_on_a_port_of_requests_are_none(mesh: Path) -> None:
    assert explained(mesh) == 0
    assert explained(mesh, "--tcp") == 1


def test_the_rule_that_decided_is_named_for_programs(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*words: str) -> dict[str, object]:
        explained(mesh, "-o", "json", *words)
        found: dict[str, object] = json.loads(capsys.readouterr().out)
        return found

    rule = "ns[default]-policy[readers]-rule[0]"
    assert (said()["policy"], said()["sure"]) == (rule, True)
    assert said("--method", "POST")["policy"] == ""
    mesh.write_text(MESH + ONE_HOST)
    refused = said("--host", "other")
    assert refused["policy"] == "ns[default]-policy[hosts]-rule[0]"


def test_a_dry_run_is_told_and_decides_nothing(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dry = "{name: hosts, annotations: {istio.io/dry-run: 'true'}}"
    mesh.write_text(MESH + ONE_HOST.replace("{name: hosts}", dry))
    assert explained(mesh, "--host", "other", "-o", "json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["policy"] == "ns[default]-policy[readers]-rule[0]"
    assert [each["policy"] for each in said["verdicts"] if each["dry"]] == [
        "ns[default]-policy[hosts]-rule[0]"
    ]


ASKED = """\
---
apiVersion: mesh.istio.io/v1alpha1
kind: MeshConfig
metadata: {name: default, namespace: istio-system}
spec:
  extensionProviders:
  - name: checker
    envoyExtAuthzHttp: {service: productpage.default.svc.cluster.local, port: 9080}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: checked}
spec:
  selector: {matchLabels: {app: reviews}}
  action: CUSTOM
  provider: {name: checker}
  rules: [{}]
"""


def test_what_another_service_decides_is_not_said_for_sure(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mesh.write_text(MESH + ASKED)
    assert explained(mesh) == 0
    assert capsys.readouterr().out.endswith("allowed, as far as is known here\n")


def test_a_port_of_no_service_is_called_in_the_clear(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explained(mesh, "--port", "9999") == 1
    assert "refused: " in capsys.readouterr().out


TOKENS = f"""\
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {{name: tokens}}
spec: {{jwtRules: [{{issuer: me, jwks: '{key_set()}'}}]}}
"""


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (signed({"iss": "me", "exp": 1_000_000_000}), "the token has expired"),
        (signed({"iss": "me"}, forged=True), "the issuer has not signed the token"),
    ],
)
def test_a_token_that_has_expired_or_is_forged_is_refused(
    mesh: Path, capsys: pytest.CaptureFixture[str], token: str, why: str
) -> None:
    mesh.write_text(MESH + TOKENS)
    assert explained(mesh, "--jwt", signed({"iss": "me"})) == 0
    assert explained(mesh, "--jwt", token) == 1
    said = capsys.readouterr().out
    assert why in said
    assert said.endswith("refused: ErrDenied (401)\n")
    header = f"-Hauthorization: Bearer {token}"
    url = "http://reviews:9080/"
    words = ["trace", "GET", url, "--from", "productpage-v1", "-f", str(mesh), header]
    assert execute(words) == 1
