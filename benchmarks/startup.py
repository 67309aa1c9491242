"""How long until a network trains, the first time and the second? And is any kernel compiled twice?

    python benchmarks/startup.py [NETWORK…]

Prints seconds by the clock and of the processors (all processes together) for `brainc compile`, and for `brainrun` with
one step of training, first with an empty cache of kernels and then again, on one rank and on four; and how many
kernels were compiled and how many of them are different. On a busy machine, mind the processors' seconds.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

HERE = Path(__file__).parent
MESHES = (("1", "1"), ("2", "2"))

# Python runs a module of this name at its start: here, in the ranks and in the processes that compile for them.
_WITNESS = """
import os
from brainrun import kernels

write = kernels.Cache.write

def noted(self, key, object_file):
    with open(os.environ["BRAINC_WITNESS"], "a") as file:
        file.write(key + "\\n")
    write(self, key, object_file)

kernels.Cache.write = noted
"""


@dataclass(frozen=True)
class Taken:
    """What a command took, with all processes that it started."""

    seconds: float
    processor_seconds: float


def timed(command: Sequence[str], environment: dict[str, str]) -> Taken:
    """Run a command; what it took."""
    began, before = perf_counter(), os.times()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    seconds, after = perf_counter() - began, os.times()
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    return Taken(seconds, processor)


def compiled_kernels(plan: Path, folder: Path) -> tuple[Taken, list[str]]:
    """Run one step with an empty cache `folder/cache`; what it took, and the key of each kernel compiled for it."""
    witness, cache = folder / "witness", folder / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    witness.mkdir(exist_ok=True)
    (witness / "sitecustomize.py").write_text(_WITNESS, encoding="utf-8")
    log = witness / "log"
    log.write_text("")
    path = os.pathsep.join(filter(None, (str(witness), os.environ.get("PYTHONPATH", ""))))
    environment = {**os.environ, "PYTHONPATH": path, "BRAINC_WITNESS": str(log), "BRAINC_CACHE": str(cache)}
    taken = timed(first_step(plan, folder), environment)
    return taken, log.read_text().split()


def first_step(plan: Path, folder: Path) -> list[str]:
    """The command that trains a plan for one step."""
    run = [sys.executable, "-m", "brainrun.cli", str(plan), "--steps", "1"]
    return [*run, "--quiet", "--run-dir", str(folder / "run")]


def compile_command(source: Path, plan: Path, data: str, model: str) -> list[str]:
    """The command that compiles a network for a mesh."""
    command = [sys.executable, "-m", "brainc.cli", "compile", str(source), "-o", str(plan)]
    return [*command, "--data", data, "--model", model]


def main() -> None:
    """Time all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=["lenet"], metavar="NETWORK")
    print(f"{'network':<12} {'ranks':>5} {'':<12} {'clock':>8} {'processors':>11}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for network in parser.parse_args().networks:
            for data, model in MESHES:
                plan = folder / f"{network}.plan"
                source = HERE / "networks" / f"{network}.brain"
                rows = {"compile": timed(compile_command(source, plan, data, model), dict(os.environ))}
                rows["first run"], keys = compiled_kernels(plan, folder)
                again = {**os.environ, "BRAINC_CACHE": str(folder / "cache")}
                rows["second run"] = timed(first_step(plan, folder), again)
                for what, taken in rows.items():
                    numbers = f"{taken.seconds:6.2f} s {taken.processor_seconds:9.2f} s"
                    print(f"{network:<12} {int(data) * int(model):>5} {what:<12} {numbers}", flush=True)
                print(f"{'':<18} {len(keys)} kernels compiled, {len(set(keys))} different", flush=True)


if __name__ == "__main__":
    main()
