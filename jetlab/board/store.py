"""What the board keeps, in any database that SQLAlchemy knows: whatever was answered as accepted is on the disk.

One thread of the server calls a `Store`, so one transaction follows another.
"""

import hashlib
import json
import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sql
from numpy.typing import NDArray
from sqlalchemy import Column, Float, ForeignKey, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from jetlab.board.forms import Refused
from jetlab.errors import JetlabError

HOUR = 3600.0
_METADATA = sql.MetaData()


def _table(name: str, *columns: Column[Any] | UniqueConstraint) -> Table:
    return Table(f"board_{name}", _METADATA, *columns)


SETTINGS = _table("settings", Column("name", String(40), primary_key=True), Column("value", Text, nullable=False))
PARTICIPANTS = _table(
    "participants",
    Column("id", Integer, primary_key=True),
    Column("secret", String(64), unique=True, nullable=False),
    Column("login", String(255), unique=True),
    Column("name", String(80), nullable=False),
    Column("shares", sql.Boolean, nullable=False),
)
ENTRIES = _table(
    "entries",
    Column("id", Integer, primary_key=True),
    Column("participant", ForeignKey(PARTICIPANTS.c.id), nullable=False),
    Column("key", String(32), nullable=False),
    Column("challenge", String(40), nullable=False, index=True),
    Column("group", String(80), nullable=False),
    Column("note", Text, nullable=False),
    Column("config", Text, nullable=False),
    Column("scores", LargeBinary, nullable=False),
    Column("figures", Text, nullable=False),
    Column("at", Float, nullable=False),
    UniqueConstraint("participant", "key"),
)
ENDED = _table("ended", Column("challenge", String(40), primary_key=True), Column("at", Float, nullable=False))
ANSWERS = _table(
    "answers",
    Column("id", Integer, primary_key=True),
    Column("participant", ForeignKey(PARTICIPANTS.c.id), nullable=False, index=True),
    Column("key", String(32), nullable=False),
    Column("exercise", String(40), nullable=False),
    Column("state", String(8), nullable=False),
    Column("hint", Text, nullable=False),
    Column("at", Float, nullable=False),
    UniqueConstraint("participant", "key"),
)
POLLS = _table(
    "polls",
    Column("id", Integer, primary_key=True),
    Column("question", Text, nullable=False),
    Column("choices", Text, nullable=False),
    Column("closed", sql.Boolean, nullable=False),
)
VOTES = _table(
    "votes",
    Column("poll", ForeignKey(POLLS.c.id), primary_key=True),
    Column("participant", ForeignKey(PARTICIPANTS.c.id), primary_key=True),
    Column("choice", Integer, nullable=False),
)


