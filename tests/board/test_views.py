"""The teacher's view: where everybody is, what goes wrong most, who is stuck; and only of those who share."""

from jetlab.board import views
from jetlab.board.store import Participant

from .boards import Served

ADA, SEVEN = Participant(1, "Ada", True), Participant(7, "", True)
EXERCISES = ("M1.01", "M2.01", "M2.02", "M2.B1")


def test_a_room() -> None:
    answers = [
        (ADA, "M2.01", "seen", "", 0.0),
        (ADA, "M2.01", "wrong", "count again", 10.0),
        (ADA, "M2.01", "wrong", "count again", 20.0),
        (SEVEN, "M2.01", "wrong", "count again", 30.0),
        (SEVEN, "M2.01", "wrong", "a number", 40.0),
        (SEVEN, "M2.01", "right", "", 50.0),
        (SEVEN, "M2.01", "wrong", "a number", 60.0),
        (SEVEN, "M2.B1", "seen", "", 70.0),
    ]
    room = views.room(answers, EXERCISES, now=100.0)
    assert room["lesson"] == "M2"
    assert room["exercises"] == ["M2.01", "M2.B1"]
    # What was right once stays so.
    assert room["rows"] == [
        {"name": "Ada", "states": ["wrong", ""]},
        {"name": "participant 7", "states": ["right", "seen"]},
    ]
    assert room["wrong"] == [
        {"exercise": "M2.01", "hint": "count again", "participants": 2, "times": 3},
        {"exercise": "M2.01", "hint": "a number", "participants": 1, "times": 2},
    ]
    assert room["stuck"] == []
    later = views.room(answers, EXERCISES, now=671.0)
    assert later["stuck"] == [
        {"name": "Ada", "exercise": "M2.01", "minutes": 11},
        {"name": "participant 7", "exercise": "M2.B1", "minutes": 10},
    ]
    # After an hour of silence they have left.
    assert views.room(answers, EXERCISES, now=3651.0)["stuck"][0]["name"] == "participant 7"
    assert views.room(answers, EXERCISES, now=9999.0)["stuck"] == []


def test_who_goes_on_or_solves_it_is_not_stuck() -> None:
    answers = [
        (ADA, "M2.01", "wrong", "no", 0.0),
        (ADA, "M2.02", "seen", "", 590.0),
        (SEVEN, "M1.01", "right", "", 0.0),
    ]
    assert views.room(answers, EXERCISES, now=700.0)["stuck"] == []


def test_nobody() -> None:
    empty = {"lesson": "", "exercises": [], "rows": [], "wrong": [], "stuck": []}
    assert views.room([], EXERCISES, now=0.0) == empty


def test_only_who_shares_is_seen(served: Served) -> None:
    shares, silent = served.join(), served.join(shares=False)
    assert served.answer(shares, "M2.01", "right").status_code == 201
    assert served.answer(silent, "M2.01", "right").status_code == 403
    teacher = served.browser("teacher-token")

    def names() -> list[str]:
        return [row["name"] for row in teacher.get(f"{served.url}api/room", timeout=60).json()["room"]["rows"]]

    assert names() == ["participant 1"]
    served.answer(shares, "M2.01", "right")  # the same message again
    assert len(served.board.store.answers()) == 1
    served.call("PUT", "api/join", shares, json={"shares": False})
    assert names() == []


def test_lessons_come_in_the_order_of_work(served: Served) -> None:
    secret = served.join()
    for number, exercise in enumerate(("E1.01", "M2.01", "P1.01", "M0.01")):
        served.answer(secret, exercise, "right", key=number)
    room = served.browser("teacher-token").get(f"{served.url}api/room", timeout=60).json()["room"]
    assert room["exercises"] == ["M0.01", "P1.01", "M2.01", "E1.01"]
