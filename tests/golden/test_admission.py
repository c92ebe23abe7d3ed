"""Reviews of pods and their answers, each reviewed once.

``review.json`` is what an API server sends, ``settings.json`` how the injector is set
up where it is not as usual, ``answer.json`` the answer with its patch in the open.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from meltemi.galley.patch import parse_operations, patched
from meltemi.injector.admission.mutation import answered
from meltemi.injector.admission.pod import Pod
from meltemi.injector.admission.review import review_of
from meltemi.injector.settings import InjectorSettings
from meltemi.proxy.settings import AgentSettings
from meltemi.runtime.settings import read_settings
from meltemi.testkit.admission import SETTINGS

FOLDER = Path(__file__).parent / "admission"
CASES = sorted(each.name for each in FOLDER.iterdir())


def answer(case: str) -> dict[str, object]:
    file = FOLDER / case / "settings.json"
    own = json.loads(file.read_text()) if file.exists() else {}
    settings = read_settings(InjectorSettings, {**SETTINGS, **own})
    review = review_of((FOLDER / case / "review.json").read_bytes())
    body = json.loads(json.dumps(answered(review, settings.manner).body))
    response = body["response"]
    assert response["uid"] == review.uid
    if "patch" in response:
        assert response["patchType"] == "JSONPatch"
        response["patch"] = json.loads(base64.b64decode(response["patch"]))
    return dict(body)


@pytest.mark.parametrize("case", CASES)
def test_a_review_is_answered_as_was_approved(case: str, *, rewriting: bool) -> None:
    found = json.dumps(answer(case), indent=2, ensure_ascii=False) + "\n"
    file = FOLDER / case / "answer.json"
    if rewriting:
        file.write_text(found)
    assert file.read_text() == found


@pytest.mark.parametrize("case", CASES)
def test_a_patched_pod_is_left_alone_and_holds_no_right_but_one(case: str) -> None:
    sent = json.loads((FOLDER / case / "review.json").read_text())
    response = json.loads((FOLDER / case / "answer.json").read_text())["response"]
    if "patch" not in response:
        return
    before = sent["request"]["object"]
    operations = parse_operations(json.dumps(response["patch"]).encode())
    pod = json.loads(json.dumps(patched(before, operations)))
    mine = {each["name"] for each in before["spec"]["containers"]}
    mine |= {each["name"] for each in before["spec"].get("initContainers", [])}
    spec = pod["spec"]
    for each in (*spec["containers"], *spec["initContainers"]):
        if each["name"] in mine:
            continue
        rights = each["securityContext"]
        assert rights["privileged"] is False
        assert rights["allowPrivilegeEscalation"] is False
        assert rights["readOnlyRootFilesystem"] is True
        added = rights["capabilities"].get("add", [])
        assert added == (["NET_ADMIN"] if each["name"] == "istio-init" else [])
    sent["request"]["object"] = pod
    again = review_of(json.dumps(sent).encode())
    assert isinstance(again.pod, Pod)
    settings = read_settings(InjectorSettings, SETTINGS)
    assert "patch" not in json.dumps(answered(again, settings.manner).body)


@pytest.mark.skipif(
    "ready_address" not in AgentSettings.model_fields,
    reason="the agent answers no probes yet",
)
@pytest.mark.parametrize("case", CASES)
def test_the_agent_takes_what_it_is_told(case: str) -> None:
    sent = json.loads((FOLDER / case / "review.json").read_text())
    response = json.loads((FOLDER / case / "answer.json").read_text())["response"]
    if "patch" not in response:
        return
    operations = parse_operations(json.dumps(response["patch"]).encode())
    pod = json.loads(json.dumps(patched(sent["request"]["object"], operations)))
    spec = pod["spec"]
    (proxy,) = (
        each
        for each in (*spec["containers"], *spec["initContainers"])
        if each["name"] == "istio-proxy"
    )
    of_kubernetes = {
        "metadata.name": "web-1",
        "metadata.namespace": "shop",
        "spec.serviceAccountName": "web",
        "status.podIP": "10.0.0.9",
    }
    environ = {
        each["name"]: each.get("value")
        or of_kubernetes[each["valueFrom"]["fieldRef"]["fieldPath"]]
        for each in proxy["env"]
    }
    assert read_settings(AgentSettings, environ).instance_ip == "10.0.0.9"
