"""Adapters of detectors: a tiny model made on the spot, a real server on loopback, and stand-ins for large packages."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from medcli.errors import SafetyRefused, SetupError, UsageError
from medcli.privacy.text.detectors import Watched, check, load
from medcli.privacy.text.detectors.gliner import Gliner
from medcli.privacy.text.detectors.labels import category_of
from medcli.privacy.text.detectors.presidio import Presidio
from medcli.privacy.text.detectors.windows import windows
from medcli.privacy.text.finder import Finder
from medcli.privacy.text.span import Span

TEXT = "Seen by zorblat in quxville. zorblat agreed."


@pytest.mark.parametrize(
    ("label", "category"),
    [
        ("B-PER", "NAME"),
        ("I-patient", "NAME"),
        ("DATE_TIME", "DATE"),
        ("Medical Record Number", "MRN"),
        ("O", ""),
        ("US_SSN", "SSN"),
        ("odd", "ID"),
    ],
)
def test_labels_of_models_are_categories(label: str, category: str) -> None:
    assert category_of(label) == category


def test_windows_cover_a_text_and_overlap() -> None:
    text = " ".join(f"word{i}" for i in range(300)) + "x" * 700
    pieces = list(windows(text, 200, 40))
    covered = set()
    for offset, piece in pieces:
        assert len(piece) <= 200
        assert text[offset : offset + len(piece)] == piece
        covered |= set(range(offset, offset + len(piece)))
    assert not [at for at in range(len(text)) if at not in covered and not text[at].isspace()]


def test_an_unknown_detector_is_refused() -> None:
    for wish in ("spacy", "hf", "gliner:", "llm:"):
        with pytest.raises(UsageError):
            check(wish)
    assert check("hf:a/b:c") == ("hf", "a/b:c")


# A language model behind a server.


class _Model(BaseHTTPRequestHandler):
    answers: list[Any]
    seen: list[Any]

    def do_POST(self) -> None:
        type(self).seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        answer = type(self).answers[min(len(type(self).seen), len(type(self).answers)) - 1]
        status, content = answer if isinstance(answer, tuple) else (200, answer)
        if status == 302:
            self.send_response(302)
            self.send_header("Location", "http://medcli.invalid/")
            self.end_headers()
            return
        body = json.dumps({"choices": [{"message": {"content": content}}]}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(*answers: Any) -> Iterator[tuple[str, list[Any]]]:
    handler = type("Handler", (_Model,), {"answers": list(answers), "seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", handler.seen  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def hosted(url: str) -> Any:
    return load(f"llm:{url}#m", trusted=["127.0.0.1"], timeout=2)


def test_a_hosted_model_quotes_and_each_place_of_a_quote_is_found() -> None:
    answer = json.dumps([{"text": "zorblat", "category": "NAME"}, {"text": "quxville", "category": "city"}])
    with served(f"<think>who?</think>\n```json\n{answer}\n```") as (url, seen):
        (spans,) = hosted(url).find([TEXT])
    assert [(one.category, TEXT[one.start : one.end]) for one in spans] == [
        ("NAME", "zorblat"), ("PLACE", "quxville"), ("NAME", "zorblat"),
    ]  # fmt: skip
    assert seen[0]["messages"][1]["content"] == TEXT


@pytest.mark.parametrize(
    "answer",
    [
        "Seen by [NAME] in [CITY].",
        '[{"text": "Zorblat", "category": "NAME"}]',
        '[{"text": "somebody else", "category": "NAME"}]',
        '[{"text": "", "category": "NAME"}]',
        '[{"text": "zorblat", "category": 5}]',
        '[{"text": "zorblat"}]',
        '["zorblat"]',
        '{"text": "zorblat", "category": "NAME"}',
        "[] and more",
        None,
        (500, "[]"),
        (302, ""),
    ],
)
def test_a_hosted_model_that_does_not_quote_withholds_the_text(answer: Any) -> None:
    with served(answer) as (url, seen):
        finder = Finder(detectors=[Watched(hosted(url), 5)])
        with pytest.raises(SafetyRefused) as caught:
            finder.find(TEXT)
    assert "zorblat" not in str(caught.value)
    assert len(seen) == 1


def test_a_host_that_is_not_trusted_is_sent_nothing() -> None:
    with served("[]") as (url, seen):
        for trusted in ([], ["localhost"], ["127.0.0.2"]):
            with pytest.raises(UsageError, match="not trusted"):
                load(f"llm:{url}#m", trusted=trusted)
        assert hosted(url).find([TEXT, " "]) == [[], []]
    assert len(seen) == 1


# Packages that are large: their answers' shape.


def test_presidio_s_answers_are_spans() -> None:
    found = [SimpleNamespace(entity_type=kind, start=8, end=15, score=0.85) for kind in ("PERSON", "NRP")]
    detector = Presidio(SimpleNamespace(analyze=lambda text, language: found), "1")
    assert detector.find([TEXT]) == [[Span(8, 15, "NAME", 0.85, "presidio")]]


def test_gliner_s_answers_are_spans_of_the_whole_text() -> None:
    long = "Nothing is said here at all. " * 60 + TEXT

    def predict(texts: list[str], labels: list[str], threshold: float) -> list[list[dict[str, object]]]:
        assert "person" in labels
        return [
            [
                {
                    "start": text.index("zorblat"),
                    "end": text.index("zorblat") + 7,
                    "label": "person",
                    "score": 0.9,
                }
            ]
            if "zorblat" in text
            else []
            for text in texts
        ]

    detector = Gliner(SimpleNamespace(batch_predict_entities=predict), "1")
    for spans, text in zip(detector.find([TEXT, long]), [TEXT, long], strict=True):
        assert {text[one.start : one.end] for one in spans} == {"zorblat"}


# Token classification by transformers.


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of random weights whose last layer is set so that it knows three words."""
    torch = pytest.importorskip("torch")
    from transformers import BertConfig, BertForTokenClassification, BertTokenizerFast

    folder = tmp_path_factory.mktemp("classifier")
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "seen",
        "by",
        "in",
        ".",
        "agreed",
        "zor",
        "##blat",
        "qux",
        "##ville",
        "nothing",
    ]
    vocabulary = {word: number for number, word in enumerate(words)}
    BertTokenizerFast(vocab=vocabulary, model_max_length=64).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(words), hidden_size=len(words) * 4, num_hidden_layers=1, num_attention_heads=1,
        intermediate_size=8, max_position_embeddings=64, id2label={0: "O", 1: "B-PER", 2: "B-LOC"},
    )  # fmt: skip
    model = BertForTokenClassification(config)
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if "LayerNorm.weight" not in name:
                weights.zero_()
        for word in range(len(words)):  # each word a direction of its own, which nothing changes on the way
            model.bert.embeddings.word_embeddings.weight[word, word] = 50.0
        model.classifier.bias[0] = 1.0
        for label, pieces in ((1, (10, 11)), (2, (12, 13))):
            for piece in pieces:
                model.classifier.weight[label, piece] = 5.0
    model.save_pretrained(folder)
    return folder


def test_a_token_classifier_finds_whole_words_in_short_and_long_texts(classifier: Path) -> None:
    detector = load(f"hf:{classifier}")
    long = "nothing in " * 100 + TEXT
    texts = ["", TEXT, "nothing", long]
    for text, spans in zip(texts, detector.find(texts), strict=True):
        told = {(one.category, text[one.start : one.end]) for one in spans}
        assert told == ({("NAME", "zorblat"), ("PLACE", "quxville")} if TEXT in text else set())
    spans = Finder(detectors=[Watched(detector, 30)]).find(TEXT)
    assert {TEXT[one.start : one.end] for one in spans} == {"zorblat", "quxville"}
    assert "bert" in detector.version


def test_a_model_that_is_not_there_is_told_by_its_option(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    with pytest.raises(SetupError, match="cannot be loaded"):
        load(f"hf:{tmp_path}")
