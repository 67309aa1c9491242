"""Is this rank alone, or does an MPI know of others? What knows of them is loaded only where it is needed."""

from __future__ import annotations

from brainrun.mesh import Alone, World


def open_world(*, with_mpi: bool) -> World:
    """The ranks of this run. RunError where MPI is needed and cannot be loaded."""
    if not with_mpi:
        return Alone()
    # Only here, since a run of one rank needs no MPI library.
    from brainrun.mpi_world import open_mpi_world

    return open_mpi_world()
