"""Which bundle may follow which, and whether an authority can do its work. No I/O."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509

from meltemi.citadel.admit import citadel_identity
from meltemi.citadel.issue import Template, check_signing_key, issue
from meltemi.citadel.signed import Signed, check_signed
from meltemi.identity.certificate import fingerprint
from meltemi.identity.keys import new_key
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from meltemi.citadel.issue import Authority


class ForeignRootError(MeshError):
    """A new trust bundle that would cut workloads off from each other."""

    code = "citadel.foreign-root"
    blame = Blame.CALLER


def check_successor(
    old: Collection[x509.Certificate], new: Collection[x509.Certificate]
) -> None:
    """Make sure that workloads under ``old`` and under ``new`` believe each other.

    Raises:
        ForeignRootError: Unless one holds all of the other.

    Source:
        Istio's rule for a plug-in CA with several roots.

    """
    before, after = set(old), set(new)
    if not before <= after and not after <= before:
        named = ", ".join(sorted(fingerprint(each)[:16] for each in after - before))
        raise ForeignRootError(
            f"the new bundle brings root {named} and leaves others out: first publish "
            "a bundle with the old and the new roots, then one without the old"
        )


def check_proven(authority: Authority, trust_domain: str, *, now: datetime) -> None:
    """Make sure ``authority`` can sign: have it certify a key and check that.

    Raises:
        MeshError: What stands in the way.

    """
    check_signing_key(authority)
    template = Template(
        citadel_identity(trust_domain), new_key().public_key(), timedelta(minutes=1)
    )
    leaf = issue(authority, template, now=now, serial=x509.random_serial_number())
    check_signed(Signed(leaf, authority.chain), template, authority.trusted, now=now)
