"""A progress bar for trainings that run in a cell, where no panel shows how far they are."""

from collections.abc import Callable

from tqdm.auto import tqdm

from jetlab.training import EpochEnd, Event, TrainEnd


def bar(label: str = "training") -> Callable[[Event], None]:
    """Subscriber for `training.fit` and `run`: epochs done, time left and the validation loss. Used in M2."""
    shown: tqdm | None = None

    def on_event(event: Event) -> None:
        nonlocal shown
        if isinstance(event, EpochEnd):
            if shown is None:
                shown = tqdm(total=event.epochs, desc=label, unit="epoch")
            shown.set_postfix(val_loss=f"{event.val_loss:.4f}", refresh=False)
            shown.update()
        elif isinstance(event, TrainEnd) and shown is not None:
            # Training may have ended before its last epoch: that is success, not a bar left hanging.
            shown.total = shown.n
            shown.set_description(f"{label}: {event.reason}")
            shown.close()

    return on_event
