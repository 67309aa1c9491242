"""Where do two hosts come from on one machine? Network namespaces of Linux, joined by a link of a chosen rate.

Each host is a namespace with one core, a host name and a /dev/shm of its own, so that ranks of different hosts cannot
share memory: all they exchange crosses the link. A third namespace is the switch between them, and MPI's launcher runs
there; nothing is to be seen of them in the machine's own network. Needs root, and iproute2.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from brainrun.launch import find_launcher

HOSTS = 2
PREFIX = "brainc-links"
SWITCH = f"{PREFIX}-switch"
INTERFACE = "e0"
# RFC 2544 sets these addresses apart for measuring networks.
NETWORK, SWITCH_NUMBER, BITS = "198.18.0", 254, 24

_TOOLS = ("ip", "tc", "taskset", "unshare", "mount", "hostname")
_LOCK = Path("/run") / f"{PREFIX}.lock"
_UNITS = {"kbit": 1e3, "mbit": 1e6, "gbit": 1e9}
_SECONDS_OF_BURST = 5e-4
_LEAST_BURST, _MOST_OF_A_PACKET = 16384, 65536
# More than a connexion's buffers hold, so that nothing is ever lost and the rate is all that limits.
_QUEUE = 1 << 26
_CONTROLS = ("cubic", "reno")
_SECONDS_TO_END = 5.0


class Unavailable(Exception):
    """Hosts cannot be made here; the message says why."""


@dataclass(frozen=True, slots=True)
class Link:
    """A rate as `tc` writes it, 1gbit for instance, in each direction."""

    name: str

    def __post_init__(self) -> None:
        """ValueError where it is no rate."""
        if not re.fullmatch(r"[1-9]\d{0,3}(kbit|mbit|gbit)", self.name):
            raise ValueError(f"'{self.name}' is no rate such as 100mbit or 1gbit")

    @property
    def bytes_per_second(self) -> float:
        """What crosses it in a second, headers included."""
        return int(self.name[:-4]) * _UNITS[self.name[-4:]] / 8

    @property
    def burst(self) -> int:
        """Bytes that may pass at once after a rest.

        A bucket that held a step's whole message would make the link look faster than it is, so it holds half a
        millisecond, which the system's timers can keep up with.
        """
        return max(_LEAST_BURST, int(self.bytes_per_second * _SECONDS_OF_BURST))


def address(number: int) -> str:
    """The address of a host, counted from 0."""
    return f"{NETWORK}.{number + 1}"


def name_of(host: int) -> str:
    """The name of a host and of its namespace."""
    return f"{PREFIX}-{host}"


def why_not() -> str | None:
    """Why no hosts can be made on this machine, in a few words; None where they can, as far as can be told."""
    if not sys.platform.startswith("linux"):
        return "it needs the network namespaces of Linux"
    if missing := [tool for tool in _TOOLS if shutil.which(tool) is None]:
        return f"it needs {', '.join(missing)} (iproute2 and util-linux)"
    if os.geteuid() != 0:
        return "only root can make network namespaces"
    if len(os.sched_getaffinity(0)) < HOSTS:
        return f"it needs {HOSTS} cores, one for each host"
    return None


class Hosts:
    """Two hosts while the `with` lasts; whatever happens, nothing of them is left after it.

    What a run that was killed has left is removed first. Unavailable where the machine does not allow namespaces, or
    where another run has the hosts.
    """

    def __init__(self, link: Link, folder: Path) -> None:
        self.link = link
        self._folder = folder
        self._cores = sorted(os.sched_getaffinity(0))[:HOSTS]
        self._lock = -1
        self.control = ""

    def __enter__(self) -> Hosts:
        self._lock = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise Unavailable("another run of it is under way on this machine") from None
        try:
            _remove()
            self._build()
        except BaseException:  # an interrupt, too, leaves no hosts behind
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def on(self, host: int, command: Sequence[str]) -> list[str]:
        """The command that runs a command on this host."""
        script = 'hostname "$0" && mount -t tmpfs tmpfs /dev/shm && exec "$@"'
        inside = ["unshare", "--uts", "--ipc", "--mount", "sh", "-c", script, name_of(host), *command]
        return ["ip", "netns", "exec", name_of(host), "taskset", "-c", str(self._cores[host]), *inside]

    def mpi(self, command: Sequence[str]) -> list[str]:
        """The command that runs a command as one rank of MPI on each host, over TCP."""
        launcher = [str(find_launcher()), "-iface", INTERFACE, "-launcher", "ssh"]
        launcher += ["-launcher-exec", str(self._launch), "-hosts", ",".join(address(host) for host in range(HOSTS))]
        launcher += ["-n", str(HOSTS), "-ppn", "1"]
        # Left to itself MPICH takes UCX, whose TCP is slower where links are fast.
        launcher += ["-genv", "MPIR_CVAR_CH4_NETMOD", "ofi", "-genv", "FI_PROVIDER", "tcp"]
        return ["ip", "netns", "exec", SWITCH, *launcher, *command]

    def bytes_sent(self) -> tuple[int, ...]:
        """What each host has put on its link so far."""
        counter = f"/sys/class/net/{INTERFACE}/statistics/tx_bytes"
        return tuple(int(_ip("netns", "exec", name_of(host), "cat", counter)) for host in range(HOSTS))

    def clear(self) -> None:
        """End all that still runs on the hosts."""
        _clear(_names())

    @property
    def _launch(self) -> Path:
        return self._folder / "launch"

    def _build(self) -> None:
        _ip("netns", "add", SWITCH)
        _ip("-n", SWITCH, "link", "add", INTERFACE, "type", "bridge")
        _ip("-n", SWITCH, "addr", "add", f"{NETWORK}.{SWITCH_NUMBER}/{BITS}", "dev", INTERFACE)
        for device in ("lo", INTERFACE):
            _ip("-n", SWITCH, "link", "set", device, "up")
        for host in range(HOSTS):
            self._add(host)
        cases = " ".join(
            f"{address(host)}) host={name_of(host)} core={core};;" for host, core in enumerate(self._cores)
        )
        self._launch.write_text(_LAUNCH.format(cases=cases), encoding="utf-8")
        self._launch.chmod(0o700)

    def _add(self, host: int) -> None:
        name, plug, burst = name_of(host), f"host{host}", self.link.burst
        _ip("netns", "add", name)
        ends = ("type", "veth", "peer", "name", INTERFACE, "netns", name)
        _ip("-n", SWITCH, "link", "add", plug, *ends)
        _ip("-n", SWITCH, "link", "set", plug, "master", INTERFACE, "up")
        # Packets that the bucket lets pass whole: it would cut longer ones up, which takes the host's core.
        packet = str(min(_MOST_OF_A_PACKET, burst // 2))
        _ip("-n", name, "link", "set", INTERFACE, "gso_max_size", packet)
        _ip("-n", name, "addr", "add", f"{address(host)}/{BITS}", "dev", INTERFACE)
        for device in ("lo", INTERFACE):
            _ip("-n", name, "link", "set", device, "up")
        self.control = _control(name)
        # Each host's sending is limited, so the link has its rate in each direction.
        bucket = ("tbf", "rate", self.link.name, "burst", str(burst), "limit", str(_QUEUE))
        _ip("netns", "exec", name, "tc", "qdisc", "add", "dev", INTERFACE, "root", *bucket)

    def _end(self) -> None:
        _remove()
        os.close(self._lock)


# Hydra calls its launcher as `ssh [options] address command`.
_LAUNCH = """#!/bin/sh
while case $1 in -*) true;; *) false;; esac; do shift; done
case $1 in {cases} *) echo "no host $1" >&2; exit 1;; esac
shift
exec ip netns exec $host taskset -c $core unshare --uts --ipc --mount \\
    sh -c "hostname $host && mount -t tmpfs tmpfs /dev/shm && $*"
