"""One question, answered at once: no plan, no ledger, no file.

Knows where the question comes from and which exit code a trouble has; refuses to print.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

from medcli import console, files
from medcli.ask.admission import PLACES, Admission, Admitted, Passed
from medcli.ask.asking import writing
from medcli.ask.lines import answer_of
from medcli.ask.plan import Asked
from medcli.ask.processes import processes_of
from medcli.ask.spec import AskSpec
from medcli.ask.worker import traced
from medcli.errors import InputError, ItemFailed, MedcliError, SetupError, UsageError
from medcli.models.protocol import Backend, ModelSpec, Picture, Reply, Request, Sampling
from medcli.privacy import gate as gates

_SENTENCES = {
    "image-missing": ("is not there", "Check --image."),
    "image-unreadable": (
        "cannot be read: it is damaged, or no image",
        "DICOM, PNG, JPEG, TIFF and WebP are.",
    ),
    "image-no-such-frame": ("has no such frame", "Check --frame."),
    "image-without-pixels": ("is a DICOM file without pixels", "Name one that holds an image."),
    "image-codec-missing": (
        "is compressed in a way that no installed package reads",
        "pip install 'medcli[codecs]'",
    ),
}


def answer_once(
    spec: AskSpec, say: Callable[[str], None] | None, load: Callable[[ModelSpec], Backend]
) -> dict[str, object]:
    """Answer one question.

    Parameters
    ----------
    spec : AskSpec
        The question, its images, the model.
    say : callable or None
        Is handed the answer's pieces as they come; None wants the record.
    load : callable
        Makes a backend.

    Returns
    -------
    dict
        The answer's record; empty if the answer was said.

    Raises
    ------
    UsageError, InputError, SetupError, SafetyRefused
        If there is no question, an image cannot be read, the model is not there, or what would be sent must not be.
    """
    text = _question(spec.question)
    images = () if spec.no_image else spec.image
    with contextlib.ExitStack() as stack:
        vault = stack.enter_context(gates.open_vault(spec.vault)) if spec.vault else None
        passed = _admitted(spec, text, images, vault)
        request = _opened(passed.request)
        with writing("The folder of traces", "Choose another --trace."):
            trace = files.private_folder(spec.trace.absolute()) if spec.trace else None
        backend = load(processes_of(spec)[0])
        stack.callback(backend.close)
        model = backend.describe()
        for sentence in (
            *model.notes,
            *_told(passed.facts.get("found", {}), "The model saw placeholders for"),
        ):
            console.note(sentence)
        if say is not None and trace is None:
            said = _streamed(backend.stream(request, spec.sampling()), passed, say)
            _flag(passed, said)
            return {}
        reply = _reply(backend, request, spec.sampling(), trace)
        gate = passed.gate_of(reply)
        gate.pop(PLACES, None)
        asked = Asked(0, request.turns, [image.name for image in images], "", False, "record", "")
        reply = replace(
            reply, text=passed.session.restore(reply.text), reasoning=passed.session.restore(reply.reasoning)
        )
        record = answer_of(asked, request.key, reply, model, gate).to_json()
        if say is None:
            return record
        say(reply.text)
        return {}


def _streamed(pieces: Iterator[str], passed: Passed, say: Callable[[str], None]) -> str:
    """Say an answer as it comes, with values in the place of placeholders; return it as the model gave it."""
    restorer, said = passed.session.restorer(), []
    for piece in pieces:
        said.append(piece)
        if shown := restorer.feed(piece):
            say(shown)
    if shown := restorer.finish():
        say(shown)
    return "".join(said)


def _flag(passed: Passed, said: str) -> None:
    """Tell of identity that the answer has of its own: read off the picture, or made up."""
    if passed.session.gate.applies:
        for sentence in _told(passed.session.read(said)[0], "The answer itself may identify somebody:"):
            console.note(sentence)


def _told(counts: Mapping[str, int], what: str) -> list[str]:
    return [f"{what} {', '.join(f'{name} {count}' for name, count in counts.items())}."] if counts else []


def _reply(backend: Backend, request: Admitted, sampling: Sampling, trace: Path | None) -> Reply:
    """Ask by plain ``generate``: for one question a faster path, and checking it, are not worth their start."""
    sampling = replace(sampling, path="plain")
    if trace is not None:
        reply = traced(backend, request, sampling, trace / "0.npz")
    else:
        (reply,) = backend.generate([request], sampling)
    if reply.error:
        raise _trouble(reply.error)
    return reply


def _question(text: str | None) -> str:
    """Return the question, from standard input if it is not on the command line."""
    if text is None or text == "-":
        if text is None and sys.stdin.isatty():
            raise UsageError(
                "There is no question.", hint='As in: medcli ask "What does this show?" --image scan.dcm'
            )
        text = sys.stdin.read()
    if not text.strip():
        raise UsageError(
            "The question is empty.", hint='As in: medcli ask "What does this show?" --image scan.dcm'
        )
    return text.strip()


def _admitted(spec: AskSpec, text: str, images: tuple[Path, ...], vault: gates.Vault | None) -> Passed:
    """Return what the model may see.

    Raises
    ------
    SafetyRefused
        If it must see nothing.
    """
    key = blake2b(json.dumps([text, len(images)]).encode(), digest_size=16).hexdigest()
    draws = _draws(images) if spec.padding == "llava-med" else [0] * len(images)
    pictures = tuple(
        Picture(image, spec.frame, spec.window, extra) for image, extra in zip(images, draws, strict=True)
    )
    admission = Admission.of(spec)
    admission.ready()
    names = ["/".join(image.parts[-2:]) for image in images]
    with _naming(1, len(images)):
        return admission.admit(
            Request(key, (("user", text),), pictures), names=names, session=admission.gate.session(vault)
        )


def _opened(request: Admitted) -> Admitted:
    """Open the pictures: what is wrong with one is said before a large model is loaded."""
    from medcli.imaging import open_picture

    pictures = []
    for number, picture in enumerate(request.pictures, 1):
        with _naming(number, len(request.pictures)):
            image = open_picture(picture.source, frame=picture.frame, window=picture.window)
        pictures.append(replace(picture, source=image, frame=1, window=None))
    return Admitted(replace(request, pictures=tuple(pictures)))


def _draws(images: Sequence[Path]) -> list[int]:
    """Draw as LLaVA-Med's own program does for the first row of a file."""
    from medcli.imaging import size_of
    from medcli.models.padding import Draws

    draws, extras = Draws(), []
    for number, image in enumerate(images, 1):
        with _naming(number, len(images)):
            extras.append(draws.next(*size_of(image)))
    return extras


@contextlib.contextmanager
def _naming(number: int, of: int) -> Iterator[None]:
    """Say of an image that cannot be used which it is, by its place on the command line, and why."""
    try:
        yield
    except ItemFailed as error:
        why, hint = _SENTENCES.get(error.kind, (f"cannot be used: {error.kind}", ""))
        raise InputError(f"{'The image' if of == 1 else f'Image {number}'} {why}.", hint=hint) from None


def _trouble(kind: str) -> MedcliError:
    """Return what a reply's error means for the command."""
    if kind.startswith("endpoint"):
        return SetupError(f"The server did not answer: {kind}.", hint="Is it well? Check --base-url.")
    if kind == "prompt-too-long":
        return InputError("The question is longer than the model can take.", hint="Shorten it.")
    if kind == "out-of-memory":
        return SetupError("There is not enough memory for this question.", hint="Try --dtype bfloat16.")
    return InputError(f"The question cannot be answered: {kind}.")
