"""The JSON patch (RFC 6902) that gives a pod its sidecar. Pure: objects, never text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meltemi.injector import vocabulary
from meltemi.injector.admission.pod import PROXY
from meltemi.injector.admission.probes import OURS, PATH, PORT, Probe
from meltemi.injector.agent import READY, RUN, agent_environ
from meltemi.injector.capture_words import capture_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.injector.admission.pod import Pod
    from meltemi.injector.agent import Mesh
    from meltemi.injector.sidecar import Sidecar

INIT: Final = "istio-init"
PROXY_ID: Final = 1337
READY_PORT: Final = 15021
MOUNT: Final = "/run/meltemi"
DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"
TOKEN_SECONDS: Final = 43_200
"""As long as Istio's tokens are good."""
AUDIENCE: Final = "istio-ca"
VOLUMES: Final = ("meltemi-identity", "meltemi-run", "meltemi-tmp")
WAIT: Final = """\
import sys, time, urllib.request
for _ in range(120):
    try:
        urllib.request.urlopen('http://127.0.0.1:%d/healthz/ready', timeout=1)
        sys.exit(0)
    except OSError:
        time.sleep(0.5)
sys.exit(1)
"""
"""What holds the application back: it starts when this ends."""
Operation = dict[str, object]


@dataclass(frozen=True, slots=True)
class Terms:
    """What is the same for every pod.

    Attributes:
        mesh: Where the mesh is.
        roots: The ConfigMap whose key ``root-cert.pem`` holds the mesh's roots.
        native: Whether the proxy is a sidecar by Kubernetes' word.
        revision: Of the control plane, in the annotation ``sidecar.istio.io/status``.

    """

    mesh: Mesh
    roots: str = "istio-ca-root-cert"
    native: bool = False
    revision: str = "default"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the agent asks the application for.

    Attributes:
        probes: Instead of kubelet.
        metrics: A URL, to be served with Envoy's; empty: none.

    """

    probes: tuple[Probe, ...] = ()
    metrics: str = ""


def patch_of(
    pod: Pod, sidecar: Sidecar, asked: Asked, terms: Terms
) -> tuple[Operation, ...]:
    """Return the operations that put ``sidecar`` into ``pod``."""
    return (
        *(_replaced(each) for each in asked.probes),
        *_containers(pod, sidecar, asked, terms),
        *_added("/spec/volumes", _volumes(terms), has=pod.spec.volumes is not None),
        *_words("/metadata/labels", pod.metadata.labels, _labels(pod, sidecar)),
        *_words(
            "/metadata/annotations",
            pod.metadata.annotations,
            _annotations(pod, sidecar, asked, terms),
        ),
    )


def _replaced(probe: Probe) -> Operation:
    return {"op": "replace", "path": probe.at, "value": probe.instead}


def _containers(
    pod: Pod, sidecar: Sidecar, asked: Asked, terms: Terms
) -> Iterator[Operation]:
    """Yield where the two go, in Istio's order.

    Rules come behind all else that starts, so that it still has its network; before it
    only where the proxy is there by then.
    """
    proxy = _proxy(sidecar, asked, terms)
    inits = "/spec/initContainers"
    has = pod.spec.init_containers is not None
    if terms.native:
        both: list[object] = [_init(sidecar), proxy]
        if not has:
            yield _add(inits, both)
            return
        for index, each in enumerate(both):
            yield _add(f"{inits}/{index}", each)
        return
    yield from _added(inits, [_init(sidecar)], has=has)
    first = sidecar.proxy.hold.value
    yield _add(f"/spec/containers/{'0' if first else '-'}", proxy)


def _init(sidecar: Sidecar) -> dict[str, object]:
    return {
        "name": INIT,
        "image": sidecar.proxy.image.value,
        "command": ["meltemi"],
        "args": ["capture", "apply", "--force", *capture_words(sidecar.capture)],
        "securityContext": {
            **_shut(),
            "runAsUser": 0,
            "runAsGroup": 0,
            "runAsNonRoot": False,
            "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]},
        },
        "resources": _resources(sidecar),
        "volumeMounts": [{"name": VOLUMES[2], "mountPath": "/tmp"}],  # noqa: S108 - the container's own
    }


def _proxy(sidecar: Sidecar, asked: Asked, terms: Terms) -> dict[str, object]:
    ready: dict[str, object] = {"httpGet": {"path": READY, "port": READY_PORT}}
    made: dict[str, object] = {
        "name": PROXY,
        "image": sidecar.proxy.image.value,
        "command": ["python", "-m", "meltemi.proxy"],
        "env": _environ(sidecar, asked, terms.mesh),
        "ports": [
            {"name": "status-port", "containerPort": READY_PORT, "protocol": "TCP"}
        ],
        "readinessProbe": {**ready, "periodSeconds": 15, "timeoutSeconds": 3},
        "startupProbe": {
            **ready,
            "periodSeconds": 1,
            "timeoutSeconds": 3,
            "failureThreshold": 600,
        },
        "securityContext": {
            **_shut(),
            "runAsUser": PROXY_ID,
            "runAsGroup": PROXY_ID,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": _resources(sidecar),
        "volumeMounts": [
            {"name": VOLUMES[0], "mountPath": MOUNT, "readOnly": True},
            {"name": VOLUMES[1], "mountPath": RUN},
            {"name": VOLUMES[2], "mountPath": "/tmp"},  # noqa: S108 - likewise
        ],
    }
    if terms.native:
        made["restartPolicy"] = "Always"
    elif sidecar.proxy.hold.value:
        wait = ["python", "-c", WAIT % READY_PORT]
        made["lifecycle"] = {"postStart": {"exec": {"command": wait}}}
    return made


def _shut() -> dict[str, object]:
    return {
        "privileged": False,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
    }


def _environ(sidecar: Sidecar, asked: Asked, mesh: Mesh) -> list[object]:
    """Return the agent's settings; what only Kubernetes knows it tells itself."""
    fields = {
        "AGENT_NAME": "metadata.name",
        "AGENT_NAMESPACE": "metadata.namespace",
        "AGENT_SERVICE_ACCOUNT": "spec.serviceAccountName",
        "AGENT_INSTANCE_IP": "status.podIP",
    }
    known = dict(agent_environ(sidecar, mesh, sidecar.workload.name))
    known["AGENT_RUN_DIR"] = f"{RUN}/own"  # the volume itself belongs to root
    known["AGENT_READY_ADDRESS"] = f"0.0.0.0:{READY_PORT}"
    if asked.probes:
        told = {each.path: each.asked for each in asked.probes}
        known["AGENT_APP_PROBES"] = json.dumps(told, separators=(",", ":"))
    if asked.metrics:
        known["AGENT_APP_METRICS"] = asked.metrics
    return [
        *(
            {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
            for name, path in fields.items()
        ),
        *(
            {"name": name, "value": text.replace("$(", "$$(")}
            for name, text in known.items()
            if name not in fields
        ),
    ]


def _volumes(terms: Terms) -> list[object]:
    token = {
        "serviceAccountToken": {
            "path": "token",
            "audience": AUDIENCE,
            "expirationSeconds": TOKEN_SECONDS,
        }
    }
    items = [{"key": "root-cert.pem", "path": "roots.pem"}]
    roots = {"configMap": {"name": terms.roots, "items": items}}
    return [
        {"name": VOLUMES[0], "projected": {"sources": [token, roots]}},
        {"name": VOLUMES[1], "emptyDir": {"medium": "Memory"}},
        {"name": VOLUMES[2], "emptyDir": {}},
    ]


def _labels(pod: Pod, sidecar: Sidecar) -> dict[str, str]:
    wanted = {vocabulary.TLS_MODE: "istio", **sidecar.labels}
    return {key: text for key, text in wanted.items() if key not in pod.labels}


def _annotations(
    pod: Pod, sidecar: Sidecar, asked: Asked, terms: Terms
) -> dict[str, str]:
    inits = [INIT, PROXY] if terms.native else [INIT]
    status = {
        "initContainers": inits,
        "containers": [] if terms.native else [PROXY],
        "volumes": list(VOLUMES),
        "revision": terms.revision,
    }
    made = {vocabulary.STATUS: json.dumps(status, separators=(",", ":"))}
    if DEFAULT_CONTAINER not in pod.annotations:
        made[DEFAULT_CONTAINER] = pod.spec.containers[0].name
    if asked.metrics:
        made[PORT] = str(sidecar.proxy.status_port.value)
        made[PATH] = OURS
    return made


def _resources(sidecar: Sidecar) -> dict[str, object]:
    proxy = sidecar.proxy
    requests = {"cpu": proxy.cpu.value, "memory": proxy.memory.value}
    limits = {"cpu": proxy.cpu_limit.value, "memory": proxy.memory_limit.value}
    named = (("requests", requests), ("limits", limits))
    said = {name: {k: v for k, v in each.items() if v} for name, each in named}
    return {name: each for name, each in said.items() if each}


def _words(
    path: str, has: Mapping[str, str] | None, wanted: Mapping[str, str]
) -> Iterator[Operation]:
    if has is None:
        yield _add(path, dict(wanted))
        return
    for key, text in wanted.items():
        yield _add(f"{path}/{key.replace('~', '~0').replace('/', '~1')}", text)


def _added(path: str, values: list[object], *, has: bool) -> Iterator[Operation]:
    if not has:
        yield _add(path, values)
        return
    for each in values:
        yield _add(f"{path}/-", each)


def _add(path: str, value: object) -> Operation:
    return {"op": "add", "path": path, "value": value}
