"""Data sets: what is read is what the file says, where it says it, and every mistake is named before the first step."""

from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from brainrun.errors import DataError
from brainrun.plan.schema import (
    Cast,
    DataSection,
    Field,
    IdxSource,
    InputFact,
    NpySource,
    NpzSource,
    OneHot,
    PartSource,
    Rescale,
    Slice,
    Source,
    SyntheticSource,
    Transform,
)
from brainrun.readers.dataset import Dataset, open_datasets
from brainrun.readers.lanes import samples_of_lanes

IMAGE = InputFact(name="image", kind="f32", shape=(1, 4, 3), classes=0)
LABEL = InputFact(name="label", kind="class", shape=(), classes=10)
IDX = IdxSource(images="images.idx", labels="labels.idx")


def section(source: Source, *fields: Field, role: str = "train", cache: str = "") -> DataSection:
    return DataSection(role=role, source=source, fields=fields, shuffle=True, cache=cache, workers=1)


def from_field(name: str, field: str, *transforms: Transform) -> Field:
    return Field(input=name, field=field, transforms=transforms)


IMAGES, LABELS = from_field("image", "images"), from_field("label", "labels")


def idx_bytes(array: np.ndarray, code: int = 0x08) -> bytes:
    swapped = array.astype(array.dtype.newbyteorder(">"))
    return struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape) + swapped.tobytes()


@dataclass(frozen=True, slots=True)
class Files:
    """A folder with forty images of 4 × 3 and their labels in idx files."""

    folder: Path
    images: np.ndarray


@pytest.fixture
def files(tmp_path: Path) -> Files:
    images = np.random.default_rng(0).integers(0, 256, (40, 4, 3), dtype=np.uint8)
    (tmp_path / "images.idx").write_bytes(idx_bytes(images))
    (tmp_path / "labels.idx").write_bytes(idx_bytes((np.arange(40) % 10).astype(np.uint8)))
    return Files(tmp_path, images)


