"""Tables: what is read equals what was written, and what cannot be read is named by line and column."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from brainrun.errors import DataError
from brainrun.plan.schema import CsvSource, DataSection, Field, InputFact, OneHot, Slice
from brainrun.readers.dataset import open_datasets
from brainrun.readers.lanes import samples_of_lanes
from brainrun.readers.staging import Shelf
from brainrun.readers.tables import Use, open_csv

TABLE = 'id,a,"b, or not",c,kind\n7,1,2.5,-3e2,wasp\n8,4,5,6,ant\n\n9,"7",8,9,wasp\n'


def source(file: str, *features: str, label: str = "kind", delimiter: str = "") -> CsvSource:
    return CsvSource(file=file, features=features, label=label, delimiter=delimiter)


def read(folder: Path, table: CsvSource, **wanted: Use):
    return open_csv(table, Shelf(folder, None), wanted)


def fault(folder: Path, table: CsvSource, **wanted: Use) -> str:
    with pytest.raises(DataError) as caught:
        read(folder, table, **wanted)
    return str(caught.value).removeprefix(f"{folder}/")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "t.csv").write_text(TABLE)
    return tmp_path


def test_features_and_label_are_groups_of_columns(folder):
    columns = read(folder, source("t.csv", "a:c"), features="numbers", label="labels")
    assert columns["features"].values.tolist() == [[1, 2.5, -300], [4, 5, 6], [7, 8, 9]]
    assert columns["label"].words.tolist() == ["wasp", "ant", "wasp"]


@pytest.mark.parametrize(
    ("features", "expected"),
    [((), [8, 4, 5, 6]), (("c", "a"), [6, 4]), (("id", "b, or not:c"), [8, 5, 6]), (("a:a",), [4])],
)
def test_features_are_names_and_ranges_or_all_but_the_label(folder, features, expected):
    assert read(folder, source("t.csv", *features), features="numbers")["features"].values[1].tolist() == expected


def test_a_column_is_a_field_of_its_own_name(folder):
    columns = read(folder, source("t.csv"), c="numbers", id="labels")
    assert columns["c"].values[:, 0].tolist() == [-300, 6, 9]
    assert columns["id"].values[:, 0].tolist() == [7, 8, 9]


@pytest.mark.parametrize(
    ("name", "old", "new"), [("t.tsv", ",", "\t"), ("t.txt", ",", ";"), ("t.csv.gz", "", ""), ("t.tsv.gz", ",", "\t")]
)
def test_delimiters_follow_the_name_and_gz_is_unpacked(tmp_path, name, old, new):
    text = TABLE.replace('"b, or not"', "b").replace(old, new) if old else TABLE
    data = "\ufeff".encode() + text.encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    columns = read(tmp_path, source(name, "a:c"), features="numbers", label="labels")
    assert columns["features"].values[2].tolist() == [7, 8, 9]


def test_a_given_delimiter_wins(tmp_path):
    (tmp_path / "t.csv").write_text("a|b\n1|2\n")
    columns = read(tmp_path, source("t.csv", label="b", delimiter="|"), features="numbers", label="labels")
    assert (columns["features"].values.tolist(), columns["label"].values.tolist()) == ([[1]], [[2]])


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("8,4,5,6", "8,4,five,6", "t.csv, line 3, column 'b, or not': holds 'five', not a number"),
        ("8,4,5,6", "8,4,,6", "t.csv, line 3, column 'b, or not': is empty"),
        ('9,"7",8,9', '9,"7",nan,9', "t.csv, line 5, column 'b, or not': holds 'nan', not a number"),
        ('9,"7",8,9', '9,"7",8,inf', "t.csv, line 5, column 'c': holds 'inf', not a number"),
        ('9,"7",8,9', '9,"7",8,1e39', "t.csv, line 5, column 'c': holds '1e39', not a number"),
        ("8,4,5,6,ant", "8,4", "t.csv, line 3: has 2 words where the header has 5"),
        ("8,4,5,6,ant", "8,4,5,6,ant,x", "t.csv, line 3: has 6 words where the header has 5"),
        ("6,ant", "6,", "t.csv, line 3, column 'kind': is empty: every record needs a label"),
    ],
)
def test_what_is_no_number_is_named_by_line_and_column(folder, old, new, expected):
    (folder / "t.csv").write_text(TABLE.replace(old, new))
    assert fault(folder, source("t.csv", "a:c"), features="numbers", label="labels").startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "t.csv: is empty; a table begins with the names of its columns"),
        ("a,kind\n", "t.csv: has a header but no records"),
        ("5.1,3.5,0\n1,2,3\n", "t.csv: has no header; its first line holds numbers only"),
        ("a,a,kind\n1,2,3\n", "t.csv: has 2 columns named 'a': rename them"),
        ("x,kind\n1,2\n", "t.csv: has no column 'a': its columns are x, kind"),
        ("a,kind\n1,\xff\n", "t.csv: is not UTF-8 text"),
    ],
)
def test_a_table_that_cannot_be_read_is_an_error(folder, text, expected):
    (folder / "t.csv").write_bytes(text.encode("latin-1"))
    assert fault(folder, source("t.csv", "a"), features="numbers", label="labels").startswith(expected)


def test_a_range_written_backwards_is_an_error(folder):
    text = fault(folder, source("t.csv", "c:a"), features="numbers")
    assert text == """t.csv: column 'a' stands before column 'c': write "a:c\""""


