"""Chunks of requests to replies: prepared in threads, planned, run on the fastest path that agrees, never fewer rows.

Knows requests, replies and memory; refuses to know files, ledgers and devices.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medcli.errors import ItemError, MedcliError
from medcli.imaging import UNREADABLE
from medcli.models.engine import check, fast, plain, plan
from medcli.models.engine.cache import Memory
from medcli.models.family import split_thoughts
from medcli.models.loading import device_of, no_memory
from medcli.models.protocol import Engine, Reply

if TYPE_CHECKING:
    from medcli.models.engine.fast import Answer
    from medcli.models.engine.plan import Row
    from medcli.models.family import Family, Visual
    from medcli.models.protocol import Picture, Request, Sampling

TOO_LONG = "prompt-too-long"
NO_MEMORY = "out-of-memory"
FAILED = "model-failed"
UNFIT = "prompt-unfit"

_CPU_CACHE = 2 << 30  # bytes of KV cache that a batch may take without a GPU
_GPU_SHARE = 0.4  # of the memory that is free once the model is loaded
_THREADS = 4


@dataclass(slots=True)
class _Ready:
    """A request after preparation: a row, or a reason why not."""

    row: Row | None = None
    error: str = ""


class Runner:
    """Answers chunks with one loaded model.

    Parameters
    ----------
    family : Family
        The model.
    """

    def __init__(self, family: Family) -> None:
        self.family = family
        self.path = "auto"
        self.text_path = "auto"
        self.budget = 0
        self.halvings = 0
        self.notes: list[str] = []
        self.counts: Counter[str] = Counter()
        self._memory = Memory()
        self._pool: ThreadPoolExecutor | None = None
        self._ahead: dict[Any, Future[Visual | str]] = {}

    def engine(self) -> Engine:
        """What was chosen so far."""
        return Engine(self.path, self.budget, self.halvings, tuple(self.notes), dict(self.counts))

    def generate(self, requests: Sequence[Request], settings: Sampling) -> Iterator[Reply]:
        """Answer a chunk; see :class:`medcli.models.protocol.Backend`."""
        if not self.budget or settings.batch_tokens:
            self.budget = settings.batch_tokens or self._free_tokens()
        if settings.path != "auto":
            self.path = self.text_path = settings.path
        ready = self.prepare(requests)
        rows = [one.row for one in ready if one.row is not None]
        answers: dict[int, Answer | str] = {}
        if rows:
            self._choose(rows, settings)
            if self.path == "auto" and any(one.pictures for one in requests):
                self.path = self.text_path  # pictures that became words
            self._run_all(rows, settings, answers)
        for at, (request, one) in enumerate(zip(requests, ready, strict=True)):
            self.counts["rows"] += 1
            yield self.reply(request, one.row, answers[at] if one.row is not None else one.error)

    def ahead(self, requests: Sequence[Request]) -> None:
        """Begin to open pictures, in threads: of the chunk that comes now and of the one that is likely to follow.

        What was begun before and is not among them is dropped.
        """
        kept = self._opening(requests)
        for left in self._ahead.values():
            left.cancel()
        self._ahead = kept

    def prepare(self, requests: Sequence[Request]) -> list[_Ready]:
        """Open each picture once, in threads, and tokenise."""
        seen = {key: future.result() for key, future in self._opening(requests).items()}
        return [self._ready(at, request, seen) for at, request in enumerate(requests)]

    def _opening(self, requests: Sequence[Request]) -> dict[Any, Future[Visual | str]]:
        """Open each picture once in threads; those that were begun ahead are taken from there."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_THREADS, "pictures")
        opening: dict[Any, Future[Visual | str]] = {}
        for picture in (one for request in requests for one in request.pictures):
            key = _same(picture)
            if key not in opening:
                known = not isinstance(key[0], int)  # an object's number can be another's later
                begun = self._ahead.pop(key, None) if known else None
                opening[key] = self._pool.submit(self._see, picture) if begun is None else begun
        return opening

    def _see(self, picture: Picture) -> Visual | str:
        try:
            return self.family.see(picture)
        except ItemError as error:
            return error.kind
        except MedcliError:
            raise
        except Exception as error:  # noqa: BLE001 - a picture that no processor takes is one row's trouble
            return NO_MEMORY if isinstance(error, MemoryError) else UNREADABLE

    def _ready(self, at: int, request: Request, seen: dict[Any, Visual | str]) -> _Ready:
        visuals = []
        for picture in request.pictures:
            one = seen[_same(picture)]
            if isinstance(one, str):
                return _Ready(error=one)
            visuals.append(one)
        try:
            prompt = self.family.prepare(request, visuals)
        except ItemError as error:
            return _Ready(error=error.kind)
        except MedcliError:
            raise
        except Exception:  # noqa: BLE001 - a chat template that refuses these turns, a processor these pictures
            return _Ready(error=UNFIT)
        context = self.family.describe().context
        if context and len(prompt.ids) >= context:
            return _Ready(error=TOO_LONG)
        return _Ready(plan.Row(at, request.key, prompt))

    def _choose(self, rows: list[Row], settings: Sampling) -> None:
        """Settle on a path for rows with pictures, and one for those without, by the first rows seen of each kind."""
        pictured = [row for row in rows if row.prompt.visuals]
        if self.path == "auto" and pictured:
            self.path = self._fastest(pictured, settings, self.family.reuses)
        bare = [row for row in rows if not row.prompt.visuals]
        if self.text_path == "auto" and bare:
            self.text_path = self._fastest(bare, settings, False)
        if "plain" in (self.path, self.text_path):  # one word is recorded for both
            self.path = "plain" if self.path != "auto" else self.path
            self.text_path = "plain"

    def _fastest(self, rows: list[Row], settings: Sampling, reuse: bool) -> str:
        paths = [("prefix", True)] if reuse else []
        paths += [("features", False)] if self.family.features else []
        for name, with_prefix in paths:
            some = check.sample(plan.split(rows, reuse=with_prefix))
            try:
                if check.agrees(self.family, some, settings):
                    return name
                reason = "its logits differ from plain generation"
            except MedcliError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever a model does not support
                if _is_memory(error):
                    raise no_memory() from None
                reason = f"the model does not support it ({type(error).__name__})"
            note = f"The engine's path '{name}' is not used: {reason}."
            self.notes += [note] if note not in self.notes else []
        return "plain"

    def _run_all(self, rows: list[Row], settings: Sampling, answers: dict[int, Answer | str]) -> None:
        left = rows
        while left:
            budget = self.budget
            for batch in self._plan(left, settings):
                if not self._run(batch, settings, answers):
                    break
            left = [row for row in left if row.at not in answers]
            if left and self.budget == budget:
                raise AssertionError("a batch was neither answered nor cut")

    def _plan(self, rows: list[Row], settings: Sampling) -> list[list[Row]]:
        """Batches of one path each."""
        made = []
        for pictured in (True, False):
            some = [row for row in rows if bool(row.prompt.visuals) == pictured]
            path = self.path if pictured else self.text_path
            plan.split(some, reuse=path == "prefix")
            made += plan.batches(some, settings.max_new_tokens, self.budget, window=self.family.window)
        return made

    def _run(self, batch: list[Row], settings: Sampling, answers: dict[int, Answer | str]) -> bool:
        """Run a batch; False if memory ran out and the budget was halved."""
        path = self.path if batch[0].prompt.visuals else self.text_path
        try:
            if path == "plain":
                found = plain.run(self.family, batch, settings, self.counts)
            else:
                found = fast.run(self.family, batch, settings, self.counts, memory=self._memory)
        except MedcliError:
            raise
        except Exception as error:  # noqa: BLE001 - one row's trouble must not take the others
            if _is_memory(error):
                return self._halve(batch, answers)
            if len(batch) == 1 and path == "plain":
                answers[batch[0].at] = self._failed(error)
                return True
            for row in batch:
                self._alone(row, settings, answers)
            return True
        answers.update({row.at: answer for row, answer in zip(batch, found, strict=True)})
        return True

    def _alone(self, row: Row, settings: Sampling, answers: dict[int, Answer | str]) -> None:
        try:
            answers[row.at] = plain.run(self.family, [row], settings, self.counts)[0]
        except MedcliError:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            answers[row.at] = NO_MEMORY if _is_memory(error) else self._failed(error)

    def _failed(self, error: Exception) -> str:
        note = f"The model failed on a request ({type(error).__name__})."
        if note not in self.notes:
            self.notes.append(note)
        return FAILED

    def _halve(self, batch: list[Row], answers: dict[int, Answer | str]) -> bool:
        import gc

        import torch

        self._memory = Memory()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if len(batch) == 1:
            answers[batch[0].at] = NO_MEMORY
            return True
        self.halvings += 1
        self.budget = max(1, self.budget // 2)
        return False

    def reply(self, request: Request, row: Row | None, answer: Answer | str) -> Reply:
        """An answer's ids as a record."""
        prompt = self.family.recorded_prompt(request)
        if isinstance(answer, str) or row is None:
            return Reply(request.key, prompt=prompt, finish_reason="error", error=str(answer))
        ids = answer.ids[:-1] if answer.ids and answer.ids[-1] in self.family.ends else answer.ids
        text, reasoning = split_thoughts(self.family.trim(self.family.text(ids), request.form))
        return Reply(
            request.key,
            text=text,
            prompt=prompt,
            finish_reason=answer.finish,
            prompt_tokens=len(row.prompt.ids),
            answer_tokens=len(answer.ids),
            first_token_margin=answer.margin,
            reasoning=reasoning,
        )

    def _free_tokens(self) -> int:
        import torch

        each = max(1, self.family.describe().bytes_per_token)
        device = device_of(self.family.model.get_input_embeddings())
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            return max(1, int(free * _GPU_SHARE) // each)
        return max(1, _CPU_CACHE // each)


def _same(picture: Picture) -> Any:
    """A key that is equal for pictures that are read alike."""
    source = picture.source
    name = source if isinstance(source, bytes | str) or hasattr(source, "parts") else id(source)
    return name, picture.frame, picture.window, picture.extra, picture.kind


def _is_memory(error: BaseException) -> bool:
    import torch

    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)
