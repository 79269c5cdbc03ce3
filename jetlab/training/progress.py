"""Progress bars for what runs in a cell, where no panel shows how far it is."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from tqdm.auto import tqdm

from jetlab.training.events import EpochEnd, Event, TrainEnd

#: Seconds between two looks of a bar: a browser gets no more messages than it can show.
INTERVAL = 0.25


def bar(label: str = "training", leave: bool = True) -> Callable[[Event], None]:
    """Subscriber for `training.fit` and `run`: epochs done, time left and the validation loss.

    The bar is there once the network is; without `leave` it goes when training ends.
    """
    shown: tqdm[NoReturn] | None = None

    def on_event(event: Event) -> None:
        nonlocal shown
        if not isinstance(event, TrainEnd):
            if shown is None:
                # With no least number of epochs between two looks, the clock goes on during an epoch.
                shown = tqdm(
                    total=event.epochs, desc=label, unit="epoch", leave=leave, miniters=0, mininterval=INTERVAL
                )
            if isinstance(event, EpochEnd):
                shown.set_postfix(val_loss=f"{event.val_loss:.4f}", refresh=False)
            shown.update(1 if isinstance(event, EpochEnd) else 0)
        elif shown is not None:
            # Training may have ended before its last epoch: that is success, not a bar left hanging.
            shown.total = shown.n
            shown.set_description(f"{label}: {event.reason}")
            shown.close()

    return on_event


@contextmanager
def clock(label: str) -> Iterator[None]:
    """Show a running clock while a block of code runs that does not say how far it is, as scikit-learn's `fit`."""
    over = threading.Event()
    with tqdm(total=1, desc=label, bar_format="{desc}: {percentage:.0f}%|{bar}| {elapsed}") as shown:

        def tick() -> None:
            while not over.wait(INTERVAL):
                shown.refresh()

        ticking = threading.Thread(target=tick, daemon=True)
        ticking.start()
        try:
            yield
        finally:
            over.set()
            ticking.join()
        shown.update()