def test_columns_may_be_numbered(tmp_path):
    (tmp_path / "t.csv").write_text("0,1,2\n5,6,7\n")
    columns = read(tmp_path, source("t.csv", "0:1", label="2"), features="numbers", label="labels")
    assert columns["features"].values.tolist() == [[5, 6]]


def test_a_wide_table_is_read_whole(tmp_path):
    values = np.random.default_rng(0).normal(size=(20, 6830)).astype(np.float32)
    lines = [",".join(f"gene{i}" for i in range(6830)), *(",".join(map(repr, row.tolist())) for row in values)]
    (tmp_path / "genes.csv").write_text("\n".join(lines))
    columns = read(tmp_path, source("genes.csv", label=""), features="numbers")
    np.testing.assert_array_equal(values, columns["features"].values)


# ---- words as classes, over all roles --------------------------------------------------------------------------------


def sections(*fields: Field) -> tuple[DataSection, ...]:
    return tuple(
        DataSection(role=role, source=source(f"{role}.csv"), fields=fields, shuffle=True, cache="", workers=1)
        for role in ("train", "test")
    )


def words_in_two_roles(folder: Path) -> None:
    (folder / "train.csv").write_text("a,kind\n1,wasp\n2,ant\n3,bee\n")
    (folder / "test.csv").write_text("a,kind\n1,wasp\n2,ant\n")


FEATURES, KIND = Field("x", "features", ()), Field("y", "label", ())
X = InputFact(name="x", kind="f32", shape=(1,), classes=0)


def test_all_roles_number_words_alike(tmp_path):
    words_in_two_roles(tmp_path)
    opened = open_datasets(sections(FEATURES, KIND), tmp_path, (X, InputFact("y", "class", (), 3)))
    out = np.zeros((1, 16), np.int32)
    opened["test"].fill("y", np.array([0, 1]), out, Slice(0, 1))
    assert out[0, :2].tolist() == [2, 0]
    opened["train"].fill("y", np.array([0, 1, 2]), out, Slice(0, 1))
    assert out[0, :3].tolist() == [2, 0, 1]


def test_words_can_be_one_hot(tmp_path):
    words_in_two_roles(tmp_path)
    fields = (FEATURES, Field("y", "label", (OneHot(classes=3),)))
    opened = open_datasets(sections(*fields), tmp_path, (X, InputFact("y", "f32", (3,), 0)))
    out = np.zeros((1, 3, 16), np.float32)
    opened["test"].fill("y", np.array([0, 1]), out, Slice(0, 3))
    assert samples_of_lanes(out, 2).tolist() == [[0, 0, 1], [1, 0, 0]]


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (InputFact("y", "class", (), 2), "names 3 classes (ant, bee, wasp), but input 'y' has 2: declare 3 classes"),
        (InputFact("y", "f32", (1,), 0), "column 'kind': holds 'wasp', not a number"),
    ],
)
def test_words_that_do_not_suit_the_input_are_errors(tmp_path, fact, expected):
    words_in_two_roles(tmp_path)
    with pytest.raises(DataError) as caught:
        open_datasets(sections(FEATURES, KIND), tmp_path, (X, fact))
    assert expected in str(caught.value)


def test_words_in_one_role_and_numbers_in_another_are_an_error(tmp_path):
    words_in_two_roles(tmp_path)
    (tmp_path / "test.csv").write_text("a,kind\n1,0\n2,1\n")
    with pytest.raises(DataError, match=r"has whole numbers for labels, but .*train\.csv, field 'label' has words"):
        open_datasets(sections(FEATURES, KIND), tmp_path, (X, InputFact("y", "class", (), 3)))
