"""One request alone: streamed as text, or traced as arrays. Plain ``generate`` both times, which needs no check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from queue import SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from medcli.errors import InputError, MedcliError, SetupError
from medcli.models.engine import plain
from medcli.models.family import split_thoughts

if TYPE_CHECKING:
    from medcli.models.engine.plan import Row
    from medcli.models.engine.runner import Runner
    from medcli.models.protocol import Reply, Request, Sampling

_REASONS = {
    "image-missing": "There is no such image file.",
    "image-unreadable": "The image cannot be read: it is damaged, or no image.",
    "image-no-such-frame": "The image has no such frame.",
    "image-without-pixels": "The DICOM file holds no pixels.",
    "image-codec-missing": "The DICOM file's compression needs a decoder that is not installed.",
    "prompt-too-long": "The question is too long for the model.",
}


def one_row(runner: Runner, request: Request) -> Row:
    """Prepare a request.

    Raises
    ------
    InputError
        If its picture or its length is at fault.
    """
    ready = runner.prepare([request])[0]
    if ready.row is None:
        hint = "pip install 'medcli[codecs]'" if ready.error == "image-codec-missing" else ""
        raise InputError(_REASONS.get(ready.error, f"The request failed: {ready.error}."), hint=hint)
    return ready.row


def stream(runner: Runner, request: Request, settings: Sampling) -> Iterator[str]:
    """Yield the answer as it grows; what can still change (white space, half a character) is held back."""
    row = one_row(runner, request)
    pieces: SimpleQueue[list[int] | BaseException | None] = SimpleQueue()
    left = Event()

    def watch(ids: list[int]) -> None:
        if left.is_set():
            raise _Left
        pieces.put(list(ids))

    def work() -> None:
        try:
            told = plain.run(runner.family, [row], settings, Counter(), watch=watch)
            pieces.put(told[0].ids)
            pieces.put(None)
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
            pieces.put(error)

    worker = Thread(target=work, daemon=True, name="answer")
    worker.start()
    try:
        yield from _growing(runner, request, pieces)
    finally:  # also when nobody listens any more: a thread that still computes would outlive the interpreter
        left.set()
        worker.join()


class _Left(Exception):
    """Nobody listens any more."""


def _growing(
    runner: Runner, request: Request, pieces: SimpleQueue[list[int] | BaseException | None]
) -> Iterator[str]:
    """What can be shown already, piece by piece, and what is left at the end."""
    shown = ""
    last: list[int] = []
    while (piece := pieces.get()) is not None:
        if isinstance(piece, BaseException):
            raise _told(piece)
        last = piece
        text = _text(runner, request, list(runner.family.settled(last)))
        safe = text[: len(text) - len(runner.family.stop)] if runner.family.stop else text
        safe = safe.rstrip().rstrip("\ufffd").rstrip()
        if safe.startswith(shown) and len(safe) > len(shown) and not safe.startswith("<"):
            yield safe[len(shown) :]
            shown = safe
    text, _ = split_thoughts(_text(runner, request, last))
    if text.startswith(shown):
        if len(text) > len(shown):
            yield text[len(shown) :]
    elif not shown:
        yield text


def _text(runner: Runner, request: Request, ids: list[int]) -> str:
    kept = ids[:-1] if ids and ids[-1] in runner.family.ends else ids
    return runner.family.trim(runner.family.text(kept), request.form)


def _told(error: BaseException) -> BaseException:
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        from medcli.models.loading import no_memory

        return no_memory()
    if isinstance(error, MedcliError) or not isinstance(error, Exception):
        return error
    return SetupError(f"The model failed on this request ({type(error).__name__}).")


def trace(runner: Runner, request: Request, settings: Sampling) -> tuple[Reply, dict[str, Any]]:
    """Answer by ``generate``, and keep ids, pixels, features and logits as numpy arrays."""
    import numpy as np

    ready = runner.prepare([request])[0]
    if ready.row is None:
        return runner.reply(request, None, ready.error), {}
    row = ready.row
    answer = plain.run(runner.family, [row], settings, runner.counts, keep_logits=True)[0]
    arrays: dict[str, Any] = dict(runner.family.stages(row.prompt))
    arrays["input_ids"] = np.asarray(row.prompt.recorded or row.prompt.ids, dtype=np.int32)
    arrays["scores"] = np.stack(answer.logits).astype(np.float32)
    arrays["prefill_last"] = arrays["scores"][0]
    arrays["out"] = np.asarray([*runner.family.out_prefix, *answer.ids], dtype=np.int32)
    return runner.reply(request, row, answer), arrays
