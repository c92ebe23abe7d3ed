"""An agent tells each request once, whatever Envoy, Pilots and it itself forget."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from meltemi.proxy.stats.lines import Lines
from meltemi.proxy.stats.tally import Tally
from meltemi.stats.counts import number
from meltemi.stats.edge import OTHERS
from meltemi.stats.report import QUIET, Report, decoded, encoded

MOST = 3
HOSTS = st.sampled_from("abcdef")
CODES = st.sampled_from(("200", "404", "503"))
Line = tuple[str, str]


def written(lines: dict[Line, int]) -> str:
    """Return the page of an Envoy that has counted so much."""
    labels = (
        f'reporter="source",destination_service="{host}",response_code="{code}"'
        for host, code in lines
    )
    values = lines.values()
    both = zip(labels, values, strict=True)
    return "".join(f"istio_requests_total{{{each}}} {n}\n" for each, n in both)


class Counting(RuleBasedStateMachine):
    """An Envoy, its agent, and Pilots that hear of it or do not."""

    def __init__(self) -> None:
        super().__init__()
        self.envoy: dict[Line, int] = {}
        self.lines, self.tally = Lines(), Tally(most=MOST)
        self.asked: Counter[str] = Counter()
        self.failed = 0
        self.heard: Counter[str] = Counter()
        self.heard_failed = 0

    @rule(host=HOSTS, code=CODES, times=st.integers(1, 9))
    def call(self, host: str, code: str, times: int) -> None:
        """Requests pass."""
        self.envoy[host, code] = self.envoy.get((host, code), 0) + times
        self.asked[host] += times
        self.failed += times if code == "503" else 0

    @rule(pages=st.sampled_from((1, 1, QUIET - 1, QUIET, QUIET + 1)))
    def look(self, pages: int) -> None:
        """Pages are read."""
        for _ in range(pages):
            self.tally.count(self.lines.read(written(self.envoy)))

    @rule(host=HOSTS, code=CODES)
    def evict(self, host: str, code: str) -> None:
        """Envoy forgets a line that it has not changed since the page before."""
        self.look(1)
        self.envoy.pop((host, code), None)
        self.look(1)

    @rule()
    def restart(self) -> None:
        """Envoy begins anew: what it counted before, it was asked for."""
        self.look(1)
        self.envoy = {}
        self.look(1)

    @rule()
    def arrive(self) -> None:
        """A Pilot takes the report; whenever this does not happen, it was lost."""
        hosts, failed = summed(decoded(encoded(self.tally.report())))
        self.heard += hosts
        self.heard_failed += failed
        self.tally.arrived()

    @invariant()
    def told_once(self) -> None:
        """Each request is told or will be, none twice, and few edges are."""
        self.look(1)
        report = self.tally.report()
        waiting, failed = summed(report)
        told = self.heard + waiting
        assert told.total() == self.asked.total()
        assert self.heard_failed + failed == self.failed
        assert all(told[host] <= self.asked[host] for host in told if host != OTHERS)
        assert told[OTHERS] == 0 or len(self.asked) > MOST
        assert len(report.edges) <= MOST + 1


def summed(report: Report) -> tuple[Counter[str], int]:
    """Return how often each host was asked, and how many of all failed."""
    hosts: Counter[str] = Counter()
    for each in report.edges:
        hosts[each.edge.service] += round(number(each.counts, "requests"))
    return hosts, round(sum(number(each.counts, "failed") for each in report.edges))


TestCounting = Counting.TestCase


@given(st.text(max_size=700), st.text(max_size=30), st.text(max_size=30))
def test_whatever_a_tag_says_a_pilot_takes_the_report(
    host: str, protocol: str, security: str
) -> None:
    quoted = [
        each.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
        for each in (host, protocol, security)
    ]
    line = (
        'istio_requests_total{{reporter="source",destination_service="{}",'
        'request_protocol="{}",connection_security_policy="{}"}} 1'
    ).format(*quoted)
    tally = Tally()
    tally.count(Lines().read(line))
    report = tally.report()
    assert decoded(encoded(report)) == report
