"""Whatever happens on the way, a proxy ends with what it can take of the target."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from meltemi.xds.held import Held
from meltemi.xds.watch import Push, Watch

NAMES = ("a", "b", "c", "d")
POISON = "poison"
SNAPSHOTS = st.dictionaries(
    st.sampled_from(NAMES), st.sampled_from(("v1", "v2", "v3", POISON))
)


class Envoy(RuleBasedStateMachine):
    """A proxy that applies the good part of a bad batch, and may not say which."""

    @initialize(talks=st.booleans())
    def connect(self, talks: bool) -> None:  # noqa: FBT001 - Hypothesis passes it
        self.talks = talks
        self.watch = Watch(warms=True)
        self.target: dict[str, str] = {}
        self.truth: dict[str, str] = {}
        self.inbox: list[Push] = []
        self.warming: set[str] = set()
        self.spare: dict[str, set[str]] = {}

    @rule(names=st.sets(st.sampled_from(NAMES)))
    def remember(self, names: set[str]) -> None:
        """Have the Pilot know the older versions of these, and of no others."""
        self.spare = {name: {"v1", "v2", "v3"} for name in names}

    @rule(snapshot=SNAPSHOTS)
    def publish(self, snapshot: dict[str, str]) -> None:
        self.target = snapshot
        self._send()

    @rule()
    def answer(self) -> None:
        for push in self.inbox:
            good = {n: v for n, v in push.upsert.items() if v != POISON}
            cured = good.keys() | push.remove
            ill = self.warming - cured or push.upsert.keys() - good.keys()
            if self.talks:
                assert not (self.warming and ill), "Envoy never answers this"
            kept = {n: v for n, v in self.truth.items() if n not in push.remove}
            self.truth = kept | good
            self.warming -= good.keys() | push.remove
            self.warming |= push.upsert.keys() - good.keys()
            self.inbox = []
            bad = sorted(push.upsert.keys() - good.keys()) if self.talks else ["one"]
            error = None if good == push.upsert else f"bad: {', '.join(bad)}"
            self.watch.settle(push.nonce, error=error)
            self._send()

    @rule()
    def reconnect(self) -> None:
        self.inbox = []
        told = {n: v for n, v in self.truth.items() if n not in self.warming}
        ill = dict.fromkeys(self.warming, "")  # as the agent tells of its Envoy
        self.watch = Watch(holds=Held(told), warms=True, stuck=ill)
        self._send()

    @rule(names=st.sets(st.sampled_from(NAMES)))
    def replace(self, names: set[str]) -> None:
        self.watch.resend(names)
        self._send()

    def _send(self) -> None:
        if push := self.watch.offer(self.target, spare=self.spare):
            self.inbox.append(push)

    def teardown(self) -> None:
        for _ in range(24):
            self.answer()
        assert not self.inbox, "never stops sending"
        assert not self.warming, "Envoy waits for ever"
        for name, version in self.target.items():
            assert version in (POISON, self.truth.get(name)), f"{name} not delivered"
        assert self.truth.keys() <= self.target.keys(), "a removed resource survives"
        assert set(self.watch.refused) == {
            name for name, version in self.target.items() if version == POISON
        }


TestEnvoy = Envoy.TestCase
TestEnvoy.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
