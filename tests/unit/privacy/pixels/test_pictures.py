"""Pictures: what goes, what stays, and what is refused, for every kind and mode of pixels."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

np = pytest.importorskip("numpy")
Image = pytest.importorskip("PIL.Image")

from medcli.errors import SafetyRefused  # noqa: E402
from medcli.privacy.pixels.exif import orientation, upright  # noqa: E402
from medcli.privacy.pixels.jpeg_blocks import grid_of, mask_blocks  # noqa: E402
from medcli.privacy.pixels.jpeg_file import read_jpeg  # noqa: E402
from medcli.privacy.pixels.picture_kinds import UnfitPicture, recognise  # noqa: E402
from medcli.privacy.pixels.picture_pages import Page, decode  # noqa: E402
from medcli.privacy.pixels.picture_renderings import renderings  # noqa: E402
from medcli.privacy.pixels.picture_residue import holds_more  # noqa: E402
from medcli.privacy.pixels.pictures import PictureScrubber  # noqa: E402
from medcli.privacy.pixels.png_file import read_png  # noqa: E402

SECRET = "DOE^JANE 1234567"
BOX = (20, 30, 90, 44)
MODES = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"),
    "WEBP": ("RGB", "RGBA"),
    "BMP": ("1", "L", "P", "RGB", "RGBA"),
}
EACH = [(kind, mode) for kind, modes in MODES.items() for mode in modes]
DTYPES = {"I;16": np.uint16, "I": np.int32, "F": np.float32}


class Sees:
    """Finds one box, and on the second look `left`."""

    def __init__(self, *boxes: tuple[int, int, int, int], left: Sequence[Any] = ()) -> None:
        self.boxes, self.left, self.looks = boxes, list(left), 0

    def find(self, image: Any, *, second: bool = False) -> Sequence[tuple[int, int, int, int]]:
        assert image.dtype == np.uint8
        assert image.ndim == 2 or image.shape[2] == 3
        self.looks += 1
        return self.left if second else self.boxes


def scene(width: int = 150, height: int = 101) -> Any:
    y, x = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(1).normal(0, 12, x.shape)
    planes = ((np.sin(x / 30) + np.cos(y / 17)) * 60 + 120 + noise, x * 255 / width, y * 255 / height)
    return np.stack(planes, -1).clip(0, 255).astype(np.uint8)


def image(mode: str) -> Any:
    if mode in DTYPES:
        return Image.fromarray(scene()[..., 0].astype(DTYPES[mode]) * 100)
    return Image.fromarray(scene()).convert(mode)


def saved(kind: str, mode: str, turned: int = 1, **options: Any) -> bytes:
    """A file with the secret wherever this kind of picture takes one, and behind its end."""
    out = io.BytesIO()
    if kind != "BMP":
        exif = Image.Exif()
        exif[0x010E], exif[0x0112] = SECRET, turned
        options["exif"] = exif
    if kind == "PNG":
        from PIL.PngImagePlugin import PngInfo

        told = PngInfo()
        told.add_text("Patient", SECRET)
        told.add_itxt("XML:com.adobe.xmp", f"<x>{SECRET}</x>", zip=True)
        options |= {"pnginfo": told, "icc_profile": b"profile of " + SECRET.encode()}
    elif kind == "JPEG":
        options |= {"comment": SECRET.encode(), "xmp": SECRET.encode(), "icc_profile": SECRET.encode()}
    elif kind in ("WEBP", "TIFF"):
        options |= {"icc_profile": SECRET.encode()}
    image(mode).save(out, kind, **options)
    return out.getvalue() + (b"" if kind == "TIFF" else SECRET.encode())


def seen(data: bytes) -> Any:
    with Image.open(io.BytesIO(data)) as opened:
        return np.array(opened)


def scrubbed(data: bytes, tmp_path: Path, *looks: Any, how: str = "solid", **more: Any) -> tuple[Any, bytes]:
    target = tmp_path / "out"
    result = PictureScrubber(looks, how).scrub(data, target, **more)
    assert target.exists() == (result.status == "released")
    return result, target.read_bytes() if result.status == "released" else b""


@pytest.mark.parametrize(("kind", "mode"), EACH)
def test_metadata_go_and_every_pixel_stays(kind: str, mode: str, tmp_path: Path):
    data = saved(kind, mode)
    assert SECRET.encode() in data
    result, out = scrubbed(data, tmp_path, Sees())
    assert (result.status, result.method, result.boxes) == ("released", "none", 0)
    assert SECRET.encode() not in out
    assert b"profile of" not in out
    before, after = seen(data), seen(out)
    assert before.dtype == after.dtype
    assert (before == after).all()
    assert result.size == len(out)
    assert not holds_more(result.kind, out, ())


@pytest.mark.parametrize("how", ["solid", "noise"])
@pytest.mark.parametrize(("kind", "mode"), EACH)
def test_a_box_is_filled_and_nothing_outside_changes(kind: str, mode: str, how: str, tmp_path: Path):
    data = saved(kind, mode)
    result, out = scrubbed(data, tmp_path, Sees(BOX), how=how)
    assert result.status == "released"
    before, after = seen(data).astype(float), seen(out).astype(float)
    x0, y0, x1, y1 = (16, 16, 96, 48) if kind == "JPEG" else BOX
    room = 4 if kind == "JPEG" else 0
    changed = before != after if before.ndim == 2 else (before != after).any(axis=2)
    changed[y0 - room : y1 + room, x0 - room : x1 + room] = False
    assert not changed.any()
    inner = after[BOX[1] : BOX[3], BOX[0] : BOX[2]]
    told = before[BOX[1] : BOX[3], BOX[0] : BOX[2]]
    if how == "solid" and mode != "P" and kind != "JPEG":
        assert (inner == inner[0, 0]).all()
    if mode not in ("1", "P") and not (kind == "JPEG" and how == "noise"):
        flat, known = (a.reshape(a.shape[0] * a.shape[1], -1)[:, 0] for a in (inner, told))
        assert flat.std() == 0 or abs(np.corrcoef(flat, known)[0, 1]) < 0.2


def test_noise_is_drawn_anew_and_tells_nothing_by_averaging(tmp_path: Path):
    data = saved("PNG", "L")
    runs = [seen(scrubbed(data, tmp_path, Sees(BOX), how="noise")[1]) for _ in range(16)]
    inside = np.stack(runs)[:, BOX[1] : BOX[3], BOX[0] : BOX[2]].astype(float)
    covered = seen(data)[BOX[1] : BOX[3], BOX[0] : BOX[2]].astype(float)
    assert len({run.tobytes() for run in inside}) == 16
    assert abs(np.corrcoef(inside.mean(axis=0).ravel(), covered.ravel())[0, 1]) < 0.15


@pytest.mark.parametrize("turned", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_orientation_is_applied_and_then_gone(kind: str, turned: int, tmp_path: Path):
    from PIL import ImageOps

    data = saved(kind, "RGB", turned, **({"lossless": True} if kind == "WEBP" else {}))
    result, out = scrubbed(data, tmp_path, Sees())
    assert result.status == "released"
    with Image.open(io.BytesIO(data)) as opened:
        meant = np.array(ImageOps.exif_transpose(opened))
    with Image.open(io.BytesIO(out)) as opened:
        assert opened.getexif().get(0x0112, 1) == 1
        assert (np.array(opened) == meant).all()


@pytest.mark.parametrize("turned", [3, 6, 8])
def test_a_turned_jpeg_is_coded_again_with_its_own_tables(turned: int, tmp_path: Path):
    from PIL import ImageOps

    data = saved("JPEG", "RGB", turned, quality=90)
    result, out = scrubbed(data, tmp_path, Sees())
    assert (result.status, result.method) == ("released", "coded-again")
    with Image.open(io.BytesIO(data)) as opened:
        meant = np.array(ImageOps.exif_transpose(opened)).astype(int)
    different = np.abs(seen(out).astype(int) - meant)
    assert different.max() == result.deviation
    assert different.mean() < 4


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("restart", [0, 5])
@pytest.mark.parametrize("optimize", [False, True])
@settings(max_examples=8)
@given(
    boxes=st.lists(
        st.tuples(st.integers(0, 149), st.integers(0, 100), st.integers(1, 60), st.integers(1, 40)),
        max_size=4,
    )
)
def test_blocks_of_a_jpeg_are_replaced_and_all_others_keep_their_values(
    subsampling: int, restart: int, optimize: bool, boxes: list[tuple[int, int, int, int]]
):
    out = io.BytesIO()
    Image.fromarray(scene()).save(
        out, "JPEG", subsampling=subsampling, restart_marker_blocks=restart, optimize=optimize, quality=88
    )
    areas = [(x, y, min(x + w, 150), min(y + h, 101)) for x, y, w, h in boxes]
    jpeg = read_jpeg(out.getvalue())
    masked = mask_blocks(jpeg, areas, lambda component: 128 if component else 0)
    before, after = seen(out.getvalue()), seen(masked)
    free = np.ones(before.shape[:2], bool)
    for area in areas:
        x0, y0, x1, y1 = grid_of(jpeg).aligned(area)
        room = 4 if subsampling else 0
        free[max(y0 - room, 0) : y1 + room, max(x0 - room, 0) : x1 + room] = False
        # Readers may spread the colour of what stands beside a block over its edge, but nothing from under it.
        edge = 2 if subsampling else 0
        assert not after[y0 + edge : y1 - edge, x0 + edge : x1 - edge].any()
    assert (before[free] == after[free]).all()


def test_pages_of_a_tiff_are_looked_at_one_by_one(tmp_path: Path):
    out = io.BytesIO()
    first = Image.fromarray(scene())
    first.save(out, "TIFF", save_all=True, append_images=[first.rotate(180), first.convert("L")])
    eyes = Sees(BOX)
    result, written = scrubbed(out.getvalue(), tmp_path, eyes)
    assert (result.pages, result.boxes, eyes.looks) == (3, 3, 6)
    with Image.open(io.BytesIO(written)) as opened:
        assert opened.n_frames == 3
        for page in range(3):
            opened.seek(page)
            assert not np.array(opened)[BOX[1] : BOX[3], BOX[0] : BOX[2]].any()


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_sixteen_bits_a_colour_are_kept(kind: str, tmp_path: Path):
    cv2 = pytest.importorskip("cv2")
    deep = scene().astype(np.uint16) * 251 + 3
    data = cv2.imencode(f".{kind}", deep)[1].tobytes()
    result, out = scrubbed(data, tmp_path, Sees(BOX))
    assert result.status == "released"
    after = cv2.imdecode(np.frombuffer(out, np.uint8), cv2.IMREAD_UNCHANGED)
    changed = (after != deep).any(axis=2)
    changed[BOX[1] : BOX[3], BOX[0] : BOX[2]] = False
    assert after.dtype == np.uint16
    assert not changed.any()


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animations_are_withheld(kind: str, tmp_path: Path):
    out = io.BytesIO()
    first = Image.fromarray(scene())
    first.save(out, kind, save_all=True, append_images=[first.rotate(180)])
    result, _ = scrubbed(out.getvalue(), tmp_path, Sees())
    assert (result.status, result.reason) == ("withheld", "picture-animated")


@pytest.mark.parametrize("kind", list(MODES))
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_damaged_picture_is_withheld(kind: str, part: float, tmp_path: Path):
    data = saved(kind, "RGB").removesuffix(SECRET.encode())
    result, _ = scrubbed(data[: int(len(data) * part)], tmp_path, Sees(BOX))
    assert (result.status, result.reason) == ("withheld", "picture-damaged")


@settings(max_examples=150)
@given(kind=st.sampled_from(list(MODES)), at=st.floats(0, 1), byte=st.integers(0, 255), box=st.booleans())
def test_no_broken_byte_raises_or_lets_the_secret_through(kind: str, at: float, byte: int, box: bool):
    data = bytearray(saved(kind, "RGB"))
    data[int(at * (len(data) - 1))] = byte
    if not recognise(bytes(data[:32])):
        return
    result = PictureScrubber([Sees(*([BOX] if box else []))]).scrub(bytes(data), None)
    assert result.status in ("released", "withheld")
    assert (result.status == "released") == (not result.reason)


def test_bombs_are_refused_before_they_are_decoded(tmp_path: Path):
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
    result, _ = scrubbed(bomb + chunk(b"IEND", b""), tmp_path, Sees())
    assert result.reason == "picture-too-large"


def test_bytes_behind_the_rows_of_a_png_go():
    plain = read_png(saved("PNG", "L"))
    rows = zlib.decompress(plain.coded)
    plain.coded = zlib.compress(rows + SECRET.encode() * 3) + SECRET.encode()
    again = read_png(plain.plain())
    assert zlib.decompress(again.coded) == rows
    assert any(SECRET.encode() in part for part in again.dropped)


def test_what_the_second_look_finds_is_filled_or_withholds(tmp_path: Path):
    data = saved("PNG", "L")
    later = Sees(BOX, left=[(100, 60, 130, 80)])
    result, out = scrubbed(data, tmp_path, later)
    assert (result.status, result.reason) == ("withheld", "text-left-in-pixels")
    assert not out

    class Once(Sees):
        def find(self, image: Any, *, second: bool = False) -> Any:
            if second and not image[60:80, 100:130].any():
                return ()
            return super().find(image, second=second)

    result, out = scrubbed(data, tmp_path, Once(BOX, left=[(100, 60, 130, 80)]))
    assert (result.status, result.boxes) == ("released", 2)
    assert not seen(out)[60:80, 100:130].any()


def test_a_look_that_fails_withholds(tmp_path: Path):
    class Broken:
        def find(self, image: Any, *, second: bool = False) -> Any:
            raise SafetyRefused("no look")

    result, _ = scrubbed(saved("PNG", "L"), tmp_path, Broken())
    assert (result.status, result.reason) == ("withheld", "pixels-not-examined")


def test_known_values_in_what_is_written_withhold(tmp_path: Path):
    # Uncompressed rows can spell: a bitmap whose pixels are a name.
    letters = np.frombuffer(SECRET.encode().ljust(64), np.uint8).reshape(8, 8)
    out = io.BytesIO()
    Image.fromarray(letters).save(out, "BMP")
    target = tmp_path / "out"
    result = PictureScrubber((), known=[SECRET.encode()[:8]]).scrub(out.getvalue(), target)
    assert (result.status, result.reason) == ("withheld", "residue")
    assert not target.exists()


def test_text_under_transparent_pixels_is_seen():
    pixels = np.zeros((20, 30, 4), np.uint8)
    pixels[5:10, 5:20, :3] = 255
    shown = list(renderings(Page("RGBA", pixels)))
    assert shown[0][5:10, 5:20].all()
    pixels[..., 3] = 255
    pixels[2:4, 2:4, 3] = 0
    assert len(list(renderings(Page("RGBA", pixels)))) == 2


def test_more_boxes_and_refusals_come_by_the_digest(tmp_path: Path):
    data = saved("PNG", "L")
    result, out = scrubbed(data, tmp_path, Sees(), more=lambda digest: [BOX])
    assert result.boxes == 1
    assert not seen(out)[BOX[1] : BOX[3], BOX[0] : BOX[2]].any()
    result, _ = scrubbed(data, tmp_path, Sees(), more=lambda digest: None)
    assert (result.status, result.reason) == ("withheld", "withheld-by-reviewer")


@pytest.mark.parametrize("turned", range(1, 9))
def test_upright_agrees_with_pillow(turned: int):
    from PIL import ImageOps

    source = Image.fromarray(scene(7, 5))
    source.getexif()[0x0112] = turned
    assert (upright(np.array(source), turned) == np.array(ImageOps.exif_transpose(source))).all()
    assert orientation(source.getexif().tobytes()) == turned


def test_kinds_are_told_by_content():
    assert [recognise(saved(kind, "RGB")[:32]) for kind in MODES] == ["png", "jpeg", "tiff", "webp", "bmp"]
    assert recognise(b"BM" + bytes(30)) == ""
    assert recognise(b"") == ""
    with pytest.raises(UnfitPicture):
        decode("png", b"\x89PNG\r\n\x1a\n")


def test_a_palette_of_greys_spells_nothing(tmp_path: Path):
    out = io.BytesIO()
    Image.fromarray(scene()[..., 0]).convert("RGB").quantize(64).save(out, "PNG")
    result, written = scrubbed(out.getvalue(), tmp_path, Sees(BOX))
    assert (result.status, result.reason) == ("released", "")
    with Image.open(io.BytesIO(written)) as opened:
        colours = np.array(opened.convert("RGB"))[BOX[1] : BOX[3], BOX[0] : BOX[2]]
    assert (colours == colours[0, 0]).all()


def test_further_pictures_in_a_jpeg_go_and_do_not_withhold_it(tmp_path: Path):
    out = io.BytesIO()
    first = Image.fromarray(scene())
    first.save(out, "MPO", save_all=True, append_images=[first, first.rotate(180)])
    result, written = scrubbed(out.getvalue(), tmp_path, Sees())
    assert (result.status, result.reason) == ("released", "")
    assert written.count(b"\xff\xd8\xff") == 1
    assert (seen(written) == seen(out.getvalue())).all()


@pytest.mark.parametrize("options", [{}, {"restart_marker_rows": 1}, {"progressive": True}])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_rows_that_a_jpeg_does_not_tell_of_go(mode: str, options: dict[str, Any], tmp_path: Path):
    out = io.BytesIO()
    image(mode).save(out, "JPEG", quality=90, **options)
    whole = out.getvalue()
    result, written = scrubbed(whole, tmp_path, Sees())
    assert (result.status, result.method) == ("released", "none")
    assert (seen(written) == seen(whole)).all()

    short = bytearray(whole)
    at = max(short.find(b"\xff\xc0"), short.find(b"\xff\xc2"))
    short[at + 5 : at + 7] = (32).to_bytes(2, "big")
    result, written = scrubbed(bytes(short), tmp_path, Sees())
    if options.get("progressive"):
        assert (result.status, result.reason) == ("withheld", "residue")
        return
    assert result.status == "released"
    assert len(written) < len(whole) * 0.6
    assert (seen(written) == seen(bytes(short))).all()


@pytest.mark.parametrize("transparency", [None, b"\0\xff"])
def test_what_a_palette_hides_is_looked_at(transparency: bytes | None, tmp_path: Path):
    hidden = np.zeros((40, 60), np.uint8)
    hidden[10:20, 10:50] = 1
    flat = Image.fromarray(hidden)
    flat.putpalette([90, 90, 90] * 2)
    out = io.BytesIO()
    flat.save(out, "PNG", **({"transparency": transparency} if transparency else {}))
    shown: list[Any] = []

    class Keeps(Sees):
        def find(self, image: Any, *, second: bool = False) -> Any:
            shown.append(image)
            return ()

    scrubbed(out.getvalue(), tmp_path, Keeps())
    assert any(len(np.unique(one)) > 1 and (one > 0)[10:20, 10:50].all() for one in shown)


def test_a_kind_that_is_not_known_is_withheld(tmp_path: Path):
    out = io.BytesIO()
    Image.fromarray(scene()).save(out, "GIF")
    result, _ = scrubbed(out.getvalue(), tmp_path, Sees())
    assert (result.status, result.reason) == ("withheld", "picture-unsupported")
