"""What can a machine do? A small description, read from TOML, that the cost model and the report use.

name = "workstation"
flops = 1.0e11               # float32 operations a second and core
memory_bandwidth = 2.0e10    # bytes a second and core
cores_per_node = 2
memory_per_node = 24e9       # bytes
step_latency = 1.0e-4        # seconds a step, beside its calls and messages
call_latency = 5.0e-7        # seconds a call of a kernel, beside its work
link_latency = 2.0e-6        # seconds a message, between ranks
link_bandwidth = 8.0e9       # bytes a second, between two ranks
message_bandwidth = 1.0e10   # bytes a second that a core hands to the link, or takes from it
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

from brainrun.errors import PlanError


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine as the cost model sees it; every rank runs on one core unless it is given more threads."""

    name: str
    flops: float
    memory_bandwidth: float
    cores_per_node: int
    memory_per_node: float
    step_latency: float
    call_latency: float
    link_latency: float
    link_bandwidth: float
    message_bandwidth: float


GENERIC = Machine(
    name="generic",
    flops=9.0e10,
    memory_bandwidth=1.5e10,
    cores_per_node=16,
    memory_per_node=64e9,
    step_latency=1.0e-4,
    call_latency=5.0e-7,
    link_latency=3.0e-6,
    link_bandwidth=6.0e9,
    message_bandwidth=1.0e10,
)
"""A node of a few AVX-512 cores whose ranks exchange through shared memory, where no description is given."""


def load(path: Path) -> Machine:
    """The description in a TOML file, or a PlanError that names what is missing, unknown or no positive number."""
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanError(f"cannot read the machine description {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanError(f"{path}: not a TOML file: {error}") from None
    known = {field.name: field.type for field in fields(Machine)}
    for key in sorted(set(known) ^ set(read)):
        raise PlanError(f"{path}: {'unknown key' if key in read else 'lacks'} '{key}'; it needs {', '.join(known)}")
    for key, value in read.items():
        if key != "name" and (isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0):
            raise PlanError(f"{path}: {key} = {value!r} is no positive number")
    return Machine(
        name=str(read["name"]),
        flops=float(read["flops"]),
        memory_bandwidth=float(read["memory_bandwidth"]),
        cores_per_node=int(read["cores_per_node"]),
        memory_per_node=float(read["memory_per_node"]),
        step_latency=float(read["step_latency"]),
        call_latency=float(read["call_latency"]),
        link_latency=float(read["link_latency"]),
        link_bandwidth=float(read["link_bandwidth"]),
        message_bandwidth=float(read["message_bandwidth"]),
    )
