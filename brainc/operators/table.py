"""Every operator of the language: those built, and those the language has that are still to come."""

from __future__ import annotations

from brainc.operators import (
    activation,
    convolution,
    dense,
    encoding,
    loss,
    metric,
    normalisation,
    pooling,
    regularise,
    shape,
)
from brainc.operators.operator import Operator

OPERATORS: dict[str, Operator] = {
    operator.name: operator
    for operator in (
        dense.DENSE,
        convolution.CONV,
        normalisation.BATCHNORM,
        activation.RELU,
        activation.LEAKY_RELU,
        activation.SIGMOID,
        activation.TANH,
        activation.SPIKE,
        encoding.POPULATION,
        encoding.RATE,
        encoding.STOCHASTIC,
        activation.SOFTMAX,
        pooling.MAXPOOL,
        pooling.AVGPOOL,
        shape.FLATTEN,
        shape.RESHAPE,
        shape.TRANSPOSE,
        shape.SLICE,
        shape.CONCAT,
        shape.ADD,
        shape.SUBTRACT,
        shape.MULTIPLY,
        regularise.DROPOUT,
        loss.CROSS_ENTROPY,
        loss.BINARY_CROSS_ENTROPY,
        loss.MEAN_SQUARED_ERROR,
        metric.TOP1,
    )
}

TO_COME: frozenset[str] = frozenset(
    [
        "deconv",
        "embedding",
        "layernorm",
        "lrn",
        "scale",
        "bias",
        "recurrent",
        "convlstm",
        "prelu",
        "elu",
        "selu",
        "softplus",
        "softsign",
        "gelu",
        "atan",
        "identity",
        "log_softmax",
        "clamp",
        "unpool",
        "globalpool",
        "upsample",
        "split",
        "crop",
        "pad",
        "reduce_mean",
        "reduce_sum",
        "l1",
        "l2",
        "matmul",
        "selu_dropout",
        "gaussian_noise",
        "hinge",
        "mean_absolute_error",
        "huber",
        "reconstruction",
        "box_loss",
        "topk",
        "r2",
        "pearson",
        "iou",
        "auc",
    ]
)
"""Names of the language that this version does not compile yet."""
