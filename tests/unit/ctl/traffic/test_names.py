from __future__ import annotations

from meltemi.ctl.lens.world import written
from meltemi.ctl.traffic.names import goes_by, names_in

ENTRIES = b"""\
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: web-7f, namespace: shop}
spec:
  address: 10.0.0.7
  labels: {app: web, version: v2}
"""


def test_a_log_goes_by_the_names_that_stat_and_ps_have() -> None:
    names = names_in(written([("x.yaml", ENTRIES)], namespace="default"))
    for known in ("web-7f", "web-7f.shop", "web-v2", "web-v2.shop", ""):
        assert goes_by("web-7f", known, names), known
    for other in ("web-7f.default", "web", "gateway"):
        assert not goes_by("web-7f", other, names), other


def test_the_gateway_of_the_local_mesh_goes_by_istios_name_too() -> None:
    names = names_in(written([("x.yaml", ENTRIES)], namespace="default"))
    for known in ("gateway", "gateway.istio-system"):
        assert goes_by("gateway", known, names), known
    for known in ("istio-ingressgateway", "istio-ingressgateway.istio-system"):
        assert goes_by("gateway", known, names), known
    assert not goes_by("gateway", "gateway.default", names)


def test_where_no_mesh_can_be_asked_a_log_is_of_the_usual_namespace() -> None:
    assert goes_by("web", "web.default", names_in(None))
    assert not goes_by("web", "web.shop", names_in(None))
