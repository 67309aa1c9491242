"""The sections `data`."""

import pytest

from brainc.graph.build import build
from brainc.settings.data import data_sections, input_facts
from brainlang import BrainError, parse_program
from brainrun.plan import schema
from tests.brainc.graph.networks import program_of

NETWORK = "s = image | dense(10)\nloss l = cross_entropy(s, label)"


def sections(text: str, network: str = NETWORK):
    program = program_of(network, text)
    return data_sections(program, build(program))


def source(text: str):
    return sections(f"data train {{\nsource = {text}\nimage = features\nlabel = label\n}}\n")[0].source


def transforms(text: str):
    return (
        sections(f'data train {{\nsource = npz("a.npz")\nimage = x | {text}\nlabel = y\n}}\n')[0].fields[0].transforms
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('npz("a.npz")', schema.NpzSource("a.npz")),
        ('npy(features="a.npy", label="b.npy")', schema.NpySource((("features", "a.npy"), ("label", "b.npy")))),
        ('csv("a.tsv")', schema.CsvSource("a.tsv", (), "", "")),
        (
            'csv("a.csv", features=["a", "b:c"], label="d", delimiter="\\t")',
            schema.CsvSource("a.csv", ("a", "b:c"), "d", "\t"),
        ),
        ('csv("a.csv", "b:c")', schema.CsvSource("a.csv", ("b:c",), "", "")),
    ],
)
def test_a_source_is_read(text, expected):
    assert source(text) == expected


def test_idx_gives_images_and_labels():
    (section,) = sections('data test {\nsource = idx("a", labels="b")\nimage = images\nlabel = labels\n}\n')
    assert section == schema.DataSection(
        role="test",
        source=schema.IdxSource("a", "b"),
        fields=(schema.Field("image", "images", ()), schema.Field("label", "labels", ())),
        shuffle=False,
        cache="",
        workers=1,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rescale(1/255)", schema.Rescale(1 / 255)),
        ("normalize(0.5, 2)", schema.Normalize((0.5,), (2.0,))),
        ("normalize([1, 2, 3], deviation=[4, 5, 6])", schema.Normalize((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))),
        ("standardize", schema.Standardize()),
        ("one_hot", schema.OneHot(192)),
        ("one_hot(5)", schema.OneHot(5)),
        ("random_flip", schema.RandomFlip()),
        ("random_crop(8, pad=2)", schema.RandomCrop(8, 2)),
        ("random_affine", schema.RandomAffine(0.0, 0.0, 0.0, 0.0)),
        ("random_affine(10, shift=2, scale=0.1, shear=5)", schema.RandomAffine(10.0, 2.0, 0.1, 5.0)),
        ("random_elastic(3)", schema.RandomElastic(3.0, 4)),
        ("random_elastic(1.5, grid=7)", schema.RandomElastic(1.5, 7)),
        ("cast(f16)", schema.Cast("f16")),
        ('cast("u8")', schema.Cast("u8")),
    ],
)
def test_a_step_of_a_pipeline_is_read(text, expected):
    assert transforms(text) == (expected,)


def test_steps_stay_in_order():
    assert transforms("rescale(2) | standardize") == (schema.Rescale(2.0), schema.Standardize())


def test_synthetic_data_feeds_every_input_that_is_not_named():
    (section,) = sections("data train {\nsource = synthetic(count=9)\nimage = image | rescale(2)\n}\n")
    assert section.fields == (
        schema.Field("image", "image", (schema.Rescale(2.0),)),
        schema.Field("label", "label", ()),
    )


def test_a_part_takes_over_the_fields_of_its_whole():
    text = 'data train {\nsource = npz("a.npz")\nimage = x\nlabel = y\n}\n'
    whole, part = sections(f"{text}data validate {{\nsource = part(train, 1/4)\nimage = x | rescale(2)\n}}\n")
    assert part.source == schema.PartSource("train", 0.25)
    assert part.fields == (schema.Field("image", "x", (schema.Rescale(2.0),)), whole.fields[1])


def test_only_training_data_is_shuffled_by_itself():
    text = "{\nsource = synthetic(count=9)\n}\n"
    assert [section.shuffle for section in sections(f"data train {text}data test {text}")] == [True, False]


def test_shuffle_cache_and_workers_are_read():
    (section,) = sections('data train {\nsource = synthetic(9)\nshuffle = false\ncache = "/tmp"\nworkers = 3\n}\n')
    assert (section.shuffle, section.cache, section.workers) == (False, "/tmp", 3)


def test_prediction_needs_no_labels():
    (section,) = sections('data predict {\nsource = npz("a.npz")\nimage = x\n}\n')
    assert section.fields == (schema.Field("image", "x", ()),)


def test_prediction_needs_what_its_outputs_are_computed_from():
    with pytest.raises(BrainError, match="gives nothing to input 'image'"):
        sections('data predict {\nsource = npz("a.npz")\nlabel = y\n}\n')


def test_an_input_like_a_given_one_is_still_missing():
    network = "network n {\n    input image1: f32[2]\n    input image2: f32[2]\n    y = image1 + image2\n}\n"
    program = parse_program(f'{network}data train {{\n    source = npz("a")\n    image1 = x\n}}\n')
    with pytest.raises(BrainError, match="gives nothing to input 'image2'"):
        data_sections(program, build(program))


def test_the_plan_says_what_the_network_expects():
    assert input_facts(build(program_of(NETWORK))) == (
        schema.InputFact("image", "f32", (3, 8, 8), 0),
        schema.InputFact("label", "class", (), 10),
    )
