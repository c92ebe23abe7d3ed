from __future__ import annotations

import pytest

from meltemi.config.schema.workload_entry import WorkloadEntry
from meltemi.pilot.model.service import Health
from meltemi.pilot.model.service_entry import health
from meltemi.testkit.mesh import mesh

CHECKED, HEALTHY = "proxy.istio.io/health-checks-enabled", "proxy.meltemi.io/healthy"


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({}, Health.HEALTHY),
        ({HEALTHY: "False"}, Health.HEALTHY),
        ({CHECKED: "true"}, Health.UNHEALTHY),
        ({CHECKED: "true", HEALTHY: "False"}, Health.UNHEALTHY),
        ({CHECKED: "true", HEALTHY: "True"}, Health.HEALTHY),
    ],
)
def test_a_workload_that_is_looked_at_is_called_while_it_was_found_to_be_well(
    annotations: dict[str, str], expected: Health
) -> None:
    said = ", ".join(f"{key}: '{value}'" for key, value in annotations.items())
    (one,) = mesh(f"""
    ---
    apiVersion: networking.istio.io/v1
    kind: WorkloadEntry
    metadata: {{name: a, namespace: default, annotations: {{{said}}}}}
    spec: {{address: 10.0.0.1}}
    """).of(WorkloadEntry)
    assert health(one) is expected
