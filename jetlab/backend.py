"""What runs the networks: Keras, loaded when first needed, and the device that TensorFlow finds."""

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

from jetlab.threads import cores as cores

# Read by TensorFlow's C++ code when it is loaded. What goes wrong raises an exception; the rest is chatter in a lesson.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

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
    return keras


def name() -> str:
    """Name of the backend that Keras runs on: "tensorflow" unless KERAS_BACKEND says "jax" or "torch"."""
    return load_keras().backend.backend()


@functools.cache
def device() -> str:
    """Name what trains, such as "CPU, 2 cores" or "GPU NVIDIA A100, 40 GB"; sets memory growth before anything else.

    Where a GPU is present but TensorFlow cannot use it, the line says so and the CPU is used. Used in all lessons.
    """
    if name() != "tensorflow":
        return _other_device(name())
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        line = _cpu()
        if shutil.which("nvidia-smi") or Path("/dev/nvidia0").exists():
            line += " (a GPU is here, but TensorFlow finds no CUDA for it: make lab DEVICE=gpu)"
        return line
    try:
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
        note = ""
    except RuntimeError:
        note = " (all its memory is taken, for TensorFlow ran before jetlab: restart the kernel to share the GPU)"
    model = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "of unknown name")
    return f"GPU {model}{_gpu_memory()}{note}"


def on_gpu() -> bool:
    """Whether networks are trained on a GPU."""
    return device().startswith("GPU")


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
