"""JSON from outside, read strictly: one error for whatever can be wrong with it.

msgspec alone raises three kinds: its own for syntax and types, UnicodeDecodeError for a string that
is not UTF-8, RecursionError for brackets nested thousands deep. Who catches only the first can be
ended by anybody who sends a byte 0xff, so nothing else decodes JSON.
"""

from __future__ import annotations

from typing import Any, TypeVar, overload

import msgspec

T = TypeVar("T")


class JsonError(ValueError):
    """The text is no JSON, or not of the wanted type; says where."""


@overload
def decode(data: bytes | str | msgspec.Raw, kind: type[T]) -> T: ...
@overload
def decode(data: bytes | str | msgspec.Raw, kind: Any = Any) -> Any: ...
def decode(data: bytes | str | msgspec.Raw, kind: Any = Any) -> Any:
    """The value, checked to be of that type. Raises JsonError, and nothing else, for any input."""
    try:
        return msgspec.json.decode(data, type=kind)
    except UnicodeError as error:
        raise JsonError("it is not UTF-8") from error
    except RecursionError as error:
        raise JsonError("it is nested too deeply") from error
    except msgspec.DecodeError as error:
        raise JsonError(str(error)) from error
