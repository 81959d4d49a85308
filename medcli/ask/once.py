"""One question, answered at once: no plan, no ledger, no file.

Knows where the question comes from and which exit code a trouble has; refuses to print.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

from medcli import console, files
from medcli.ask.admission import DICOM, Admission, Admitted
from medcli.ask.asking import writing
from medcli.ask.lines import answer_of
from medcli.ask.plan import Asked
from medcli.ask.processes import processes_of
from medcli.ask.spec import AskSpec
from medcli.ask.worker import traced
from medcli.errors import InputError, ItemFailed, MedcliError, SafetyRefused, SetupError, UsageError
from medcli.models.protocol import Backend, ModelSpec, Picture, Reply, Request, Sampling

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
    request = _opened(_admitted(spec, text, images))
    with writing("The folder of traces", "Choose another --trace."):
        trace = files.private_folder(spec.trace.absolute()) if spec.trace else None
    backend = load(processes_of(spec)[0])
    try:
        model = backend.describe()
        for sentence in model.notes:
            console.note(sentence)
        if say is not None and trace is None:
            for piece in backend.stream(request, spec.sampling()):
                say(piece)
            return {}
        reply = _reply(backend, request, spec.sampling(), trace)
        asked = Asked(0, request.turns, [image.name for image in images], "", False, "record", "")
        record = answer_of(asked, request.key, reply, model).to_json()
        if say is None:
            return record
        say(reply.text)
        return {}
    finally:
        backend.close()


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


def _admitted(spec: AskSpec, text: str, images: tuple[Path, ...]) -> Admitted:
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
    try:
        return Admission.of(spec.gate, spec.base_url).admit(Request(key, (("user", text),), pictures))
    except ItemFailed as error:
        if error.kind != DICOM:
            raise
        raise SafetyRefused(
            "A DICOM file must not go to a server on another machine before its text can be cleaned.",
            hint="Ask a model on this machine, or say --gate off.",
        ) from None


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