def numbers(dataset: Dataset, name: str, indices: list[int], features: Slice) -> np.ndarray:
    out = np.full((-(-len(indices) // 16), features.stop - features.start, 16), np.nan, np.float32)
    dataset.fill(name, np.array(indices), out, features)
    return samples_of_lanes(out, len(indices))


def labels(dataset: Dataset, indices: list[int]) -> list[int]:
    out = np.full((-(-len(indices) // 16), 16), -1, np.int32)
    dataset.fill("label", np.array(indices), out, Slice(0, 1))
    return out.reshape(-1)[: len(indices)].tolist()


def message(sections: tuple[DataSection, ...], folder: Path, inputs: tuple[InputFact, ...]) -> str:
    with pytest.raises(DataError) as caught:
        open_datasets(sections, folder, inputs)
    return str(caught.value)


# ---- lanes and binding -----------------------------------------------------------------------------------------------


def test_sixteen_samples_lie_side_by_side_and_the_rest_is_zero(files):
    dataset = open_datasets([section(IDX, IMAGES, LABELS)], files.folder, (IMAGE, LABEL))["train"]
    indices = np.array([3, 39, 0, *range(10, 27)])
    out = np.full((2, 12, 16), np.nan, np.float32)
    dataset.fill("image", indices, out, Slice(0, 12))
    for place, record in enumerate(indices):
        assert out[place // 16, :, place % 16].tolist() == files.images[record].reshape(-1).tolist()
    assert not out[1, :, 4:].any()


def test_class_labels_lie_side_by_side_as_integers(files):
    dataset = open_datasets([section(IDX, IMAGES, LABELS)], files.folder, (IMAGE, LABEL))["train"]
    out = np.full((2, 16), -1, np.int32)
    dataset.fill("label", np.arange(17), out, Slice(0, 1))
    assert out[0].tolist() == [i % 10 for i in range(16)]
    assert out[1].tolist() == [6] + [0] * 15


@pytest.mark.parametrize("part", [Slice(0, 5), Slice(5, 12), Slice(4, 5)])
def test_a_slice_of_the_features_is_that_part_of_all(files, part):
    fields = (from_field("image", "images", Rescale(1 / 255)), LABELS)
    dataset = open_datasets([section(IDX, *fields)], files.folder, (IMAGE, LABEL))["train"]
    expected = files.images[[7, 1]].reshape(2, 12)[:, part.start : part.stop] * np.float32(1 / 255)
    np.testing.assert_array_equal(expected, numbers(dataset, "image", [7, 1], part))


def test_a_field_of_other_size_is_an_error_that_names_both_shapes(files):
    wide = InputFact(name="image", kind="f32", shape=(1, 5, 3), classes=0)
    assert message((section(IDX, IMAGES, LABELS),), files.folder, (wide, LABEL)) == (
        f"{files.folder}/images.idx: a sample of [4, 3] does not fit input 'image', which is f32[1, 5, 3]: "
        "declare f32[4, 3], or choose a field of 15 elements"
    )


def test_an_unknown_field_is_an_error_with_the_nearest_name(files):
    text = message((section(IDX, from_field("image", "image"), LABELS),), files.folder, (IMAGE, LABEL))
    assert text == "data train: has no field 'image': did you mean 'images'?"


def test_an_input_without_a_field_is_an_error(files):
    text = message((section(IDX, IMAGES),), files.folder, (IMAGE, LABEL))
    assert text == "data train: gives nothing to input 'label': add label = FIELD"


def test_predict_needs_no_labels(files):
    source = IdxSource(images="images.idx", labels="")
    dataset = open_datasets([section(source, IMAGES, role="predict")], files.folder, (IMAGE, LABEL))["predict"]
    assert dataset.count == 40
    with pytest.raises(DataError, match="data predict: gives nothing to input 'label'"):
        labels(dataset, [0])


def test_a_label_out_of_range_is_an_error_with_file_record_and_value(files):
    few = InputFact(name="label", kind="class", shape=(), classes=7)
    assert message((section(IDX, IMAGES, LABELS),), files.folder, (IMAGE, few)) == (
        f"{files.folder}/labels.idx: record 7 has label 7, but input 'label' has the classes 0 … 6: "
        "correct the file, or declare as many classes as it has"
    )


def test_labels_that_are_images_are_an_error(files):
    text = message((section(IDX, IMAGES, from_field("label", "images")),), files.folder, (IMAGE, LABEL))
    assert "a record of [4, 3] is not a label" in text


def test_a_transformed_class_label_is_an_error(files):
    fields = (IMAGES, from_field("label", "labels", Rescale(2.0)))
    text = message((section(IDX, *fields),), files.folder, (IMAGE, LABEL))
    assert "input 'label' is class[10], whose labels cannot be transformed" in text


def test_one_hot_turns_labels_into_vectors(files):
    vector = InputFact(name="vector", kind="f32", shape=(10,), classes=0)
    field = from_field("vector", "labels", Cast("i32"), OneHot(classes=10), Rescale(0.5))
    dataset = open_datasets([section(IDX, field)], files.folder, (vector,))["train"]
    np.testing.assert_array_equal(
        np.eye(10, dtype=np.float32)[[3, 9, 0]] / 2, numbers(dataset, "vector", [13, 39, 0], Slice(0, 10))
    )
    np.testing.assert_array_equal([[0.5, 0], [0, 0]], numbers(dataset, "vector", [4, 0], Slice(4, 6)))


# ---- idx -------------------------------------------------------------------------------------------------------------


def test_a_gzipped_file_reads_as_the_plain_one(files):
    for name in ("images", "labels"):
        (files.folder / f"{name}.gz").write_bytes(gzip.compress((files.folder / f"{name}.idx").read_bytes()))
    source = IdxSource(images="images.gz", labels="labels.gz")
    dataset = open_datasets([section(source, IMAGES, LABELS)], files.folder, (IMAGE, LABEL))["train"]
    np.testing.assert_array_equal(
        files.images[5:9].reshape(4, 12), numbers(dataset, "image", [5, 6, 7, 8], Slice(0, 12)).astype(np.uint8)
    )
    assert labels(dataset, [9, 10, 11]) == [9, 0, 1]


@pytest.mark.parametrize(
    ("code", "kind"), [(0x09, "i1"), (0x0B, "i2"), (0x0C, "i4"), (0x0D, "f4"), (0x0E, "f8"), (0x08, "u1")]
)
@pytest.mark.parametrize("zipped", [False, True])
def test_every_number_type_of_idx_is_read(tmp_path, code, kind, zipped):
    values = np.arange(36).reshape(3, 12).astype(kind)
    data = idx_bytes(values, code)
    name = "values.gz" if zipped else "values.idx"
    (tmp_path / name).write_bytes(gzip.compress(data) if zipped else data)
    dataset = open_datasets([section(IdxSource(images=name, labels=""), IMAGES, role="predict")], tmp_path, (IMAGE,))[
        "predict"
    ]
    np.testing.assert_array_equal(values[[2, 0]], numbers(dataset, "image", [2, 0], Slice(0, 12)))
    np.testing.assert_array_equal(values[[2, 0], 3:5], numbers(dataset, "image", [2, 0], Slice(3, 5)))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda data: data[:-13], "ends within record 38; its header says 40 × 4 × 3, 480 bytes, and 467 bytes follow"),
        (lambda data: data + b"12345", "has 5 bytes after its last record; its header says 40 × 4 × 3, 480 bytes"),
        (lambda data: b"\x89PNG" + data[4:], "is not an idx file; it begins with 89 50 4e 47 instead of 00 00"),
        (lambda data: b"\0\0\x07\x03" + data[4:], "is not an idx file; it begins with 00 00 07 03"),
        (lambda _: b"", "is not an idx file; it begins with nothing"),
        (lambda data: data[:9], "ends within its header of 3 axes"),
        (lambda data: data[:4] + b"\xff\xff\xff\xff" * 3, "ends within record 0; its header says 4294967295 × "),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_a_broken_idx_file_is_an_error_that_says_how(files, change, expected, zipped):
    data = change((files.folder / "images.idx").read_bytes())
    name = "broken.gz" if zipped else "broken.idx"
    (files.folder / name).write_bytes(gzip.compress(data) if zipped else data)
    source = IdxSource(images=name, labels="labels.idx")
    assert f"{files.folder}/{name}: {expected}" in message(
        (section(source, IMAGES, LABELS),), files.folder, (IMAGE, LABEL)
    )


def test_a_cut_gzip_file_is_an_error(files):
    whole = gzip.compress((files.folder / "images.idx").read_bytes())
    for content in (whole[: len(whole) // 2], whole[:12] + b"\xff" * 20 + whole[32:], b"plain text"):
        (files.folder / "images.gz").write_bytes(content)
        source = IdxSource(images="images.gz", labels="labels.idx")
        text = message((section(source, IMAGES, LABELS),), files.folder, (IMAGE, LABEL))
        assert text.startswith(f"{files.folder}/images.gz: is not a whole gzip file")


def test_a_gzipped_file_without_its_ending_is_named(files):
    (files.folder / "images.idx").write_bytes(gzip.compress((files.folder / "images.idx").read_bytes()))
    assert "is gzipped, but its name does not end in .gz" in message(
        (section(IDX, IMAGES, LABELS),), files.folder, (IMAGE, LABEL)
    )


def test_images_and_labels_of_different_number_are_an_error(files):
    (files.folder / "labels.idx").write_bytes(idx_bytes(np.zeros(39, np.uint8)))
    assert message((section(IDX, IMAGES, LABELS),), files.folder, (IMAGE, LABEL)) == (
        f"{files.folder}/labels.idx: 39 labels do not match the 40 images of {files.folder}/images.idx: "
        "the two files must be of the same set"
    )


def test_swapped_images_and_labels_are_an_error(files):
    source = IdxSource(images="labels.idx", labels="images.idx")
    assert "labels= and images= may be the wrong way round" in message(
        (section(source, IMAGES, LABELS),), files.folder, (IMAGE, LABEL)
    )


def test_a_missing_file_is_an_error_that_says_where_paths_start(files):
    source = IdxSource(images="other.idx", labels="labels.idx")
    assert message((section(source, IMAGES, LABELS),), files.folder, (IMAGE, LABEL)) == (
        f"{files.folder}/other.idx: there is no such file: relative paths start at --data-dir DIR, "
        "or else at the folder of the .brain file"
    )


def test_a_missing_file_whose_gzipped_twin_exists_is_a_guess(files):
    source = IdxSource(images="images.idx.gz", labels="labels.idx")
    text = message((section(source, IMAGES, LABELS),), files.folder, (IMAGE, LABEL))
    assert text.endswith("there is no such file: did you mean 'images.idx'?")


# ---- NumPy's files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_files_are_fields(files, order):
    np.save(files.folder / "x.npy", np.asarray(files.images / 3.0, order=order))
    np.save(files.folder / "y.npy", np.arange(40) % 10)
    source = NpySource(files=(("x", "x.npy"), ("y", "y.npy")))
    dataset = open_datasets(
        [section(source, from_field("image", "x"), from_field("label", "y"))], files.folder, (IMAGE, LABEL)
    )["train"]
    np.testing.assert_array_equal(
        (files.images[[1, 30]] / 3.0).reshape(2, 12).astype(np.float32),
        numbers(dataset, "image", [1, 30], Slice(0, 12)),
    )
    assert labels(dataset, [15]) == [5]


def test_npz_arrays_are_fields_and_words_are_classes_in_sorted_order(files):
    np.savez_compressed(files.folder / "d.npz", x=files.images, y=np.array(["wasp", "ant"] * 20))
    two = InputFact(name="label", kind="class", shape=(), classes=2)
    fields = (from_field("image", "x"), from_field("label", "y"))
    dataset = open_datasets([section(NpzSource(file="d.npz"), *fields)], files.folder, (IMAGE, two))["train"]
    np.testing.assert_array_equal(files.images[3].reshape(1, 12), numbers(dataset, "image", [3], Slice(0, 12)))
    assert labels(dataset, [0, 1, 2]) == [1, 0, 1]


def test_pickled_objects_are_refused(files):
    objects = np.array([{"a": 1}, None], dtype=object)
    np.save(files.folder / "x.npy", objects)
    np.savez(files.folder / "x.npz", x=objects)
    field = from_field("image", "x")
    for source in (NpySource(files=(("x", "x.npy"),)), NpzSource(file="x.npz")):
        text = message((section(source, field, role="predict"),), files.folder, (IMAGE,))
        assert "holds Python objects, which are not read from files" in text


def test_a_missing_array_of_an_npz_file_is_an_error_that_lists_those_there_are(files):
    np.savez(files.folder / "d.npz", x=files.images, z=files.images)
    text = message((section(NpzSource(file="d.npz"), from_field("image", "y")),), files.folder, (IMAGE,))
    assert text == f"{files.folder}/d.npz: has no array 'y'; it has x, z"


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_a_cut_numpy_file_is_an_error(files, name):
    np.save(files.folder / "x.npy", files.images)
    np.savez(files.folder / "x.npz", x=files.images)
    (files.folder / name).write_bytes((files.folder / name).read_bytes()[:200])
    source = NpySource(files=(("x", name),)) if name.endswith("npy") else NpzSource(file=name)
    text = message((section(source, from_field("image", "x")),), files.folder, (IMAGE,))
    assert text.startswith(f"{files.folder}/{name}: is not a whole NumPy file")


def test_fields_of_different_number_are_an_error(files):
    np.save(files.folder / "x.npy", files.images)
    np.save(files.folder / "y.npy", np.arange(39))
    source = NpySource(files=(("x", "x.npy"), ("y", "y.npy")))
    text = message((section(source, from_field("image", "x"), from_field("label", "y")),), files.folder, (IMAGE, LABEL))
    assert text == "data train: the fields differ in their number of records (x has 40, y has 39)"


# ---- parts, staging, synthetic ---------------------------------------------------------------------------------------


def test_a_part_is_the_end_and_the_other_role_keeps_the_rest(files):
    sections = (
        section(PartSource(role="train", share=1 / 4), IMAGES, LABELS, role="validate"),
        section(IDX, IMAGES, LABELS),
        section(PartSource(role="train", share=1 / 10), IMAGES, LABELS, role="test"),
    )
    opened = open_datasets(sections, files.folder, (IMAGE, LABEL))
    assert {role: dataset.count for role, dataset in opened.items()} == {"train": 26, "validate": 10, "test": 4}
    for role, first in (("validate", 30), ("test", 26), ("train", 0)):
        expected = files.images[[first, first + 1]].reshape(2, 12)
        np.testing.assert_array_equal(expected, numbers(opened[role], "image", [0, 1], Slice(0, 12)))
        assert labels(opened[role], [0, 1]) == [first % 10, first % 10 + 1]


def test_a_part_that_leaves_nothing_is_an_error(files):
    sections = (section(IDX, IMAGES, LABELS), section(PartSource("train", 1.0), IMAGES, LABELS, role="test"))
    assert message(sections, files.folder, (IMAGE, LABEL)) == (
        "data test: part(train, 1) takes 40 of the 40 samples left: both must keep at least one"
    )


def test_parts_of_each_other_or_of_nothing_are_errors(tmp_path):
    circle = (
        section(PartSource("test", 0.5), IMAGES, LABELS),
        section(PartSource("train", 0.5), IMAGES, LABELS, role="test"),
    )
    assert message(circle, tmp_path, (IMAGE, LABEL)) == "data train: is a part of itself"
    lone = (section(PartSource("validate", 0.5), IMAGES, LABELS),)
    assert message(lone, tmp_path, (IMAGE, LABEL)) == "data train: part(validate, …) needs a section data validate"


def test_a_cache_holds_one_copy_of_each_version_of_a_file(files):
    cache = files.folder / "node" / "cache"
    data = section(IDX, IMAGES, LABELS, cache=str(cache))
    for _ in range(2):
        dataset = open_datasets([data], files.folder, (IMAGE, LABEL))["train"]
    copies = sorted(path for path in cache.iterdir() if path.suffix == ".idx")
    assert len(copies) == 2
    np.testing.assert_array_equal(files.images[3].reshape(1, 12), numbers(dataset, "image", [3], Slice(0, 12)))
    (files.folder / "labels.idx").write_bytes(idx_bytes(np.full(40, 2, np.uint8)))
    assert labels(open_datasets([data], files.folder, (IMAGE, LABEL))["train"], [7]) == [2]


def test_a_cache_that_cannot_be_written_is_an_error(files):
    data = section(IDX, IMAGES, LABELS, cache=str(files.folder / "labels.idx" / "below"))
    assert "let `cache` name a folder on this node" in message((data,), files.folder, (IMAGE, LABEL))


@pytest.mark.parametrize(("kind", "highest"), [("f32", 1.0), ("u8", 255.0), ("i32", 2.0)])
def test_synthetic_samples_are_the_same_whatever_is_asked_for(tmp_path, kind, highest):
    image = InputFact(name="image", kind=kind, shape=(3, 7, 5), classes=0)
    fields = (from_field("image", "image"), from_field("label", "label"))
    dataset = open_datasets([section(SyntheticSource(count=100, seed=5), *fields)], tmp_path, (image, LABEL))["train"]
    whole = numbers(dataset, "image", list(range(100)), Slice(0, 105))
    assert whole.min() >= 0.0
    assert whole.max() < highest
    assert whole.std() > 0.2 * highest / 2
    np.testing.assert_array_equal(whole[[70, 3], 17:53], numbers(dataset, "image", [70, 3], Slice(17, 53)))


def test_synthetic_labels_cover_all_classes_and_what_is_learnt_holds_for_other_seeds(tmp_path):
    fields = (from_field("image", "image"), from_field("label", "label"))
    sections = (
        section(SyntheticSource(count=500, seed=5), *fields),
        section(SyntheticSource(count=500, seed=6), *fields, role="test"),
    )
    opened = open_datasets(sections, tmp_path, (IMAGE, LABEL))
    train, test = (numbers(opened[role], "image", list(range(500)), Slice(0, 12)) for role in ("train", "test"))
    classes, expected = (np.array(labels(opened[role], list(range(500)))) for role in ("train", "test"))
    assert set(classes.tolist()) == set(range(10))
    assert not np.array_equal(classes, expected)
    means = np.stack([train[classes == k].mean(axis=0) for k in range(10)])
    nearest = np.square(test[:, None] - means).sum(axis=-1).argmin(axis=1)
    assert (nearest == expected).mean() > 0.8
