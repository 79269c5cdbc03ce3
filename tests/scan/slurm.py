"""A Slurm of one node on this machine, for as long as a block runs; it needs Debian's Slurm and munge, and root.

apt install --no-install-recommends slurmctld slurmd slurm-client munge
"""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel")
CONF = """
ClusterName=jetlab
SlurmctldHost={node}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
NodeName={node} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=short Nodes=ALL Default=YES MaxTime=INFINITE OverSubscribe=YES State=UP
"""


def lacking() -> str:
    """What is missing for a Slurm here, or nothing."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"no Slurm here: {', '.join(missing)} not installed"
    return "" if os.geteuid() == 0 else "only root can start a Slurm"


@contextlib.contextmanager
def one_node(folder: Path, seconds: float = 120) -> Iterator[None]:
    """Start Slurm with its files in a folder; its commands find it while the block runs."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key, socket_file, conf = folder / "munge.key", folder / "munge.socket", folder / "slurm.conf"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    conf.write_text(
        CONF.format(node=socket.gethostname().split(".")[0], ports=_ports(2), folder=folder, cpus=os.cpu_count())
    )
    files = [f"--{name}={folder}/munge.{name.split('-')[0]}" for name in ("pid-file", "log-file", "seed-file")]
    munged = ["munged", "--force", "--foreground", f"--key-file={key}", f"--socket={socket_file}", *files]
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = str(conf)
    started = []
    end = time.monotonic() + seconds
    try:
        for command in (munged, ["slurmctld", "-D", "-f", str(conf)], ["slurmd", "-D", "-f", str(conf)]):
            log = (folder / f"{command[0]}.out").open("w")
            started.append(subprocess.Popen(command, stdout=log, stderr=log))
            log.close()
            # Slurm's own programs wait for each other, but not for munge.
            while not socket_file.exists() and time.monotonic() < end and started[0].poll() is None:
                time.sleep(0.05)
        while "idle" not in _said("sinfo", "--noheader", "--format=%T"):
            if time.monotonic() > end or any(process.poll() is not None for process in started):
                logs = "\n".join(path.read_text()[-2000:] for path in folder.glob("*.[lo][ou][gt]"))
                raise RuntimeError(f"Slurm did not start:\n{logs}")
            time.sleep(0.5)
        yield
    finally:
        _said("scancel", "--user=root")
        for process in reversed(started):
            process.terminate()
            process.wait(30)
        os.environ.pop("SLURM_CONF")
        if before is not None:
            os.environ["SLURM_CONF"] = before


def jobs() -> list[str]:
    """Numbers of the jobs that run."""
    return _said("squeue", "--noheader", "--states=RUNNING", "--format=%i").split()


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
