"""Plans on disk: written whole, read back verified."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from brainrun.errors import PlanError
from brainrun.plan.schema import VERSION
from brainrun.plan.store import read_plan, require_ranks, write_plan
from tests.runtime.small_plan import small_plan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    plan, files = small_plan()
    write_plan(tmp_path / "net.plan", plan, files)
    return tmp_path / "net.plan"


def complaint(folder: Path) -> str:
    with pytest.raises(PlanError) as caught:
        read_plan(folder)
    return str(caught.value).replace(str(folder), "net.plan")


def test_a_plan_that_is_written_is_read_back(folder: Path) -> None:
    assert read_plan(folder) == small_plan()


def test_the_same_plan_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_plan(tmp_path / "again.plan", *small_plan())
    again = tmp_path / "again.plan"
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert names == sorted(str(path.relative_to(again)) for path in again.rglob("*") if path.is_file())
    assert all((folder / name).read_bytes() == (again / name).read_bytes() for name in names)


def test_writing_replaces_the_plan_that_was_there_and_leaves_nothing_else(folder: Path) -> None:
    (folder / "old").write_text("of the old plan")
    write_plan(folder, *small_plan(epochs=9))
    assert read_plan(folder)[0].training.epochs == 9
    assert not (folder / "old").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["net.plan"]


def test_a_folder_of_something_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("…")
    with pytest.raises(PlanError, match="thesis: exists and is not a plan: choose another name with -o"):
        write_plan(tmp_path / "thesis", *small_plan())


def test_a_missing_plan_is_told_from_a_folder_without_one(folder: Path, tmp_path: Path) -> None:
    assert complaint(tmp_path / "none").endswith(": does not exist: make one with brainc compile")
    (folder / "plan.json").unlink()
    assert complaint(folder) == "net.plan: is not a plan: it has no plan.json: make one with brainc compile"


def test_a_plan_of_another_format_is_refused_with_both_numbers(folder: Path) -> None:
    document = folder / "plan.json"
    document.write_text(document.read_text().replace(f'"schema": {VERSION}', '"schema": 7'))
    assert complaint(folder) == (
        f"net.plan/plan.json: is in format 7 (made by tests), and this brainrun reads format {VERSION}: "
        "compile it again, or run it with the version that made it"
    )


def test_a_plan_for_another_target_is_refused(folder: Path) -> None:
    document = folder / "plan.json"
    document.write_text(document.read_text().replace('"target": "cpu"', '"target": "cuda"'))
    assert complaint(folder) == "net.plan/plan.json: is for target cuda, and one for cpu is wanted"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"batch": 20', '"batch": "many"', "Expected `int`, got `str` - at `$.training.batch`"),
        ('"batch": 20', '"batch": 20, "bash": 3', "Object contains unknown field `bash` - at `$.training`"),
        ('"batch": 20', "", "JSON is malformed"),
    ],
)
def test_damaged_json_is_refused_with_the_place(folder: Path, old: str, new: str, said: str) -> None:
    document = folder / "plan.json"
    document.write_text(document.read_text().replace(old, new, 1))
    assert said in complaint(folder)


def test_a_changed_kernel_is_refused(folder: Path) -> None:
    kernel = folder / "kernels" / "update_20_4.py"
    kernel.write_text(kernel.read_text().replace("-=", "+="))
    assert complaint(folder).startswith("net.plan/kernels/update_20_4.py: is not the file that was planned")


def test_a_missing_kernel_is_refused(folder: Path) -> None:
    (folder / "kernels" / "update_20_4.py").unlink()
    assert complaint(folder).startswith("net.plan/kernels/update_20_4.py: cannot be read: No such file or directory")


def test_a_plan_that_points_outside_itself_is_refused(folder: Path) -> None:
    document = folder / "plan.json"
    document.write_text(document.read_text().replace('"path": "kernels/update_20_4.py"', '"path": "../secret"'))
    assert complaint(folder) == "net.plan: lists a file outside itself: ../secret"


def test_a_plan_needs_its_own_number_of_ranks() -> None:
    plan, _ = small_plan(data=2, model=2)
    require_ranks(plan, 4, Path("net.plan"))
    with pytest.raises(PlanError) as caught:
        require_ranks(plan, 3, Path("net.plan"))
    assert str(caught.value) == (
        "net.plan: is for 4 ranks (data 2 × model 2), but 3 were started: start 4, or compile again for 3"
    )


def test_a_plan_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    plan, files = small_plan()
    with pytest.raises(PlanError, match="cannot be written"):
        write_plan(tmp_path / "net.plan", plan, {**files, "kernels/forward_20_4.py/deeper": "x"})
    assert list(tmp_path.iterdir()) == []
    assert msgspec.json.encode(plan)
