"""The page stands alone, holds the facts, lets no text become markup, and draws itself in a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from brainc.report.measured import Measured
from brainc.report.page import html_report
from brainc.report.timeline import Track
from brainrun.plan.schema import Plan
from tests.brainc.report.plans import lenet_plan

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
VOID = {"meta", "br", "wbr", "link", "img", "input", "hr"}
HOSTILE = "</script><img src=x onerror=\"document.title='broken'\">&amp;<!--"

MEASURED = Measured(
    steps=3,
    step_seconds=2e-3,
    seconds_of_track=(("compute", 1e-3), ("encode", 1e-4), ("decode", 1e-4), ("wait", 0.0), ("wire", 1e-3)),
    tracks=tuple(
        Track(
            (rank,),
            (("a kernel", 0.0, 1e-3),),
            (("sum hidden.dense.weight", 1e-3, 1e-4),),
            (("sum hidden.dense.weight", 1.1e-3, 5e-4),),
        )
        for rank in (0, 1)
    ),
    layers={"a kernel": "features.conv2"},
)


class Walk(HTMLParser):
    """Follows the tags, and keeps what is open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def walked(page: str) -> Walk:
    walk = Walk()
    walk.feed(page)
    walk.close()
    return walk


def facts_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="facts">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    facts: dict[str, Any] = json.loads(found[1])
    return facts


def hostile_plan() -> Plan:
    """LeNet, with markup for every name that a user or a file can give."""
    plan = lenet_plan(2, 2, name=HOSTILE)
    layers = tuple(msgspec.structs.replace(layer, operator=HOSTILE, split=HOSTILE) for layer in plan.layers)
    choice = msgspec.structs.replace(plan.choice, why=HOSTILE)
    prediction = msgspec.structs.replace(plan.prediction, machine=HOSTILE)
    renamed = msgspec.json.encode(
        msgspec.structs.replace(plan, layers=layers, choice=choice, prediction=prediction, made_by=HOSTILE)
    ).replace(b"hidden.dense", json.dumps(HOSTILE)[1:-1].encode())
    return msgspec.json.decode(renamed, type=Plan)


def drawn_by_browser(page: str, folder: Path) -> tuple[str, str]:
    """The document after its scripts have run, and what the browser had to say of it."""
    if BROWSER is None:
        pytest.skip("no Chromium or Chrome on this machine")
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    options += ["--enable-logging=stderr", "--v=0", "--window-size=1200,2000", f"--user-data-dir={folder / 'profile'}"]
    said = subprocess.run(
        [BROWSER, *options, "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return said.stdout, "\n".join(line for line in said.stderr.splitlines() if "CONSOLE" in line)


def test_the_page_asks_nothing_of_the_network() -> None:
    page = html_report(lenet_plan(2, 2))
    assert set(re.findall(r"https?://[^\s\"'<>]+", page)) == {"http://www.w3.org/2000/svg"}
    assert walked(page).addresses == []
    assert "default-src 'none'" in page
    assert "@import" not in page
    assert "url(" not in page


def test_every_tag_is_closed_in_its_turn() -> None:
    walk = walked(html_report(lenet_plan(2, 2)))
    assert walk.open == []
    assert walk.seen.count("section") == 5


def test_the_page_holds_every_rank_and_every_message() -> None:
    plan = lenet_plan(3, 3)
    facts = facts_of(html_report(plan))
    held = {rank for parameter in facts["parameters"] for _, _, ranks, _ in parameter["pieces"] for rank in ranks}
    assert held == set(range(9))
    assert sum(group["count"] for group in facts["groups"]) == 9
    assert {rank for track in facts["tracks"] for rank in track["members"]} == set(range(9))
    for group in facts["groups"]:
        program = plan.programs[plan.ranks[group["first"]].program]
        assert {message["name"] for message in group["messages"]} == {each.name for each in program.train.transfers}


def test_groups_with_the_same_memory_share_its_drawing() -> None:
    facts = facts_of(html_report(lenet_plan(2, 4)))
    assert len(facts["memories"]) < len(lenet_plan(2, 4).ranks)
    assert {group["memory"] for group in facts["groups"]} == set(range(len(facts["memories"])))


def test_the_timeline_is_the_plan_s_own() -> None:
    plan = lenet_plan(1, 1)
    facts = facts_of(html_report(plan))
    first = plan.prediction.timeline[1]
    deed, start, length = facts["tracks"][0]["compute"][1]
    assert facts["deeds"][deed] == ["features.relu1 forward", 1, "forward"]
    assert (start, length) == (round(first.start * 1e9), pytest.approx(first.seconds * 1e9, abs=1))


def test_a_page_for_sixty_four_ranks_that_all_differ_is_small() -> None:
    assert len(html_report(lenet_plan(8, 8, stagger=1e-5)).encode()) < 700_000
    assert len(html_report(lenet_plan(1, 64, stagger=1e-5)).encode()) < 700_000


def test_hostile_names_stay_text() -> None:
    page = html_report(hostile_plan())
    walk = walked(page)
    assert "img" not in walk.seen
    assert walk.open == []
    assert facts_of(page)["name"] == HOSTILE


def test_a_measured_track_follows_the_predicted_one_of_its_rank() -> None:
    plan = lenet_plan(2, 1, scheme="onebit")
    facts = facts_of(html_report(plan, MEASURED))
    assert [(track["ranks"], track["measured"]) for track in facts["tracks"]] == [
        ("ranks 0–1, predicted", False),
        ("rank 0, measured", True),
        ("rank 1, measured", True),
    ]
    measured = facts["tracks"][1]
    assert facts["deeds"][measured["compute"][0][0]] == ["a kernel", 3, ""]
    assert facts["deeds"][measured["coding"][0][0]] == ["sum hidden.dense.weight", 6, "message"]
    assert facts["totals"]["rows"][0][2] == 1e-3


def test_a_browser_draws_reductions_predicted_and_measured(tmp_path: Path) -> None:
    page = html_report(lenet_plan(2, 1, scheme="onebit"), MEASURED)
    document, complaints = drawn_by_browser(page, tmp_path)
    assert complaints == ""
    assert 'data-drawn="whole"' in document
    assert "Sends 210 KiB of gradients a step, 8.00× less than sums." in document
    assert "Predicted and measured" in document


@pytest.mark.parametrize(("data", "model", "stagger"), [(1, 1, 0.0), (2, 2, 0.0), (8, 8, 1e-5)])
def test_a_browser_draws_the_whole_page(data: int, model: int, stagger: float, tmp_path: Path) -> None:
    document, complaints = drawn_by_browser(html_report(lenet_plan(data, model, stagger=stagger)), tmp_path)
    assert complaints == ""
    assert 'data-drawn="whole"' in document
    assert document.count('class="node') == 13


def test_a_browser_shows_hostile_names_as_text(tmp_path: Path) -> None:
    document, complaints = drawn_by_browser(html_report(hostile_plan()), tmp_path)
    assert complaints == ""
    assert 'data-drawn="whole"' in document
    assert "<img" not in document.split('<script type="application/json"')[0]
