"""How does `brainrun` run a plan for neurosynaptic cores? It takes data through the simulator, and says what came."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from brainrun.errors import PlanError, RunError
from brainrun.options import RunOptions
from brainrun.plan.cores import CorePlan
from brainrun.plan.store import read_core_plan
from brainrun.pool import usable_cores
from brainrun.progress import open_watch
from brainrun.readers.dataset import Dataset
from brainrun.run import wanted_datasets
from brainrun.run_folder import open_run_folder
from brainrun.truenorth.deployed import Deployed, Runner, deployed
from brainrun.truenorth.energy import joules
from brainrun.truenorth.limits import SECONDS_PER_TICK
from brainrun.truenorth.rules import broken_rules


@dataclass(frozen=True, slots=True)
class Account:
    """What a data set took of the cores."""

    samples: int
    right: int
    ticks: int
    spikes: int
    synaptic_events: int
    seconds: float


def run_core_plan(options: RunOptions) -> int:
    """Evaluate or predict; the exit status. RunError: another mode, or a plan or data at fault."""
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
    network = deployed(plan, files, str(options.plan))
    for violation in broken_rules(network.graph):
        raise PlanError(f"breaks a rule of cores: {violation}", where=str(options.plan), remedy="compile it again")
    watch = open_watch(options.show)
    datasets = wanted_datasets(plan, options.mode, options.data_folder or options.plan / plan.data_folder)
    threads = options.threads or len(usable_cores())
    accounts = {}
    with Runner(network, threads) as runner:
        for role, dataset in datasets.items():
            account, scores = _gone_through(runner, dataset)
            accounts[role] = account
            if options.mode == "predict":
                path = open_run_folder(options.run_folder, plan.name) / f"{plan.scores}.npy"
                _save(path, scores)
                watch.say(f"{len(scores)} predictions in {path}")
            else:
                watch.say(_said(role, account, plan, network))
    if options.json is not None:
        _write(options.json, msgspec.json.format(msgspec.json.encode(_facts(accounts, network)), indent=1) + b"\n")
    return 0


def _gone_through(runner: Runner, dataset: Dataset) -> tuple[Account, NDArray[np.float64]]:
    batches = list(runner.batches(dataset))
    right = sum(batch.right for batch in batches)
    account = Account(
        dataset.count,
        right,
        sum(batch.ticks for batch in batches),
        sum(batch.outcome.spikes for batch in batches),
        sum(batch.outcome.synaptic_events for batch in batches),
        sum(batch.outcome.seconds for batch in batches),
    )
    return account, np.concatenate([batch.scores for batch in batches])


def _said(role: str, account: Account, plan: CorePlan, network: Deployed) -> str:
    spent = _joules(account, network)
    return (
        f"{role}  {plan.metric} {account.right / account.samples:.6g}  on {len(network.graph.cores):,} cores: "
        f"{account.spikes / account.samples:,.0f} spikes and {spent * 1e6:.3g} µJ a sample, "
        f"{plan.latency + 1} ticks from sample to decision, {1 / (plan.period * SECONDS_PER_TICK):,.0f} samples/s "
        f"at 1 kHz; {account.ticks / account.seconds:,.0f} ticks/s simulated"
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
        "latency_ticks": plan.latency + 1,
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


def _save(path: Path, scores: NDArray[np.float64]) -> None:
    temporary = path.with_name(f".{path.name}.part")
    try:
        with temporary.open("wb") as file:
            np.save(file, scores.astype(np.float32))
        os.replace(temporary, path)
    except OSError as error:
        raise RunError(f"cannot be written: {error.strerror}", where=str(path)) from None


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise RunError(f"cannot be written: {error.strerror}", where=str(path)) from None
