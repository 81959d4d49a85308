"""One question, answered at once: no plan, no ledger, no file.

Knows where the question comes from and which exit code a trouble has; refuses to print.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

from medcli import console
from medcli.ask.lines import answer_of
from medcli.ask.plan import Asked
from medcli.ask.refusal import DICOM, Refusal
from medcli.ask.spec import AskSpec
from medcli.errors import InputError, MedcliError, SafetyRefused, SetupError, UsageError
from medcli.models.protocol import Backend, ModelSpec, Picture, Request

_SENTENCES = {
    "image-missing": "An image is not there.",
    "image-unreadable": "An image is no picture that can be read.",
    "image-no-such-frame": "The image has no such frame.",
    "image-without-pixels": "A DICOM file has no pixels.",
    "image-codec-missing": "A DICOM file is compressed in a way that no installed package reads.",
    "prompt-too-long": "The question is longer than the model can take.",
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
    refused = Refusal.of(spec.gate, spec.base_url).reason(notes=False, images=images)
    if refused == DICOM:
        raise SafetyRefused(
            "A DICOM file must not go to a server on another machine before its text can be cleaned.",
            hint="Ask a model on this machine, or say --gate off.",
        )
    if not all(image.is_file() for image in images):
        raise InputError(_SENTENCES["image-missing"], hint="Check --image.")
    request = _request(spec, text, images)
    backend = load(spec.models()[0])
    try:
        model = backend.describe()
        for sentence in model.notes:
            console.note(sentence)
        if say is not None:
            for piece in backend.stream(request, spec.sampling()):
                say(piece)
            return {}
        (reply,) = backend.generate([request], spec.sampling())
        if reply.error:
            raise _trouble(reply.error)
        asked = Asked(0, request.turns, [str(image.name) for image in images], "", False, "record", "")
        return answer_of(asked, request.key, reply, model).to_json()
    finally:
        backend.close()


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


def _request(spec: AskSpec, text: str, images: tuple[Path, ...]) -> Request:
    key = blake2b(json.dumps([text, len(images)]).encode(), digest_size=16).hexdigest()
    pictures = tuple(Picture(image, spec.frame, spec.window) for image in images)
    return Request(key, (("user", text),), pictures)


def _trouble(kind: str) -> MedcliError:
    """Return what a reply's error means for the command."""
    if kind.startswith("endpoint"):
        return SetupError(f"The server did not answer: {kind}.", hint="Is it well? Check --base-url.")
    return InputError(_SENTENCES.get(kind, f"The question cannot be answered: {kind}."))
