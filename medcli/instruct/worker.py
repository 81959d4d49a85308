"""One figure to one sample: gate, request, reading, checks, and at most one repair of what could not be read.

Knows the order of these steps, and that many figures are on their way at once; refuses to know where they come from
and where samples go. What is one figure's trouble stands in its row; only what would befall every one ends the run.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medcli import jobs
from medcli.errors import InputError, ItemError, ItemFailed, MedcliError
from medcli.files import safe_relative
from medcli.instruct import checks, outcome
from medcli.instruct.checks import judging
from medcli.instruct.checks.shape import CONTROL
from medcli.instruct.clients import Answers, Client, Clients, Message, message
from medcli.instruct.door import Door, Refused, Shown
from medcli.instruct.kinds import drawn
from medcli.instruct.parsing import Parsed, parse
from medcli.instruct.prompts import Book, Prompt
from medcli.instruct.prompts.book import caption_text
from medcli.instruct.sample import Finding, Sample
from medcli.instruct.schemas import SCHEMAS
from medcli.instruct.selection import Chosen, unpack
from medcli.models.endpoint.troubles import FILTERED, TOO_LONG
from medcli.models.spending import BudgetSpent
from medcli.records import Caption

if TYPE_CHECKING:
    from medcli.instruct.decontamination import Tests

REFUSAL, SCHEMA = "refusal", "schema"
OUTSIDE = "image-outside-folder"
_PATIENCE = 60.0  # seconds for what is on its way when the budget is spent
_GRACE = 2.0  # the same where something else is wrong
_TAKEN = 0.5  # seconds after which outcomes have surely been taken down


@dataclass(frozen=True, slots=True)
class Setting:
    """What the worker of a run is told.

    Attributes
    ----------
    door : Door
        What a model may see.
    book : Book
        Prompts.
    checks : Settings
        Of the rules.
    model : str
        For provenance.
    images : Path or None
        Folder of pictures, where they are shown.
    mentions, structured : bool
        Whether mentions are told; whether a schema is sent.
    temperature, max_tokens, seed
        Of each request.
    tests : Tests or None
        What must not be trained on.
    """

    door: Door
    book: Book
    checks: checks.Settings
    model: str
    images: Path | None = None
    mentions: bool = True
    structured: bool = True
    temperature: float = 0.7
    max_tokens: int = 1024
    seed: int = 0
    tests: Tests | None = None


@dataclass(slots=True)
class _Figure:
    """One figure on its way."""

    chosen: Chosen
    caption: Caption
    sample: Sample
    account: outcome.Account
    began: float
    shown: Shown | None = None
    reply: str = field(default="", repr=False)
    heard: dict[str, str] = field(default_factory=dict)

    def about(self, **more: Any) -> dict[str, Any]:
        """Its row of provenance."""
        gate = {"gate": self.shown.found} if self.shown is not None and self.shown.found else {}
        return self.account.to_json() | gate | more | {"seconds": round(time.monotonic() - self.began, 3)}


class Rejected(Exception):
    """The figure gives no sample, for these rules."""

    def __init__(self, rules: Sequence[str]) -> None:
        super().__init__()
        self.rules = list(rules)


class Workers:
    """Worker factory and worker: one call makes a sample of a figure, many at a time.

    Parameters
    ----------
    setting : Setting
        The wishes.
    connect : callable
        Makes the clients, in the event loop that uses them; given a function that says how many figures are on
        their way.
    tell : callable
        Told of what stops the run, which the ledger has no place for.
    """

    def __init__(
        self,
        setting: Setting,
        connect: Callable[[Callable[[], int]], Clients],
        tell: Callable[[MedcliError], None] = lambda _: None,
    ) -> None:
        self._setting, self._connect, self._tell = setting, connect, tell
        self._at_work = self._halted = 0
        self.trouble: MedcliError | None = None
        self.notes: list[str] = []

    async def __aenter__(self) -> jobs.AsyncWorker:
        self._setting.door.ready()
        self._clients = self._connect(lambda: self._at_work)
        self._pictures: Any = None
        if self._setting.images is not None:
            from medcli.models.endpoint.messages import Pictures

            self._pictures = Pictures()
        return self._make

    async def __aexit__(self, *_: object) -> None:
        self.notes = [note for client in self._clients.all() for note in client.notes()]
        await self._clients.close()

    async def _make(self, payload: Chosen) -> list[jobs.Row]:
        self._at_work += 1
        try:
            return [await self._outcome(payload)]
        finally:
            self._at_work -= 1

    async def _outcome(self, payload: Chosen) -> jobs.Row:
        if self.trouble is not None:
            await self._halt()
            raise ItemFailed("stopped", stops=True)
        figure = self._begin(payload)
        try:
            sample, mended = await self._sample(figure)
        except Rejected as error:
            return await asyncio.to_thread(self._rejected, figure, error.rules)
        except Refused as error:
            return outcome.failed(payload.key, figure.sample, error.kind, figure.about())
        except MedcliError as error:
            self.trouble = error
            self._tell(error)
            await self._halt()
            raise ItemFailed("stopped", stops=True) from None
        except ItemError as error:
            if rule := _lasting(error.kind):
                return await asyncio.to_thread(self._rejected, figure, [rule])
            return outcome.failed(payload.key, figure.sample, error.kind, figure.about())
        return outcome.accepted(payload.key, sample, figure.about(checks=self._passed(mended, figure)))

    async def _halt(self) -> None:
        """Wait until every figure has ended or halts too, and outcomes are taken down: their replies are paid for."""
        self._halted += 1
        end = time.monotonic() + (_PATIENCE if isinstance(self.trouble, BudgetSpent) else _GRACE)
        while self._halted < self._at_work and time.monotonic() < end:  # noqa: ASYNC110 - they end one by one
            await asyncio.sleep(0.02)
        await asyncio.sleep(_TAKEN)

    def _passed(self, mended: Sequence[str], figure: _Figure) -> dict[str, Any]:
        """Which checks a sample has passed, for its provenance."""
        one = self._setting
        told: dict[str, Any] = {"rules": len(checks.names()) - len(one.checks.off)}
        told |= {"mended": list(mended)} if mended else {}
        return told | ({"decontaminated": True} if one.tests is not None else {}) | figure.heard

    def _begin(self, chosen: Chosen) -> _Figure:
        one = self._setting
        caption = unpack(chosen.record)
        facts: dict[str, Any] = {
            "model": one.model,
            "prompt": one.book.hash(chosen.kind),
            "prompt_version": one.book.version(chosen.kind),
        } | {name: value for name in ("license", "pmcid", "pmid") if (value := getattr(caption, name))}
        sample = Sample(caption.caption_id, chosen.kind, (), caption.image, caption.domain)
        return _Figure(chosen, caption, sample, outcome.Account(facts), time.monotonic())

    def _rejected(self, figure: _Figure, rules: Sequence[str]) -> jobs.Row:
        """What is kept of a rejected sample: its words without identity."""
        clean = str if figure.shown is None else figure.shown.without_identity
        turns = tuple((role, clean(text)) for role, text in figure.sample.turns)
        choices = tuple(clean(one) for one in figure.sample.choices)
        sample = replace(figure.sample, turns=turns, choices=choices)
        reply = "" if turns else clean(figure.reply)
        return outcome.rejected(figure.chosen.key, sample, rules, figure.about(), reply)

    async def _sample(self, figure: _Figure) -> tuple[Sample, list[str]]:
        """Make a sample, with the rules that it broke before it was mended."""
        one = self._setting
        path = self._path(figure.caption)
        if one.tests is not None:
            await asyncio.to_thread(self._untested, one.tests, figure, path)
        mentions = figure.caption.mentions if one.mentions else ()
        figure.shown = await asyncio.to_thread(
            one.door.admit, figure.caption, caption_text(figure.caption), mentions, path
        )
        parsed = await self._asked(figure)
        figure.sample = self._sample_of(figure, parsed)
        sample, findings = await asyncio.to_thread(checks.mend, figure.sample, figure.caption, one.checks)
        if sample is None:
            raise Rejected([finding.rule for finding in findings])
        figure.sample = sample
        if one.tests is not None and (rule := one.tests.match_text(sample)):
            raise Rejected([rule])
        await self._approved(figure)
        return sample, list(dict.fromkeys(finding.rule for finding in findings))

    def _path(self, caption: Caption) -> Path | None:
        if self._setting.images is None:
            return None
        try:
            return self._setting.images / safe_relative(caption.image)
        except InputError:
            raise ItemFailed(OUTSIDE) from None

    def _untested(self, tests: Tests, figure: _Figure, path: Path | None) -> None:
        """Leave a figure alone that is one of the test's, before anything is spent on it."""
        rule = tests.match_text(figure.sample) or (
            tests.match_picture(path) if path is not None and path.is_file() else ""
        )
        if rule:
            raise Rejected([rule])

    async def _asked(self, figure: _Figure) -> Parsed:
        """Ask, once more if the reply cannot be read; one that refuses is not asked again."""
        shown = figure.shown
        assert shown is not None
        kind, prompt = (
            figure.chosen.kind,
            self._setting.book.prompt(figure.chosen.kind, figure.caption.domain),
        )
        messages = await self._messages(prompt, shown)
        for repair in (False, True):
            completion = await self._complete(figure, messages, repair=repair)
            figure.reply = completion.text
            if completion.refusal or completion.finish_reason == "content_filter":
                raise Rejected([REFUSAL])
            parsed = parse(kind, completion.text, cut=completion.finish_reason == "length")
            if parsed is not None:
                return parsed
            if completion.text and checks.is_refusal(completion.text):
                raise Rejected([REFUSAL])
            if completion.text and not repair:
                said = await asyncio.to_thread(shown.again, completion.text)
                messages = [*messages, message("assistant", said), message("user", prompt.repair)]
        raise Rejected([SCHEMA])

    async def _messages(self, prompt: Prompt, shown: Shown) -> list[Message]:
        asked = prompt.ask(shown.caption, shown.mentions)
        content: Any = asked
        if shown.picture is not None:
            from medcli.models.protocol import Picture

            address = await asyncio.to_thread(self._pictures.address, Picture(shown.picture))
            content = [{"type": "image_url", "image_url": {"url": address}}, {"type": "text", "text": asked}]
        return [*(message(role, text) for role, text in prompt.turns), {"role": "user", "content": content}]

    async def _complete(self, figure: _Figure, messages: Sequence[Message], *, repair: bool) -> Any:
        one, name = self._setting, figure.caption.caption_id
        completion = await self._clients.samples.complete(
            messages,
            max_tokens=one.max_tokens,
            temperature=one.temperature,
            schema=SCHEMAS[figure.chosen.kind] if one.structured else None,
            place=drawn(0, figure.chosen.kind, figure.caption.domain) & 0xFFFF,  # who has the prefix already
            seed=drawn(one.seed, "repair" if repair else "sample", name) >> 33,
        )
        figure.account.add(completion)
        if completion.model:
            figure.account.facts["model"] = completion.model
        return completion

    def _sample_of(self, figure: _Figure, parsed: Parsed) -> Sample:
        kind, turns = figure.chosen.kind, parsed.turns
        if questions := self._setting.book.questions(kind):
            number = drawn(self._setting.seed, "question", figure.caption.caption_id) % len(questions)
            turns = (("user", questions[number]), *turns)
        choices = tuple(CONTROL.sub("", one) for one in parsed.choices)
        return replace(figure.sample, turns=turns, choices=choices, key=0 if choices else -1)

    async def _approved(self, figure: _Figure) -> None:
        """Hear the judge and the blind solver, where they are wished for."""
        shown, found = figure.shown, list[Finding]()
        assert shown is not None
        told = replace(figure.caption, caption=shown.caption, label="", mentions=shown.mentions)
        if self._clients.judge is not None:
            verdict = await self._judged(figure, told, self._clients.judge)
            figure.heard["judge"] = "unreadable" if verdict is None else "passed"
            found += verdict or []
        if not found and self._clients.blind is not None:
            found += await judging.blind_solved(figure.sample, Answers(self._clients.blind, figure.account))
            figure.heard["blind"] = "passed"
        if found:
            raise Rejected([finding.rule for finding in found])

    @staticmethod
    async def _judged(figure: _Figure, told: Caption, judge: Client) -> list[Finding] | None:
        """What the judge finds; asked once more if nobody can read it, and then it condemns nothing."""
        who = Answers(judge, figure.account)
        verdict = await judging.judged(figure.sample, told, who)
        return await judging.judged(figure.sample, told, who) if verdict is None else verdict


def _lasting(kind: str) -> str:
    """The rule that a trouble is which stays however often the figure is asked, or nothing."""
    if kind == FILTERED:
        return REFUSAL
    return kind if kind == TOO_LONG or kind.startswith("image-") else ""
