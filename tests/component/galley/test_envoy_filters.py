"""EnvoyFilters at the API: values that Envoy would not read stay out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meltemi.testkit.galleys import Api

URL = "/apis/networking.istio.io/v1alpha3/namespaces/a/envoyfilters/filter"
TEXT = """\
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: filter, namespace: a}
spec:
  configPatches:
  - applyTo: CLUSTER
    patch:
      operation: MERGE
      value:
        connect_timeout: VALUE
        new_field: 1
"""
YAML = {"Content-Type": "application/yaml"}


async def test_a_value_that_envoy_cannot_read_is_refused_with_its_place(
    api: Api,
) -> None:
    answer = await api.client.put(URL, content=TEXT.replace("VALUE", "5"), headers=YAML)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["path"] == "spec.configPatches[0].patch.value.connect_timeout"
    assert error["source"]["line"] == 10
    patched = TEXT.replace("VALUE", "5s")
    written = await api.client.put(URL, content=patched, headers=YAML)
    assert written.status_code == 201
    told = written.headers.get_list("warning")
    assert any("has no field 'new_field'" in line for line in told)
    change = [
        {
            "op": "add",
            "path": "/spec/configPatches/0/patch/value",
            "value": {"lb_policy": "BEST"},
        }
    ]
    kind = {"Content-Type": "application/json-patch+json"}
    refused = await api.client.patch(URL, json=change, headers=kind)
    assert refused.status_code == 422
