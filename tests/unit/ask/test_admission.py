"""The door to a model: with a detector that crashes, hangs or lies, a recording server hears nothing."""

from __future__ import annotations

import pickle
import time
from collections.abc import Sequence

import pytest

pytest.importorskip("aiohttp")

from medcli.ask.admission import Admission, Refused
from medcli.models.endpoint import load
from medcli.models.protocol import ModelSpec, Request, Sampling
from medcli.privacy.gate import Gate
from medcli.privacy.text.span import Span
from tests.ask.server import Server

REQUEST = Request(
    "key",
    (
        ("user", "Ottilie Lindqvist came."),
        ("assistant", "Who?"),
        ("user", "MRN 77310224, Lindqvist: is she well?"),
    ),
)
SECRETS = ("Ottilie", "Lindqvist", "77310224")


class Detector:
    name, version = "detector", "0"

    def __init__(self, deed: str) -> None:
        self.deed = deed

    def find(self, texts: Sequence[str]) -> object:
        if self.deed == "crash":
            raise RuntimeError(texts)
        if self.deed == "hang":
            time.sleep(20)
        return [[Span(0, 10_000, "NAME")] for _ in texts] if self.deed == "lie" else [[] for _ in texts]


@pytest.mark.parametrize(
    "deeds", [["crash"], ["hang"], ["lie"], ["well", "crash"], ["lie", "well"], ["well", "well"]]
)
def test_a_server_hears_of_no_identity_whatever_detectors_do(deeds: list[str]) -> None:
    admission = Admission(Gate(detectors=[Detector(deed) for deed in deeds], timeout=0.2))
    answered = told = ""
    with Server() as server:
        backend = load(ModelSpec(model="m", backend="openai", base_urls=(server.url,)))
        try:
            passed = admission.admit(REQUEST)
        except Refused as refused:
            told = f"{refused!r} {refused.receipt}"
        else:
            (reply,) = backend.generate([passed.request], Sampling())
            told = repr([reply, passed, passed.request, admission, REQUEST])
            answered = passed.session.restore(reply.text)
    heard = b"".join(server.received).decode()
    assert not [secret for secret in SECRETS if secret in heard + told]
    assert bool(heard) == (set(deeds) == {"well"})
    assert answered == ("0 MRN 77310224, Lindqvist: is she well?" if heard else "")


def test_the_door_travels_without_what_it_loaded() -> None:
    admission = Admission(Gate(remote=True, pixels="accept"))
    admission.ready()
    admission.admit(REQUEST)
    data = pickle.dumps(admission)
    assert not [secret for secret in SECRETS if secret.encode() in data]
    assert len(data) < 1000
    again = pickle.loads(data)
    assert (again.gate.remote, again.gate.pixels) == (True, "accept")
    assert again.gate.sign(1) == admission.gate.sign(1)
