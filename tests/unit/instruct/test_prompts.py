"""Prompts: ours as they ship, and a user's own in their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medcli.errors import UsageError
from medcli.instruct import checks
from medcli.instruct.domains import DOMAINS
from medcli.instruct.kinds import drawn
from medcli.instruct.parsing import parse
from medcli.instruct.prompts import Book, read_book
from medcli.instruct.prompts.book import FILES, reply
from medcli.instruct.sample import KINDS, Sample
from medcli.records import Caption

EXAMPLES = read_book().examples()


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one["domain"])
def test_every_worked_example_reads_back_and_passes_the_checks(example: Any, kind: str, form: str) -> None:
    parsed = parse(kind, reply(kind, example, form))
    assert parsed is not None
    turns = parsed.turns
    for question in read_book().questions(kind)[:1]:
        turns = (("user", question), *turns)
    sample = Sample("1", kind, turns, "1.jpg", example["domain"], parsed.choices, 0 if parsed.choices else -1)
    caption = Caption("1", example["caption"], label=example["label"], mentions=tuple(example["mentions"]))
    assert checks.check(sample, caption) == []


@pytest.mark.parametrize("kind", ["description", "alignment"])
def test_every_fixed_question_passes_the_checks(kind: str) -> None:
    answer = reply(kind, EXAMPLES[0], "text")
    for question in read_book().questions(kind):
        sample = Sample("1", kind, (("user", question), ("assistant", answer)))
        assert checks.check(sample) == []


def test_there_is_an_example_for_every_domain_and_it_stands_last() -> None:
    book = read_book(examples=2)
    assert set(book.domains()) == {*DOMAINS, ""} - {"other"}
    for domain in DOMAINS[:-1]:
        (own,) = [one for one in EXAMPLES if one["domain"] == domain]
        turns = book.prompt("conversation", domain).turns
        assert [role for role, _ in turns] == ["system", *["user", "assistant"] * 2]
        assert own["caption"] in turns[-2][1]
    assert book.prompt("vqa-open", "other") is book.prompt("vqa-open", "")


def test_what_is_told_follows_the_wishes() -> None:
    assert EXAMPLES[1]["mentions"][0] in repr(read_book().prompt("alignment", "").turns)
    assert EXAMPLES[1]["mentions"][0] not in repr(read_book(mentions=False).prompt("alignment", "").turns)
    assert "cannot see" in read_book().prompt("alignment", "").turns[0][1]
    assert "cannot see" not in read_book(pictures=True).prompt("alignment", "").turns[0][1]
    assert "JSON" not in repr(read_book(structured=False).prompt("conversation", "").turns)
    assert len(read_book(examples=0).prompt("conversation", "mri").turns) == 1
    asked = read_book().prompt("conversation", "mri").ask("Figure 1. A mass.", ["Said."])
    assert asked.index("Figure 1. A mass.") < asked.index("- Said.")


def test_the_hash_is_that_of_all_that_is_said() -> None:
    hashes = {
        read_book(**one).hash("conversation")
        for one in ({}, {"examples": 1}, {"mentions": False}, {"structured": False}, {"pictures": True})
    }
    assert len(hashes) == 5
    assert (
        read_book().hash("conversation")
        == read_book().hash("conversation")
        != read_book().hash("description")
    )


def test_a_folder_takes_the_place_of_ours(tmp_path: Path) -> None:
    (tmp_path / "alignment.toml").write_text(
        'version = "mine"\ntask = "Name it for Maria Lopez."\njson = "J"\ntext = "T"\nquestions = ["What?"]\n'
    )
    seen: list[str] = []

    def clean(texts: Any) -> list[str]:
        seen.extend(texts)
        return [text.replace("Maria Lopez", "[NAME_1]") for text in texts]

    book = read_book(tmp_path, clean)
    assert "Name it for [NAME_1]." in book.prompt("alignment", "mri").turns[0][1]
    assert (book.version("alignment"), book.questions("alignment")) == ("1.mine.1", ["What?"])
    assert sorted(seen) == ["J", "Name it for Maria Lopez.", "T", "What?"]  # ours are not searched
    assert book.hash("alignment") != read_book().hash("alignment")
    assert book.hash("description") == read_book().hash("description")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("conversation.toml", "version ="),
        ("conversation.toml", 'version = "1"\ntask = "t"\n'),
        ("description.toml", 'version = "1"\ntask = "t"\njson = "j"\ntext = "t"\n'),
        ("examples.toml", 'version = "1"\n[[example]]\ndomain = "mri"\ncaption = "c"\n'),
        ("shared.toml", 'version = "1"\nrules = "r"\npicture = "p"\nno_picture = "n"\nrepair = "r"\n'),
        ("other.toml", ""),
    ],
)
def test_what_is_no_prompt_is_refused_by_name(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UsageError) as caught:
        read_book(tmp_path)
    assert name in f"{caught.value} {caught.value.hint}" or name == "other.toml"
    assert all(f"{one}.toml" in caught.value.hint for one in FILES) or name != "other.toml"


def test_questions_are_drawn_evenly() -> None:
    book: Book = read_book()
    count = len(book.questions("description"))
    drawn_ones = [drawn(0, "question", f"{number}_F1") % count for number in range(3000)]
    assert min(drawn_ones.count(place) for place in range(count)) > 180
