from __future__ import annotations

from meltemi.xds.virtual_host import host_of, resource_name, table_of


def test_a_virtual_host_is_found_below_its_table() -> None:
    assert resource_name("80", "reviews") == "80/reviews"
    assert table_of("80/reviews") == "80"


def test_a_table_may_be_called_after_a_socket() -> None:
    assert table_of(resource_name("unix:///run/app", "reviews")) == "unix:///run/app"


def test_a_slash_in_a_host_does_not_lead_to_another_table() -> None:
    name = resource_name("80", "10.0.0.0/8")
    assert (table_of(name), host_of(name)) == ("80", "10.0.0.0/8")
