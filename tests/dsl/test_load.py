"""From a path to a Program: files that use others, and files that cannot be read."""

import pytest

from brainlang import BrainError, load_program

NETWORK = "network n {\n    input x: f32[4]\n    h = x | dense(width)\n}\n"


def write(folder, **files):
    for name, text in files.items():
        path = folder / f"{name}.brain"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder / "net.brain"


def test_a_used_file_gives_its_constants_and_blocks_only(tmp_path):
    path = write(tmp_path, net='use "other.brain"\n' + NETWORK, other="let width = 3\n" + NETWORK + "train {\n}\n")
    program = load_program(path)
    assert program.network.calls[0].positional[1].value == 3
    assert program.train == ()


def test_a_path_in_use_is_relative_to_the_file_that_says_it(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.brain").write_text('use "b.brain"\n')
    (tmp_path / "lib" / "b.brain").write_text("let width = 5\n")
    path = write(tmp_path, net='use "lib/a.brain"\n' + NETWORK)
    assert load_program(path).network.calls[0].positional[1].value == 5


def test_a_file_may_be_reached_in_two_ways(tmp_path):
    path = write(tmp_path, net='use "a.brain"\nuse "b.brain"\n' + NETWORK, a='use "b.brain"\n', b="let width = 5\n")
    assert load_program(path, {"width": "7"}).network.calls[0].positional[1].value == 7


def test_a_mistake_in_a_used_file_is_told_there(tmp_path):
    path = write(tmp_path, net='use "a.brain"\n' + NETWORK, a="let width = \n")
    with pytest.raises(BrainError) as caught:
        load_program(path)
    assert caught.value.diagnostics[0].span.path == str(tmp_path / "a.brain")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"network n {\n  \xff\n}\n", "the byte 0xff is not UTF-8"),
        (b"let a\0 = 3\n", r"the character U\+0000 cannot stand in a file"),
        (b"", "there is no network in this file"),
        (b"#" * (5 * 2**20), "is larger than 4 MiB"),
    ],
)
def test_content_that_is_no_brain_file(tmp_path, content, message):
    with pytest.raises(BrainError, match=message):
        load_program(write(tmp_path, net=content))


def test_a_path_that_leads_nowhere_or_to_a_folder(tmp_path):
    write(tmp_path, net=NETWORK)
    with pytest.raises(BrainError, match=r"did you mean 'net\.brain'"):
        load_program(tmp_path / "nett.brain")
    with pytest.raises(BrainError, match="is a folder"):
        load_program(tmp_path)
    with pytest.raises(BrainError, match="cannot be read"):
        load_program(tmp_path / "a\0b")


def test_many_files_in_a_row_are_refused(tmp_path):
    for number in range(50):
        (tmp_path / f"f{number}.brain").write_text(f'use "f{number + 1}.brain"\n')
    with pytest.raises(BrainError, match="more than 32 files"):
        load_program(tmp_path / "f0.brain")
