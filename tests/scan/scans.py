"""A small scan: two Gaussians per jet, networks of a few nodes."""

import numpy as np

from jetlab import training
from jetlab.config import RunConfig
from jetlab.scan import Space

CONFIG = RunConfig(inputs=("a", "b"), layers=1, nodes=4, batch_size=64, learning_rate=1e-2, epochs=2, patience=0)
GRID = Space.of(CONFIG, nodes=[2, 4], learning_rate=[1e-3, 1e-2, 1e-1], seed=[1, 2])


def data(n=600, seed=1):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 2 * n)
    x = rng.normal(y[:, None], 1.0, (2 * n, 2)).astype(np.float32)
    return training.Data(x[:n], y[:n], None, x[n:], y[n:], None)


def curves(table):
    """Knobs of each point that is done -> the validation losses of its runs."""
    key = sorted(table.space.knobs)
    return {
        tuple(point.values[k] for k in key): [o.history["val_loss"] for o in point.outcomes] for point in table.done
    }


def whole(table):
    """Whether each point of the grid was trained, and counts, once."""
    found = [tuple(sorted(point.values.items())) for point in table.points]
    wanted = [tuple(sorted(values.items())) for values in table.space.grid()]
    return sorted(found) == sorted(wanted) and len(table.done) == len(wanted)
