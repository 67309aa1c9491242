"""Training speed of two hosts over links of several rates: reduction schemes, and PyTorch's DDP, in turns.

    python -m benchmarks.links --torch-python /path/to/python-with-torch [--links 100mbit 1gbit 10gbit]
        [--networks mlp lenet wide] [--schemes sum onebit auto …] [--rounds 3] [--json FILE]

The hosts are network namespaces with a core each, joined by a link of the rate each way (hosts.py), so it needs Linux,
root and iproute2; where it cannot be run it says why and ends with status 0. Prints a Markdown table for each link:
samples/s as the median over the rounds, ratios to `sum`, to DDP and to DDP with its fp16 hook, and what a host put on
its link in a step beside brainrun's own count. `--write PAGE` puts the links side by side into a page. With `--json
FILE` all numbers are kept there after each measurement, and what the file has already is not measured again. Run it on
a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import NoReturn

from benchmarks.links.contenders import Brainrun, Contender, Ddp, parameters_of
from benchmarks.links.hosts import Hosts, Link, Unavailable, why_not
from benchmarks.links.record import LinkFacts, Record, read, write
from benchmarks.links.table import overview, page
from benchmarks.links.turns import Comparison, Effort
from brainc.machine.description import GENERIC, Machine
from brainc.report.schemes import placed

BATCHES = {"mlp": 128, "lenet": 128, "wide": 256}
SCHEMES = (
    "sum",
    "onebit",
    "threshold(tau=0.01)",
    "adaptive(density=1/64)",
    "golomb(density=1/1000)",
    "lowrank(rank=2)",
    "auto",
)
LINKS = ("100mbit", "1gbit", "10gbit")
BYTES_THROUGH_TCP = 3.0e9
"""What a core hands to MPI over TCP, or takes from it, in a second: what sums over 10 Gbit/s took beyond the rest."""


def this_core() -> Machine:
    """One core as it is here, in place of what is assumed of any."""
    command = [sys.executable, str(Path(__file__).with_name("core.py"))]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, env=environment)
    return replace(GENERIC, **json.loads(done.stdout))


def description(facts: LinkFacts, like: Machine = GENERIC) -> Machine:
    """A machine of one such core a node, whose nodes are joined by this link."""
    return replace(
        like,
        name=facts.rate,
        cores_per_node=1,
        link_bandwidth=facts.bytes_per_second,
        link_latency=facts.latency_seconds,
        message_bandwidth=BYTES_THROUGH_TCP,
    )


def as_toml(machine: Machine) -> str:
    """The description as `brainc compile --machine` reads it."""
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in asdict(machine).items())


def pinged(hosts: Hosts) -> LinkFacts:
    """The link as MPI finds it."""
    command = hosts.mpi([sys.executable, str(Path(__file__).with_name("ping.py"))])
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise Unavailable(f"MPI does not run across the hosts: {done.stderr.strip() or done.returncode}")
    found = json.loads(done.stdout)
    return LinkFacts(rate=hosts.link.name, burst=hosts.link.burst, control=hosts.control, **found)


def contenders(network: str, schemes: Sequence[str], python: str | None, parameters: int) -> list[Contender]:
    """All that train a network: brainrun with each scheme, and PyTorch where there is one."""
    found: list[Contender] = [Brainrun(network, scheme) for scheme in schemes]
    if python is not None:
        found += [Ddp(network, hook, python, parameters) for hook in ("none", "fp16")]
    return found


def measure(arguments: argparse.Namespace, record: Record) -> None:
    """Fill the record, link after link."""
    effort = Effort(arguments.rounds, arguments.seconds, arguments.longest_step)
    keep = partial(write, record, arguments.json)
    core = this_core()
    with tempfile.TemporaryDirectory(prefix="brainc-links-") as name:
        folder = Path(name)
        parameters = {network: parameters_of(network, folder) for network in arguments.networks}
        for link in arguments.links:
            with Hosts(link, folder) as hosts:
                facts = pinged(hosts)
                record.links[link.name] = facts
                machine = folder / f"{link.name}.toml"
                machine.write_text(as_toml(description(facts, core)), encoding="utf-8")
                for network in arguments.networks:
                    known = contenders(network, arguments.schemes, arguments.torch_python, parameters[network])
                    of_network = folder / f"{link.name}-{network}"
                    of_network.mkdir()
                    Comparison(hosts, network, BATCHES[network], record, effort, keep).run(known, machine, of_network)


def main() -> None:
    """Measure all that is asked for and print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.links",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--torch-python", help="an interpreter that has PyTorch; without it, there is no DDP")
    parser.add_argument("--links", nargs="+", type=Link, default=[Link(name) for name in LINKS], metavar="RATE")
    parser.add_argument("--networks", nargs="+", choices=BATCHES, default=list(BATCHES))
    parser.add_argument("--schemes", nargs="+", default=list(SCHEMES), metavar="SCHEME", help="as for --reduce")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0, help="about how long a measurement takes (6)")
    parser.add_argument("--longest-step", type=float, default=20.0, help="skip what takes longer a step (20 s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep all numbers there, and go on from them")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put all links side by side into its place `links`")
    arguments = parser.parse_args()
    reason = why_not()
    if reason is not None:
        print(f"links: skipped: {reason}")
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    record = read(arguments.json)
    try:
        measure(arguments, record)
    except Unavailable as error:
        print(f"links: skipped: {error}")
        return
    links = [link.name for link in arguments.links]
    print(page(record, links, arguments.networks))
    if arguments.write is not None:
        text = arguments.write.read_text(encoding="utf-8")
        table = overview(record, links, arguments.networks)
        arguments.write.write_text(placed(text, "links", table), encoding="utf-8")


def _stop(number: int, _: object) -> NoReturn:
    # An exception, so that the hosts are taken down.
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
