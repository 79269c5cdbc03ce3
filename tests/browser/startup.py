"""What every kernel of the tests' server runs first: no training that a panel starts ends before the test stops it.

However fast the machine and however few the jets, a training with patience 0 goes on until Stop; it is a real one, so
Pause, the step buttons and the sliders act as ever. What cells train, and panels with another patience, ends as it
does for a participant. JETLAB_TEST_TRAIN, such as 0.01 or 10, is how many times as many training jets (in M7: events)
the panels get.
"""


def _startup() -> None:
    # All names stay in here: a lesson's forgotten import must not go unnoticed.
    import dataclasses
    import os
    import threading
    from typing import Any

    import numpy as np

    from jetlab import config as configs
    from jetlab import tracking, training
    from jetlab.tracking import lstm2017
    from jetlab.training import fitting

    forever = 1_000_000  # epochs, each of which takes a millisecond or more: longer than a test may run
    times = float(os.environ.get("JETLAB_TEST_TRAIN") or 1)
    configs.INTEGERS["epochs"] = lstm2017.RANGES["epochs"] = (1, forever)
    fit, train = fitting.fit, lstm2017.train

    def of_a_panel() -> bool:
        return threading.current_thread() is not threading.main_thread()

    def endless_fit(model: Any, config: Any, data: Any, *args: Any, **options: Any) -> Any:
        if of_a_panel():
            jets = len(data.y_train)
            taken = np.resize(np.arange(jets), round(jets * times))
            names = ("x_train", "y_train", "w_train")
            data = dataclasses.replace(data, **{name: training.rows(getattr(data, name), taken) for name in names})
            epochs = config.epochs if config.patience else forever
            config = dataclasses.replace(config, train_size=None, epochs=epochs)
        return fit(model, config, data, *args, **options)

    def endless_train(hits: Any, settings: Any, *args: Any, **options: Any) -> Any:
        if of_a_panel():
            events = settings.events or hits.events
            hits = tracking.simulate(max(1, round(events * times)), multiplicity=10, seed=1)
            settings = dataclasses.replace(settings, events=None, epochs=forever)
        return train(hits, settings, *args, **options)

    fitting.fit, lstm2017.train = endless_fit, endless_train


_startup()
del _startup
