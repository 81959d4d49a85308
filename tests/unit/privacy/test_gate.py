"""The gate: what it lets through, what it keeps back, and that nothing of it can be shown, copied or written."""

from __future__ import annotations

import copy
import io
import json
import pickle
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcli.errors import SetupError, UsageError
from medcli.privacy.gate import Gate, Image, Refused, Vault, open_vault, prepare
from medcli.privacy.gating.tokens import found, spelt
from medcli.privacy.gating.vault import Restorer
from medcli.privacy.text.categories import CATEGORIES
from medcli.privacy.text.span import Span

QUESTION = "Is Mrs Ottilie Lindqvist, MRN 77310224, born 3 November 1948, well?"
SECRETS = ("Ottilie", "Lindqvist", "77310224", "1948")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


class Bad:
    """A detector that does what it was told to."""

    name, version = "bad", "0"

    def __init__(self, deed: str) -> None:
        self.deed = deed

    def find(self, texts: Sequence[str]):
        match self.deed:
            case "crash":
                raise ValueError(f"cannot read {texts}")
            case "exit":
                raise SystemExit(str(texts))
            case "hang":
                time.sleep(60)
            case "none":
                return None
            case "few":
                return []
            case "text":
                return ["[NAME]" for _ in texts]
            case "beyond":
                return [[Span(0, len(text) + 1, "NAME")] for text in texts]
            case "negative":
                return [[Span(-5, 3, "NAME")] for _ in texts]
            case "empty":
                return [[Span(3, 3, "NAME")] for _ in texts]
            case "category":
                return [[Span(0, 1, "SECRET")] for _ in texts]
            case "type":
                return [[{"start": 0, "end": 1}] for _ in texts]
        return [[] for _ in texts]


def leaks(*shown: object) -> list[str]:
    return [secret for secret in SECRETS for one in shown if secret.lower() in str(one).lower()]


@pytest.mark.parametrize(
    "deed",
    ["crash", "exit", "hang", "none", "few", "text", "beyond", "negative", "empty", "category", "type"],
)
def test_a_detector_that_fails_lets_nothing_through_and_tells_nothing(deed: str) -> None:
    gate = Gate(remote=True, detectors=[Bad(deed)], timeout=0.2)
    for _ in range(2):  # one that hung is not waited for again
        begun = time.monotonic()
        with pytest.raises(Refused) as caught:
            gate.session().prepare([("user", QUESTION)])
        assert time.monotonic() - begun < 5
    error = caught.value
    assert (error.kind, error.exit_code) == ("gate-refused-detector", 6)
    assert error.__context__ is None
    assert error.__cause__ is None
    shown = "".join(traceback.format_exception(error))
    assert leaks(shown, repr(error), error.args, pickle.dumps(error), error.receipt) == []
    assert isinstance(pickle.loads(pickle.dumps(error)), Refused)
    assert error.receipt is not None
    assert error.receipt.decision == "refused"


def test_what_never_ends_to_be_found_is_refused() -> None:
    words = ["qilvax", "wexlor", "corvann", "dulwork", "emsfort", "fawlix"]

    class Growing:
        """Finds one more word each time that it is asked."""

        name, version, calls = "growing", "0", 0

        def find(self, texts: Sequence[str]) -> list[list[Span]]:
            word = words[self.calls]
            self.calls += 1
            return [[Span(text.index(word), text.index(word) + len(word), "NAME")] for text in texts]

    with pytest.raises(Refused) as caught:
        Gate(detectors=[Growing()]).session().prepare([("user", " ".join(words))])
    assert caught.value.kind == "gate-refused-residue"


