"""What a machine's description says, and what the cost model makes of it."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from pathlib import Path

import pytest

from brainc.machine import cost
from brainc.machine.description import GENERIC, Machine, load
from brainrun.errors import PlanError

EXAMPLES = Path(__file__).parents[3] / "examples" / "machines"
TEXT = """\
name = "workstation"
flops = 1.0e11
memory_bandwidth = 2.0e10
cores_per_node = 2
memory_per_node = 24e9
step_latency = 1.0e-4
call_latency = 5.0e-7
link_latency = 2.0e-6
link_bandwidth = 8.0e9
message_bandwidth = 1.0e10
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "here.toml"
    path.write_text(text, encoding="utf-8")
    return path


def complaint(path: Path) -> str:
    with pytest.raises(PlanError) as caught:
        load(path)
    return str(caught.value).replace(str(path), path.name)


def test_a_description_is_read(tmp_path: Path) -> None:
    expected = Machine("workstation", 1e11, 2e10, 2, 24e9, 1e-4, 5e-7, 2e-6, 8e9, 1e10)
    assert load(written(tmp_path, TEXT)) == expected


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "cannot read the machine description there.toml" in complaint(tmp_path / "there.toml")


def test_what_is_no_toml_is_said_so(tmp_path: Path) -> None:
    assert complaint(written(tmp_path, "name: x")).startswith("here.toml: not a TOML file")


def test_a_missing_and_an_unknown_key_are_named(tmp_path: Path) -> None:
    assert "lacks 'flops'" in complaint(written(tmp_path, TEXT.replace("flops = 1.0e11\n", "")))
    assert "unknown key 'gpus'" in complaint(written(tmp_path, TEXT + "gpus = 4\n"))


@pytest.mark.parametrize("value", ["0", "-1.0", "true", '"fast"'])
def test_a_number_that_is_none_or_not_positive_is_refused(tmp_path: Path, value: str) -> None:
    assert "flops = " in complaint(written(tmp_path, TEXT.replace("1.0e11", value)))


def test_arithmetic_takes_as_long_as_the_slower_of_computing_and_moving() -> None:
    machine = replace(GENERIC, flops=100.0, memory_bandwidth=10.0)
    assert cost.compute(machine, 200.0, 10.0) == 2.0
    assert cost.compute(machine, 200.0, 30.0) == 3.0


def test_an_all_reduce_moves_its_bytes_almost_twice_and_waits_for_every_hop_of_the_ring() -> None:
    machine = replace(GENERIC, link_latency=1.0, link_bandwidth=10.0)
    assert cost.all_reduce(machine, 100.0, 1) == 0.0
    assert cost.all_reduce(machine, 100.0, 4) == pytest.approx(2 * 3 * 1.0 + 2 * 75.0 / 10.0)


def test_an_exchange_of_no_messages_takes_no_time() -> None:
    machine = replace(GENERIC, link_latency=1.0, link_bandwidth=10.0)
    assert cost.exchange(machine, 100.0, 0) == 0.0
    assert cost.exchange(machine, 100.0, 3) == 13.0
    assert cost.message(machine, 100.0) == 11.0


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_an_example_describes_the_machine_it_is_named_for(path: Path) -> None:
    assert load(path).name == path.stem


def test_the_examples_range_from_slow_links_to_fast_ones() -> None:
    rates = {path.stem: load(path).link_bandwidth for path in EXAMPLES.glob("*.toml")}
    assert rates["ethernet-100m"] < rates["gigabit"] < rates["ethernet-10g"] < GENERIC.link_bandwidth


# Four members of one bucket of 16 entries at 12 bytes each, 32 bytes encoded; memory and link move a byte a second.
def test_a_reduction_s_stages_follow_from_what_its_members_own() -> None:
    machine = replace(GENERIC, call_latency=0.5, memory_bandwidth=1.0, link_latency=2.0, link_bandwidth=1.0)
    machine = replace(machine, message_bandwidth=inf)
    stages = cost.reduction(machine, 4, (cost.Reduced(16, keeps_error=True),), 32)
    assert stages.encode == 0.5 + 12 * 12  # what three others own
    assert stages.scatter == stages.gather == 3 * (2.0 + 8)  # a quarter of the bytes to each
    assert stages.add == 3 * (0.5 + 8 + 4 * 8)  # a quarter of the entries from each
    assert stages.encode_sum == 0.5 + 4 * 12
    assert stages.decode == 0.5 + 32 + 16 * 4
    assert stages.seconds == 144.5 + 30 + 121.5 + 48.5 + 30 + 96.5


def test_what_is_sent_and_what_comes_takes_the_core_too() -> None:
    tensor = cost.Reduced(16, keeps_error=True)
    free, slow = (
        cost.reduction(replace(GENERIC, message_bandwidth=bandwidth), 4, (tensor,), 32) for bandwidth in (inf, 2.0)
    )
    # Three quarters of the bytes leave, and as many come, first as terms and then as sums.
    for stage in ("encode", "add", "encode_sum", "decode"):
        assert getattr(slow, stage) - getattr(free, stage) == pytest.approx(24 / 2.0)
    assert (slow.scatter, slow.gather) == (free.scatter, free.gather)


def test_an_encoder_takes_so_many_streams() -> None:
    machine = replace(GENERIC, call_latency=0.0, message_bandwidth=inf)
    one, two = (cost.reduction(machine, 2, (cost.Reduced(1 << 20, True, streams),), 0.0) for streams in (1.0, 2.0))
    assert (two.encode, two.encode_sum) == (2 * one.encode, 2 * one.encode_sum)
    assert (two.add, two.decode) == (one.add, one.decode)


def test_one_member_reduces_nothing() -> None:
    assert cost.reduction(GENERIC, 1, (cost.Reduced(16, keeps_error=True),), 32).seconds == 0.0
