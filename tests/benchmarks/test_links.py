"""The comparison over links measures in turns, goes on from its record, and leaves no hosts behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from benchmarks.links import __main__ as program
from benchmarks.links import hosts as namespaces
from benchmarks.links.contenders import Contender, Ddp, Failed, Measured, parameters_of
from benchmarks.links.hosts import Hosts, Link, Unavailable, address, why_not
from benchmarks.links.record import LinkFacts, Record, Result, read, write
from benchmarks.links.table import overview, page
from benchmarks.links.turns import Comparison, Effort, bytes_between, rounds_of, steps_of_probe, steps_of_round
from brainc.machine.description import load

FACTS = LinkFacts(rate="1gbit", burst=62500, control="reno", bytes_per_second=1.19e8, latency_seconds=1e-5)
ROOT = Path(__file__).parents[2]


@dataclass
class PretendedHosts:
    """A link that nobody uses."""

    link: Link = field(default_factory=lambda: Link("1gbit"))
    cleared: int = 0

    def clear(self) -> None:
        self.cleared += 1


@dataclass
class Pretended:
    """A contender of a fixed speed that notes who measures when."""

    name: str
    notes: list[str]
    rate: float = 1000.0
    predicted: float = 0.1
    fails: str = ""

    def prepare(self, machine: Path, folder: Path) -> None:
        assert folder.is_dir(), machine

    def step_seconds(self, bytes_per_second: float) -> float:
        assert bytes_per_second == 1.25e8
        return self.predicted

    def measure(self, hosts: Hosts, steps: int, seconds: float) -> Measured:
        assert hosts.link == Link("1gbit")
        assert seconds > 0
        if self.fails:
            raise Failed(self.fails)
        self.notes.append(f"{self.name} {steps}")
        return Measured(self.rate, steps, (5000 + 300 * steps, 4000 + 200 * steps), 290)


@pytest.fixture
def compare(tmp_path: Path) -> Callable[..., PretendedHosts]:
    """Runs a comparison of pretended contenders."""
    names = iter(range(100))

    def run(record: Record, *contenders: Pretended, rounds: int = 2) -> PretendedHosts:
        hosts, folder = PretendedHosts(), tmp_path / str(next(names))
        folder.mkdir()
        effort = Effort(rounds, 6.0, 20.0)
        comparison = Comparison(cast(Hosts, hosts), "mlp", 128, record, effort, lambda: None)
        comparison.run(cast(list[Contender], contenders), tmp_path / "machine.toml", folder)
        return hosts

    return run


def result(contender: str, *rates: float, network: str = "mlp", **more: Any) -> Result:
    return Result(link="1gbit", network=network, contender=contender, batch=128, rates=list(rates), **more)


def test_a_link_s_rate_is_in_bytes_and_its_burst_half_a_millisecond() -> None:
    assert (Link("1gbit").bytes_per_second, Link("1gbit").burst) == (1.25e8, 62500)
    assert (Link("100mbit").bytes_per_second, Link("100mbit").burst) == (1.25e7, 16384)


@pytest.mark.parametrize("text", ["1 gbit", "gbit", "0mbit", "1gbps", "-1gbit", "1gbit; rm"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no rate"):
        Link(text)


def test_probes_are_short_where_steps_are_long() -> None:
    assert (steps_of_probe(0.1), steps_of_probe(5.0)) == (10, 1)


@pytest.mark.parametrize(
    ("probed", "step_seconds", "steps"), [(10, 0.02, 300), (10, 1.0, 12), (1, 6.0, 3), (10, 1e-6, 5000)]
)
def test_a_round_lasts_as_long_as_asked_but_has_more_steps_than_the_probe(
    probed: int, step_seconds: float, steps: int
) -> None:
    assert steps_of_round(probed, step_seconds, 6.0) == steps


def test_one_round_is_enough_where_a_step_takes_seconds() -> None:
    assert (rounds_of(3, 0.1), rounds_of(3, 4.0)) == (3, 1)


def test_starting_and_ending_do_not_count_as_bytes_of_a_step() -> None:
    assert bytes_between(Measured(1.0, 10, (8000, 6000)), Measured(1.0, 30, (14000, 10000))) == [300.0, 200.0]


def test_contenders_are_measured_in_turns(compare: Callable[..., PretendedHosts]) -> None:
    notes: list[str] = []
    record = Record()
    compare(record, Pretended("sum", notes, rate=1280.0), Pretended("onebit", notes, rate=2560.0))
    assert notes == ["sum 10", "onebit 10", "sum 60", "onebit 120", "sum 60", "onebit 120"]
    found = record.find("1gbit", "mlp", "onebit")
    assert found is not None
    assert (found.rates, found.bytes_a_step, found.counted) == ([2560.0, 2560.0], [300.0, 200.0], 290)


def test_what_the_record_has_is_not_measured_again(compare: Callable[..., PretendedHosts]) -> None:
    notes: list[str] = []
    record = Record(results=[result("sum", 900.0, 900.0), result("onebit", 950.0)])
    compare(record, Pretended("sum", notes), Pretended("onebit", notes))
    assert notes == ["onebit 10", "onebit 47"]
    assert record.rate("1gbit", "mlp", "onebit") == 975.0


@pytest.mark.parametrize(
    ("contender", "note"),
    [
        (Pretended("sum", [], predicted=43.0), "skipped: a step would take 43 s"),
        (Pretended("sum", [], rate=128 / 25), "skipped: a step takes 25 s"),
        (Pretended("sum", [], fails="error: no such scheme"), "failed: error: no such scheme"),
    ],
)
def test_who_is_too_slow_or_fails_is_noted_and_the_others_go_on(
    compare: Callable[..., PretendedHosts], contender: Pretended, note: str
) -> None:
    record = Record()
    hosts = compare(record, contender, Pretended("onebit", []))
    found = record.find("1gbit", "mlp", "sum")
    assert found is not None
    assert (found.note, found.rates) == (note, [])
    assert record.rate("1gbit", "mlp", "onebit") == 1000.0
    assert hosts.cleared == bool(contender.fails)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    record = Record(links={"1gbit": FACTS}, results=[result("sum", 1.0, 2.0, note="a note", counted=3)])
    write(record, tmp_path / "record.json")
    assert read(tmp_path / "record.json") == record
    assert read(tmp_path / "none.json") == Record()


def test_the_table_has_ratios_and_the_goals_are_judged() -> None:
    results = [
        result("sum", 1000.0, 1100.0, 1200.0, bytes_a_step=[11.7e6, 11.6e6], counted=11_653_160),
        result("onebit", 5500.0),
        result("auto", 5000.0),
        result("DDP", 1000.0),
        result("DDP fp16", note="failed: no PyTorch"),
    ]
    record = Record(links={"1gbit": FACTS}, results=results)
    text = page(record, ["1gbit", "10gbit"], ["mlp"])
    assert text.splitlines()[0].startswith("**1gbit**: 119 MB/s each way and 10 µs a message")
    assert "| mlp | `sum` | 1,100 | 116.4 | 1.00 | 1.10 | – | 11,700.0 | 11,653.2 |" in text
    assert "| mlp | `onebit` | 5,500 | 23.3 | 5.00 | 5.50 | – | – | – |" in text
    assert "DDP fp16 on mlp: failed: no PyTorch" in text
    assert "- mlp at 1gbit: onebit is 5.50 × DDP, goal 4.0: met" in text
    assert "- mlp at 1gbit: auto is 0.91 × onebit, goal 0.95: missed" in text
    assert "goal 2.5" not in text
    side_by_side = overview(record, ["1gbit", "10gbit"], ["mlp"]).splitlines()
    assert side_by_side[0] == "| network | contender | 1gbit | × DDP | × DDP fp16 | 10gbit | × DDP | × DDP fp16 |"
    assert "| mlp | `onebit` | 5,500 | 5.50 | – | – | – | – |" in side_by_side


def test_the_compiler_reads_the_description_of_a_link(tmp_path: Path) -> None:
    (tmp_path / "machine.toml").write_text(program.as_toml(program.description(FACTS)), encoding="utf-8")
    machine = load(tmp_path / "machine.toml")
    assert machine == program.description(FACTS)
    assert (machine.link_bandwidth, machine.link_latency, machine.cores_per_node) == (1.19e8, 1e-5, 1)


def test_ddp_should_take_what_its_gradients_take_to_cross_the_link(tmp_path: Path) -> None:
    parameters = parameters_of("mlp", tmp_path)
    assert parameters == 784 * 1024 + 2 * 1024 * 1024 + 1024 * 10 + 3 * 1024 + 10
    assert Ddp("mlp", "none", "python", parameters).step_seconds(1.25e8) == parameters * 4 / 1.25e8
    assert Ddp("mlp", "fp16", "python", parameters).step_seconds(1.25e8) == parameters * 2 / 1.25e8


def test_without_root_one_sentence_says_why_it_is_skipped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(shutil, "which", lambda tool: f"/bin/{tool}")
    monkeypatch.setattr(sys, "argv", ["links"])
    program.main()
    assert capsys.readouterr().out == "links: skipped: only root can make network namespaces\n"


# ---- with root -------------------------------------------------------------------------------------------------------


def left() -> list[str]:
    """Namespaces of ours that there are."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if line.startswith(namespaces.PREFIX)]


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    """Hosts that are up. Skips the test where there cannot be any."""
    if reason := why_not():
        pytest.skip(reason)
    try:
        with Hosts(Link("1gbit"), tmp_path) as up:
            yield up
    except Unavailable as error:
        pytest.skip(str(error))
    assert left() == []


