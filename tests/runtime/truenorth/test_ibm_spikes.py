"""Spike files, text and binary: what is written is read, and each fault is named by its line or byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainrun.errors import DataError
from brainrun.truenorth.graph import InputPort
from brainrun.truenorth.ibm.outgoing import encoded_pins
from brainrun.truenorth.ibm.pins import PinRow, PinSpikes, arrivals_through, read_pins
from brainrun.truenorth.ibm.spikes import read_spikes
from brainrun.truenorth.simulate import Arrivals
from tests.runtime.truenorth.ibm_files import pin_bytes, spikes_text, write

SPIKES = [(3, 0, 7), (0, 1, 255), (0, 0, 0)]


def rows(arrivals: Arrivals) -> list[tuple[int, int, int]]:
    return list(zip(arrivals.ticks.tolist(), arrivals.cores.tolist(), arrivals.axons.tolist(), strict=True))


def text_fault(folder: Path, text: str | bytes) -> str:
    with pytest.raises(DataError) as caught:
        read_spikes(write(folder / "in.sfti", text), 2)
    return str(caught.value).removeprefix(f"{folder}/")


def pin_fault(folder: Path, content: bytes) -> str:
    with pytest.raises(DataError) as caught:
        read_pins(write(folder / "in.sfcp", content))
    return str(caught.value).removeprefix(f"{folder}/")


@pytest.mark.parametrize("delay", [1, 4])
def test_a_spike_of_a_text_arrives_after_the_delay_of_its_file(tmp_path, delay):
    arrivals = read_spikes(write(tmp_path / "in.sfti", spikes_text(SPIKES, delay)), 2)
    assert rows(arrivals) == [(delay, 1, 255), (delay, 0, 0), (3 + delay, 0, 7)]


def test_a_text_without_spikes_or_with_empty_lines_is_fine(tmp_path):
    assert rows(read_spikes(write(tmp_path / "in.sfti", spikes_text([])), 2)) == []
    text = spikes_text(SPIKES[:1]).replace("\n", "\r\n\r\n").replace("\r\n\r\n", "\r\n", 1) + "\n\n"
    assert rows(read_spikes(write(tmp_path / "in.sfti", text), 2)) == [(4, 0, 7)]


def test_a_text_that_names_no_delay_has_one_of_a_tick(tmp_path):
    text = spikes_text(SPIKES[:1]).replace(',"defaultDestinationDelay":1', "")
    assert rows(read_spikes(write(tmp_path / "in.sfti", text), 2)) == [(4, 0, 7)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"TEXT"', '"RAWI3"', "line 1: encoding is 'RAWI3', not 'TEXT'"),
        ('{"class"', '"class"', "line 1: is no line of the header (Expected `object`, got `str`)"),
        ("Delay\":1", "Delay\":16", "line 2: defaultDestinationDelay is 16, not in 1 … 15"),
        ('{"version":"sfti1.0",', "{",
         "line 2: is no line of the header (Object missing required field `version`)"),
        ('"srcTime":3', '"srcTime":-3', "line 3: srcTime is -3, not in 0 … 4294967294"),
        ('"destCore":1', '"destCore":2', "line 4: destCore is 2, and the model has cores 0 … 1"),
        ('"destAxon":255', '"destAxon":256', "line 4: destAxon is 256, not in 0 … 255"),
        ('"destAxon":255', '"destDelay":2',
         "line 4: is no spike (Object contains unknown field `destDelay` - at `$.spike`)"),
        ('{"spike":{"srcTime":0,', "{", "line 4: is no spike (Object contains unknown field `destCore`)"),
    ],
)  # fmt: skip
def test_a_fault_of_a_text_is_named_by_its_line(tmp_path, old, new, expected):
    text = spikes_text(SPIKES)
    assert old in text
    assert text_fault(tmp_path, text.replace(old, new, 1)) == f"in.sfti, {expected}"


def test_a_text_that_ends_within_its_header_is_refused(tmp_path):
    where = "in.sfti, line 1: is not there, and should hold an object of the header"
    assert text_fault(tmp_path, "") == where
    assert text_fault(tmp_path, spikes_text([]).split("\n")[0]) == where.replace("line 1", "line 2")


def test_a_missing_file_is_named(tmp_path):
    for read in (lambda path: read_spikes(path, 1), read_pins):
        with pytest.raises(DataError, match=r"none: cannot be read \(No such file or directory\)"):
            read(tmp_path / "none")


NARROW = {"ID": 0, "name": "image", "csize": 16, "bpp": 8, "delayMode": 0}
WIDE = {"ID": 5, "name": "edge", "csize": 6144, "bpp": 16, "delayMode": 1, "defaultDestinationDelay": 1}
CONTENT = pin_bytes([NARROW, WIDE], {0: [(0, [3, 1], []), (5, [6143], [2])], 1: [], 7: [(5, [258], [15])]}, "map.bin")
FIRST = CONTENT.index(b"\xff") + 1


def test_a_binary_file_has_pins_of_connectors(tmp_path):
    spikes = read_pins(write(tmp_path / "in.sfcp", CONTENT))
    assert [row.name for row in spikes.connectors] == ["image", "edge"]
    assert (spikes.map_file, spikes.ticks_written) == ("map.bin", 8)
    columns = np.column_stack((spikes.ticks, spikes.rows, spikes.pins, spikes.delays)).tolist()
    assert columns == [[0, 0, 3, 1], [0, 0, 1, 1], [0, 1, 6143, 2], [7, 1, 258, 15]]


def test_pins_lead_where_their_ports_say(tmp_path):
    spikes = read_pins(write(tmp_path / "in.sfcp", CONTENT))
    ports = (
        InputPort("a", (2,) * 16, tuple(range(16, 32))),
        InputPort("b", (1,) * 6144, tuple(i % 256 for i in range(6144))),
    )
    expected = [(1, 2, 19), (1, 2, 17), (2, 1, 255), (22, 1, 2)]
    assert rows(arrivals_through(spikes, ports, Path("in.sfcp"))) == expected


def test_connectors_that_differ_from_the_map_are_refused(tmp_path):
    spikes = read_pins(write(tmp_path / "in.sfcp", CONTENT))
    port = InputPort("a", (0,) * 15, (0,) * 15)
    with pytest.raises(DataError) as caught:
        arrivals_through(spikes, (port,), Path("in.sfcp"))
    assert str(caught.value) == "in.sfcp: has 2 connectors, but the input map 1"
    with pytest.raises(DataError) as caught:
        arrivals_through(spikes, (port, port), Path("in.sfcp"))
    assert str(caught.value) == "in.sfcp, header, connector 0: has 16 pins, but in the input map 15 ('a')"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"CONNPIN", b"RAWO6", "header: encoding is 'RAWO6', not 'CONNPIN'"),
        (b'"csize": 16,', b"",
         "header: is not understood (Object missing required field `csize` - at `$.connectors[0]`)"),
        (b'"ID": 5', b'"ID": 0', "header, connector 0: ID should be a number of 16 bits that no other connector has"),
        (b'"bpp": 8', b'"bpp": 9', "header, connector 0: bpp is 9, not 8, 16 or 32"),
        (b'"csize": 16', b'"csize": 257', "header, connector 0: csize is 257, not in 1 … 2^8, for bpp is 8"),
        (b'"delayMode": 0', b'"delayMode": 2', "header, connector 0: delayMode is 2, not 0 or 1"),
        (b'Delay": 1', b'Delay": 0', "header, connector 5: defaultDestinationDelay is 0, not in 1 … 15"),
        (b"\xff", b"", "header: is not understood"),
    ],
)  # fmt: skip
def test_a_fault_of_a_binary_header_is_named(tmp_path, old, new, expected):
    assert old in CONTENT
    assert pin_fault(tmp_path, CONTENT.replace(old, new, 1)).startswith(f"in.sfcp, {expected}")


def test_a_binary_file_without_a_header_is_refused(tmp_path):
    expected = "in.sfcp: has no byte ff that ends a header: text goes by .sfti or .sfci"
    assert pin_fault(tmp_path, spikes_text([]).encode()) == expected


@pytest.mark.parametrize(
    ("place", "new", "at", "expected"),
    [
        (0, b"\xfd", 0, "a block should begin with fe fc fe fc, not fd fc fe fc"),
        (8, b"\x01", 8, "eight bytes should be zero, and are 01 00 00 00 00 00 00 00"),
        (17, b"\x01", 16, "connector 1 is not in the header"),
        (20, b"\x10", 20, "connector 0 has pins 0 … 15, and no pin 16"),
        (26, b"\x18\x00", 26, "connector 5 has pins 0 … 6143, and no pin 6144"),
        (28, b"\x10", 28, "delay 16 is not in 1 … 15"),
        (24, b"\xff", 22, "the file ends within the 65281 spikes of a record: fetch it again"),
        (7, b"\x02", 29, "a block of tick 1 follows one of tick 2"),
    ],
)
def test_a_fault_of_a_binary_file_is_named_by_its_byte(tmp_path, place, new, at, expected):
    content = bytearray(CONTENT)
    content[FIRST + place : FIRST + place + len(new)] = new
    assert pin_fault(tmp_path, bytes(content)) == f"in.sfcp, byte {FIRST + at}: {expected}"


@pytest.mark.parametrize(
    ("change", "at", "expected"),
    [
        (lambda content: content[:-16], -16, "the file ends without a block of tick ffffffff: fetch it again"),
        (lambda content: content[:-15], -16, "the file ends within a record: fetch it again"),
        (lambda content: content[:-1], -16, "the file ends without a block of tick ffffffff: fetch it again"),
        (lambda content: content + b"abc", 0, "3 bytes follow the block of tick ffffffff"),
    ],
)
def test_the_end_of_a_binary_file_is_that_of_its_last_block(tmp_path, change, at, expected):
    assert pin_fault(tmp_path, change(CONTENT)) == f"in.sfcp, byte {len(CONTENT) + at}: {expected}"


@st.composite
def spikes_of_pins(draw) -> PinSpikes:
    """Spikes by tick, connector and pin."""
    count = draw(st.integers(1, 3))
    connectors = []
    for number in range(count):
        bits = draw(st.sampled_from((8, 16, 32)))
        size = draw(st.integers(1, min(2**bits, 70_000)))
        connectors.append(PinRow(number, size, bits, draw(st.text(max_size=5)), delay_mode=draw(st.integers(0, 1))))
    ticks = draw(st.integers(0, 6))
    table = []
    if ticks:
        spike = st.tuples(
            st.integers(0, ticks - 1), st.integers(0, count - 1), st.integers(0, 2**31), st.integers(1, 15)
        )
        for tick, row, pin, delay in draw(st.lists(spike, max_size=20)):
            own = connectors[row].delay_mode
            table.append((tick, row, pin % connectors[row].size, delay if own else 1))
    table.sort()
    columns = np.array(table, np.int64).reshape(-1, 4).T
    return PinSpikes(tuple(connectors), draw(st.sampled_from(("", "a_outMap.bin"))), *columns, ticks_written=ticks)


def plain(spikes: PinSpikes) -> tuple[object, ...]:
    table = np.column_stack((spikes.ticks, spikes.rows, spikes.pins, spikes.delays)).tolist()
    return spikes.connectors, spikes.map_file, table, spikes.ticks_written


@given(spikes_of_pins())
def test_spikes_that_are_written_are_read(tmp_path_factory, spikes):
    path = write(tmp_path_factory.mktemp("pins") / "out.sfcp", encoded_pins(spikes))
    assert plain(read_pins(path)) == plain(spikes)


def test_more_spikes_than_a_record_counts_go_into_several(tmp_path):
    count = 70_000
    pins = np.arange(count)
    zeros = np.zeros(count, np.int64)
    spikes = PinSpikes((PinRow(0, count, 32),), "", zeros, zeros, pins, zeros + 1, 1)
    assert plain(read_pins(write(tmp_path / "out.sfcp", encoded_pins(spikes)))) == plain(spikes)


def test_what_is_written_is_laid_out_as_another_hand_does():
    one = np.ones(2, np.int64)
    row = PinRow(0, 16, 8, "image", delay_mode=1)
    spikes = PinSpikes((row,), "", one, one * 0, np.array([1, 3]), one * 2, 3)
    other = pin_bytes([{"ID": 0, "csize": 16, "bpp": 8}], {0: [], 1: [(0, [1, 3], [2, 2])], 2: []})
    written = encoded_pins(spikes)
    assert written[written.index(b"\xff") :] == other[other.index(b"\xff") :]
