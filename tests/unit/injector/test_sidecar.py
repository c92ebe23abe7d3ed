from __future__ import annotations

import json

import pytest

from meltemi.config.finding import Severity
from meltemi.config.proxy_annotation import ANNOTATION as PROXY_CONFIG
from meltemi.config.schema.proxy_defaults import ProxyDefaults
from meltemi.config.starting import Words
from meltemi.config.values import Duration
from meltemi.injector import vocabulary
from meltemi.injector.agent import Mesh, agent_environ
from meltemi.injector.decision import Decision
from meltemi.injector.reading import Mode
from meltemi.injector.sidecar import Defaults, Sidecar, sidecar_of
from meltemi.injector.workload import Workload
from meltemi.proxy.settings import AgentSettings
from meltemi.proxy.started import settled
from meltemi.runtime.settings import read_settings


def of(said: dict[str, str]) -> tuple[Sidecar, list[str]]:
    carried = {"app", "version", *vocabulary.LABELS}
    own = {key: text for key, text in said.items() if key in carried}
    rest = {key: text for key, text in said.items() if key not in carried}
    workload = Workload("web", "default", "web", own, rest)
    sidecar, findings = sidecar_of(workload, Defaults())
    return sidecar, [
        f"{each.severity}: {each.path} {each.message}" for each in findings
    ]


def test_without_a_word_everything_is_a_default() -> None:
    sidecar, told = of({})
    assert told == []
    reasons = {each.because for _, each in sidecar.decisions}
    assert reasons == {"default", "name"}


def test_an_annotation_beats_the_proxy_config_which_beats_the_default() -> None:
    config = {"proxy.istio.io/config": "interceptionMode: TPROXY\nstatusPort: 9"}
    sidecar, _ = of(config)
    assert sidecar.capture.mode.value is Mode.TPROXY
    assert sidecar.capture.mode.because == "proxy.istio.io/config interceptionMode"
    sidecar, _ = of(
        {**config, vocabulary.MODE: "REDIRECT", vocabulary.STATUS_PORT: "8"}
    )
    assert sidecar.capture.mode.value is Mode.REDIRECT
    assert sidecar.capture.mode.because == vocabulary.MODE
    assert sidecar.proxy.status_port.value == 8


def test_the_agents_status_port_is_never_captured() -> None:
    sidecar, _ = of({vocabulary.STATUS_PORT: "16021"})
    assert sidecar.capture.inbound_exclude.value == ("16021",)
    assert sidecar.capture.inbound_exclude.because == vocabulary.STATUS_PORT
    sidecar, _ = of(
        {vocabulary.STATUS_PORT: "16021", vocabulary.EXCLUDE_INBOUND_PORTS: "22"}
    )
    assert sidecar.capture.inbound_exclude.value == ("22", "16021")


@pytest.mark.parametrize(
    ("labels", "name", "because"),
    [
        ({}, "web", "name"),
        ({"app": "shop"}, "shop", "app"),
        ({"app": "shop", vocabulary.CANONICAL_NAME: "front"}, "front", None),
    ],
)
def test_the_canonical_name_is_istios(
    labels: dict[str, str], name: str, because: str | None
) -> None:
    sidecar, _ = of(labels)
    assert sidecar.canonical_name.value == name
    assert sidecar.canonical_name.because == (because or vocabulary.CANONICAL_NAME)


