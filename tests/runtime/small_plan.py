"""A plan written by hand: linear regression on any mesh, y[b, o] = Σ_i w[o, i] · x[b, i] + c[o], by gradient descent.

Outputs are split over the model ranks and samples over the data ranks. Its kernels are as a compiler would write them.
"""

from __future__ import annotations

from itertools import accumulate

import msgspec

from brainrun.plan.schema import (
    VERSION,
    AllReduce,
    Alternative,
    Buffer,
    Call,
    Choice,
    Constant,
    ConstantSchedule,
    DataSection,
    DType,
    Feed,
    Field,
    InputFact,
    Kernel,
    Lanes,
    Layer,
    Mesh,
    NpySource,
    Output,
    Panels,
    Parameter,
    Plain,
    Plan,
    Prediction,
    Procedure,
    Rank,
    RankProgram,
    Result,
    Slice,
    Start,
    Storage,
    Training,
    Uniform,
    Wait,
)
from brainrun.plan.storage import stored_bytes
from brainrun.plan.store import with_files

INPUTS, OUTPUTS = 3, 4


def parts(length: int, count: int) -> list[Slice]:
    """The axis in slices that differ by at most one."""
    sizes = [length // count + (i < length % count) for i in range(count)]
    stops = list(accumulate(sizes))
    return [Slice(stop - size, stop) for size, stop in zip(sizes, stops, strict=True)]


def small_plan(
    *, data: int = 1, model: int = 1, batch: int = 20, epochs: int = 2, seed: int = 7
) -> tuple[Plan, dict[str, str]]:
    """The plan for a mesh, and the texts of its kernels' files."""
    samples, outputs = parts(batch, data), parts(OUTPUTS, model)
    kinds = sorted({(s.stop - s.start, o.stop - o.start, d) for s in samples for d, o in enumerate(outputs)})
    texts: dict[str, str] = {}
    for count, width, _ in kinds:
        texts |= kernels(count, width)
    plan = Plan(
        schema=VERSION,
        made_by="tests",
        target="cpu",
        name="small",
        mesh=Mesh(data, model),
        training=Training(batch, epochs, 0, seed, "sgd", 0.1, (ConstantSchedule(),)),
        data=(section("train"), section("test"), section("predict")),
        data_folder=".",
        inputs=(InputFact("x", "f32", (INPUTS,), 0), InputFact("t", "f32", (OUTPUTS,), 0)),
        parameters=(
            Parameter("line.weight", (OUTPUTS, INPUTS), Uniform(0.5), True, "w", ()),
            Parameter("line.bias", (OUTPUTS,), Constant(0.25), True, "c", ()),
        ),
        layers=(Layer("line", "dense", ("x",), (OUTPUTS,), OUTPUTS * (INPUTS + 1), "output", 1000),),
        kernels=tuple(Kernel(path[8:-3], "numba", path) for path in sorted(texts)),
        programs=tuple(program(count, width, outputs[place], place) for count, width, place in kinds),
        ranks=tuple(
            Rank(
                d,
                m,
                kinds.index((samples[d].stop - samples[d].start, outputs[m].stop - outputs[m].start, m)),
                samples[d].start,
                ((outputs[m], Slice(0, INPUTS)), (outputs[m],)),
            )
            for d in range(data)
            for m in range(model)
        ),
        prediction=Prediction("this", 1e-3, 2e4, ()),
        choice=Choice(Alternative(Mesh(data, model), (("line", "output"),), 1e-3), (), "it is the only one"),
        files=(),
    )
    return with_files(plan, texts), texts


def section(role: str) -> DataSection:
    fields = (Field("x", "x", ()),) if role == "predict" else (Field("x", "x", ()), Field("t", "t", ()))
    source = NpySource(tuple((name, f"{role}-{name}.npy") for name in ("x", "t")[: len(fields)]))
    return msgspec.convert(
        {
            "role": role,
            "source": msgspec.to_builtins(source),
            "fields": msgspec.to_builtins(fields),
            "shuffle": True,
            "cache": "",
            "workers": 1,
        },
        DataSection,
    )


def program(samples: int, width: int, outputs: Slice, place: int) -> RankProgram:
    """What a rank with so many samples and these outputs does."""
    wanted: list[tuple[str, str, DType, Storage]] = [
        ("w", "parameter", "f32", Panels(width, INPUTS)),
        ("c", "parameter", "f32", Plain((width,))),
        ("context", "scalar", "i64", Plain((3,))),
        ("rate", "scalar", "f32", Plain((1,))),
        ("step", "scalar", "f32", Plain((1,))),
        ("x", "input", "f32", Lanes(samples, (INPUTS,))),
        ("t", "input", "f32", Lanes(samples, (width,))),
        ("sample_weight", "input", "f32", Lanes(samples, ())),
        ("y", "activation", "f32", Lanes(samples, (width,))),
        ("gradient", "gradient", "f32", Lanes(samples, (width,))),
        ("bucket", "message", "f32", Plain((width * (INPUTS + 1),))),
        ("objective", "result", "f32", Plain((1,))),
    ]
    buffers, offset = [], 0
    for name, role, dtype, storage in wanted:
        size = stored_bytes(dtype, storage)
        fact = {"name": name, "role": role, "dtype": dtype, "storage": msgspec.to_builtins(storage)}
        buffers.append(msgspec.convert({**fact, "offset": offset, "bytes": size}, Buffer))
        offset += -(-size // 64) * 64
    tag = f"{samples}_{width}"
    forward = call(f"forward_{tag}", "x", "w", "c", "y", extent=-(-samples // 16))
    loss = call(f"loss_{tag}", "y", "t", "sample_weight", "gradient", "objective", extent=1)
    every = Slice(0, INPUTS)
    feeds = (Feed("x", "x", 0, samples, every), Feed("t", "t", 0, samples, outputs))
    weighted = (*feeds, Feed("sample_weight", "sample_weight", 0, samples, Slice(0, 1)))
    total = AllReduce("objective.sum", "world", "objective", 1, "objective")
    bucket = AllReduce("bucket.sum", "data", "bucket", width * (INPUTS + 1), "line")
    result = (Result("objective", "objective", "objective"),)
    return RankProgram(
        f"of_{samples}_samples_outputs_{place}",
        offset,
        tuple(buffers),
        Procedure(
            weighted,
            (
                forward,
                loss,
                Start("objective.sum"),
                call(f"backward_{tag}", "x", "gradient", "bucket", extent=width),
                Start("bucket.sum"),
                Wait("objective.sum"),
                Wait("bucket.sum"),
                call(f"update_{tag}", "bucket", "rate", "w", "c", extent=width),
            ),
            (total, bucket),
            result,
            (),
        ),
        Procedure(weighted, (forward, loss, Start("objective.sum"), Wait("objective.sum")), (total,), result, ()),
        Procedure(feeds[:1], (forward,), (), (), (Output("y", "y", 0, samples, outputs, (OUTPUTS,)),)),
    )


def call(kernel: str, *operands: str, extent: int) -> Call:
    return Call(kernel, operands, extent, "line", "forward", 100, 100)


def kernels(samples: int, width: int) -> dict[str, str]:
    """The four kernels of a rank with so many samples and outputs, by the paths of their files."""
    blocks, tag = -(-samples // 16), f"{samples}_{width}"
    x, y = f"f32[{blocks}, {INPUTS}, 16]", f"f32[{blocks}, {width}, 16]"
    w, c, bucket = f"f32[1, {width}, 16]", f"f32[{width}]", f"f32[{width}, {INPUTS + 1}]"
    start = "from __future__ import annotations\n\nfrom brainrun.kernel_prelude import f32\n\n\n"
    return {
        f"kernels/forward_{tag}.py": f'''"""y[b, o] = Σ_i w[o, i] · x[b, i] + c[o]"""

{start}def forward_{tag}(x: {x}, w: {w}, c: {c}, y: {y}, begin, end):
    for block in range(begin, end):
        for o in range({width}):
            for lane in range(16):
                y[block, o, lane] = c[o]
            for i in range({INPUTS}):
                for lane in range(16):
                    y[block, o, lane] += w[0, o, i] * x[block, i, lane]
''',
        f"kernels/loss_{tag}.py": f'''"""objective = Σ_b weight[b] · Σ_o (y − t)² / {OUTPUTS}, and its gradient[b, o]"""

{start}def loss_{tag}(y: {y}, t: {y}, weight: f32[{blocks}, 16], gradient: {y}, objective: f32[1], begin, end):
    objective[0] = 0.0
    for block in range({blocks}):
        for o in range({width}):
            for lane in range(min(16, {samples} - 16 * block)):
                error = y[block, o, lane] - t[block, o, lane]
                gradient[block, o, lane] = error * weight[block, lane] * {2 / OUTPUTS}
                objective[0] += error * error * weight[block, lane] * {1 / OUTPUTS}
''',
        f"kernels/backward_{tag}.py": f'''"""bucket[o, i] = Σ_b gradient[b, o] · x[b, i], where x[b, {INPUTS}] = 1"""

{start}def backward_{tag}(x: {x}, gradient: {y}, bucket: {bucket}, begin, end):
    for o in range(begin, end):
        for i in range({INPUTS + 1}):
            bucket[o, i] = 0.0
        for block in range({blocks}):
            for lane in range(min(16, {samples} - 16 * block)):
                for i in range({INPUTS}):
                    bucket[o, i] += gradient[block, o, lane] * x[block, i, lane]
                bucket[o, {INPUTS}] += gradient[block, o, lane]
''',
        f"kernels/update_{tag}.py": f'''"""w −= rate · bucket, c −= rate · bucket"""

{start}def update_{tag}(bucket: {bucket}, rate: f32[1], w: {w}, c: {c}, begin, end):
    for o in range(begin, end):
        for i in range({INPUTS}):
            w[0, o, i] -= rate[0] * bucket[o, i]
        c[o] -= rate[0] * bucket[o, {INPUTS}]
''',
    }
