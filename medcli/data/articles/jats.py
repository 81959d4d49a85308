"""Figures of a JATS article: label, caption, pictures, and the sentences that mention them.

Follows the Journal Article Tag Suite (NISO Z39.96): ``fig``, ``fig-group``, ``alternatives``, ``graphic``,
``supplementary-material``, ``xref``. Knows XML; refuses to know where the files are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.entities import html5
from xml.etree import ElementTree as ET

from medcli.data.pmc.article import ENDINGS
from medcli.errors import ItemFailed

BAD_XML = "bad-xml"
_HREF = "{http://www.w3.org/1999/xlink}href"
_MARK = re.compile("\x02([^\x03]*)\x03")
_SPACE = re.compile(r"\s+")
_UNSAFE = re.compile(r"[^\w.-]")
# A full stop ends a sentence before a blank and a capital, a bracket or a digit, unless an abbreviation stands before.
_END = re.compile(r"(?<=[.!?])(?<!\bFig\.)(?<!\bFigs\.)(?<!\bal\.)(?<!\bi\.e\.)(?<!\be\.g\.)(?<!\bvs\.)(?<!\bRef\.)"
                  r"(?<!\bNo\.)(?<!\bDr\.)(?<!\bapprox\.)[\"')\]]*\s+(?=[A-Z(\[\d\x02])")  # fmt: skip
_NOT_TEXT = frozenset({"fig", "fig-group", "table-wrap", "supplementary-material", "caption", "ref-list"})


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Attributes
    ----------
    id : str
        Its id in the article; made from its place where it has none.
    label, caption : str
        As text; empty where there is none.
    pictures : tuple of tuples of str
        File names: one tuple a picture, the alternatives of one picture within.
    mentions : tuple of str
        Sentences of the article's text that refer to it.
    supplementary : bool
        Whether it is supplementary material.
    """

    id: str
    label: str
    caption: str
    pictures: tuple[tuple[str, ...], ...]
    mentions: tuple[str, ...]
    supplementary: bool = False


def figures(content: bytes) -> list[Figure]:
    """Return an article's figures in their order.

    Raises
    ------
    ItemFailed
        ``bad-xml``.
    """
    parser = ET.XMLParser()  # noqa: S314 - expat loads nothing from outside, and limits what entities may grow to
    parser.entity.update({name.rstrip(";"): text for name, text in html5.items()})
    try:
        root = ET.fromstring(content, parser)  # noqa: S314 - as above
    except (ET.ParseError, ValueError):
        raise ItemFailed(BAD_XML) from None
    groups = {figure: group for group in root.iter("fig-group") for figure in group.iter("fig")}
    said = _mentions(root)
    found = []
    for number, node in enumerate(_nodes(root), 1):
        name = node.get("id") or f"fig{number}"
        group = groups.get(node)
        label, caption = _of(node, "label"), _of(node, "caption")
        if group is not None:
            caption = caption or _of(group, "caption")
            label = label or _of(group, "label")
        mentions = said.get(name, ()) or (said.get(group.get("id") or "", ()) if group is not None else ())
        supplementary = node.tag == "supplementary-material"
        pictures = _pictures(node, supplementary=supplementary)
        if supplementary and not pictures:
            continue
        found.append(Figure(_UNSAFE.sub("-", name), label, caption, pictures, tuple(mentions), supplementary))
    return found


def _nodes(root: ET.Element) -> Iterator[ET.Element]:
    """Figures, and supplementary material that is not within one."""
    inner = {one for node in root.iter("supplementary-material") for one in node.iter("fig")}
    for node in root.iter():
        if node.tag == "fig" or (
            node.tag == "supplementary-material" and not any(one in inner for one in node.iter("fig"))
        ):
            yield node


def _pictures(node: ET.Element, *, supplementary: bool) -> tuple[tuple[str, ...], ...]:
    """File names of a figure's pictures; of supplementary material only what has a picture's ending."""
    alternatives = [list(one.iter("graphic")) for one in node.iter("alternatives")]
    within = {graphic for group in alternatives for graphic in group}
    single = [[graphic] for graphic in node.iter("graphic") if graphic not in within]
    if supplementary:
        single += [[media] for media in (node, *node.iter("media"))]
    names = [tuple(filter(None, (_file(one) for one in group))) for group in [*alternatives, *single]]
    if supplementary:
        names = [tuple(one for one in group if one.lower().endswith(ENDINGS)) for group in names]
    return tuple(dict.fromkeys(group for group in names if group))


def _file(node: ET.Element) -> str:
    return (node.get(_HREF) or "").strip().rpartition("/")[2]


def _of(node: ET.Element, tag: str) -> str:
    """The text of a child; the parts of a caption with a blank between."""
    child = node.find(tag)
    if child is None:
        return ""
    parts = [_plain("".join(part.itertext())) for part in child] if tag == "caption" and len(child) else []
    return " ".join(filter(None, parts)) or _plain("".join(child.itertext()))


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text).strip()


def _mentions(root: ET.Element) -> dict[str, list[str]]:
    """Sentences by the ids that they refer to."""
    found: dict[str, list[str]] = {}
    for paragraph in _paragraphs(root):
        for sentence in _END.split("".join(_marked(paragraph))):
            named = [name for names in _MARK.findall(sentence) for name in names.split()]
            plain = _plain(_MARK.sub("", sentence))
            for name in dict.fromkeys(named):
                if plain not in found.setdefault(name, []):
                    found[name].append(plain)
    return found


def _paragraphs(node: ET.Element) -> Iterator[ET.Element]:
    """Paragraphs of the text, not of captions."""
    for child in node:
        if child.tag == "p":
            yield child
        elif child.tag not in _NOT_TEXT:
            yield from _paragraphs(child)


def _marked(node: ET.Element) -> Iterator[str]:
    """A paragraph's text with a mark before each reference to a figure."""
    if node.tag == "xref" and node.get("ref-type") in ("fig", "supplementary-material"):
        yield f"\x02{node.get('rid') or ''}\x03"
    yield node.text or ""
    for child in node:
        if child.tag not in _NOT_TEXT:
            yield from _marked(child)
        yield child.tail or ""