def test_a_workload_that_goes_by_another_app_is_told_apart() -> None:
    assert vocabulary.WORKLOAD_NAME not in of({"app": "web"})[0].labels
    assert of({"app": "shop"})[0].labels[vocabulary.WORKLOAD_NAME] == "web"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (vocabulary.INCLUDE_INBOUND_PORTS, "80,http"),
        (vocabulary.EXCLUDE_INBOUND_PORTS, "*"),
        (vocabulary.EXCLUDE_OUTBOUND_PORTS, "65536"),
        (vocabulary.INCLUDE_RANGES, "10.0.0.0/33"),
        (vocabulary.EXCLUDE_INTERFACES, "eth0 eth1"),
        (vocabulary.MODE, "redirect"),
        (vocabulary.STATUS_PORT, "0"),
        (vocabulary.LOG_LEVEL, "loud"),
        (vocabulary.STATS_REGEXPS, "("),
        (PROXY_CONFIG, "proxyStatsMatcher: {inclusionRegexps: ['(']}"),
        (vocabulary.CPU, "a lot"),
        (vocabulary.MEMORY_LIMIT, "1Pi"),
        (PROXY_CONFIG, "concurrency: [1]"),
        (PROXY_CONFIG, "terminationDrainDuration: 2h"),
        (vocabulary.CANONICAL_NAME, "two words"),
    ],
)
def test_a_value_that_cannot_be_is_an_error_at_its_word(key: str, text: str) -> None:
    _, told = of({key: text})
    assert len(told) == 1
    assert told[0].startswith(f'error: labels["{key}"] ')


@pytest.mark.parametrize(
    "text",
    [
        "x\n      securityContext: {privileged: true}",
        "x: y",
        "x # y",
        '"x"',
        "{{ .Values }}",
        "${HOME}",
        "a" * 300,
    ],
)
def test_t21_an_image_is_a_name_and_nothing_else(text: str) -> None:
    sidecar, told = of({vocabulary.IMAGE: text})
    assert sidecar.proxy.image.value == Defaults().image
    assert told[0].startswith(f'error: labels["{vocabulary.IMAGE}"] ')


def test_what_means_nothing_here_is_told_and_so_is_what_istio_does_not_know() -> None:
    sidecar, told = of(
        {
            "sidecar.istio.io/userVolume": "[]",
            "sidecar.istio.io/injct": "true",
            "example.com/anything": "x",
            PROXY_CONFIG: "tracing: {sampling: 1}\nconcurrency: 3",
        }
    )
    assert sidecar.proxy.concurrency.value == 3
    assert [each.partition(" ")[0] for each in told] == ["warning:"] * 3
    assert [each.split('"')[1] for each in told] == [
        PROXY_CONFIG,
        "sidecar.istio.io/userVolume",
        "sidecar.istio.io/injct",
    ]


def test_every_word_that_is_acted_on_has_no_reason_not_to_be() -> None:
    assert not vocabulary.ACTED_ON & vocabulary.WITHOUT_EFFECT.keys()
    assert not vocabulary.OF_PODS & vocabulary.WITHOUT_EFFECT.keys()


def test_a_finding_that_warns_refuses_nothing() -> None:
    workload = Workload("w", "d", "w", annotations={"x.istio.io/y": "z"})
    _, findings = sidecar_of(workload, Defaults())
    assert [each.severity for each in findings] == [Severity.WARNING]


def probed(config: str, health: Decision[str]) -> tuple[Decision[str], list[str]]:
    annotations = {"proxy.istio.io/config": config, "meltemi.dev/health": "x"}
    sidecar, findings = sidecar_of(
        Workload("web", "default", "web", annotations=annotations, health=health),
        Defaults(),
        frozenset(annotations),
    )
    wrong = [each.message for each in findings if each.severity is Severity.ERROR]
    return sidecar.proxy.health, wrong


def test_a_readiness_probe_of_a_proxy_config_wins_but_over_a_label() -> None:
    config = "readinessProbe: {tcpSocket: {port: 83}}"
    found, wrong = probed(config, Decision("{}", "healthcheck"))
    assert json.loads(found.value) == {"tcpSocket": {"port": 83}}
    assert (found.because, wrong) == ("proxy.istio.io/config readinessProbe", [])
    assert probed(config, Decision("{}", "meltemi.dev/health"))[0].value == "{}"
    assert probed("concurrency: 1", Decision("{}"))[0].value == "{}"


@pytest.mark.parametrize(
    "probe", ["{exec: {command: ['true']}}", "{tcpSocket: {port: 0}}", "{}"]
)
def test_a_readiness_probe_that_cannot_be_made_is_refused(probe: str) -> None:
    _, wrong = probed(f"readinessProbe: {probe}", Decision(""))
    assert len(wrong) == 1


