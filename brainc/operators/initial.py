"""How do parameters start? The initialisers of the language and PyTorch's defaults."""

from __future__ import annotations

import re
from math import isfinite, sqrt

from brainc.ir.graph import ArgumentValue
from brainc.operators.operator import Argument, Refusal
from brainrun.plan.schema import Constant, Initial, Normal, Uniform

INIT = Argument("init", "initialiser", "how the weight starts: he, glorot, lecun, normal(s) or constant(v)", None)
_CALL = re.compile(r"(normal|constant)\(([^()]+)\)")


def weight_initial(init: ArgumentValue, fan_in: int, fan_out: int) -> Initial:
    """The distribution of a weight with `fan_in` inputs a unit.

    Without `init`: uniform within ±1/√fan_in, PyTorch's default for linear and convolution layers. `he`: He et al.
    2015, eq. 10; `glorot`: Glorot and Bengio 2010, eq. 16; `lecun`: LeCun et al. 1998, eq. 16.
    """
    match init:
        case None:
            return Uniform(1 / sqrt(fan_in))
        case "he":
            return Normal(sqrt(2 / fan_in))
        case "glorot":
            return Uniform(sqrt(6 / (fan_in + fan_out)))
        case "lecun":
            return Normal(1 / sqrt(fan_in))
    if isinstance(init, str) and (found := _CALL.fullmatch(init.replace(" ", ""))):
        try:
            number = float(found[2])
        except ValueError:
            raise Refusal(f"'{found[2]}' is not a number", about="init") from None
        if not isfinite(number) or (found[1] == "normal" and number < 0):
            raise Refusal(f"'{found[2]}' is no {'deviation' if found[1] == 'normal' else 'value'}", about="init")
        return Normal(number) if found[1] == "normal" else Constant(number)
    raise Refusal(
        f"unknown initialiser {init!r}",
        remedy="use he, glorot, lecun, normal(deviation) or constant(value)",
        about="init",
    )


def bias_initial(init: ArgumentValue, fan_in: int) -> Initial:
    """A bias starts as PyTorch's does, uniform within ±1/√fan_in, and at zero where the weight has an initialiser."""
    return Uniform(1 / sqrt(fan_in)) if init is None else Constant(0.0)
