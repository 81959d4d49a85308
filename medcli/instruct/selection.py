"""Which captions are used, in which order: one SQLite file beside the ledger.

The order goes round over the domains, one figure of each in turn, each domain's in the file's order or in one drawn by
the seed. It follows from the file of captions and the wishes alone, never from what was asked before. What is left
out is counted by reason: another domain or licence, an id that came before, a caption that nearly repeats another, a
retracted article, a record that is no caption. Refuses to know models and what was answered.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple, Self

from medcli import files
from medcli.errors import InputError
from medcli.instruct.captions import read
from medcli.instruct.domains import domain_of_caption
from medcli.instruct.duplicates import near_duplicates
from medcli.instruct.kinds import Kinds, drawn
from medcli.records import Caption

FILE = "selection.sqlite"
_FORM = 2
_BATCH = 2000
_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE figures (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, domain TEXT NOT NULL, draw INTEGER NOT NULL,
    record TEXT NOT NULL);
"""
_ORDER = """
CREATE TABLE chosen AS
    SELECT seq FROM (
        SELECT seq, row_number() OVER (PARTITION BY domain ORDER BY draw, seq) AS turn,
            first_value(seq) OVER (PARTITION BY domain ORDER BY seq) AS first FROM figures)
    ORDER BY turn, first;
"""


class Chosen(NamedTuple):
    """One figure in its place.

    Attributes
    ----------
    key : str
        Of id, content and kind; 32 hexadecimal digits.
    kind : str
        Which sample it becomes.
    record : str
        See :func:`unpack`.
    """

    key: str
    kind: str
    record: str

    def __repr__(self) -> str:
        return f"Chosen({self.key!r}, {self.kind!r})"


@dataclass(frozen=True, slots=True)
class Wishes:
    """Which captions are wanted.

    Attributes
    ----------
    domains, licenses : frozenset of str
        As :func:`folded`; empty for all.
    drop_duplicates : bool
        Whether near-duplicates are left out.
    shuffle : bool
        Whether the seed draws the order.
    seed : int
        For the order.
    """

    domains: frozenset[str] = frozenset()
    licenses: frozenset[str] = frozenset()
    drop_duplicates: bool = True
    shuffle: bool = False
    seed: int = 0

    def facts(self) -> dict[str, object]:
        """As JSON, for the comparison with a selection that is there."""
        return {
            "domains": sorted(self.domains),
            "licenses": sorted(self.licenses),
            "drop_duplicates": self.drop_duplicates,
            "order": self.seed if self.shuffle else None,
        }


def folded(text: str) -> str:
    """Fold what spellings of a licence or domain differ in.

    >>> folded("CC BY-NC 4.0"), folded("ct_scan")
    ('ccbync', 'ctscan')
    """
    letters = "".join(letter for letter in text.casefold() if letter.isalnum() or letter == ".")
    stem, _, _ = letters.partition(".")
    return stem[:-1] if stem != letters and stem[-1:].isdigit() else letters


class Selection:
    """An open selection.

    Parameters
    ----------
    path : Path
        The finished file.
    kinds : Kinds
        Draws each caption's kind.
    """

    def __init__(self, path: Path, kinds: Kinds) -> None:
        self._connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None
        )
        self._kinds = kinds
        found = self._connection.execute("SELECT name, value FROM facts")
        self._facts = {name: json.loads(value) for name, value in found}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def __len__(self) -> int:
        return int(self._facts["chosen"])

    @property
    def read(self) -> int:
        """Records in the file of captions."""
        return int(self._facts["read"])

    @property
    def left_out(self) -> dict[str, int]:
        """How many records are not used, by reason."""
        return dict(self._facts["left_out"])

    def domains(self) -> dict[str, int]:
        """How many figures of each domain there are."""
        found = self._connection.execute(
            "SELECT domain, count(*) FROM figures GROUP BY domain ORDER BY min(seq)"
        )
        return dict(found)

    def figures(self, stop: int | None = None) -> Iterator[Chosen]:
        """Yield figures in the order of selection, as many as wanted."""
        rows = self._connection.execute(
            "SELECT id, record FROM chosen JOIN figures USING (seq) ORDER BY chosen.rowid LIMIT ?",
            (-1 if stop is None else stop,),
        )
        for name, record in rows:
            kind = self._kinds.of(name)
            content = f"{kind}\0{record}".encode("utf-8", "surrogatepass")
            yield Chosen(blake2b(content, digest_size=16).hexdigest(), kind, record)

    def captions(self) -> dict[str, Caption]:
        """All captions by their ids, where a file of samples is checked against them."""
        return {one.caption_id: one for one in (unpack(row.record) for row in self.figures())}


def unpack(record: str) -> Caption:
    """Read what :attr:`Chosen.record` holds."""
    values = json.loads(record)
    values[_MENTIONS] = tuple(values[_MENTIONS])
    return Caption(*values)