@pytest.mark.parametrize(
    "turns",
    [
        [("user", [{"type": "text", "text": QUESTION}])],
        [("user", None)],
        [("tool", QUESTION)],
        [QUESTION],
        [("user", QUESTION, "more")],
    ],
)
def test_a_part_that_is_no_text_is_refused(turns: object) -> None:
    with pytest.raises(Refused) as caught:
        Gate().session().prepare(turns)  # type: ignore[arg-type]
    assert caught.value.kind == "gate-refused-content"
    with pytest.raises(Refused):
        Gate().session().prepare([("user", "What?")], [Image(io.BytesIO(b""))])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "Who?\nA. seen by Dr. Feldmann\nB. Marisela Okonkwo\nC. J. Smith",
            "Who?\nA. seen by Dr. [NAME_1]\nB. [NAME_2]\nC. [NAME_3]",
        ),
        ("Which?\nA. Baker cyst\nB. Parkinson disease\nC. none", None),
        ("(A) Mary Smith\n(B) John Young", "(A) [NAME_1]\n(B) [NAME_2]"),
        ("B. Feldmann came.", "[NAME_1] came."),
    ],
)
def test_the_letters_of_options_stay_and_are_nobodys_initials(text: str, shown: str | None) -> None:
    safe, vault, _ = prepare(text, gate=Gate())
    assert safe.turns == (("user", shown or text),)
    assert vault.restore(safe.turns[0][1]) == text


def test_one_person_has_one_placeholder_over_a_session_and_two_sessions_share_none() -> None:
    gate = Gate()
    one, other = gate.session(), gate.session()
    texts = ["How is Maria Lopez?", "And MARIA  LOPEZ, and Peter Novak?", "Lopez, Maria and Maria Lopez?"]
    shown = [one.prepare([("user", text)]).turns[0][1] for text in texts]
    assert shown == ["How is [NAME_1]?", "And [NAME_1], and [NAME_2]?", "[NAME_1] and [NAME_1]?"]
    assert other.prepare([("user", "How is Peter Novak?")]).turns[0][1] == "How is [NAME_1]?"
    assert other.restore("[NAME_1] [NAME_2]") == "Peter Novak [NAME_2]"
    assert one.restore("[NAME_1] [NAME_2] [NAME_3]") == "Maria Lopez Peter Novak [NAME_3]"


def test_history_headers_names_and_fields_are_known_in_every_turn(tmp_path: Path) -> None:
    from pydicom import dcmread
    from pydicom.data import get_testdata_file

    name = get_testdata_file("CT_small.dcm")
    assert isinstance(name, str)
    dataset = dcmread(name)
    dataset.PatientName = "QUENNEVILLE^ODALYS"
    dataset.save_as(tmp_path / "scan.dcm")
    safe, vault, receipt = prepare(
        "did quenneville get worse? ask vanterpool about trzebinski.",
        [Image(tmp_path / "scan.dcm", "VANTERPOOL/scan.dcm")],
        [("user", "odalys came"), ("assistant", "Quennevile?")],
        [("NAME", "Trzebinski")],
    )
    text = repr(safe.turns).lower()
    assert not [one for one in ("quennev", "vanterpool", "trzebinski", "odalys") if one in text]
    assert receipt.known["NAME"] >= 3
    assert receipt.images == ["dicom unlikely"]
    assert vault.restore(safe.turns[-1][1]) == "did quenneville get worse? ask vanterpool about trzebinski."


@settings(max_examples=150)
@given(
    st.lists(TEXTS, min_size=1, max_size=3),
    st.sampled_from(["", "Maria Lopez", "NAME_1", "[NAME_1]", "<date-2>"]),
)
def test_every_text_comes_back_exactly(texts: list[str], more: str) -> None:
    session = Gate().session()
    said = [f"{text} {more}" for text in texts]
    try:
        safe = session.prepare([("user", text) for text in said])
    except Refused:
        return
    first: dict[str, str] = {}
    for shown, text in zip(safe.turns, said, strict=True):
        back = session.restore(shown[1])
        assert back.casefold().split() == text.casefold().split() or _variants(back, text)
    assert not first


