"""The command `brainc`: what it prints, what it writes, and its exit status."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from brainc import cli
from brainc.settings.options import CompileOptions
from tests.dsl.examples import LENET

SMALL = """network small {
    input x: f32[8]
    input label: class[3]

    s = x | dense(4) | relu | dense(3)

    loss objective = cross_entropy(s, label)
}

data train {
    source = synthetic(count=64)
}

train {
    batch = 16
}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every test runs in an empty folder that holds `small.brain`."""
    monkeypatch.chdir(tmp_path)
    Path("small.brain").write_text(SMALL)
    return tmp_path


def run(*arguments):
    return cli.main(arguments)


def test_check_says_that_a_file_is_sound(capsys):
    assert run("check", "small.brain") == 0
    assert capsys.readouterr().out == "small.brain: network small is sound: 4 layers\n"


def test_check_tells_every_mistake_on_stderr(capsys):
    Path("bad.brain").write_text(SMALL.replace("dense(4)", "dens(4)").replace("batch", "batsh"))
    assert run("check", "bad.brain") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("error:") == 2


def test_check_passes_a_network_alone():
    Path("alone.brain").write_text("network alone {\n    input x: f32[8]\n    y = x | relu\n}\n")
    assert run("check", "alone.brain") == 0


def test_check_sets_constants(capsys):
    Path("lenet.brain").write_text(LENET.replace("adaptive(density=1/64)", "sum"))
    assert run("check", "lenet.brain", "--set", "rate=-1") == 1
    assert "rate must be a number from 0" in capsys.readouterr().err


def test_a_missing_file_is_one_message(capsys):
    assert run("check", "smal.brain") == 1
    err = capsys.readouterr().err
    assert "there is no file 'smal.brain'" in err
    assert "did you mean 'small.brain'?" in err


def test_fmt_leaves_a_file_in_the_one_layout_untouched():
    before = Path("small.brain").stat().st_mtime_ns
    assert run("fmt", "small.brain") == 0
    assert Path("small.brain").stat().st_mtime_ns == before


def test_fmt_rewrites_another_layout_and_keeps_permissions(folder):
    Path("wild.brain").write_text(SMALL.replace("    ", " "))
    Path("wild.brain").chmod(0o640)
    assert run("fmt", "wild.brain") == 0
    assert Path("wild.brain").read_text() == SMALL
    assert Path("wild.brain").stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in folder.iterdir()) == ["small.brain", "wild.brain"]


def test_fmt_check_names_the_file_and_changes_nothing(capsys):
    wild = SMALL.replace("    ", " ")
    Path("wild.brain").write_text(wild)
    assert run("fmt", "--check", "small.brain", "wild.brain") == 1
    assert capsys.readouterr().err.startswith("wild.brain: ")
    assert Path("wild.brain").read_text() == wild


def test_fmt_makes_windows_line_ends_plain():
    Path("windows.brain").write_bytes(SMALL.replace("\n", "\r\n").encode())
    assert run("fmt", "windows.brain") == 0
    assert Path("windows.brain").read_bytes() == SMALL.encode()


def test_graph_writes_an_svg_beside(capsys):
    assert run("graph", "small.brain") == 0
    assert capsys.readouterr().out == "small.svg\n"
    assert ElementTree.parse("small.svg").getroot().tag.endswith("svg")


def test_a_file_that_cannot_be_written_is_one_message(capsys):
    assert run("graph", "small.brain", "-o", "missing/small.svg") == 1
    assert capsys.readouterr().err == "brainc: error: missing/small.svg: No such file or directory\n"


@pytest.fixture
def compiled(monkeypatch):
    """The options that `compile` hands to the compiler, which is not run."""
    from brainc import pipeline

    caught = []

    def catch(options):
        caught.append(options)
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "compile_file", catch)
    return caught


def test_compile_hands_its_options_on(compiled):
    line = "compile n.brain -o p --data 2 --model auto --ranks 8 --reduce sum --machine m.toml --set a=1 --set b=2*a"
    run(*line.split(), "--data-dir", "d", "--show", "graph", "--show", "kernels")
    assert compiled == [
        CompileOptions(
            source=Path("n.brain"),
            output=Path("p"),
            data=2,
            model="auto",
            ranks=8,
            reduce="sum",
            machine=Path("m.toml"),
            settings=(("a", "1"), ("b", "2*a")),
            data_dir=Path("d"),
            show=("graph", "kernels"),
        )
    ]


def test_a_plan_is_named_by_its_source_unless_told():
    assert CompileOptions(Path("models/net.brain")).plan == Path("net.plan")


@pytest.mark.usefixtures("compiled")
def test_an_interrupt_ends_quietly(capsys):
    assert run("compile", "small.brain") == 130
    assert capsys.readouterr().err == ""


def test_a_target_to_come_is_told(capsys):
    assert run("compile", "small.brain", "--target", "cuda") == 1
    assert "the target cuda is not built yet" in capsys.readouterr().err


def test_a_level_of_another_target_is_told(capsys):
    assert run("compile", "small.brain", "--target", "truenorth", "--show", "kernels") == 1
    assert "the target truenorth has no level kernels: it has graph, units, cores" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["compil"],
        ["compile"],
        ["compile", "small.brain", "--data", "0"],
        ["compile", "small.brain", "--data", "many"],
        ["compile", "small.brain", "--set", "rate"],
        ["compile", "small.brain", "--show", "everything"],
        ["fmt"],
    ],
)
def test_wrong_usage_ends_with_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: brainc")


def test_an_unforeseen_exception_is_called_a_defect(monkeypatch, capsys):
    def fail(*_):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("brainc.settings.check.check_sections", fail)
    assert run("check", "small.brain") == 1
    err = capsys.readouterr().err
    assert err.startswith(
        "brainc: this is a defect in brainc, not in your file: ZeroDivisionError: by zero\n  in fail, "
    )
    assert "Traceback" not in err


def test_debug_prints_the_traceback_of_a_defect(monkeypatch, capsys):
    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("brainc.settings.check.check_sections", fail)
    assert run("check", "small.brain", "--debug") == 1
    assert capsys.readouterr().err.startswith("Traceback")


def test_report_tells_that_a_folder_is_no_plan(capsys):
    assert run("report", "nothing.plan") == 1
    assert capsys.readouterr().err.startswith("brainc: error: nothing.plan: does not exist")


def test_report_tells_that_a_run_has_no_timeline(capsys):
    assert run("compile", "small.brain") == 0
    capsys.readouterr()
    assert run("report", "small.plan", "--run", ".") == 1
    assert "timeline.json: cannot be read" in capsys.readouterr().err


def test_report_sets_a_run_beside_the_plan(capsys):
    assert run("compile", "small.brain") == 0
    event = {"ph": "X", "name": "step", "cat": "step", "pid": 0, "ts": 0, "dur": 2500}
    Path("timeline.json").write_text(json.dumps({"traceEvents": [event]}))
    capsys.readouterr()
    assert run("report", "small.plan", "--run", ".") == 0
    assert "2.50 ms" in capsys.readouterr().out


def test_a_plan_is_compiled_and_reported(capsys):
    assert run("compile", "small.brain", "--data", "2", "--show", "graph") == 0
    assert "network small" in capsys.readouterr().out
    assert run("report", "small.plan", "--html", "report.html") == 0
    assert Path("report.html").read_text().lower().startswith("<!doctype html>")
    assert run("report", "small.plan", "--json") == 0
    assert '"mesh"' in capsys.readouterr().out
    assert run("report", "small.plan") == 0
    assert "s.dense1" in capsys.readouterr().out


def test_help_imports_neither_numpy_nor_llvm():
    code = "import brainc.cli, sys; print([name for name in ('numpy', 'llvmlite', 'networkx') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_reader_who_leaves_early_causes_no_traceback():
    command = f"{sys.executable} -m brainc.cli compile small.brain --show kernels --show tensor | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--from", "w.safetensors"), "--from: for the target truenorth, and this one is cpu"),
        (("--ensemble", "2", "--ticks", "3"), "--ensemble, --ticks: for the target truenorth, and this one is cpu"),
        (("--target", "truenorth", "--data", "2"), "--data: for the target cpu, and this one is truenorth"),
    ],
)
def test_what_is_for_another_target_is_refused(capsys, words, message):
    assert run("compile", "small.brain", *words) == 1
    assert message in capsys.readouterr().err
