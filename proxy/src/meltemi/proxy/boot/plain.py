"""Values as JSON has them, which is how a bootstrap is written."""

JSON = dict[str, "JSON"] | list["JSON"] | str | int | float | bool | None
