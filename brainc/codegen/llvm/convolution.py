"""Which kernels does a convolution need, and how is each of them computed?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, assert_never

from brainc.codegen.llvm.correlation import Correlation, choose_correlation_tiling, write_correlation
from brainc.codegen.llvm.epilogue import Epilogue, epilogue_buffers
from brainc.codegen.llvm.filter_gradient import write_filter_gradient
from brainc.codegen.llvm.filter_tiling import FilterGradient, choose_filter_tiling, filter_gradient_extent
from brainc.codegen.llvm.registers import RegisterFile
from brainc.codegen.llvm.taps import Axis
from brainc.codegen.llvm.writer import LANES, Writer
from brainc.ir.kernel import KernelText


@dataclass(frozen=True, slots=True)
class Convolution:
    """A layer `y[b,k,p,q] = Σ_{c,r,s} x[b, c, p·stride − pad + r·dilation, …] · w[k,c,r,s]`.

    Pairs are height, width. Channels and filters are counted over all groups, and w is stored
    `[filters][channels/groups][kernel]`.
    """

    samples: int
    channels: int
    filters: int
    image: tuple[int, int]
    kernel: tuple[int, int]
    groups: int = 1
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)

    @property
    def output(self) -> tuple[int, int]:
        """Height and width of the result."""
        height, width = (
            (size + 2 * pad - dilation * (taps - 1) - 1) // stride + 1
            for size, taps, stride, pad, dilation in zip(
                self.image, self.kernel, self.stride, self.pad, self.dilation, strict=True
            )
        )
        return height, width

    @property
    def multiply_adds(self) -> int:
        """Multiplications of one pass when every tap falls inside the image."""
        taps = self.kernel[0] * self.kernel[1] * self.output[0] * self.output[1]
        return self.samples * self.filters * (self.channels // self.groups) * taps


@dataclass(frozen=True, slots=True)
class ConvolutionForward:
    """`y` of the layer; factors x, w; results are stored as y, rows are the filters."""

    convolution: Convolution
    epilogue: Epilogue


@dataclass(frozen=True, slots=True)
class ConvolutionInputGradient:
    """`dx` from `dy`; factors dy, w; results are stored as x, rows are the channels."""

    convolution: Convolution
    epilogue: Epilogue


@dataclass(frozen=True, slots=True)
class ConvolutionWeightGradient:
    """`dw` from x and `dy`; factors x, dy; results are stored as w, rows are the filters. Sums exactly the samples."""

    convolution: Convolution
    epilogue: Epilogue


ConvolutionKernel: TypeAlias = ConvolutionForward | ConvolutionInputGradient | ConvolutionWeightGradient


def write_convolution(kernel: ConvolutionKernel, registers: RegisterFile, name: str) -> KernelText:
    """The kernel's text. Forward and input gradient are independent from sample block to sample block."""
    match kernel:
        case ConvolutionForward(convolution=layer):
            return _write_correlation(kernel, _forward(layer), registers, name)
        case ConvolutionInputGradient(convolution=layer):
            return _write_correlation(kernel, _input_gradient(layer), registers, name)
        case ConvolutionWeightGradient():
            return _write_filter_gradient(kernel, registers, name)
        case _:
            assert_never(kernel)


def _axis(layer: Convolution, axis: int, direction: Literal["forward", "backward"]) -> Axis:
    lengths = layer.image[axis], layer.output[axis]
    source, result = lengths if direction == "forward" else lengths[::-1]
    return Axis(
        source, result, layer.kernel[axis], layer.stride[axis], layer.pad[axis], layer.dilation[axis], direction
    )


