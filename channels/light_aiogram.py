"""Loads aiogram without building what nobody uses yet: a quarter of the time and less than half of the memory.

aiogram asks pydantic to defer each of its four hundred types until it is first used (`defer_build`), and then, at the
end of `aiogram.types`, builds them all, since only there do they know each other's names. `load` leaves that last step
out and gives the names to the modules instead, so that pydantic finds them when a type is first used.
"""

import sys
from typing import Any, Literal, Optional, Union

import pydantic

__all__ = ["load"]


def load() -> None:
    """Import aiogram. Does nothing when it is there already."""
    if "aiogram.types" in sys.modules:
        return
    build = pydantic.BaseModel.__dict__["model_rebuild"]
    pydantic.BaseModel.model_rebuild = classmethod(_leave)  # type: ignore[method-assign, assignment]
    try:
        from aiogram import types  # noqa: PLC0415 - the very import that this is about
        from aiogram.client.default import Default  # noqa: PLC0415
    finally:
        pydantic.BaseModel.model_rebuild = build  # type: ignore[method-assign]
    names = {name: getattr(types, name) for name in types.__all__}
    names |= {"List": list, "Optional": Optional, "Union": Union, "Literal": Literal, "Default": Default}
    for module in {getattr(each, "__module__", "") for each in names.values()}:
        if module.startswith("aiogram.types."):
            for name, value in names.items():
                vars(sys.modules[module]).setdefault(name, value)


def _leave(_model: type[pydantic.BaseModel], /, **_options: Any) -> None:
    """Build nothing: pydantic does when the type is first used."""
