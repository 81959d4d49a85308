"""Rules one by one: tables find their own examples, choices, lengths, identity, languages."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcli.instruct.checks import RULES, Lengths, Settings, check, is_refusal, mend, names, reader
from medcli.instruct.checks.capitals import put_right
from medcli.instruct.checks.choices import named
from medcli.instruct.checks.facts import facts
from medcli.instruct.checks.leak import leaked
from medcli.instruct.checks.numerals import read
from medcli.instruct.checks.source_talk import talks
from medcli.instruct.checks.tables import rows
from medcli.instruct.checks.wording import languages
from medcli.instruct.sample import Finding, Sample
from medcli.privacy.gate import Gate
from medcli.records import Caption, Turn

QUESTION = ("user", "What is shown here?")


def pair(answer: str, question: str = QUESTION[1]) -> tuple[Turn, Turn]:
    return ("user", question), ("assistant", answer)


def broken(sample: Sample, caption: Caption | None = None, settings: Settings | None = None) -> set[str]:
    return {one.rule for one in check(sample, caption, settings)}


def test_names_are_unique_and_each_rule_says_what_it_is() -> None:
    assert len(set(names())) == len(RULES)
    assert all(rule.find.__doc__ and rule.find.__doc__.splitlines()[0].endswith(".") for rule in RULES)


@pytest.mark.parametrize("row", list(rows("source_talk")), ids=lambda row: row["word"])
def test_words_for_sources_find_their_example_and_nothing_harmless(row: dict[str, str]) -> None:
    assert talks(row["example"])
    assert not talks(row["harmless"])


@pytest.mark.parametrize("row", list(rows("refusal")), ids=lambda row: row["example"])
def test_refusals_find_their_example_and_nothing_harmless(row: dict[str, str]) -> None:
    assert is_refusal(row["example"])
    assert not is_refusal(row["harmless"])


@pytest.mark.parametrize("row", list(rows("capitals")), ids=lambda row: row["right"])
def test_abbreviations_are_put_right(row: dict[str, str]) -> None:
    behind = {
        "": " shows",
        "pet": " scan",
        "flair": " image",
        "pas": " stain",
        "gi": " tract",
        "who": " grade",
    }
    rest = behind.get(row["word"], "-weighted image" if row["needs"] else behind[""])
    assert put_right(f"a {row['word']}{rest}") == f"a {row['right']}{rest}"
    title = row["word"][0].upper() + row["word"][1:]
    assert put_right(f"{title}{rest}") == f"{row['right']}{rest}"
    assert put_right(f"a {row['right']}{rest}") == f"a {row['right']}{rest}"


@pytest.mark.parametrize(
    "row",
    [row for row in rows("units", "medcli.instruct.checks") if row["unit"] != "\u00d7"],
    ids=lambda row: row["unit"],
)
def test_every_unit_is_read(row: dict[str, str]) -> None:
    (fact,) = facts(f"It was 7 {row['unit']} there.")
    assert (fact.of, fact.value) == (row["of"], pytest.approx(7 * float(row["factor"])))


@pytest.mark.parametrize("row", list(rows("number_names")), ids=lambda row: row["words"])
def test_numbers_in_names_are_no_facts(row: dict[str, str]) -> None:
    assert facts(f"It is {row['words']} 27 here.") == ()
    assert facts(f"It is {row['words']}: 27.") == ()


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("3.5", 3.5), ("3,5", 3.5), ("1,200", 1200), ("twenty-four", 24), ("one hundred and five", 105),
     ("Two thousand", 2000), ("ninety nine", 99), ("0.05", 0.05)],
)  # fmt: skip
def test_numerals_are_read(text: str, value: float) -> None:
    assert read(text).value == value


@pytest.mark.parametrize(
    "sample",
    [
        Sample("a", "conversation", ()),
        Sample("a", "poem", pair("The lung.")),
        Sample("a", "conversation", (("system", "Be kind."), *pair("The lung."))),
    ],
)
def test_a_broken_schema_is_all_that_is_said(sample: Sample) -> None:
    assert broken(sample) == {"schema"}
    assert mend(sample)[0] is None


def test_turns_alternate() -> None:
    assert broken(Sample("a", "", (*pair("The lung."), QUESTION))) >= {"alternation"}
    assert broken(Sample("a", "", (pair("The lung.")[1], QUESTION))) >= {"alternation"}


@pytest.mark.parametrize(
    ("answer", "place"),
    [("B", 1), ("B. liver", 1), ("(b) liver", 1), ("The answer is C.", 2), ("liver", 1), ("The liver.", 1), ("Option A", 0),
     ("B, T and NK cells", 3), ("It is the liver, I think", 1), ("heart", -1), ("A large spleen", 0), ("liver and spleen", -1),
     ("D", 3), ("E", -1)],
)  # fmt: skip
def test_the_option_that_an_answer_names(answer: str, place: int) -> None:
    assert named(answer, ("spleen", "liver", "kidney", "B, T and NK cells")) == place


OPTIONS = ("spleen", "liver", "kidney", "pancreas")


@pytest.mark.parametrize(
    ("options", "key", "answer", "said"),
    [
        (OPTIONS, 1, "liver", ""),
        (OPTIONS, 1, "B", ""),
        (OPTIONS, 1, "C", "the answer does not name the key"),
        (("spleen", "The spleen.", "liver"), 2, "liver", "two options that say the same"),
        (("spleen", "", "liver"), 2, "liver", "an empty option"),
        (("spleen", "all of the above"), 0, "spleen", "an option that speaks of the others"),
        (("spleen",), 0, "spleen", "not two to 26 options"),
        (OPTIONS, 4, "liver", "a key that is no option's place"),
        (OPTIONS, -1, "liver", "a key that is no option's place"),
    ],
)
def test_options_and_key(options: tuple[str, ...], key: int, answer: str, said: str) -> None:
    found = check(Sample("a", "vqa-choice", pair(answer, "Which organ is shown?"), "", "", options, key))
    assert [one.detail for one in found if one.rule == "choices"] == ([said] if said else [])


def test_options_belong_to_multiple_choice_alone() -> None:
    assert broken(Sample("a", "vqa-open", pair("The lung."), "", "", OPTIONS, 1)) == {"choices"}
    assert broken(Sample("a", "vqa-open", pair("The lung."), "", "", (), 1)) == {"choices"}
    assert broken(Sample("a", "vqa-choice", pair("The lung."))) == {"choices"}
    two = Sample(
        "a", "vqa-choice", (*pair("liver"), *pair("liver", "And which one here?")), "", "", OPTIONS, 1
    )
    assert "choices" in broken(two)


@pytest.mark.parametrize(
    ("options", "key", "question", "given_away"),
    [
        (("a cyst", "a stone", "a tumour that has grown through the wall"), 2, "What is it?", True),
        (("a cyst of the kidney", "a stone of the ureter", "gas"), 2, "What is it?", True),
        (("a cyst of the kidney", "a stone of the ureter", "gas in the bladder"), 2, "What is it?", False),
        (("yes", "no"), 0, "Is it large?", False),
        (("left lung", "right lung"), 0, "Is the left lung or something else opaque?", True),
        (("left lung", "right lung"), 0, "Left lung or right lung?", False),
        (("left lung", "right lung"), 0, "Which is opaque?\nA. left lung\nB. right lung", False),
    ],
)
def test_the_key_is_not_given_away(
    options: tuple[str, ...], key: int, question: str, given_away: bool
) -> None:
    sample = Sample("a", "vqa-choice", pair(options[key], question), "", "", options, key)
    assert ("choice-giveaway" in broken(sample)) is given_away


def test_the_key_counts_as_an_answer_that_leaks() -> None:
    options = ("2 cm", "3 cm", "35 mm")
    sample = Sample("a", "vqa-choice", pair("C", "How large is it?"), "", "", options, 2)
    assert broken(sample, Caption("a", "A mass of 3.5 cm.")) == {"leak"}


def test_mentions_count_as_the_caption_does() -> None:
    caption = Caption("a", "A mass.", mentions=("The patient was a 45-year-old man.",))
    assert leaked("He is 45 years old.", caption) == "age"


def test_small_counts_pass_where_the_user_says_so() -> None:
    sample = Sample("a", "", pair("There are three nodules."))
    caption = Caption("a", "Three nodules are seen.")
    assert broken(sample, caption) == {"leak"}
    assert broken(sample, caption, Settings(smallest_count=5)) == set()


def test_lengths_are_the_kinds_own() -> None:
    assert broken(Sample("a", "description", pair("The lung is clear."))) == {"length"}
    assert broken(Sample("a", "vqa-open", pair("The lung is clear."))) == set()
    own = Settings(lengths={"vqa-open": Lengths((1, 9), (1, 2), 1)})
    assert broken(Sample("a", "vqa-open", pair("The lung is clear.")), None, own) == {"length"}
    assert broken(Sample("a", "conversation", pair("The lung is clear.")), None, own) == set()
    (finding,) = check(Sample("a", "description", pair("The lung is clear.")))
    assert finding == Finding("length", 1, "answer of 4 words; 20 to 500 are due")


def test_characters_count_where_words_have_no_blanks() -> None:
    sample = Sample(
        "a", "description", pair("图像显示左肺下叶有一个圆形肿块边缘清楚周围没有渗出", "请描述一下这张图像")
    )
    assert broken(sample, None, Settings(language="zh")) == set()


SENTENCES = dict(
    line.split("\t")
    for line in Path(__file__).with_name("languages.tsv").read_text().splitlines()
    if not line.startswith("#")
)


@pytest.mark.parametrize("code", languages())
def test_a_language_passes_its_own_words(code: str) -> None:
    own = next((row["words"] for row in rows("languages") if row["language"] == code), "").split()
    text = SENTENCES.get(code) or " ".join(own[:12])
    sample = Sample("a", "", pair(text, text))
    assert "language" not in broken(sample, None, Settings(language=code))
    assert "language" not in broken(sample, None, Settings(language=""))
    other = "ru" if code == "en" else "en"
    assert "language" in broken(sample, None, Settings(language=other))


def test_identity_is_found_by_the_gate() -> None:
    chosen = Settings(reader=reader(Gate()))
    chosen = pickle.loads(pickle.dumps(chosen))
    named = Sample("a", "", pair("The film shows Mr. John Quistgaard, MRN 4471902."))
    assert "identity" in broken(named, None, chosen)
    assert broken(Sample("a", "", pair("The film shows a clear lung.")), None, chosen) == set()
    rest, _ = mend(Sample("a", "", (*named.turns, *pair("The lung is clear.", "Is it clear?"))), None, chosen)
    assert rest is not None
    assert rest.turns == pair("The lung is clear.", "Is it clear?")


@settings(max_examples=200, deadline=None)
@given(
    st.text(
        alphabet="0123456789.,-/ \u00b5\u03bcgGmMlL%\u00d7xX\u212aK\u017fsSTthHdDyY\u00b0cC\u00b2\u00b3 Maymond-",
        max_size=40,
    )
)
def test_no_text_is_too_odd_for_facts(text: str) -> None:
    """Signs that regular expressions take for one another (micro and mu, Kelvin and K) are read or passed over."""
    for fact in facts(text):
        assert fact.kind in ("age", "date", "count", "measurement")
        assert leaked(text, Caption("a", text)) in ("", "age", "date", "count", "measurement", "name")


@pytest.mark.parametrize("sign", ["\u00b5", "\u03bc", "\u039c"])
def test_both_signs_of_micro_are_one(sign: str) -> None:
    (fact,) = facts(f"It took 7 {sign}g of it.")
    assert (fact.of, fact.value) == ("mass", pytest.approx(7e-6))
