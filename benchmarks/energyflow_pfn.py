"""EnergyFlow's side of the benchmarks, run by a Python that has EnergyFlow (which wants another Keras than jetlab).

    python energyflow_pfn.py pfn SPLIT.h5 SEED EPOCHS SCORES.npz
    python energyflow_pfn.py pixelate JETS.h5 SIZE WIDTH IMAGES.npz

Made with `python3 -m venv EF; EF/bin/pip install energyflow tf_keras scikit-learn tensorflow-cpu h5py "numpy<2"`. Only
NumPy, h5py and EnergyFlow are imported: nothing of jetlab, so that the reference stays an outside one.
"""

import json
import os
import sys
import time

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import energyflow
import h5py
import numpy as np


def pfn(split: str, seed: str, epochs: str, output: str) -> None:
    """Train a particle-flow network with the sizes of EnergyFlow's own example; save scores of validation and test."""
    import tensorflow as tf
    from energyflow.archs import PFN

    tf.get_logger().setLevel("ERROR")
    tf.keras.utils.set_random_seed(int(seed))
    with h5py.File(split) as file:
        x, y, w = ({part: file[part][letter][()] for part in file} for letter in "xyw")
    began = time.perf_counter()
    model = PFN(
        input_dim=x["train"].shape[-1],
        Phi_sizes=(100, 100, 128),
        F_sizes=(100, 100, 100),
        patience=4,
        earlystop_opts={"monitor": "val_loss", "restore_best_weights": True},
        summary=False,
    )
    labels = {part: np.stack([1 - y[part], y[part]], axis=1) for part in y}
    history = model.fit(
        x["train"],
        labels["train"],
        sample_weight=w["train"],
        epochs=int(epochs),
        batch_size=500,
        validation_data=(x["validation"], labels["validation"], w["validation"]),
        verbose=0,
    )
    seconds = time.perf_counter() - began
    scores = {part: model.predict(x[part], batch_size=2000, verbose=0)[:, 1] for part in ("validation", "test")}
    told = {
        "params": model.model.count_params(),
        "seconds": seconds,
        "val_loss": [float(loss) for loss in history.history["val_loss"]],
        "versions": {"energyflow": energyflow.__version__, "tensorflow": tf.__version__, "numpy": np.__version__},
    }
    np.savez(output, told=json.dumps(told), **scores)


def pixelate(jets: str, size: str, width: str, output: str) -> None:
    """Make images with EnergyFlow's function, one jet after the other; save them and the seconds."""
    with h5py.File(jets) as file:
        columns, counts = file["candidates"][()], file["counts"][()]
    each = np.split(columns, np.cumsum(counts)[:-1])
    times = []
    for _ in range(3):
        began = time.process_time()
        made = [energyflow.utils.pixelate(jet, int(size), float(width)) for jet in each]
        times.append(time.process_time() - began)
    versions = {"energyflow": energyflow.__version__, "numpy": np.__version__}
    np.savez(output, told=json.dumps({"seconds": min(times), "versions": versions}), images=np.array(made, np.float32))


if __name__ == "__main__":
    {"pfn": pfn, "pixelate": pixelate}[sys.argv[1]](*sys.argv[2:])