def _variants(back: str, text: str) -> bool:
    """Whether two texts are alike but for case, accents and spacing of what was put back."""
    from medcli.privacy.text.known_fold import fold

    return "".join(fold(back).split()) == "".join(fold(text).split())


SPELLINGS = [
    "[{0}_{1}]",
    "[{0} {1}]",
    "[{0}-{1}]",
    "[ {0}_{1} ]",
    "{{{0}_{1}}}",
    "<{0}_{1}>",
    r"\[{0}\_{1}\]",
    "{0}_{1}",
    "**[{0}_{1}]**",
]


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(CATEGORIES)), st.sampled_from(SPELLINGS), st.booleans()), max_size=6
    ),
    st.lists(
        st.sampled_from([" ", "a ", "[", "\\", "NAME", "[NAM", "NAME_", "_", "1", "]", ". "]), max_size=10
    ),
    st.lists(st.integers(1, 9), max_size=40),
)
def test_a_stream_restores_as_the_whole_text_does(
    tokens: list[tuple[str, str, bool]], noise: list[str], cuts: list[int]
) -> None:
    vault = Vault()
    values = {}
    text = ""
    for number, (category, spelling, lower) in enumerate(tokens):
        label, count = vault.token(category, f"value{number}")
        values[label, count] = f"value{number}"
        shown = spelling.format(label, count)
        text += f" {shown.lower() if lower else shown} " + "".join(noise[number::6])
    text += "".join(noise)
    whole = vault.restore(text)
    restorer, out, at = Restorer(vault), "", 0
    for cut in [*cuts, len(text)]:
        out += restorer.feed(text[at : at + cut])
        at += cut
    assert out + restorer.finish() == whole
    assert not [one for one in found(whole) if (one.label, one.number) in values]


def test_only_a_true_beginning_is_held_back() -> None:
    vault = Vault()
    vault.token("NAME", "Maria Lopez")
    restorer = Restorer(vault)
    pieces = [
        "The name",
        " of [the] patient [DATE_1] is ",
        "[NA",
        "ME_1",
        "] and",
        " n",
        "ot NAME_1",
        "2 or NAME_1",
        ".",
    ]
    shown = [restorer.feed(piece) for piece in pieces]
    assert shown == [
        "The ",
        "name of [the] patient [DATE_1] is ",
        "",
        "",
        "Maria Lopez and",
        " ",
        "not ",
        "NAME_12 or ",
        "Maria Lopez.",
    ]
    assert (restorer.restored, restorer.unknown) == (2, 2)


@pytest.mark.parametrize(
    "text", ["[NAME_01]", "[NAMES_1]", "XNAME_1", "NAME_1_2", "NAME 1", "(name 1)", "[NAME_2]", "[NAME]"]
)
def test_what_is_no_placeholder_of_this_session_is_left(text: str) -> None:
    vault = Vault()
    vault.token("NAME", "Maria Lopez")
    assert vault.restore(text) == text


def test_an_answer_is_searched_for_identity_of_its_own() -> None:
    session = Gate().session()
    session.prepare([("user", "How is Maria Lopez?")])
    said = "[NAME_1] was seen by Dr. Alice Wong on 3 May 2019. [NAME_7]"
    shown = session.answer(said)
    assert shown.text == "Maria Lopez was seen by Dr. Alice Wong on 3 May 2019. [NAME_7]"
    assert (shown.restored, shown.unknown, shown.found) == (1, 1, {"NAME": 1, "DATE": 1})
    assert session.answer(said, restore=False).text == "[NAME_1] was seen by Dr. [NAME] on [DATE]. [NAME_7]"


