from __future__ import annotations

import grpc
import pytest

from meltemi.runtime.grpc_server import serving
from meltemi.runtime.http import AddressInUseError
from meltemi.runtime.settings import Address
from meltemi.testkit.processes import accepts, free_port


def server() -> grpc.aio.Server:
    return grpc.aio.server(options=(("grpc.so_reuseport", 0),))


async def test_it_listens_while_the_context_lasts() -> None:
    address = Address("127.0.0.1", free_port())

    async with serving(server(), address):
        assert accepts(address.port)
    assert not accepts(address.port)


async def test_an_address_in_use_is_named() -> None:
    address = Address("127.0.0.1", free_port())

    async with serving(server(), address):
        with pytest.raises(AddressInUseError, match=str(address)):
            async with serving(server(), address):
                pass
