"""The look at the test jets at the end of a scan, on purpose."""

from collections.abc import Callable

from jetlab import inputs, metrics, training
from jetlab.config import RunConfig
from jetlab.metrics import Estimate
from jetlab.scan.space import ScanError
from jetlab.scan.table import Table


def look(table: Table, prepare: Callable[[RunConfig], inputs.Prepared]) -> dict[str, Estimate]:
    """Train the best point again, the same runs, and measure them on the test jets: name -> mean over the seeds.

    Do this once, when the point is chosen. Raises ScanError where no point is done, or it is no tagger.
    """
    best = table.best
    if best is None:
        raise ScanError("No point is done yet: let the scan run first.")
    found, prepared = [], prepare(best.configs[0])
    if prepared.data.regression:
        raise ScanError("Only taggers can be looked at here: judge a regression as lesson M6 does.")
    for config in best.configs:
        result = training.run(config, prepared.data, training.bar(f"seed {config.seed}"))
        found.append(metrics.evaluate(prepared.y_test, result.predict(prepared.x_test), prepared.w_test))
    return metrics.over_seeds(found) if len(found) > 1 else dict(found[0])