def select(captions: Path, folder: Path, wishes: Wishes, kinds: Kinds) -> Selection:
    """Open the selection in a run's folder; made anew if it is of another file, or other wishes.

    Raises
    ------
    InputError
        If the file of captions cannot be read, or holds nothing that can be used.
    """
    path = folder / FILE
    wanted = json.dumps([_FORM, wishes.facts(), _content(captions)], sort_keys=True)
    if not _is(path, wanted):
        _make(path, captions, wishes, wanted)
    return Selection(path, kinds)


def _content(captions: Path) -> list[str]:
    """What tells one file of captions from another; ROCO's licences are part of it."""
    folder, names = (
        (captions, ("captions.jsonl", "captions.txt"))
        if captions.is_dir()
        else (captions.parent, (captions.name,))
    )
    parts = [folder / name for name in (*names, "licences.txt")]
    return [files.content_hash(part) for part in parts if part.is_file()]


def _is(path: Path, wanted: str) -> bool:
    if not path.is_file():
        return False
    try:
        with closing(sqlite3.connect(path)) as connection:
            found = connection.execute("SELECT value FROM facts WHERE name = 'wanted'").fetchone()
    except sqlite3.DatabaseError:
        return False
    return bool(found == (wanted,))


def _make(path: Path, captions: Path, wishes: Wishes, wanted: str) -> None:
    draft = path.with_name(f"{path.name}.part")
    draft.unlink(missing_ok=True)
    files.open_private(draft).close()
    with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
        connection.executescript(
            f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16000; {_SCHEMA}"
        )
        left_out: Counter[str] = Counter()
        count = _fill(connection, captions, wishes, left_out)
        connection.executescript(_ORDER)
        chosen = connection.execute("SELECT count(*) FROM chosen").fetchone()[0]
        facts = {"chosen": chosen, "read": count, "left_out": dict(sorted(left_out.items()))}
        connection.executemany(
            "INSERT INTO facts VALUES (?, ?)",
            [("wanted", wanted), *((name, json.dumps(value)) for name, value in facts.items())],
        )
    if not chosen:
        draft.unlink()
        raise InputError("There is no caption to be used.", hint=_why(left_out))
    draft.replace(path)


def _why(left_out: Counter[str]) -> str:
    told = ", ".join(f"{count:,} {reason}" for reason, count in left_out.most_common(4))
    return f"Left out: {told}." if told else "The file of captions holds none."


def _fill(connection: sqlite3.Connection, captions: Path, wishes: Wishes, left_out: Counter[str]) -> int:
    numbers = {"read": 0}

    def counted() -> Iterator[Caption]:
        for record in read(captions):
            numbers["read"] += 1
            if record.caption is None:
                left_out[record.reason] += 1
            elif reason := _barred(caption := _with_domain(record.caption), wishes):
                left_out[reason] += 1
            else:
                yield caption

    rows: list[tuple[str, str, int, str]] = []
    connection.execute("BEGIN")
    for caption in _distinct(counted(), left_out) if wishes.drop_duplicates else counted():
        draw = drawn(wishes.seed, "order", caption.caption_id) >> 1 if wishes.shuffle else 0
        rows.append((_text(caption.caption_id), _text(caption.domain), draw, _packed(caption)))
        if len(rows) >= _BATCH:
            left_out["doubled-id"] += _insert(connection, rows)
    left_out["doubled-id"] += _insert(connection, rows)
    connection.execute("COMMIT")
    for reason in [name for name, count in left_out.items() if not count]:
        del left_out[reason]
    return numbers["read"]


def _insert(connection: sqlite3.Connection, rows: list[tuple[str, str, int, str]]) -> int:
    """Write rows and forget them; return how many had an id that came before."""
    before = connection.total_changes
    connection.executemany(
        "INSERT OR IGNORE INTO figures (id, domain, draw, record) VALUES (?, ?, ?, ?)", rows
    )
    lost = len(rows) - (connection.total_changes - before)
    rows.clear()
    return lost


def _with_domain(caption: Caption) -> Caption:
    if caption.domain:
        return caption
    return replace(caption, domain=domain_of_caption(caption.caption))


def _barred(caption: Caption, wishes: Wishes) -> str:
    """Why a caption is not wanted, or nothing."""
    if caption.retracted:
        return "retracted"
    if wishes.domains and folded(caption.domain) not in wishes.domains:
        return "other-domain"
    if wishes.licenses and folded(caption.license) not in wishes.licenses:
        return "other-license"
    return ""


def _distinct(captions: Iterable[Caption], left_out: Counter[str]) -> Iterator[Caption]:
    """Leave out what nearly repeats an earlier caption."""
    waiting: deque[Caption] = deque()

    def texts() -> Iterator[str]:
        for caption in captions:
            waiting.append(caption)
            yield caption.caption

    for earlier in near_duplicates(texts()):
        caption = waiting.popleft()
        if earlier < 0:
            yield caption
        else:
            left_out["near-duplicate"] += 1


def _packed(caption: Caption) -> str:
    return _ENCODE([getattr(caption, name) for name in _FIELDS])


def _text(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


_FIELDS = tuple(Caption.__dataclass_fields__)
_MENTIONS = _FIELDS.index("mentions")
_ENCODE = json.JSONEncoder(
    separators=(",", ":")
).encode  # in ASCII: half a surrogate pair is no text to SQLite