class StoreError(JetlabError):
    """The database cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Participant:
    """Somebody who joined: a number, the name that they gave or "", and whether they share their progress."""

    id: int
    name: str
    shares: bool

    @property
    def shown(self) -> str:
        """What they are called."""
        return self.name or f"participant {self.id}"


@dataclass(frozen=True)
class Entry:
    """An entry of a challenge as it was sent, and what was measured of it: half -> figure -> (value, error)."""

    id: int
    participant: Participant
    group: str
    note: str
    config: str
    scores: NDArray[np.float64]
    figures: dict[str, dict[str, tuple[float, float]]]
    at: float


class Store:
    """The board's tables in the database at `url`, made where they are missing. `clock` gives seconds since 1970.

    Raises StoreError for a database that cannot be opened.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        try:
            self._engine = sql.create_engine(url, hide_parameters=True)
            if self._engine.dialect.name == "sqlite":
                sql.event.listen(self._engine, "connect", _prepare_sqlite)
            _METADATA.create_all(self._engine)
        except ModuleNotFoundError as error:
            raise StoreError(f"{error.name} is not installed, which this database needs: install it by pip.") from error
        except sql.exc.SQLAlchemyError as error:
            # Not the URL, which may have a password in it.
            reason = " ".join(str(getattr(error, "orig", error)).split())[:200]
            raise StoreError(f"The database cannot be used ({reason}): check --db, and that it runs.") from error

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def setting(self, name: str, value: str) -> str:
        """What is kept under a name; `value`, which is then kept, if there is nothing."""
        with self._engine.begin() as connection:
            found = connection.scalar(sql.select(SETTINGS.c.value).where(SETTINGS.c.name == name))
            if found is None:
                connection.execute(SETTINGS.insert().values(name=name, value=value))
            return value if found is None else str(found)

    def join(self, name: str, shares: bool, login: str | None, most: int) -> tuple[Participant, str]:
        """A new participant and their secret, of which only a digest is kept.

        Somebody whom the hub knows, by `login`, stays the same participant and gets a new secret. Raises Refused for
        more than `most` participants.
        """
        secret = secrets.token_urlsafe(24)
        values = {"secret": _digest(secret), "name": name, "shares": shares}
        with self._engine.begin() as connection:
            known = None
            if login is not None:
                known = connection.scalar(sql.select(PARTICIPANTS.c.id).where(PARTICIPANTS.c.login == login))
            if known is not None:
                connection.execute(PARTICIPANTS.update().where(PARTICIPANTS.c.id == known).values(**values))
                return Participant(known, name, shares), secret
            if (connection.scalar(sql.select(sql.func.count()).select_from(PARTICIPANTS)) or 0) >= most:
                raise Refused(429, f"{most} participants have joined, which is as many as this board takes.")
            added = connection.execute(PARTICIPANTS.insert().values(login=login, **values)).inserted_primary_key
            assert added is not None
            return Participant(added[0], name, shares), secret

    def participant(self, secret: str) -> Participant | None:
        """Whose secret this is."""
        found = PARTICIPANTS.c.secret == _digest(secret)
        with self._engine.connect() as connection:
            row = connection.execute(sql.select(PARTICIPANTS).where(found)).one_or_none()
        return None if row is None else Participant(row.id, row.name, row.shares)

    def change(self, participant: Participant, name: str, shares: bool) -> Participant:
        """Another name, or another decision about sharing. Whoever shares no more leaves no progress behind."""
        with self._engine.begin() as connection:
            this = PARTICIPANTS.c.id == participant.id
            connection.execute(PARTICIPANTS.update().where(this).values(name=name, shares=shares))
            if not shares:
                connection.execute(ANSWERS.delete().where(ANSWERS.c.participant == participant.id))
        return Participant(participant.id, name, shares)

    def sent(self, participant: Participant, key: str) -> tuple[int, dict[str, Any]] | None:
        """Number and figures of the entry that was sent under this key before."""
        this = (ENTRIES.c.participant == participant.id) & (ENTRIES.c.key == key)
        with self._engine.connect() as connection:
            row = connection.execute(sql.select(ENTRIES.c.id, ENTRIES.c.figures).where(this)).one_or_none()
        return None if row is None else (row.id, json.loads(row.figures))

    def room_for(self, participant: Participant, challenge: str, per_hour: int) -> int:
        """How many entries they may still send this hour. Raises Refused if none, and after the challenge's end."""
        with self._engine.connect() as connection:
            return self._room(connection, participant, challenge, per_hour)

    def enter(
        self, participant: Participant, challenge: str, key: str, values: dict[str, Any], per_hour: int
    ) -> tuple[int, int]:
        """Keep an entry, once for each key; returns its number and how many more may follow this hour.

        `values` are group, note, config, scores (bytes) and figures. Raises Refused as `room_for`.
        """
        with self._engine.begin() as connection:
            this = (ENTRIES.c.participant == participant.id) & (ENTRIES.c.key == key)
            known = connection.scalar(sql.select(ENTRIES.c.id).where(this))
            if known is not None:
                return int(known), max(0, per_hour - self._recent(connection, participant, challenge))
            left = self._room(connection, participant, challenge, per_hour) - 1
            own = {"participant": participant.id, "challenge": challenge, "key": key, "at": self.clock()}
            values = values | {"figures": json.dumps(values["figures"])}
            added = connection.execute(ENTRIES.insert().values(**own, **values)).inserted_primary_key
            assert added is not None
            return int(added[0]), left

    def _recent(self, connection: sql.Connection, participant: Participant, challenge: str) -> int:
        recent = (
            (ENTRIES.c.participant == participant.id)
            & (ENTRIES.c.challenge == challenge)
            & (ENTRIES.c.at > self.clock() - HOUR)
        )
        return connection.scalar(sql.select(sql.func.count()).select_from(ENTRIES).where(recent)) or 0

    def _room(self, connection: sql.Connection, participant: Participant, challenge: str, per_hour: int) -> int:
        if connection.scalar(sql.select(ENDED.c.at).where(ENDED.c.challenge == challenge)) is not None:
            raise Refused(409, f"{challenge} is over: the ranking stays as it is.")
        left = per_hour - self._recent(connection, participant, challenge)
        if left <= 0:
            raise Refused(429, f"You sent {per_hour} entries within an hour, as many as are allowed: wait a while.")
        return left

    def entries(self, challenge: str) -> list[Entry]:
        """All entries of a challenge, in the order in which they came."""
        query = (
            sql.select(ENTRIES, PARTICIPANTS.c.name, PARTICIPANTS.c.shares)
            .join(PARTICIPANTS, PARTICIPANTS.c.id == ENTRIES.c.participant)
            .where(ENTRIES.c.challenge == challenge)
            .order_by(ENTRIES.c.id)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [
            Entry(
                row.id,
                Participant(row.participant, row.name, row.shares),
                row.group,
                row.note,
                row.config,
                np.frombuffer(row.scores, "<f4").astype(np.float64),
                json.loads(row.figures),
                row.at,
            )
            for row in rows
        ]

    def end(self, challenge: str) -> None:
        """End a challenge for good."""
        with self._engine.begin() as connection:
            if connection.scalar(sql.select(ENDED.c.at).where(ENDED.c.challenge == challenge)) is None:
                connection.execute(ENDED.insert().values(challenge=challenge, at=self.clock()))

    def ended(self) -> set[str]:
        """Names of the challenges that are over."""
        with self._engine.connect() as connection:
            return set(connection.scalars(sql.select(ENDED.c.challenge)))

    def answer(self, participant: Participant, key: str, exercise: str, state: str, hint: str) -> None:
        """Keep that an exercise was seen, answered wrongly or rightly, once for each key."""
        with self._engine.begin() as connection:
            this = (ANSWERS.c.participant == participant.id) & (ANSWERS.c.key == key)
            if connection.scalar(sql.select(ANSWERS.c.id).where(this)) is None:
                values = {"key": key, "exercise": exercise, "state": state, "hint": hint, "at": self.clock()}
                connection.execute(ANSWERS.insert().values(participant=participant.id, **values))

    def answers(self) -> list[tuple[Participant, str, str, str, float]]:
        """Participant, exercise, state, hint and time of all answers that are shared, as they came."""
        query = (
            sql.select(ANSWERS, PARTICIPANTS.c.name)
            .join(PARTICIPANTS, PARTICIPANTS.c.id == ANSWERS.c.participant)
            .where(PARTICIPANTS.c.shares)
            .order_by(ANSWERS.c.id)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [
            (Participant(row.participant, row.name, True), row.exercise, row.state, row.hint, row.at) for row in rows
        ]

    def ask(self, question: str, choices: Sequence[str]) -> None:
        """Open a poll, and close the one before."""
        with self._engine.begin() as connection:
            connection.execute(POLLS.update().values(closed=True))
            connection.execute(POLLS.insert().values(question=question, choices=json.dumps(choices), closed=False))

    def close_poll(self) -> None:
        """Take no more votes."""
        with self._engine.begin() as connection:
            connection.execute(POLLS.update().values(closed=True))

    def poll(self) -> dict[str, Any] | None:
        """The latest poll: number, question, choices, votes for each, whether it is closed."""
        with self._engine.connect() as connection:
            row = connection.execute(sql.select(POLLS).order_by(POLLS.c.id.desc()).limit(1)).one_or_none()
            if row is None:
                return None
            cast = Counter(connection.scalars(sql.select(VOTES.c.choice).where(VOTES.c.poll == row.id)))
        choices = json.loads(row.choices)
        counted = [cast[number] for number in range(len(choices))]
        return {"id": row.id, "question": row.question, "choices": choices, "votes": counted, "closed": row.closed}

    def vote(self, participant: Participant, choice: str) -> str:
        """Count a vote in the poll that is open; a second one replaces the first. Raises Refused."""
        with self._engine.begin() as connection:
            row = connection.execute(sql.select(POLLS).where(~POLLS.c.closed)).one_or_none()
            if row is None:
                raise Refused(409, "No poll is open.")
            choices = json.loads(row.choices)
            folded = [each.casefold() for each in choices]
            if choice.casefold() not in folded:
                raise Refused(400, f"The choices are {', '.join(choices)}.")
            number = folded.index(choice.casefold())
            this = (VOTES.c.poll == row.id) & (VOTES.c.participant == participant.id)
            if not connection.execute(VOTES.update().where(this).values(choice=number)).rowcount:
                connection.execute(VOTES.insert().values(poll=row.id, participant=participant.id, choice=number))
            return str(choices[number])


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _prepare_sqlite(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    # Full: also what was accepted just before the power went is there.
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "busy_timeout = 10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