"""


def _names() -> list[str]:
    """Our namespaces that there are."""
    return [line.split()[0] for line in _ip("netns", "list").splitlines() if line.startswith(f"{PREFIX}-")]


def _clear(names: Sequence[str]) -> None:
    """End what runs in some of our namespaces, politely at first."""
    end = time.monotonic() + _SECONDS_TO_END
    while running := [int(pid) for name in names for pid in _ip("netns", "pids", name).split()]:
        late = time.monotonic() > end
        for pid in running:
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
        if late:
            break
        time.sleep(0.05)


def _remove() -> None:
    """End what runs in our namespaces, and remove them; their devices go with them."""
    names = _names()
    _clear(names)
    for name in names:
        _ip("netns", "del", name)


def _control(name: str) -> str:
    """What keeps TCP's rate in a namespace: one that does not pace itself, where this machine lets us choose one."""
    file = "/proc/sys/net/ipv4/tcp_congestion_control"
    for control in _CONTROLS:
        with contextlib.suppress(Unavailable):  # this machine does not have that one
            _ip("netns", "exec", name, "sh", "-c", f"echo {control} > {file}")
            break
    return _ip("netns", "exec", name, "cat", file).strip()


def _ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"`ip {' '.join(words)}` says: {done.stderr.strip() or done.returncode}")
    return done.stdout
