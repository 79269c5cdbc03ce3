"""What of each lesson was solved, built and predicted on this machine."""

from collections.abc import Iterable

from jetlab.check import engine, predictions, solved, tasks


def progress() -> None:
    """Print for each lesson which exercises were ever answered rightly, which targets reached, what was predicted.

    A star is for all exercises and build tasks of a lesson; predictions have no right or wrong, so they are only
    counted. Running a folded solution does not count.
    """
    done, trouble = solved.read()
    for lesson in engine.LESSONS:
        exercises, built, predicted = (
            [name in done for name in names if name.startswith(f"{lesson}.")]
            for names in (engine.exercises(), tasks.names(), predictions.names())
        )
        badge = "★" if all(exercises + built) else " "
        parts = [f"{sum(exercises)} of {len(exercises)}"]
        parts += [f"built {_marks(built, '■□')}"] if built else []
        parts += [f"predicted {sum(predicted)} of {len(predicted)}"] if predicted else []
        print(f"{lesson} {badge} {_marks(exercises, '●○'):10} {', '.join(parts)}")
    if trouble:
        print(trouble)


def _marks(found: Iterable[bool], signs: str) -> str:
    return "".join(signs[0] if each else signs[1] for each in found)
