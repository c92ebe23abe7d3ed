from __future__ import annotations

import json
from pathlib import Path

from meltemi.proxy.entry import entry_body, entry_path, group_path, health_patch
from meltemi.testkit.agents import agent_settings


def test_a_workload_registers_under_its_own_name_with_its_ports() -> None:
    settings = agent_settings(Path("/tmp/x"), entry_ports={"http": 21100})  # noqa: S108 - no file is made
    assert entry_path(settings) == (
        "/apis/networking.istio.io/v1/namespaces/default/workloadentries/reviews-v1"
    )
    assert json.loads(entry_body(settings))["spec"] == {
        "address": "127.0.0.1",
        "ports": {"http": 21100},
        "labels": {"app": "reviews", "version": "v1"},
        "serviceAccount": "bookinfo-reviews",
    }


def test_an_entry_says_who_keeps_it_and_of_which_group_it_is() -> None:
    folder = Path("/tmp/x")  # noqa: S108 - no file is made
    alone = json.loads(entry_body(agent_settings(folder)))
    keeper = {
        "istio.io/workloadController": (
            "spiffe://cluster.local/ns/default/sa/bookinfo-reviews"
        )
    }
    assert alone["metadata"]["annotations"] == keeper
    joined = json.loads(entry_body(agent_settings(folder, group="reviews")))
    assert joined["metadata"]["annotations"] == keeper | {
        "istio.io/autoRegistrationGroup": "reviews"
    }


def test_an_entry_says_what_was_found_and_a_patch_says_it_later() -> None:
    folder = Path("/tmp/x")  # noqa: S108 - no file is made
    settings = agent_settings(folder, group="reviews")
    found = {
        "proxy.istio.io/health-checks-enabled": "true",
        "proxy.meltemi.io/healthy": "False",
    }
    made = json.loads(entry_body(settings, well=False))["metadata"]["annotations"]
    assert found.items() <= made.items()
    patch = json.loads(health_patch(well=False))
    assert patch == {"metadata": {"annotations": found}}
    nobody = json.loads(health_patch(well=None))["metadata"]["annotations"]
    assert nobody == dict.fromkeys(found), "a merge patch removes what is null"
    assert group_path(settings).endswith("/namespaces/default/workloadgroups/reviews")
