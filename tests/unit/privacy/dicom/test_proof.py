"""Planted failures prove that the proof fires: whatever survives withholds the file and says which attribute."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from medcli.privacy.dicom import codes, proof, rewrite, scrubber, table
from medcli.privacy.dicom import write as writing
from medcli.privacy.dicom.encoding import Damaged, Frame, read_frame
from medcli.privacy.dicom.segments import Segment
from medcli.privacy.policy import Policy
from tests.privacy import recode, wire
from tests.unit.privacy.dicom import samples
from tests.unit.privacy.dicom.samples import ANYTHING, BASIC, Outcome, Scrub, ct, encode

SYNTAXES = {"explicit": wire.EXPLICIT, "implicit": wire.IMPLICIT, "big": wire.BIG, "deflated": wire.DEFLATED}
Plant = Callable[[Callable[[bytes], bytes]], None]


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Plant:
    """Make the writer fail: what it was to write goes through a function first."""

    def spoil(change: Callable[[bytes], bytes]) -> None:
        def wrong(data: bytes, segments: list[Segment], frame: Frame, target: Path | None) -> writing.Written:
            body = change(b"".join(writing.chunks(data, segments)))
            try:
                found = read_frame(body)
            except Damaged:
                found = None
            at = found.start if found else 0
            return writing.write(b"", [body[:at], body[at:]], frame, target)

        monkeypatch.setattr(scrubber, "write", wrong)

    return spoil


def withheld(outcome: Outcome, *secrets: str, attribute: str = "", reason: str = "residue") -> None:
    result = outcome.result
    assert (result.status, result.reason) == ("withheld", reason)
    assert result.attribute == attribute
    for secret in (samples.NAME, samples.PATIENT, samples.STUDY, *secrets):
        assert secret.lower() not in f"{result}".lower()
    assert not result.crosswalk


def with_element(raw: bytes) -> Callable[[bytes], bytes]:
    """Set an element in before the pixels."""

    def change(whole: bytes) -> bytes:
        at = next(at for mark in (b"\xe0\x7f\x10\x00", b"\x7f\xe0\x00\x10") if (at := whole.find(mark)) >= 0)
        return whole[:at] + raw + whole[at:]

    return change


SURVIVORS = {
    "name": ("Mustermann", "(0010,0010)"),
    "given name": ("for Erika.", "(0010,0010)"),
    "both": ("ERIKA MUSTERMANN", "(0010,0010)"),
    "physician": ("konrad weissbrot", "(0008,0090)"),
    "patient": ("PAT-4711-X", "(0010,0020)"),
    "bare": ("pat4711x", "(0010,0020)"),
    "accession": ("see ACC-900123", "(0008,0050)"),
    "study date": ("20150304", "(0008,0020)"),
    "another spelling": ("on 4 March 2015", "(0008,0020)"),
    "content date": ("2015-03-05", "(0008,0023)"),
    "birth date": ("born 09.08.1931", "(0010,0030)"),
    "study": (samples.STUDY, "(0020,000D)"),
    "instance": (f"<{samples.INSTANCE}>", "(0008,0018)"),
    "frame": (samples.FRAME, "(0020,0052)"),
    "place": ("charite campus nord", "(0008,0080)"),
    "station": ("ctward17", "(0008,1010)"),
}


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("what", SURVIVORS)
def test_whatever_is_put_into_a_text_is_found(scrub: Scrub, plant: Plant, what: str, syntax: str):
    text, attribute = SURVIVORS[what]
    uid = SYNTAXES[syntax]
    plant(with_element(wire.element(0x00550010, "LT", text, wire.syntax_of(uid))))
    withheld(scrub(encode(ct(), uid)), text, attribute=attribute)


@pytest.mark.parametrize("large", [False, True])
def test_a_plan_and_a_mapped_file_are_searched_too(
    scrub: Scrub, plant: Plant, monkeypatch: pytest.MonkeyPatch, large: bool
):
    plant(with_element(wire.element(0x00550010, "LO", "Mustermann")))
    if large:
        monkeypatch.setattr(writing, "_WHOLE", 16)
        withheld(scrub(ct()), attribute="(0010,0010)")
    else:
        result = samples.scrubber().scrub(encode(ct()), None)
        assert (result.status, result.reason, result.attribute) == ("withheld", "residue", "(0010,0010)")


NAMES = {
    b"ISO_IR 100": "Müller^Jürgen".encode("latin-1"),
    b"ISO_IR 192": "Müller^Jürgen".encode(),
    b"ISO_IR 144": "Ивановский^Иван".encode("iso8859-5"),
    b"\\ISO 2022 IR 87": b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
    b"\\ISO 2022 IR 149": b"Hong^Gildong=\x1b$)C\xfb\xf3\xd1\xce^\x1b$)C\xd1\xce\xd4\xd7",
    b"\\ISO 2022 IR 58": b"Zhang^XiaoDong=\x1b$)A\xd5\xc5\xb6\xab^\x1b$)A\xd0\xa1\xb6\xab",
    b"GB18030": "王小东^李华".encode("gb18030"),
}


@pytest.mark.parametrize("charset", NAMES)
@pytest.mark.parametrize("part", [0, -1])
def test_names_in_other_letters_are_found(scrub: Scrub, plant: Plant, charset: bytes, part: int):
    raw = NAMES[charset]
    elements = {
        0x00080005: wire.element(0x00080005, "CS", charset),
        0x00100010: wire.element(0x00100010, "PN", raw),
        0x00550010: wire.element(0x00550010, "LO", "x"),
    }
    assert scrub(samples.by_hand(elements)).result.status == "released"
    survivor = raw.split(b"=")[-1].split(b"^")[part]
    plant(lambda whole: whole + wire.element(0x00550010, "LO", b"(" + survivor + b")"))
    withheld(scrub(samples.by_hand(elements)), attribute="(0010,0010)")


HANDLERS = [
    (codes.PATIENT_NAME, "(0010,0010)"),
    (codes.PATIENT_ID, "(0010,0020)"),
    (codes.ACCESSION, "(0008,0050)"),
    (codes.UID, "(0008,0018)"),
]


@pytest.mark.parametrize(("code", "attribute"), HANDLERS)
@pytest.mark.parametrize("notes", [True, False])
def test_a_rewriter_that_forgets_an_attribute_is_caught(
    scrub: Scrub, monkeypatch: pytest.MonkeyPatch, code: int, attribute: str, notes: bool
):
    def forget(self: rewrite.Rewriter, element: object) -> None:
        if notes:
            self.note(element)

    monkeypatch.setitem(rewrite.Rewriter._handlers, code, forget)
    if code == codes.UID and not notes:
        attribute = "(0002,0003)"  # the source's file meta names the instance as well
    withheld(scrub(ct()), attribute=attribute)


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(
    ("tag", "attribute"),
    [
        (0x00100010, "(0010,0010)"),
        (0x00100020, "(0010,0020)"),
        (0x00100030, "(0010,0030)"),
        (0x00080020, "(0008,0020)"),
        (0x0020000D, "(0020,000D)"),
        (0x00080090, "(0008,0090)"),
        (0x00080080, "(0008,0080)"),
    ],
)
def test_a_table_that_keeps_an_attribute_is_caught(
    scrub: Scrub, monkeypatch: pytest.MonkeyPatch, tag: int, attribute: str, syntax: str
):
    right = table.Table.code

    def wrong(self: table.Table, asked: int, vr: str) -> int:
        return codes.KEEP if asked == tag else right(self, asked, vr)

    monkeypatch.setattr(table.Table, "code", wrong)
    monkeypatch.setattr(samples, "scrubber", lambda policy: scrubber.Scrubber(policy, samples.KEY))
    withheld(scrub(encode(ct(), SYNTAXES[syntax])), attribute=attribute)


def test_a_name_in_a_kept_attribute_of_the_source_is_found(scrub: Scrub):
    withheld(scrub(ct(ConvolutionKernel="Mustermann")), attribute="(0010,0010)")


def test_an_identity_that_only_a_removed_sequence_knew_is_found(scrub: Scrub):
    item = wire.element(0x00100010, "PN", "Zwilling^Lotte") + wire.element(0x00100020, "LO", "OTHER-998")
    for secret in (b"Zwilling", b"other-998"):
        ds = {
            0x00101002: wire.sequence(0x00101002, [item], undefined=True),
            0x00181210: wire.element(0x00181210, "SH", secret),
        }
        attribute = "(0010,0010)" if secret == b"Zwilling" else "(0010,0020)"
        withheld(scrub(samples.by_hand(ds)), attribute=attribute)


@pytest.mark.parametrize("syntax", [wire.EXPLICIT, wire.DEFLATED])
def test_a_name_in_preamble_or_file_meta_is_found(scrub: Scrub, plant: Plant, syntax: str):
    plant(lambda whole: b"Mustermann" + whole[10:])
    withheld(scrub(encode(ct(), syntax)), attribute="(0010,0010)")
    extra = wire.element(0x00020016, "AE", "MUSTERMANN")
    plant(lambda whole: whole.replace(b"\x02\x00\x13\x00SH", extra + b"\x02\x00\x13\x00SH", 1))
    withheld(scrub(encode(ct(), syntax)), attribute="(0010,0010)")


@pytest.mark.parametrize(
    "behind", [b"\0", b" ", b"Mustermann", bytes(512), b"\xfc\xff\xfc\xffOB\0\0\2\0\0\0ab"]
)
def test_a_byte_behind_the_data_set_is_no_release(scrub: Scrub, plant: Plant, behind: bytes):
    plant(lambda whole: whole + behind)
    withheld(scrub(ct()), reason="unsound")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda whole: whole[:-1],
        lambda whole: whole[:200],
        lambda whole: whole.replace(b"US\2\0", b"XX\2\0"),
        lambda whole: bytes(128) + b"DICM",
        lambda whole: bytes(len(whole)),
        lambda whole: whole.replace(wire.EXPLICIT.encode() + b"\0", wire.IMPLICIT.encode() + b"\0\0\0", 1),
        lambda whole: whole.replace(b"\x28\0\x11\0", b"\x28\0\x01\0"),
    ],
)
def test_what_can_not_be_read_back_is_no_release(scrub: Scrub, plant: Plant, spoil: Callable[[bytes], bytes]):
    plant(spoil)
    withheld(scrub(ct()), reason="unsound")


@pytest.mark.parametrize("at", [1, 64, 128])
@pytest.mark.parametrize("policy", [BASIC, ANYTHING, Policy("strict")])
def test_a_changed_pixel_is_no_release(scrub: Scrub, plant: Plant, at: int, policy: Policy):
    plant(lambda whole: whole[:-at] + bytes([whole[-at] ^ 1]) + whole[len(whole) - at + 1 :])
    withheld(scrub(ct(), policy), reason="pixels-changed")


def test_pixels_that_went_are_no_release(scrub: Scrub, plant: Plant):
    plant(lambda whole: whole[: whole.index(b"\xe0\x7f\x10\0")])
    withheld(scrub(ct()), reason="pixels-changed")


def test_pixels_that_were_masked_wrongly_are_no_release(scrub: Scrub, plant: Plant):
    ds = ct()
    ds.add_new(0x60000010, "US", 8)
    ds.add_new(0x60000102, "US", 15)
    assert scrub(ds).result.status == "released"
    plant(lambda whole: whole[:-1] + bytes([whole[-1] | 0x80]))
    withheld(scrub(ds), reason="pixels-changed")


def test_text_in_pixels_of_a_wrong_length_is_found(scrub: Scrub):
    pixels = bytes(60) + b"Mustermann" + bytes(58)
    assert scrub(ct(PixelData=pixels)).result.status == "released"  # native values say what the detector saw
    withheld(scrub(ct(PixelData=pixels, Rows=9)), attribute="(0010,0010)")


def test_text_behind_the_pixels_proper_is_found(scrub: Scrub, plant: Plant):
    ds = ct(PixelData=samples.PIXELS + bytes(40))
    assert scrub(ds).result.status == "released"  # zeros are padding
    plant(lambda whole: whole[:-20] + b"Mustermann" + whole[-10:])
    withheld(scrub(ds), attribute="(0010,0010)")


SAMPLES = bytes(range(1, 250)) * 4
JPEG, J2K = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90"
SOS, EOI = b"\xff\xda\0\x08\1\1\0\0\x3f\0", b"\xff\xd9"


def comment(marker: int, text: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(text) + 2) + text


STREAMS = {
    "JPEG comment": (JPEG, b"\xff\xd8" + comment(0xFE, b"Mustermann") + SOS + SAMPLES + EOI),
    "short": (JPEG, b"\xff\xd8" + comment(0xFE, b"Erika") + SOS + SAMPLES + EOI),
    "APP1": (JPEG, b"\xff\xd8" + comment(0xE1, b"Exif\0\0by Erika, 20150304") + SOS + SAMPLES + EOI),
    "between scans": (JPEG, b"\xff\xd8" + SOS + SAMPLES + comment(0xFE, b"Erika") + SOS + SAMPLES + EOI),
    "behind the end": (JPEG, b"\xff\xd8" + SOS + SAMPLES + EOI + b"Erika"),
    "J2K comment": (J2K, b"\xff\x4f" + comment(0x64, b"\0\1Erika M") + b"\xff\x93" + SAMPLES + EOI),
    "no marker": (J2K, b"JP2 box" + SAMPLES + b"\x80Mustermann\x80" + SAMPLES),
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("parts", [1, 3])
def test_text_in_compressed_pixels_is_found(scrub: Scrub, name: str, parts: int):
    syntax, stream = STREAMS[name]
    cuts = [len(stream) * n // parts // 2 * 2 for n in range(parts)] + [len(stream)]
    pieces = [stream[a:b] for a, b in itertools.pairwise(cuts)]
    clean = [SAMPLES for _ in pieces]
    assert scrub(compressed(syntax, clean)).result.status == "released"
    if parts == 3 and name == "no marker":
        pieces = [SAMPLES, stream, SAMPLES]  # a name that is cut in two is no name
    attribute = "(0008,0020)" if "20150304" in str(pieces) and "Erika" not in str(pieces) else "(0010,0010)"
    withheld(scrub(compressed(syntax, pieces)), "erika", attribute=attribute)


def compressed(syntax: str, pieces: list[bytes]) -> bytes:
    return recode.encapsulate(encode(ct()), syntax, pieces)


def test_run_length_pixels_are_passed(scrub: Scrub):
    source = recode.rle(encode(ct()))
    outcome = scrub(source)
    assert outcome.result.status == "released"
    assert wire.elements(wire.split(outcome.data).body)[-1] == wire.elements(wire.split(source).body)[-1]


def test_a_file_read_back_otherwise_is_an_error(
    scrub: Scrub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    right = writing._put

    def rotten(target: Path, parts: Iterator[bytes], *digest: object) -> int:
        size = right(target, parts, *digest)
        data = bytearray(target.read_bytes())
        data[-1] ^= 1
        target.write_bytes(data)
        return size

    monkeypatch.setattr(writing, "_put", rotten)
    with pytest.raises(OSError, match="differs") as error:
        scrub(ct())
    assert samples.NAME not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_proof_that_fails_leaves_nothing(scrub: Scrub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(proof, "needles", broken)
    with pytest.raises(MemoryError):
        scrub(ct())
    assert not list(tmp_path.iterdir())


def test_what_an_option_keeps_is_no_residue(scrub: Scrub):
    kept = Policy(retain=frozenset(["uids", "full-dates", "device-identity", "institution-identity"]))
    ds = ct(ConvolutionKernel=["CTWARD17", "20150304"], WindowCenterWidthExplanation="Charite Campus Nord")
    assert scrub(ds, kept).result.status == "released"
    assert scrub(ds).result.reason == "residue"
    ds.ConvolutionKernel = samples.PATIENT
    assert scrub(ds, kept).result.attribute == "(0010,0020)"


@pytest.mark.parametrize("option", ["device-identity", "institution-identity", "uids", "full-dates"])
def test_what_one_option_keeps_excuses_nothing_else(scrub: Scrub, option: str):
    policy = Policy(retain=frozenset([option]))
    for text, keeps in (
        ("CTWARD17", "device-identity"),
        ("Charite Campus Nord", "institution-identity"),
        (samples.STUDY, "uids"),
        ("20150304", "full-dates"),
    ):
        status = "released" if keeps == option else "withheld"
        assert scrub(ct(WindowCenterWidthExplanation=text), policy).result.status == status
