"""The two rules that pods need beside those of capture, for nft and iptables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from meltemi.proxy.adapters.netfilter import Backend, Netfilter
from meltemi.proxy.adapters.programs import run_program

INBOUND_SOURCE: Final = "127.0.0.6"
"""Whence Envoy calls its own application (Istio's)."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """A rule that sends connections to a local port, in either program's words."""

    hook: str
    nft: str
    iptables: str
    port: int


def home_rule(mark: int, port: int) -> Redirect:
    """Return the rule for what a proxy, known by ``mark``, opens to 127.0.0.1."""
    return Redirect(
        "output",
        f"meta mark {mark} ip saddr != {INBOUND_SOURCE} ip daddr 127.0.0.1 "
        f"meta l4proto tcp",
        f"-m mark --mark {mark} ! -s {INBOUND_SOURCE}/32 -d 127.0.0.1/32 -p tcp",
        port,
    )


def out_rule(pods: str, port: int) -> Redirect:
    """Return the rule of the hub for what is not for ``pods``, a range."""
    return Redirect(
        "prerouting",
        f"iifname hub ip daddr != {pods} meta l4proto tcp",
        f"-i hub ! -d {pods} -p tcp",
        port,
    )


def set_rule(rule: Redirect) -> None:
    """Set ``rule`` in the network namespace we are in, which has none of it yet.

    Raises:
        CaptureFailedError: If the packet filter does not take it.
        NoPacketFilterError: If there is none.

    """
    if Netfilter().backend is Backend.NFT:
        # Priority 10 behind dstnat: rules of capture come first.
        lines = (
            "table ip meltemi-door {",
            "chain door {",
            f"type nat hook {rule.hook} priority -90;",
            f"{rule.nft} redirect to :{rule.port}",
            "}",
            "}",
        )
        run_program(["nft", "-f", "-"], "\n".join(lines) + "\n")
        return
    run_program(
        ["iptables-restore", "--noflush", "--wait", "5"],
        f"*nat\n-A {rule.hook.upper()} {rule.iptables} -j REDIRECT --to-ports "
        f"{rule.port}\nCOMMIT\n",
    )
