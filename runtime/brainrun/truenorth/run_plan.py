"""How does `brainrun` run a plan for neurosynaptic cores? It takes data through the simulator, and says what came."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from brainrun.errors import PlanError, RunError
from brainrun.mesh import World, agreed
from brainrun.options import RunOptions
from brainrun.plan.cores import CorePlan
from brainrun.plan.store import read_core_plan
from brainrun.progress import open_watch
from brainrun.run import ended, wanted_datasets
from brainrun.run_folder import open_run_folder
from brainrun.truenorth.activity import Recording, RoleActivity, packed, samples_to_record, write_activity
from brainrun.truenorth.deployed import Batch, Deployed, Runner, deployed
from brainrun.truenorth.energy import joules
from brainrun.truenorth.limits import SECONDS_PER_TICK
from brainrun.truenorth.rules import broken_rules
from brainrun.truenorth.written import write_whole


@dataclass(frozen=True, slots=True)
class Account:
    """What a data set took of the cores."""

    samples: int
    right: int
    ticks: int
    spikes: int
    synaptic_events: int
    seconds: float


def run_core_plan(options: RunOptions, world: World) -> int:
    """Evaluate or predict on this rank; its exit status. Rank 0 alone prints and writes."""
    return ended(world, lambda: _run(options, world))


def _run(options: RunOptions, world: World) -> None:
    with agreed(world):
        network = _network(options)
        plan = network.plan
        datasets = wanted_datasets(plan, options.mode, options.data_folder or options.plan / plan.data_folder)
    watch = open_watch(options.show if world.rank == 0 else "nothing")
    accounts, activities = {}, []
    recorded = options.run_folder if options.mode == "eval" else None
    drawn = 0 if recorded is None else samples_to_record(plan, len(network.graph.cores))
    with Runner(network, options.threads, world, str(options.plan)) as runner:
        for role, dataset in datasets.items():
            before = runner.core_spikes, runner.core_events
            batches = list(runner.batches(dataset, drawn))
            account = accounts[role] = _account(batches)
            if options.mode == "eval":
                watch.say(_said(role, account, plan, network))
                activities.append(_activity(role, account, batches[0], runner, before))
                continue
            with agreed(world):
                if world.rank == 0:
                    watch.say(_predicted(options, plan, np.concatenate([batch.scores for batch in batches])))
    with agreed(world):
        if world.rank == 0 and recorded is not None:
            path = write_activity(recorded, plan, tuple(activities))
            watch.say(f"each core's work in {path}")
        if world.rank == 0 and options.json is not None:
            facts = msgspec.json.encode(_facts(accounts, network))
            write_whole(options.json, msgspec.json.format(facts, indent=1) + b"\n")


def _network(options: RunOptions) -> Deployed:
    """The plan's network, which can do what is asked. RunError: it cannot, or is broken."""
    plan, files = read_core_plan(options.plan)
    if options.mode not in ("eval", "predict"):
        raise PlanError(
            f"is for neurosynaptic cores, which do not {options.mode}",
            where=str(options.plan),
            remedy="use --mode eval or predict; train the network with brainc compile --target cpu",
        )
    if options.weights is not None:
        raise PlanError(
            "has its weights in its cores", where=str(options.plan), remedy="give --from to brainc compile instead"
        )
    if options.seed is not None:
        plan = msgspec.structs.replace(plan, seed=options.seed)
    network = deployed(plan, files, str(options.plan))
    for violation in broken_rules(network.graph):
        raise PlanError(f"breaks a rule of cores: {violation}", where=str(options.plan), remedy="compile it again")
    return network


def _predicted(options: RunOptions, plan: CorePlan, scores: NDArray[np.float32]) -> str:
    """Write the predictions, and say where they are."""
    path = open_run_folder(options.run_folder, plan.name) / f"{plan.scores}.npy"
    _save(path, scores)
    return f"{len(scores)} predictions in {path}"


def _account(batches: Sequence[Batch]) -> Account:
    return Account(
        sum(len(batch.scores) for batch in batches),
        sum(batch.right for batch in batches),
        sum(batch.ticks for batch in batches),
        sum(batch.outcome.spikes for batch in batches),
        sum(batch.outcome.synaptic_events for batch in batches),
        sum(batch.outcome.seconds for batch in batches),
    )


def _activity(
    role: str, account: Account, first: Batch, runner: Runner, before: tuple[NDArray[np.int64], NDArray[np.int64]]
) -> RoleActivity:
    """Core by core, from what the counters said before this data set; the recording is of its first batch."""
    plan, cores = runner.network.plan, len(runner.network.graph.cores)
    whole = max(0, (first.drawn_ticks - plan.latency) // plan.period)
    recording = Recording(
        first.drawn_ticks,
        tuple(first.labels[:whole].tolist()),
        tuple(first.scores[:whole].argmax(axis=1).tolist()),
        packed(first.raster, first.drawn_ticks, cores),
    )
    spikes, events = runner.core_spikes - before[0], runner.core_events - before[1]
    return RoleActivity(
        role, account.samples, account.right, account.ticks, tuple(spikes.tolist()), tuple(events.tolist()), recording
    )


def _said(role: str, account: Account, plan: CorePlan, network: Deployed) -> str:
    spent, rate = _joules(account, network), 1 / (plan.period * SECONDS_PER_TICK)
    return (
        f"{role}  {plan.metric} {account.right / account.samples:.6g}  on {len(network.graph.cores):,} cores: "
        f"{account.spikes / account.samples:,.0f} spikes and {spent * 1e6:.3g} µJ a sample, "
        f"{plan.latency + plan.period} ticks from sample to decision, {rate:,.0f} samples/s at 1 kHz; "
        f"{account.ticks / account.seconds:,.0f} ticks/s simulated"
    )


def _joules(account: Account, network: Deployed) -> float:
    """The energy of a sample by the model of `energy.py`."""
    return joules(account.synaptic_events, len(network.graph.cores), account.ticks) / account.samples


def _facts(accounts: Mapping[str, Account], network: Deployed) -> dict[str, object]:
    plan = network.plan
    numbers = {role: {plan.metric: account.right / account.samples} for role, account in accounts.items()}
    return {
        "epochs": [{"epoch": 0, **numbers}],
        "cores": len(network.graph.cores),
        "chips": _chips(network),
        "latency_ticks": plan.latency + plan.period,
        "period_ticks": plan.period,
        "roles": {
            role: {
                "samples": account.samples,
                "ticks": account.ticks,
                "spikes_per_sample": account.spikes / account.samples,
                "synaptic_events_per_sample": account.synaptic_events / account.samples,
                "joules_per_sample": _joules(account, network),
                "ticks_per_second": account.ticks / account.seconds,
            }
            for role, account in accounts.items()
        },
    }


def _chips(network: Deployed) -> int:
    """How many chips the board has."""
    columns, rows = network.graph.chips
    return columns * rows


def _save(path: Path, scores: NDArray[np.float32]) -> None:
    temporary = path.with_name(f".{path.name}.part")
    try:
        with temporary.open("wb") as file:
            np.save(file, scores)
        os.replace(temporary, path)
    except OSError as error:
        raise RunError(f"cannot be written: {error.strerror}", where=str(path)) from None