def test_nothing_of_a_session_can_be_shown_copied_or_pickled() -> None:
    session = Gate().session()
    safe = session.prepare([("user", QUESTION)], [Image(Path("/data/LINDQVIST/1.png"), "LINDQVIST/1.png")])
    answered = session.answer("[NAME_1] is well.")
    things = [session, session.vault, safe, answered, session.restorer(), session.gate, session.receipt]
    assert leaks(*map(repr, things), *map(str, things)) == []
    for thing in things[:5]:
        for deed in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError):
                deed(thing)
    assert leaks(*(pickle.dumps(thing) for thing in things[5:]), json.dumps(session.receipt.to_json())) == []
    assert leaks(repr(Image(Path("/data/LINDQVIST/1.png"), "LINDQVIST/1.png"))) == []


def test_pixels_are_sent_where_they_may_be_or_were_cleaned(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    from PIL import Image as Images

    class Cleaner:
        name, version = "cleaner", "0"

        def clean(self, picture: object, known: object) -> object:
            return Images.new("L", (8, 8), 1)

    class Broken(Cleaner):
        def clean(self, picture: object, known: object) -> object:
            raise RuntimeError(QUESTION)

    Images.new("L", (8, 8)).save(tmp_path / "a.png")
    image = Image(tmp_path / "a.png", "a.png")
    turns = [("user", "What?")]
    for gate in (Gate(remote=True), Gate(pixels="refuse")):
        with pytest.raises(Refused) as caught:
            gate.session().prepare(turns, [image])
        assert caught.value.kind == "gate-refused-pixels"
    for gate in (Gate(), Gate(remote=True, pixels="accept")):
        assert gate.session().prepare(turns, [image]).images == (tmp_path / "a.png",)
    (shown,) = Gate(remote=True, cleaner=Cleaner()).session().prepare(turns, [image]).images
    assert shown.getpixel((0, 0)) == 1
    with pytest.raises(Refused) as caught:
        Gate(remote=True, cleaner=Broken()).session().prepare(turns, [image])
    assert leaks("".join(traceback.format_exception(caught.value))) == []


def test_a_vault_file_is_sealed_and_one_session_has_it(tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    path = tmp_path / "vault"
    with open_vault(path) as vault:
        Gate().session(vault).prepare([("user", QUESTION)])
        with pytest.raises(SetupError, match="Another session"), open_vault(path):
            pass
    with open_vault(path) as again:
        assert again.counts() == vault.counts()
        assert again.value("NAME", 1) == vault.value("NAME", 1)
    assert leaks(*(one.read_bytes() for one in tmp_path.iterdir())) == []
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(Exception, match="damaged"), open_vault(path):
        pass
    (tmp_path / "vault.key").chmod(0o644)
    with pytest.raises(SetupError, match="Others can read"), open_vault(path):
        pass


def test_a_detector_that_cannot_be_meant_is_told_before_anything_is_read() -> None:
    from medcli.privacy.gate import check

    for wish, hosts in (
        ("nlp", ()),
        ("hf", ()),
        ("llm:http://10.0.0.1/v1#m", ("127.0.0.1",)),
        ("llm:ftp://x#m", ("x",)),
        ("llm:http://x", ("x",)),
    ):
        with pytest.raises(UsageError):
            check([wish], hosts)
    check(["llm:http://HOST:8000/v1#m", "presidio", "hf:dir"], ["Host"])


def test_the_gate_opens_no_socket_and_brings_nothing_that_does() -> None:
    code = (
        "import sys, socket\n"
        "def block(*a, **k): raise AssertionError('a socket')\n"
        "socket.socket = socket.create_connection = socket.getaddrinfo = block\n"
        "from medcli.privacy.gate import Gate\n"
        "s = Gate(remote=True).session()\n"
        "s.prepare([('user', 'How is Maria Lopez, born 3 May 1948?')]); s.answer('[NAME_1] is well')\n"
        "print(sorted({'http.client', 'urllib.request', 'aiohttp', 'requests', 'torch', 'ssl'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


def test_tokens_are_spelt_as_they_are_read() -> None:
    for category in CATEGORIES:
        label = "AGE_90PLUS" if category == "AGE" else category
        (token,) = found(spelt(label, 12))
        assert (token.label, token.number) == (label, 12)
