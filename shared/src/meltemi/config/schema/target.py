"""What a policy is attached to, other than by label."""

from meltemi.config.schema.message import Message


class PolicyTargetReference(Message, frozen=True, kw_only=True):
    """An object a policy holds for: a Gateway, a Service, a GatewayClass.

    Source:
        istio.type.v1beta1.PolicyTargetReference.

    """

    group: str | None = None
    """The object's API group; default the core group."""
    kind: str
    """Of which kind the target is."""
    name: str
    """The target's name."""
    namespace: str | None = None
    """Reserved: an object refers to its own namespace only."""