def test_hosts_reach_each_other_and_count_what_they_send(hosts: Hosts) -> None:
    program_text = (
        "import socket; s = socket.create_server(('', 5000)); print(flush=True); c = s.accept()[0];"
        "print(len(c.recv(9, socket.MSG_WAITALL)), socket.gethostname())"
    )
    server = subprocess.Popen(hosts.on(1, [sys.executable, "-c", program_text]), stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    server.stdout.readline()
    before = hosts.bytes_sent()
    client = f"import socket; socket.create_connection(({address(1)!r}, 5000)).send(b'x' * 9)"
    subprocess.run(hosts.on(0, [sys.executable, "-c", client]), check=True)
    assert server.communicate(timeout=10)[0] == f"9 {namespaces.name_of(1)}\n"
    assert all(now > then for now, then in zip(hosts.bytes_sent(), before, strict=True))


def test_one_run_at_a_time_has_the_hosts(hosts: Hosts, tmp_path: Path) -> None:
    assert len(left()) == 3
    with pytest.raises(Unavailable, match="another run"), Hosts(hosts.link, tmp_path):
        pass
    assert len(left()) == 3


def test_what_runs_on_the_hosts_ends_with_them(hosts: Hosts) -> None:
    sleeper = subprocess.Popen(hosts.on(0, ["sleep", "600"]))
    while not subprocess.run(
        ["ip", "netns", "pids", namespaces.name_of(0)], capture_output=True, text=True, check=True
    ).stdout:
        pass
    hosts.clear()
    assert sleeper.wait(timeout=10) == -signal.SIGTERM
