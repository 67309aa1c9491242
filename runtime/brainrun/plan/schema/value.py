"""What is every value of a plan? A struct that does not change, and that is strict about what it is read from."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

DType: TypeAlias = Literal["f32", "i32", "i64"]


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every plan value: immutable, and strict about what it is read from."""
