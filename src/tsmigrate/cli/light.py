"""Commands whose plain values are converted without pydantic, which typer loads for the first value it meets.

Loading it takes longer than linting ten files. What is more than a default, a text or a path goes typer's way; so does
everything where typer is too old, or too new, to be asked like this.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin

from typer.core import TyperCommand, TyperGroup


class LightCommand(TyperCommand):
    def get_params(self, ctx: Any) -> list[Any]:
        return [_light(param) for param in super().get_params(ctx)]


class LightGroup(TyperGroup):
    def get_params(self, ctx: Any) -> list[Any]:
        return [_light(param) for param in super().get_params(ctx)]


def _light(param: Any) -> Any:
    """The parameter, with a light converter before its own. Typer's is private: without it nothing is changed."""
    converter = getattr(param, "get_runtime_param", None)
    descriptor = getattr(param, "type_descriptor", None)
    if callable(converter) and descriptor is not None and not isinstance(getattr(converter, "__self__", None), _Light):
        param.get_runtime_param = _Light(converter, getattr(descriptor, "annotation", None)).itself
    return param


class _Light:
    """Stands where typer's converter of one parameter would: asked first, it hands on what it does not know."""

    def __init__(self, converter: Callable[[], Any], annotation: object) -> None:
        self._converter = converter
        self._annotation = annotation

    def itself(self) -> _Light:
        return self

    def coerce(self, value: Any, *, param: Any, ctx: Any) -> Any:
        many = param.multiple or param.nargs == -1
        if value is None:
            return () if many else None
        if many and isinstance(value, (list, tuple)) and get_origin(self._annotation) is list:
            of = get_args(self._annotation)
            found = [_plain(one, of[0] if of else None) for one in value]
            if None not in found:
                return found
        elif not many and (one := _plain(value, self._annotation)) is not None:
            return one
        return self._converter().coerce(value, param=param, ctx=ctx)


def _plain(value: Any, annotation: object) -> Any:
    """The value as what it is declared to be. None: that takes more than looking at it."""
    if annotation is str and isinstance(value, str):
        return value
    if (
        annotation is Path
        and isinstance(value, (str, Path))
        and (os.access(value, os.R_OK) or not Path(value).exists())
    ):
        return Path(value)
    if isinstance(annotation, type) and issubclass(annotation, Enum) and isinstance(value, annotation):
        return value
    return None