def configured(config: str) -> tuple[Sidecar, list[str]]:
    annotations = {"proxy.istio.io/config": config}
    workload = Workload("web", "default", "web", annotations=annotations)
    sidecar, findings = sidecar_of(workload, Defaults())
    return sidecar, [f"{each.code} {each.message}" for each in findings]


def test_what_the_injector_does_not_decide_of_a_proxy_config_its_agent_is_told() -> (
    None
):
    sidecar, told = configured(
        "{concurrency: 4, proxyAdminPort: 15999, drainDuration: 9s,"
        " statsdUdpAddress: '10.1.1.1:9125', proxyMetadata: {ISTIO_META_X: z,"
        " ISTIO_META_DNS_CAPTURE: 'false', MINIMUM_DRAIN_DURATION: 2s}}"
    )
    assert told == []
    environ = agent_environ(sidecar, Mesh(), "web")
    assert json.loads(environ["AGENT_PROXY_CONFIG"]) == {
        "drainDuration": "9s",
        "statsdUdpAddress": "10.1.1.1:9125",
        "proxyMetadata": {"ISTIO_META_X": "z", "MINIMUM_DRAIN_DURATION": "2s"},
    }
    settings = read_settings(AgentSettings, environ)
    assert settings.concurrency == 4
    assert str(settings.admin_address) == "127.0.0.1:15999"
    assert settings.minimum_drain_seconds == 2
    assert settings.proxy_config.statsd_udp_address == "10.1.1.1:9125"


def test_what_the_injector_decides_alone_is_not_told_twice() -> None:
    sidecar, _ = configured("{concurrency: 4, holdApplicationUntilProxyStarts: false}")
    assert "AGENT_PROXY_CONFIG" not in agent_environ(sidecar, Mesh(), "web")


@pytest.mark.parametrize("word", ["true", "True", "TRUE", "1", "t", "yes", "on"])
def test_every_word_for_yes_has_dns_captured(word: str) -> None:
    sidecar, told = configured(
        f"{{proxyMetadata: {{ISTIO_META_DNS_CAPTURE: '{word}'}}}}"
    )
    assert sidecar.capture.dns.value is True
    assert told == []


@pytest.mark.parametrize("word", ["false", "0", "F", "no", "off"])
def test_every_word_for_no_leaves_dns_alone(word: str) -> None:
    sidecar, _ = configured(f"{{proxyMetadata: {{ISTIO_META_DNS_CAPTURE: '{word}'}}}}")
    assert sidecar.capture.dns.value is False


def test_a_word_that_is_neither_is_told() -> None:
    sidecar, told = configured("{proxyMetadata: {ISTIO_META_DNS_CAPTURE: perhaps}}")
    assert sidecar.capture.dns.value is Defaults().dns
    (problem,) = told
    assert "ISTIO_META_DNS_CAPTURE" in problem
    assert "perhaps" in problem


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("{statNameLength: 200}", "NO_EFFECT statNameLength has no effect: no agent"),
        ("{customConfigFile: /x}", "IST0106 customConfigFile is refused: a bootstrap"),
        ("{statsdUdpAddress: x}", "IST0106 statsdUdpAddress"),
    ],
)
def test_what_no_agent_reads_or_starts_with_is_told(config: str, told: str) -> None:
    assert any(each.startswith(told) for each in configured(config)[1])


@pytest.mark.parametrize(
    ("said", "seconds"), [("{}", 40), ("{terminationDrainDuration: 7s}", 7)]
)
def test_the_meshs_drain_holds_where_the_workload_says_none(
    said: str, seconds: float
) -> None:
    environ = agent_environ(configured(said)[0], Mesh(), "web")
    own = read_settings(AgentSettings, environ)
    mesh = ProxyDefaults(termination_drain_duration=Duration.parse("40s"))
    assert settled(environ, own, Words(below=mesh)).drain_seconds == seconds
