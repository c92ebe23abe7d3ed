from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from meltemi.ctl.citadel import workload_token
from meltemi.ctl.main import execute
from meltemi.proxy.settings import AgentSettings
from meltemi.runtime.settings import read_settings
from meltemi.testkit.compose_files import agent_environs

if TYPE_CHECKING:
    from pathlib import Path

WEB = """\
services:
  web:
    image: nginx
    expose: [80]
    labels: {sidecar.istio.io/logLevel: debug}
  tool: {image: x, network_mode: host}
"""
INVITATION = {
    "trustDomain": "mesh.example",
    "citadelBootstrap": "10.0.0.1:15012",
    "citadelRenewal": "10.0.0.1:15013",
    "pilots": ["10.0.0.1:15011", "10.0.0.2:15011"],
    "roots": ["-----ROOT-----\n"],
}


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "compose.yaml"
    file.write_text(WEB)
    return file


def test_explain_says_of_each_value_what_decided_it(
    web: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["inject", "explain", "-f", str(web), "-o", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    found = {(row["service"], row["setting"]): row for row in rows}
    assert found["web", "log_level"]["value"] == "debug"
    assert found["web", "log_level"]["because"] == "sidecar.istio.io/logLevel"
    assert found["web", "port 80"]["because"] == "its number"
    assert found["tool", "inject"] == {
        "service": "tool",
        "setting": "inject",
        "value": False,
        "because": "network_mode: host",
    }


def test_explain_of_one_service_says_nothing_of_others(
    web: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["inject", "explain", "tool", "-f", str(web)]) == 0
    assert "web" not in capsys.readouterr().out
    assert execute(["inject", "explain", "wbe", "-f", str(web)]) == 64
    assert "web, tool" in capsys.readouterr().err


def test_agents_join_where_galley_invites_them_and_have_a_token_each(
    web: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def create(_: object, wish: object) -> str:
        asked.append(wish)
        return "secret"

    monkeypatch.setattr(workload_token, "create", create)
    joining = web.with_name("joining.json")
    joining.write_text(json.dumps(INVITATION))
    words = ["-f", str(web), "-o", "out.yaml", "--joining", str(joining)]
    words += ["--tokens", "keys", "-n", "shop", "--ttl", "2h"]
    assert execute(["inject", *words]) == 0
    assert asked == [
        {
            "namespace": "shop",
            "service_account": "web",
            "ttl_seconds": 7200,
            "once": False,
        }
    ]
    assert web.with_name("keys").joinpath("web.token").read_text() == "secret\n"
    assert web.with_name("keys").joinpath("roots.pem").read_text() == "-----ROOT-----\n"
    text = web.with_name("out.yaml").read_text()
    assert "source: ./keys/web.token" in text
    (environ,) = agent_environs(text)
    settings = read_settings(AgentSettings, environ)
    assert str(settings.identity) == "spiffe://mesh.example/ns/shop/sa/web"
    assert [str(each) for each in settings.pilots] == INVITATION["pilots"]


def test_a_file_that_cannot_be_read_is_one_line_and_65(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["inject", "-f", str(tmp_path / "no.yaml")]) == 65
    (tmp_path / "bad.yaml").write_bytes(b"\xff")
    assert execute(["inject", "-f", str(tmp_path / "bad.yaml")]) == 65
    assert "byte 0 is not UTF-8" in capsys.readouterr().err
    assert execute(["inject"]) == 64


def test_uninject_says_what_it_could_not_give_back(
    web: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["uninject", "-f", str(web)]) == 0
    told = capsys.readouterr()
    assert told.out == WEB
    assert "nothing is injected" in told.err
    assert execute(["inject", "-f", str(web), "-o", "out.yaml"]) == 0
    changed = web.with_name("out.yaml")
    changed.write_text(changed.read_text().replace("image: nginx", "image: caddy"))
    assert execute(["uninject", "-f", "out.yaml"]) == 0
    told = capsys.readouterr()
    assert told.out == WEB.replace("image: nginx", "image: caddy")
    assert "was changed after meltemi inject" in told.err


def test_agents_believe_galley_by_an_authority_of_its_own_where_one_is_named(
    web: Path,
) -> None:
    (web.parent / "ca.pem").write_text("-----SERVERS-----\n")
    words = ["inject", "-f", str(web), "-o", "mesh.yaml", "--galley-ca", "ca.pem"]
    assert execute(words) == 0
    made = (web.parent / "mesh.yaml").read_text()
    (environ,) = agent_environs(made)
    assert environ["AGENT_GALLEY_CA_FILE"] == "/run/meltemi/galley.pem"
    assert environ["AGENT_ROOT_CERT_FILE"] == "/run/meltemi/roots.pem"
    assert "source: ./tokens/galley.pem" in made
    copied = web.parent / "tokens" / "galley.pem"
    assert copied.read_text() == "-----SERVERS-----\n"


def test_nothing_is_written_where_the_authority_of_galley_cannot_be_read(
    web: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["inject", "-f", str(web), "-o", "mesh.yaml", "--galley-ca", "none.pem"]
    assert execute(words) == 65
    assert capsys.readouterr().err.endswith("none.pem: No such file or directory\n")
    assert not (web.parent / "mesh.yaml").exists()
    assert not (web.parent / "tokens").exists()


APP = """\
services:
  web:
    image: nginx
    build: .
    expose: [80]
    env_file: web.env
    volumes: ["./html:/html:ro", "data:/data"]
    configs: [site]
  left: {image: x, network_mode: host, volumes: ["../etc:/etc"]}
configs:
  site: {file: ./site.conf}
volumes:
  data: {}
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "compose.yaml").write_text(APP)
    (folder / ".env").touch()
    (tmp_path / "mesh").mkdir()
    monkeypatch.chdir(tmp_path)
    return folder


def found(path: Path) -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load(path.read_text())
    return made


def test_a_file_written_elsewhere_finds_what_the_old_one_found(
    app: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["inject", "-f", "app/compose.yaml", "-o", "mesh/mesh.yaml"]) == 0
    made = found(app.parent / "mesh/mesh.yaml")
    web, left = made["services"]["web"], made["services"]["left"]
    assert web["build"] == "../app"
    assert web["env_file"] == "../app/web.env"
    assert web["volumes"] == ["../app/html:/html:ro", "data:/data"]
    assert left["volumes"] == ["../app/../etc:/etc"]
    assert made["configs"]["site"]["file"] == "../app/site.conf"
    token = made["services"]["web-proxy"]["volumes"][0]["source"]
    assert token == "./../tokens/web.token"  # noqa: S105 - where it is
    told = capsys.readouterr().err
    start = "docker compose --env-file app/.env -p app -f mesh/mesh.yaml up -d"
    assert f"mesh/mesh.yaml: is in another folder now: {start}" in told


def test_a_file_written_elsewhere_comes_back_to_the_byte_and_twice_is_once(
    app: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = app.parent / "mesh/mesh.yaml"
    assert execute(["inject", "-f", "app/compose.yaml", "-o", str(made)]) == 0
    first = made.read_text()
    assert execute(["inject", "-f", str(made), "-o", str(made)]) == 0
    assert made.read_text() == first
    assert execute(["uninject", "-f", str(made), "-o", "app/back.yaml"]) == 0
    assert (app / "back.yaml").read_text() == APP
    capsys.readouterr()
    assert execute(["uninject", "-f", str(made), "-o", "mesh/back.yaml"]) == 0
    assert f"the paths in it are seen from {app}" in capsys.readouterr().err
    assert execute(["inject", "-f", str(made), "-o", "app/mesh.yaml"]) == 0
    assert found(app / "mesh.yaml")["services"]["web"]["build"] == "."


def test_beside_the_old_file_no_path_changes_and_nothing_is_told(
    app: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["inject", "-f", "app/compose.yaml", "-o", "app/mesh.yaml"]) == 0
    assert found(app / "mesh.yaml")["services"]["web"]["build"] == "."
    assert "another folder" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("-n Shop_1", "no namespace"),
        ("--network a/b", "no name of a network"),
        ("--image 'a b'", "no name of an image"),
        ("--revision 'a b'", "no revision"),
        ("--galley galley:15443", "no URL like"),
        ("--galley https://galley:x", "no URL like"),
        ("--ttl 2h", "--tokens DIR"),
        ("--ca roots.pem", "--joining URL"),
        ("--ca roots.pem --joining joining.json", "--joining URL"),
        ("--galley http://galley:1 --galley-ca ca.pem", "of no use"),
        ("--services -", "both write to"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(
    web: Path, words: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["inject", "-f", str(web), *shlex.split(words)]) == 64
    told = capsys.readouterr()
    assert why in " ".join(told.err.split())
    assert not told.out


def test_a_variable_of_compose_may_be_in_the_image(web: Path) -> None:
    image = "registry.example:5000/proxy:${TAG:-${OTHER:-1}}"
    assert execute(["inject", "-f", str(web), "-o", "out.yaml", "--image", image]) == 0
    assert f'image: "{image}"' in web.with_name("out.yaml").read_text()


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["-f", "compose.yaml", "explain", "web"], "--file"),
        (["--namespace", "x", "explain", "-f", "compose.yaml"], "--namespace"),
    ],
)
def test_an_option_before_explain_is_refused_and_not_passed_over(
    capsys: pytest.CaptureFixture[str], words: list[str], option: str
) -> None:
    assert execute(["inject", *words]) == 64
    said = capsys.readouterr().err
    assert f"{option} before explain" in " ".join(said.split()), said
