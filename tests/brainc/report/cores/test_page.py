"""The page of cores stands alone, holds every core, lets no text become markup, and draws itself in a browser."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from brainc.report.cores.facts import CoreReport
from brainc.report.cores.page import core_html_report
from tests.brainc.report.test_page import HOSTILE, drawn_by_browser, facts_of, walked

from .conftest import Small


def page_of(small: Small, *, with_run: bool) -> str:
    return core_html_report(small.report(with_run=with_run), "brainc", small.run if with_run else None)


def hostile(small: Small) -> CoreReport:
    """The account with markup for every name that a user can give."""
    report = small.report(with_run=False)
    layers = tuple(
        (msgspec.structs.replace(layer, name=HOSTILE, inputs=(HOSTILE,)), part) for layer, part in report.layers
    )
    return replace(report, name=HOSTILE, layers=layers)


def acted(page: str, script: str) -> str:
    """The page, and a reader who does something with it once it is drawn."""
    before, after = page.rsplit("</script>", 1)
    return f"{before}\n{script}\n</script>{after}"


@pytest.mark.parametrize("with_run", [False, True])
def test_the_page_asks_nothing_of_the_network(small: Small, with_run: bool) -> None:
    page = page_of(small, with_run=with_run)
    assert set(re.findall(r"https?://[^\s\"'<>]+", page)) == {"http://www.w3.org/2000/svg"}
    assert {address[0] for address in walked(page).addresses} <= {"#"}
    assert "default-src 'none'" in page
    assert "@import" not in page
    assert "url(" not in page


def test_every_tag_is_closed_in_its_turn(small: Small) -> None:
    walk = walked(page_of(small, with_run=True))
    assert walk.open == []
    assert walk.seen.count("section") == 4


def test_the_page_holds_every_core_and_where_its_spikes_go(small: Small) -> None:
    facts = facts_of(page_of(small, with_run=False))
    assert [(x, y) for x, y, *_ in facts["cores"]] == [(core.x, core.y) for core in small.graph.cores]
    for drawn, core in zip(facts["cores"], small.graph.cores, strict=True):
        inside = core.target_cores[core.target_cores >= 0]
        assert dict(zip(drawn[8][::2], drawn[8][1::2], strict=True)) == {
            int(target): int(count) for target, count in zip(*np.unique(inside, return_counts=True), strict=True)
        }
    assert facts["run"] is None


def test_the_page_holds_the_run_s_spikes(small: Small) -> None:
    run = facts_of(page_of(small, with_run=True))["run"]
    assert b64decode(run["recording"]["spikes"]) == small.run.recording.spikes
    assert run["recording"]["decisions"] == list(small.run.recording.decisions)
    ticks = small.run.ticks
    assert run["coreSpikes"] == [pytest.approx(count / ticks, rel=1e-3) for count in small.run.core_spikes]


def test_hostile_names_stay_text(small: Small) -> None:
    walk = walked(core_html_report(hostile(small), HOSTILE))
    assert "img" not in walk.seen
    assert walk.open == []


@pytest.mark.parametrize("with_run", [False, True])
def test_a_browser_draws_the_whole_page(small: Small, with_run: bool, tmp_path: Path) -> None:
    document, complaints = drawn_by_browser(page_of(small, with_run=with_run), tmp_path)
    assert complaints == ""
    assert 'data-drawn="whole"' in document
    assert "<h3>Core 0</h3>" in document
    assert ('aria-label="Spikes in ' in document) == with_run


def test_a_browser_shows_hostile_names_as_text(small: Small, tmp_path: Path) -> None:
    document, complaints = drawn_by_browser(core_html_report(hostile(small), HOSTILE), tmp_path)
    assert complaints == ""
    assert 'data-drawn="whole"' in document
    assert "<img" not in document.split('<script type="application/json"')[0]


def test_keys_go_from_core_to_core(small: Small, tmp_path: Path) -> None:
    """To the right of the leftmost core of the first row, and back."""
    cores = small.graph.cores
    row = sorted((core.x, number) for number, core in enumerate(cores) if core.y == cores[0].y)
    first, second = row[0][1], row[1][1]
    key = 'place("board").dispatchEvent(new KeyboardEvent("keydown", { key: "%s" }));'
    page = page_of(small, with_run=False)
    right = acted(page, f"chooseCore({first}); {key % 'ArrowRight'}")
    back = acted(page, f"chooseCore({second}); {key % 'ArrowLeft'}")
    for moved, expected in ((right, second), (back, first)):
        document, complaints = drawn_by_browser(moved, tmp_path)
        assert complaints == ""
        assert f"<h3>Core {expected}</h3>" in document


def test_every_colouring_and_every_raster_is_drawn(small: Small, tmp_path: Path) -> None:
    script = """
    for (const [id, at] of [["map-controls", 0], ["map-controls", 1], ["raster-controls", 0]]) {
      const select = place(id).querySelectorAll("select")[at];
      for (let option = 0; option < select.options.length; option += 1) {
        select.selectedIndex = option;
        select.dispatchEvent(new Event("change"));
      }
    }
    for (const button of document.querySelectorAll(".controls button, .legend button")) button.click();
    """
    document, complaints = drawn_by_browser(acted(page_of(small, with_run=True), script), tmp_path)
    assert complaints == ""
    assert "synaptic events a tick</li>" in document


def test_a_board_of_several_chips_is_drawn(small: Small, tmp_path: Path) -> None:
    report = replace(small.report(with_run=False), chips=(2, 2))
    far = replace(report.cores[-1], x=127, y=100)
    page = core_html_report(replace(report, cores=(*report.cores[:-1], far)), "brainc")
    document, complaints = drawn_by_browser(acted(page, f"chooseCore({len(report.cores) - 1});"), tmp_path)
    assert complaints == ""
    assert "127, 100, on chip 1, 1" in document
