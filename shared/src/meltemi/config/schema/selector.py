"""Which workloads an object is about."""

from collections.abc import Mapping

from meltemi.config.schema.message import Message


class WorkloadSelector(Message, frozen=True, kw_only=True):
    """Workloads that carry all of ``labels`` (istio.networking.v1.WorkloadSelector)."""

    labels: Mapping[str, str] = {}
    """Labels a workload must have; empty selects every workload in the namespace."""


class PolicySelector(Message, frozen=True, kw_only=True):
    """Workloads with all ``match_labels`` (istio.type.v1beta1.WorkloadSelector).

    Istio calls both selectors WorkloadSelector and spells their one field differently.
    """

    match_labels: Mapping[str, str] = {}
    """Labels a workload must have; empty selects every workload in the namespace."""
