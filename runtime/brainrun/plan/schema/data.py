"""Where do samples come from? Sources, what is done to their fields, and the inputs that these become."""

from __future__ import annotations

from typing import Literal, TypeAlias

from brainrun.plan.schema.value import Value


class InputFact(Value, frozen=True):
    """What the network expects under a name: `kind` is a number type or `class`, which has `classes` values."""

    name: str
    kind: Literal["f32", "f16", "bf16", "f64", "i32", "u8", "class"]
    shape: tuple[int, ...]
    classes: int


class IdxSource(Value, frozen=True, tag="idx"):
    """Yann LeCun's idx files, plain or gzipped: fields `images` and `labels`."""

    images: str
    labels: str


class NpySource(Value, frozen=True, tag="npy"):
    """One `.npy` file a field."""

    files: tuple[tuple[str, str], ...]


class NpzSource(Value, frozen=True, tag="npz"):
    """One `.npz` file; its arrays' names are the fields."""

    file: str


class CsvSource(Value, frozen=True, tag="csv"):
    """A table with a header: its columns are fields, and `features`, `label` name groups of columns."""

    file: str
    features: tuple[str, ...]
    """Column names, or `first:last` ranges; empty: every column but the label."""
    label: str
    """The label's column, or empty."""
    delimiter: str


class SyntheticSource(Value, frozen=True, tag="synthetic"):
    """Deterministic samples that suit every input's type; each network input is a field of its own name."""

    count: int
    seed: int


class PartSource(Value, frozen=True, tag="part"):
    """A share of another role's samples, cut off its end; the other role keeps the rest."""

    role: str
    share: float


Source: TypeAlias = IdxSource | NpySource | NpzSource | CsvSource | SyntheticSource | PartSource


class Rescale(Value, frozen=True, tag="rescale"):
    """`x · factor`."""

    factor: float


class Normalize(Value, frozen=True, tag="normalize"):
    """`(x − mean) / deviation`, one pair a channel (or one for all)."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


class Standardize(Value, frozen=True, tag="standardize"):
    """Each sample to mean zero and deviation one."""


class OneHot(Value, frozen=True, tag="one_hot"):
    """A class label as a vector of zeros and a one."""

    classes: int


class RandomFlip(Value, frozen=True, tag="random_flip"):
    """Mirror left and right, with probability one half, in training only."""


class RandomCrop(Value, frozen=True, tag="random_crop"):
    """A random window of `size` × `size` out of the image padded by `pad` zeros; the middle one outside training."""

    size: int
    pad: int


class RandomAffine(Value, frozen=True, tag="random_affine"):
    """The image turned, moved, resized and sheared about its middle, by chance and in training only.

    Each is drawn evenly from both sides of doing nothing: `rotate` and `shear` in degrees, `shift` in pixels along both
    axes, `scale` as what the factor 1 gains or loses. What comes from outside the image is zero.
    """

    rotate: float
    shift: float
    scale: float
    shear: float


class RandomElastic(Value, frozen=True, tag="random_elastic"):
    """The image drawn as on rubber, by chance and in training only (Ronneberger et al. 2015, section 3.1).

    The points of a `grid` × `grid` over the image move by up to `shift` pixels along both axes, and what lies between
    them follows smoothly.
    """

    shift: float
    grid: int


class Cast(Value, frozen=True, tag="cast"):
    """Another number type."""

    kind: str


Transform: TypeAlias = (
    Rescale | Normalize | Standardize | OneHot | RandomFlip | RandomCrop | RandomAffine | RandomElastic | Cast
)


class Field(Value, frozen=True):
    """A network input and what it is made from."""

    input: str
    field: str
    transforms: tuple[Transform, ...]


class DataSection(Value, frozen=True):
    """One `data ROLE { … }`."""

    role: Literal["train", "validate", "test", "predict"]
    source: Source
    fields: tuple[Field, ...]
    shuffle: bool
    cache: str
    """A node-local folder to stage files in, or empty."""
    workers: int
