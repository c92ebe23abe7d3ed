"""Kubernetes' label selector, as some mesh-wide settings use it."""

from collections.abc import Mapping
from enum import StrEnum

from meltemi.config.schema.message import Message


class SelectorOperator(StrEnum):
    """How a label is compared with values."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class LabelSelectorRequirement(Message, frozen=True, kw_only=True):
    """One condition on one label."""

    key: str
    """Which label."""
    operator: SelectorOperator
    """How it relates to ``values``."""
    values: tuple[str, ...] = ()
    """For In and NotIn only, which need some."""


class LabelSelector(Message, frozen=True, kw_only=True):
    """All conditions must hold; none select everything."""

    match_labels: Mapping[str, str] = {}
    """All of them are there, with these values."""
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()
