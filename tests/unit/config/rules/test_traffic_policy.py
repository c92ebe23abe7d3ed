from __future__ import annotations

from meltemi.config.decode import read

RULE = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a}
spec:
  host: a
  trafficPolicy:
    loadBalancer: {consistentHash: {useSourceIp: true, maglev: {tableSize: %d}}}
"""


def warned(size: int) -> list[str]:
    decoded = read((RULE % size).encode(), file="f", default_namespace="default")
    return [finding.message for finding in decoded.warnings]


def test_a_table_size_that_envoy_will_refuse_is_stored_with_a_warning() -> None:
    assert warned(4) == ["Envoy refuses what is not a prime number, such as 4"]
    assert warned(65_537) == []
