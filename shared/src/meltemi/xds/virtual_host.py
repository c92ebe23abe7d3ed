"""What a virtual host is called that travels by itself, and whose it is.

Source:
    Envoy's VHDS page: ``ROUTE-CONFIGURATION/HOST``; it gives a virtual host to the
    table whose name stands before the last slash.

"""

from __future__ import annotations

SLASH = "/"
ESCAPED = "%2F"


def resource_name(table: str, host: str) -> str:
    """Return what the virtual host ``host`` of ``table`` is called by itself."""
    return f"{table}{SLASH}{host.replace(SLASH, ESCAPED)}"


def table_of(name: str) -> str:
    """Return the table that the virtual host called ``name`` belongs to."""
    return name.rpartition(SLASH)[0]


def host_of(name: str) -> str:
    """Return what the virtual host called ``name`` is called in its table."""
    return name.rpartition(SLASH)[2].replace(ESCAPED, SLASH)
