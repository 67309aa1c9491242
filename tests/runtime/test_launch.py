"""What MPI's launchers say, in our words."""

from __future__ import annotations

import pytest

from brainrun.launch import death_of_a_rank, is_chatter

HYDRA = """
===================================================================================
=   BAD TERMINATION OF ONE OF YOUR APPLICATION PROCESSES
=   PID 8532 RUNNING AT node7
=   EXIT CODE: {code}
=   CLEANING UP REMAINING PROCESSES
=   YOU CAN IGNORE THE BELOW CLEANUP MESSAGES
===================================================================================
YOUR APPLICATION TERMINATED WITH THE EXIT STRING: Killed (signal 9)
This typically refers to a problem with your application.
Please see the FAQ page for debugging suggestions
"""
OPEN_MPI = """--------------------------------------------------------------------------
prterun noticed that process rank 2 with PID 71 on node node7 exited on
signal 9 (Killed).
--------------------------------------------------------------------------
"""

OPEN_MPI_ENDED = """[warn] Epoll MOD(4) on fd 21 failed. Old events were 6; read change was 2 (del)
--------------------------------------------------------------------------
prterun detected that one or more processes exited with non-zero status,
thus causing the job to be terminated. The first process to do so was:

   Process name: [prterun-vm-31288@1,2]
   Exit code:    1
--------------------------------------------------------------------------
"""


def test_a_death_is_told_with_rank_pid_and_signal() -> None:
    expected = "rank 3 (pid 71) was ended by signal 11 (SIGSEGV), so the run ended"
    assert death_of_a_rank(HYDRA.format(code=11), (3, 71)) == expected


def test_a_death_on_another_node_is_told_as_the_launcher_has_it() -> None:
    assert death_of_a_rank(HYDRA.format(code=9), None) == (
        "the rank with pid 8532 was ended by signal 9 (SIGKILL), so the run ended; was it out of memory?"
    )


def test_open_mpi_s_report_is_understood() -> None:
    assert death_of_a_rank(OPEN_MPI, None) == (
        "rank 2 (pid 71) was ended by signal 9 (SIGKILL), so the run ended; was it out of memory?"
    )


@pytest.mark.parametrize("code", [0, 1, 2])
def test_a_rank_that_ended_by_itself_is_not_reported_again(code: int) -> None:
    assert death_of_a_rank(HYDRA.format(code=code), (3, 71)) == ""


@pytest.mark.parametrize("line", [line for line in (HYDRA + OPEN_MPI + OPEN_MPI_ENDED).splitlines() if line])
def test_the_launcher_s_own_lines_are_kept_from_the_user(line: str) -> None:
    assert is_chatter(line + "\n")


@pytest.mark.parametrize("line", ["epoch 1  train objective 0.3", "brainrun: x: is missing", "", "  = 3", "a = b"])
def test_the_ranks_lines_are_passed_on(line: str) -> None:
    assert not is_chatter(line + "\n")