def _forward(layer: Convolution) -> Correlation:
    channels, filters = layer.channels // layer.groups, layer.filters // layer.groups
    taps = layer.kernel[0] * layer.kernel[1]
    return Correlation(
        blocks=-(-layer.samples // LANES),
        groups=layer.groups,
        outputs=filters,
        inputs=channels,
        rows=_axis(layer, 0, "forward"),
        columns=_axis(layer, 1, "forward"),
        group_stride=filters * channels * taps,
        output_stride=channels * taps,
        input_stride=taps,
    )


def _input_gradient(layer: Convolution) -> Correlation:
    channels, filters = layer.channels // layer.groups, layer.filters // layer.groups
    taps = layer.kernel[0] * layer.kernel[1]
    return Correlation(
        blocks=-(-layer.samples // LANES),
        groups=layer.groups,
        outputs=channels,
        inputs=filters,
        rows=_axis(layer, 0, "backward"),
        columns=_axis(layer, 1, "backward"),
        group_stride=filters * channels * taps,
        output_stride=taps,
        input_stride=channels * taps,
    )


def _write_correlation(
    kernel: ConvolutionForward | ConvolutionInputGradient, correlation: Correlation, registers: RegisterFile, name: str
) -> KernelText:
    tiling = choose_correlation_tiling(correlation, registers)
    writer = Writer()
    buffers, (source, weight) = epilogue_buffers(writer, kernel.epilogue)
    write_correlation(writer, correlation, tiling, buffers, source, weight)
    order = "row by row, all outputs of each" if tiling.rows_outside else "outputs by outputs, all rows of each"
    header = [
        *_layer_lines(kernel),
        f"tile: {tiling.outputs} outputs × {tiling.columns} columns, so that all sums stay in registers; {order}",
        "unit: one block of samples",
    ]
    return KernelText(name, "llvm", writer.module(name, header), correlation.blocks, chainable=True, integers=())


def _write_filter_gradient(kernel: ConvolutionWeightGradient, registers: RegisterFile, name: str) -> KernelText:
    layer = kernel.convolution
    gradient = FilterGradient(
        samples=layer.samples,
        groups=layer.groups,
        filters=layer.filters // layer.groups,
        channels=layer.channels // layer.groups,
        rows=_axis(layer, 0, "forward"),
        columns=_axis(layer, 1, "forward"),
    )
    tiling = choose_filter_tiling(gradient, registers)
    writer = Writer()
    buffers, (image, slope) = epilogue_buffers(writer, kernel.epilogue)
    write_filter_gradient(writer, gradient, tiling, buffers, image, slope)
    header = [
        *_layer_lines(kernel),
        f"tile: {tiling.filters} filters × {tiling.channels} channels × {tiling.taps} taps of a row, in registers",
        f"unit: {tiling.unit_filters} filters × {tiling.unit_channels} channels × {tiling.unit_rows} rows of taps, "
        f"over {tiling.chunk_rows} rows of the result at a time",
    ]
    extent = filter_gradient_extent(gradient, tiling)
    return KernelText(name, "llvm", writer.module(name, header), extent, chainable=False, integers=())


def _layer_lines(kernel: ConvolutionKernel) -> list[str]:
    layer = kernel.convolution
    match kernel:
        case ConvolutionForward():
            formula = "y[b,k,p,q] = Σ_{c,r,s} x[b,c,p·stride−pad+r·dilation,…] · w[k,c,r,s]"
        case ConvolutionInputGradient():
            formula = "dx[b,c,h,w] = Σ_{k,r,s} dy[b,k,p,q] · w[k,c,r,s], over p·stride−pad+r·dilation = h, …"
        case ConvolutionWeightGradient():
            formula = "dw[k,c,r,s] = Σ_{b,p,q} dy[b,k,p,q] · x[b,c,p·stride−pad+r·dilation,…]"
        case _:
            assert_never(kernel)
    return [
        f"{formula}, then {kernel.epilogue}",
        f"{layer.samples} samples, {layer.channels} channels {layer.image}, {layer.filters} filters {layer.kernel}, "
        f"groups {layer.groups}, stride {layer.stride}, pad {layer.pad}, dilation {layer.dilation}",
    ]
