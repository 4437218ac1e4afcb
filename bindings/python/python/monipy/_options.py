"""Settings by any of their names: Python's, or those of the vendor's constructor."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from ._errors import error_for
from ._generated import CONFIG_JS_NAMES, Code


def settings(options: Mapping[str, Any] | None, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The settings by Python's names; keywords go before ``options``."""
    out: dict[str, Any] = {}
    known = CONFIG_JS_NAMES.values()
    for source in (options or {}, keywords):
        if not isinstance(source, Mapping):
            raise error_for(Code.INVALID_ARGUMENT, f"options: {type(source).__name__} given; it wants a dict of settings")
        for name, value in source.items():
            own = CONFIG_JS_NAMES.get(name, name)
            if own not in known:
                near = difflib.get_close_matches(str(name), [*known, *CONFIG_JS_NAMES], 1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise error_for(Code.INVALID_ARGUMENT, f"{name}: there is no such setting{hint}")
            out[own] = value
    return out
