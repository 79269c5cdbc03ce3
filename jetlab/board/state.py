"""The board at work: what it keeps, what it measures, whom it lets in; the handlers only translate HTTP."""

import asyncio
import hmac
import os
import secrets
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from jetlab.board import views
from jetlab.board.challenge import Challenge
from jetlab.board.forms import Refused
from jetlab.board.store import Participant, Store
from jetlab.check import engine, tasks

Result = TypeVar("Result")
#: Tokens that the environment may have. In the users' servers of a hub, the first is what notebooks join by.
CLASS_TOKEN, TEACHER_TOKEN = "JETLAB_BOARD_TOKEN", "JETLAB_BOARD_TEACHER_TOKEN"
#: Participants, wrong tokens from one address in five minutes, and messages of one participant a minute.
MOST_PARTICIPANTS, WRONG_TOKENS, MESSAGES = 1000, 30, 120


class Limit:
    """At most `most` things in `seconds`, for each of many who do them."""

    def __init__(self, most: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.most, self.seconds, self.clock = most, seconds, clock
        self._spent: dict[str, deque[float]] = {}

    def reached(self, who: str) -> bool:
        """Whether there is nothing left to spend."""
        spent = self._spent.get(who)
        while spent and spent[0] <= self.clock() - self.seconds:
            spent.popleft()
        return spent is not None and len(spent) >= self.most

    def spend(self, who: str) -> None:
        """Count one."""
        if len(self._spent) > 10_000:  # whoever comes from ever new addresses shall not fill the memory
            self._spent = {
                each: spent for each, spent in self._spent.items() if spent[-1] > self.clock() - self.seconds
            }
        self._spent.setdefault(who, deque()).append(self.clock())


class Board:
    """Challenges, participants, answers and polls, on one `store`.

    `per_hour` is how many entries a participant may send to a challenge. `environment` may have the two tokens; else
    they are drawn, and kept in the store, so that they outlive a restart.
    """

    def __init__(
        self,
        store: Store,
        challenges: Sequence[Challenge],
        per_hour: int,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.store, self.per_hour = store, per_hour
        self.challenges = {challenge.name: challenge for challenge in challenges}
        named = [(engine.LESSONS.index(name.partition(".")[0]), name) for name in (*engine.exercises(), *tasks.names())]
        self.exercises = tuple(name for _, name in sorted(named))
        drawn = secrets.token_urlsafe(9), secrets.token_urlsafe(15)
        self.class_token, self.teacher_token = (
            environment.get(name) or store.setting(name, own)
            for name, own in zip((CLASS_TOKEN, TEACHER_TOKEN), drawn, strict=True)
        )
        self.cookie_secret = store.setting("cookie_secret", secrets.token_urlsafe(32))
        self.wrong, self.messages = Limit(WRONG_TOKENS, 300), Limit(MESSAGES, 60)
        self._keeper = ThreadPoolExecutor(1, "store")
        self._measurer = ThreadPoolExecutor(1, "measure")
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._ranking = asyncio.Lock()
        self._versions: Counter[str] = Counter()
        self._ranked: dict[str, tuple[int, dict[str, Any]]] = {}

    def close(self) -> None:
        """Let the threads end what they are at."""
        self._keeper.shutdown()
        self._measurer.shutdown()
        self.store.close()

    async def keep(self, call: Callable[..., Result], *arguments: Any) -> Result:
        """Call a method of the store, on its thread."""
        return await asyncio.get_running_loop().run_in_executor(self._keeper, call, *arguments)

    async def _measure(self, call: Callable[..., Result], *arguments: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._measurer, call, *arguments)

    def role(self, token: str) -> str | None:
        """What a token lets in as: "teacher", "class" or None."""
        given = token.encode("utf-8", "surrogatepass")
        # Both are compared, so that the time it takes tells nothing.
        teacher = hmac.compare_digest(given, self.teacher_token.encode())
        participant = hmac.compare_digest(given, self.class_token.encode())
        return "teacher" if teacher else "class" if participant else None

    async def enter(
        self, participant: Participant, challenge: Challenge, key: str, scores: Any, texts: Mapping[str, str]
    ) -> dict[str, Any]:
        """Measure and keep an entry; returns what its sender may know. Raises Refused.

        What was sent before under the same key is answered as then.
        """
        async with self._turns[participant.id]:
            known = await self.keep(self.store.sent, participant, key)
            if known is not None:
                number, figures = known
                return {"entry": number, "public": views.finite(figures["public"]), "left": None}
            await self.keep(self.store.room_for, participant, challenge.name, self.per_hour)
            figures = await self._measure(challenge.measure, scores)
            values = {**texts, "scores": scores.astype("<f4").tobytes(), "figures": figures}
            number, left = await self.keep(self.store.enter, participant, challenge.name, key, values, self.per_hour)
        self._versions[challenge.name] += 1
        return {"entry": number, "public": views.finite(figures["public"]), "left": left}

    async def end(self, challenge: Challenge) -> None:
        """End a challenge: from now on the private half decides."""
        await self.keep(self.store.end, challenge.name)
        self._versions[challenge.name] += 1

    async def ranking(self, challenge: Challenge) -> dict[str, Any]:
        """The ranking, made anew only if there are new entries."""
        async with self._ranking:  # one page asks for it, all others have it
            version = self._versions[challenge.name]
            made, found = self._ranked.get(challenge.name, (-1, {}))
            if made != version:
                entries = await self.keep(self.store.entries, challenge.name)
                ended = challenge.name in await self.keep(self.store.ended)
                found = await self._measure(views.ranking, challenge, entries, ended)
                # Of the version before what may have arrived meanwhile.
                self._ranked[challenge.name] = version, found
            return found

    async def state(self) -> dict[str, Any]:
        """What the class sees: rankings without the codes, and the poll."""
        ranked = [await self.ranking(challenge) for challenge in self.challenges.values()]
        shown = [{**each, "rows": [{**row, "config": bool(row["config"])} for row in each["rows"]]} for each in ranked]
        return {"challenges": shown, "poll": await self.keep(self.store.poll), "per_hour": self.per_hour}

    async def room(self) -> dict[str, Any]:
        """What the teacher sees besides."""
        answers = await self.keep(self.store.answers)
        return views.room(answers, self.exercises, self.store.clock())

    async def answer(self, participant: Participant, values: Mapping[str, str]) -> None:
        """Keep an answer of somebody who shares their progress. Raises Refused."""
        if not participant.shares:
            raise Refused(403, "You do not share your progress: check.join() changes that.")
        self.spend_message(participant)
        await self.keep(
            self.store.answer, participant, values["key"], values["exercise"], values["state"], values["hint"]
        )

    def spend_message(self, participant: Participant) -> None:
        """Count a message of a participant. Raises Refused for too many."""
        if self.messages.reached(str(participant.id)):
            raise Refused(429, "Too many messages within a minute: wait a while.")
        self.messages.spend(str(participant.id))
