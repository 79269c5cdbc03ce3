"""What runs the networks: Keras, loaded when first needed, the device that it finds, and its random numbers."""

import contextlib
import functools
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from jetlab.threads import cores

# Read by TensorFlow's C++ code when it is loaded. What goes wrong raises an exception; the rest is chatter in a lesson.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

_seeding = threading.RLock()
_IMPORT_CHATTER = (b"before absl::InitializeLog()", b"oneDNN custom operations are on")


@functools.cache
def load_keras() -> ModuleType:
    """Import Keras when it is first needed, without TensorFlow's remarks at import; errors still show."""
    # TensorFlow writes to the file descriptor before any log level holds: only a descriptor can be filtered.
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            import keras
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            chatter.seek(0)
            for line in chatter:
                if not any(known in line for known in _IMPORT_CHATTER):
                    os.write(2, line)
    loaded: ModuleType = keras
    return loaded


def name() -> str:
    """Name of the backend that Keras runs on: "tensorflow" unless KERAS_BACKEND says "jax" or "torch"."""
    backend: str = load_keras().backend.backend()
    return backend


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Give layers made in the block the first weights that `keras.utils.set_random_seed(seed)` would give them.

    The user's random numbers go on as if the block had not been, and so do those of other threads, some of which draw
    all the time in a worker of Dask: Keras draws the seed of each layer by Python's `random.randint`, and NumPy's and
    TensorFlow's numbers are not needed. One thread at a time is in such a block.
    """
    with _seeding:
        draw, own, thread = random.randint, random.Random(seed).randint, threading.get_ident()

        def randint(a: int, b: int) -> int:
            return (own if threading.get_ident() == thread else draw)(a, b)

        random.randint = randint
        try:
            yield
        finally:
            random.randint = draw


class Device(NamedTuple):
    """What trains, such as "CPU, 2 cores", and what to do for a better one; nothing where all is well."""

    found: str
    remedy: str = ""


def device() -> str:
    """Name what trains, such as "CPU, 2 cores" or "GPU NVIDIA A100, 40 GB"; sets memory growth before anything else.

    Where a GPU is present but TensorFlow cannot use it, the line says so and the CPU is used.
    """
    found, remedy = find_device()
    return f"{found} ({remedy})" if remedy else found


@functools.cache
def find_device() -> Device:
    """As `device`, in parts: the line, and what to do where a GPU is here but cannot be used or shared."""
    if name() != "tensorflow":
        return Device(_other_device(name()))
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        idle = shutil.which("nvidia-smi") or Path("/dev/nvidia0").exists()
        remedy = "a GPU is here, but TensorFlow finds no CUDA for it: make lab DEVICE=gpu"
        return Device(_cpu(), remedy if idle else "")
    try:
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
        remedy = ""
    except RuntimeError:
        remedy = "TensorFlow ran before jetlab and took all its memory: restart the kernel to share the GPU"
    model = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "of unknown name")
    return Device(f"GPU {model}{_gpu_memory()}", remedy)


def on_gpu() -> bool:
    """Whether networks are trained on a GPU."""
    return find_device().found.startswith("GPU")


def _cpu() -> str:
    return f"CPU, {cores()} core{'s' if cores() > 1 else ''}"


def _other_device(backend: str) -> str:
    """Ask PyTorch or JAX, of which the one that Keras runs on is loaded already."""
    if backend == "torch":
        import torch

        gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    else:
        import jax

        first = jax.devices()[0]
        gpu = first.device_kind if first.platform == "gpu" else ""
    line = f"GPU {gpu}{_gpu_memory()}" if gpu else _cpu()
    return f"{line} (Keras on {backend})"


def _gpu_memory() -> str:
    if not shutil.which("nvidia-smi"):
        return ""
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    first = answer.stdout.splitlines()[0].strip() if answer.stdout else ""
    return f", {int(first) / 1024:.0f} GB" if answer.returncode == 0 and first.isdigit() else ""
