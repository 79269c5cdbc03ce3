"""What the pages show, as JSON-able values: the ranking of a challenge, and how a room gets on."""

import csv
import io
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from jetlab.board.challenge import FIGURES, HALVES, SIGNIFICANT, Challenge
from jetlab.board.store import Entry, Participant

#: Seconds after which somebody is called stuck, and after which they are taken to have left.
STUCK, LEFT = 600.0, 3600.0
#: Wrong answers that are shown.
COMMONEST = 12
#: What spreadsheets take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Answer = tuple[Participant, str, str, str, float]


def ranking(challenge: Challenge, entries: Sequence[Entry], ended: bool) -> dict[str, Any]:
    """The best entry of each group or participant, best first, and how it differs from the first.

    The best is chosen on the public half. The order is that of the public half until the challenge has ended, and of
    the private half then; figures of the private half are in it only then. `same` is whether the difference in AUC to
    the first is within SIGNIFICANT uncertainties, from the same jets.
    """
    half = "private" if ended else "public"
    best: dict[str, Entry] = {}
    count: Counter[str] = Counter()
    for entry in entries:
        who = _entrant(entry)
        count[who] += 1
        if who not in best or _auc(entry, "public") > _auc(best[who], "public"):
            best[who] = entry
    ordered = sorted(best.values(), key=lambda entry: (-_auc(entry, half), entry.id))
    shown = HALVES if ended else HALVES[:1]
    rows = []
    for rank, entry in enumerate(ordered, start=1):
        first = ordered[0]
        difference = challenge.difference(half, (first.id, first.scores), (entry.id, entry.scores))
        rows.append(
            {
                "rank": rank,
                "entry": entry.id,
                "same": rank > 1 and abs(difference.value) <= SIGNIFICANT * difference.error,
                "behind": finite({"auc": difference})["auc"],
                "name": entry.group or entry.participant.shown,
                "by": entry.participant.shown,
                "note": entry.note,
                "config": entry.config,
                "entries": count[_entrant(entry)],
                "at": entry.at,
                **{part: finite(entry.figures[part]) for part in shown},
            }
        )
    counts = {part: int(challenge.public.sum() if part == "public" else (~challenge.public).sum()) for part in HALVES}
    return {
        "name": challenge.name,
        "rehearsal": challenge.rehearsal,
        "ended": ended,
        "jets": counts,
        "entries": len(entries),
        "rows": rows,
    }


def finite(figures: Mapping[str, Sequence[float]]) -> dict[str, list[float | None]]:
    """Figures for JSON, which has no infinity: the rejection is infinite where no QCD jet passes."""
    return {name: [each if math.isfinite(each) else None for each in pair] for name, pair in figures.items()}


def table(ranked: dict[str, Any]) -> str:
    """A ranking as CSV."""
    halves = [half for half in HALVES if half == "public" or ranked["ended"]]
    figures = [(half, name, part) for half in halves for name in FIGURES for part in (0, 1)]
    head = [f"{half}_{name}{'_error' if part else ''}" for half, name, part in figures]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["rank", "name", "by", "not_distinguishable_from_first", "entries", *head, "note", "config"])
    for row in ranked["rows"]:
        values = [row[half][name][part] for half, name, part in figures]
        texts = [_plain(row[name]) for name in ("name", "by", "note", "config")]
        writer.writerow([row["rank"], *texts[:2], int(row["same"]), row["entries"], *values, *texts[2:]])
    return stream.getvalue()


def room(answers: Sequence[Answer], exercises: Sequence[str], now: float) -> dict[str, Any]:
    """How those get on who share their progress.

    Returns `lesson`, where most are; `exercises`, those that somebody has come to; `rows`, of each participant the
    state of each of these ("", "seen", "wrong" or "right"); `wrong`, the commonest hints; `stuck`, who has been at one
    exercise for STUCK seconds.
    """
    states: dict[int, dict[str, str]] = defaultdict(dict)
    began: dict[tuple[int, str], float] = {}
    latest: dict[int, tuple[str, float]] = {}
    names: dict[int, str] = {}
    people: dict[tuple[str, str], set[int]] = defaultdict(set)
    times: Counter[tuple[str, str]] = Counter()
    for participant, exercise, state, hint, at in answers:
        who = participant.id
        names[who] = participant.shown
        latest[who] = (exercise, at)
        began.setdefault((who, exercise), at)
        # Who was right once has solved it, whatever they try afterwards; dots put back are no step back.
        order = ("seen", "wrong", "right")
        states[who][exercise] = max(states[who].get(exercise, "seen"), state, key=order.index)
        if state == "wrong":
            people[exercise, hint].add(who)
            times[exercise, hint] += 1
    seen = {exercise for done in states.values() for exercise in done}
    columns = [exercise for exercise in exercises if exercise in seen]
    commonest = sorted(people, key=lambda each: (-len(people[each]), -times[each], each))[:COMMONEST]
    stuck = []
    for who, (exercise, at) in latest.items():
        since = now - began[who, exercise]
        if states[who][exercise] != "right" and since >= STUCK and now - at < LEFT:
            stuck.append({"name": names[who], "exercise": exercise, "minutes": int(since // 60)})
    where = Counter(exercise.partition(".")[0] for exercise, _ in latest.values())
    return {
        "lesson": where.most_common(1)[0][0] if where else "",
        "exercises": columns,
        "rows": [
            {"name": names[who], "states": [states[who].get(exercise, "") for exercise in columns]}
            for who in sorted(states)
        ],
        "wrong": [
            {"exercise": each[0], "hint": each[1], "participants": len(people[each]), "times": times[each]}
            for each in commonest
        ],
        "stuck": sorted(stuck, key=lambda each: -each["minutes"]),
    }


def _entrant(entry: Entry) -> str:
    return f"group {entry.group.casefold()}" if entry.group else f"participant {entry.participant.id}"


def _auc(entry: Entry, half: str) -> float:
    return float(entry.figures[half]["auc"][0])


def _plain(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
