"""The agent's settings about Wasm modules, from ``AGENT_WASM_*`` variables."""

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from meltemi.proxy.wasm.rules import ModuleRules
from meltemi.proxy.wasm.shelf import SHELF_BYTES
from meltemi.proxy.wasm.unpacking import MODULE_BYTES
from meltemi.runtime.guarded_fetch import Guard
from meltemi.runtime.settings import Networks, ServiceSettings


def _words(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(each.strip().lower() for each in value.split(",") if each.strip())


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]


class WasmSettings(ServiceSettings):
    """One field, one unit, one default, one reason."""

    wasm_servers: Words = ()
    """Hosts, or ``*.DOMAIN``, modules may be asked of, a comma list; empty: any."""

    wasm_pinned: bool = False
    """Whether only modules of a known hash are fetched, whoever orders them."""

    wasm_allowed_networks: Networks = ()
    """From where they are fetched though it is no public address: ``10.0.0.0/8``.
    Link-local and metadata addresses stay closed."""

    wasm_plain_servers: Words = ()
    """Registries spoken to in plain text, and servers believed in plain text where a
    module has no hash: ``HOST:PORT``. Istio's WASM_INSECURE_REGISTRIES."""

    wasm_ca_file: Path | None = None
    """Roots (PEM) that servers' certificates may chain to, beside the system's."""

    wasm_pull_secrets: Path | None = None
    """A folder with a file for each ``imagePullSecret``: Docker's config.json."""

    wasm_kept_bytes: int = Field(default=SHELF_BYTES, ge=MODULE_BYTES)
    """How much is kept on disk; what Envoy has in use is kept beyond that."""

    def wasm_rules(self, mark: int | None = None) -> ModuleRules:
        """Return from where modules may come; raise `OSError`.

        ``mark`` is that of the proxy's own connections.
        """
        roots = self.wasm_ca_file.read_text() if self.wasm_ca_file else ""
        return ModuleRules(
            Guard(self.wasm_allowed_networks, roots, mark=mark),
            self.wasm_servers,
            self.wasm_plain_servers,
            self.wasm_pull_secrets,
            self.wasm_pinned,
        )
