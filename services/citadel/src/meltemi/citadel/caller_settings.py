"""Settings of who may have a certificate, and how often they may ask."""

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator

from meltemi.citadel.entries import Registration
from meltemi.citadel.limits import Rate
from meltemi.runtime.settings import Networks, ServiceSettings


def _rate(value: object) -> object:
    return Rate.parse(value) if isinstance(value, str) else value


class CallerSettings(ServiceSettings):
    """One field, one unit, one default, one reason."""

    nats_url: str | None = None
    """The bus that is told of certificates; unset: nobody is."""

    audit_file: Path | None = None
    """Where every decision is appended, a line each; unset: the log alone has them."""

    access_file: Path | None = None
    """Limited tokens of the administration, YAML or JSON; unset: there are none."""

    registration: Registration = Registration.OPEN
    """``required``: an identity without an enabled registration entry gets nothing."""

    issuers_file: Path | None = None
    """Issuers of tokens that others run, YAML or JSON; unset: only Citadel's own."""

    jwks_networks: Networks = ()
    """Networks, beside the public ones, that key sets may be fetched from."""

    jwks_roots_file: Path | None = None
    """Roots (PEM), beside the system's, to believe servers of key sets by."""

    identity_rate: Annotated[Rate | None, BeforeValidator(_rate)] = None
    """Requests for one identity, ``NUMBER/s`` or ``NUMBER/min`` and ``:BURST``. Unset:
    ``5/min:10``, and more where certificates live so short that renewals need it."""

    jwt_svid_rate: Annotated[Rate, BeforeValidator(_rate)] = Rate(10, 100)
    """JWT-SVIDs for one identity: each audience is asked for twice in a lifetime."""

    address_rate: Annotated[Rate, BeforeValidator(_rate)] = Rate(20, 40)
    """Requests from one IP address, a second."""

    failure_rate: Annotated[Rate, BeforeValidator(_rate)] = Rate(1, 10)
    """Callers that nobody recognises from one IP address, a second."""
