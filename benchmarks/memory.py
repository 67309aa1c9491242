"""What memory does training take, and what is it made of?

    python benchmarks/memory.py [--data-dir DIR] [mlp|lenet…]      on Fashion-MNIST, one rank
    python benchmarks/memory.py --one PLAN                         as JSON, data as the plan says

`interpreter` is what is resident when all modules of the runtime are imported and the kernels loaded; `arena` is what
`brainc report` states, `data` the bytes of the arrays that the data sets hold, `training` what is resident after 20
steps, `at the end` after 1,000 (`--one`: 60). Run it twice: the first run's interpreter also compiled the kernels.
"""

from __future__ import annotations

import argparse
import gc
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from brainrun import cli, run, train

HERE = Path(__file__).parent
EARLY = 20


def resident() -> int:
    """The bytes of this process that are in memory now."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    assert found is not None
    return 1024 * int(found.group(1))


def held(datasets: Any) -> int:
    """The bytes of the arrays that data sets hold, each once."""
    pending, seen, total = [datasets], set(), 0
    while pending:
        thing = pending.pop()
        if id(thing) in seen or isinstance(thing, type):
            continue
        seen.add(id(thing))
        if isinstance(thing, np.ndarray):
            if thing.base is None:
                total += thing.nbytes
            else:
                pending.append(thing.base)
        elif type(thing).__module__.startswith("brainrun") or isinstance(thing, dict | list | tuple):
            pending += gc.get_referents(thing)
    return total


def measured(plan: Path, steps: int, data: Path | None) -> dict[str, int]:
    """Train a plan in this process, and look at its memory on the way."""
    found: dict[str, int] = {}
    done = 0
    load_kernels, open_data, executor, note = run._kernels, run.wanted_datasets, vars(run)["Executor"], train._note

    def kernels(*arguments: Any) -> Any:
        addresses = load_kernels(*arguments)
        found["interpreter"] = resident()
        return addresses

    def datasets(*arguments: Any) -> Any:
        opened = open_data(*arguments)
        found["data"] = held(opened)
        return opened

    def executed(*arguments: Any) -> Any:
        made = executor(*arguments)
        found["arena"] = made.arena._memory.nbytes
        return made

    def noted(*arguments: Any) -> None:
        nonlocal done
        note(*arguments)
        done += 1
        if done == EARLY:
            found["training"] = resident()
        if done == steps:
            found["at the end"] = resident()

    vars(run).update(_kernels=kernels, wanted_datasets=datasets, Executor=executed)
    vars(train).update(_note=noted)
    with tempfile.TemporaryDirectory() as folder:
        words = [str(plan), "--steps", str(steps), "--quiet", "--run-dir", folder]
        words += ["--data-dir", str(data)] if data is not None else []
        if status := cli.main(words):
            sys.exit(status)
    return found


def table(networks: list[str], data: Path) -> None:
    """Compile the examples for one rank, measure each in a process of its own, and print a row for each."""
    columns = ("interpreter", "arena", "data", "training", "at the end")
    print(f"{'network':<12}" + "".join(f"{name:>13}" for name in columns) + f"{'beyond':>9}   (MiB)")
    with tempfile.TemporaryDirectory() as folder:
        for network in networks:
            plan = Path(folder) / f"{network}.plan"
            source = HERE.parent / "examples" / f"{network}.brain"
            command = [sys.executable, "-m", "brainc.cli", "compile", str(source), "-o", str(plan)]
            subprocess.run([*command, "--data", "1", "--model", "1"], check=True, stdout=subprocess.DEVNULL)
            measure = [sys.executable, __file__, "--one", str(plan), "--data-dir", str(data), "--steps", "1000"]
            said = [subprocess.run(measure, check=True, capture_output=True, text=True).stdout for _ in range(2)]
            found = json.loads(said[-1])
            beyond = found["training"] / (found["interpreter"] + found["arena"] + found["data"]) - 1
            print(f"{network:<12}" + "".join(f"{found[name] / 2**20:13.1f}" for name in columns) + f"{beyond:9.1%}")


def main() -> None:
    """Measure one plan, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=["mlp", "lenet"], metavar="NETWORK")
    parser.add_argument("--one", type=Path, metavar="PLAN")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--data-dir", type=Path)
    arguments = parser.parse_args()
    if arguments.one is not None:
        print(json.dumps(measured(arguments.one, arguments.steps, arguments.data_dir)))
    else:
        table(arguments.networks, arguments.data_dir or Path("/usr/share/datasets/fashion-mnist"))


if __name__ == "__main__":
    main()
