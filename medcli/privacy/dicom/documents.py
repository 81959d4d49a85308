"""Encapsulated documents that are texts: XML such as CDA, and plain text, with what identifies in them replaced.

Knows which kinds can be cleaned and what has to be true of them before they may stay. Refuses everything else (PDF,
models, HTML, XML with a document or picture in base64 inside): what it gives back is clean, or nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from medcli.privacy.dicom.values import codecs_of
from medcli.privacy.text.fields import Fields
from medcli.privacy.text.formats.reading import opened
from medcli.privacy.text.formats.token import Unfit
from medcli.privacy.text.identities import Identities, Patient

if TYPE_CHECKING:
    from medcli.privacy.dicom.clean import Identity
    from medcli.privacy.dicom.pseudonyms import Pseudonyms
    from medcli.privacy.text.cleaner import Cleaner
    from medcli.privacy.text.finder import Finder
    from medcli.privacy.text.recognisers import Recogniser
    from medcli.privacy.text.replace_policy import TextPolicy

__all__ = ["Documents", "format_of_type", "strings"]

#: MIME Type of Encapsulated Document (RFC 2046, RFC 7303) -> the format it has to have.
_TYPES = {"text/xml": "xml", "application/xml": "xml", "text/plain": "text"}
#: Longer ones are held whole nowhere.
_LONGEST = 16 << 20


def format_of_type(mime: str) -> str:
    """``xml``, ``text``, or nothing for a document that can't be cleaned."""
    kind = mime.partition(";")[0].strip("\0 ").lower()
    return _TYPES.get(kind, "xml" if kind.endswith("+xml") and "html" not in kind else "")


def strings(raw: bytes) -> Iterator[str]:
    """All strings of a document, escapes undone; nothing where it is no text that can be read."""
    for name in ("document.xml", "document.txt") if b"<" in raw[:16] else ("document.txt",):
        with suppress(Unfit):
            yield from _strings(raw.rstrip(b"\0"), name)
            return


def _strings(data: bytes, name: str) -> list[str]:
    stream, reading = opened(data, name)
    with stream:
        if not reading.is_text or reading.format.name not in _TYPES.values():
            return []
        return [token.text for record in reading.records() for token in reading.format.tokens(record)]


class Documents:
    """Cleans documents under one policy; one a process.

    Parameters
    ----------
    policy
        The user's choice for texts.
    names
        The run's pseudonyms.
    finder, recognisers
        Who finds.
    """

    def __init__(
        self, policy: TextPolicy, names: Pseudonyms, finder: Finder, recognisers: tuple[Recogniser, ...] = ()
    ) -> None:
        self._policy, self._names, self._finder = policy, names, finder
        self._recognisers = recognisers

    def clean(self, raw: bytes, mime: str, charset: bytes, identity: Identity) -> bytes | None:
        """The document without identity.

        Parameters
        ----------
        raw
            Encapsulated Document (0042,0011), padding included.
        mime
            MIME Type of Encapsulated Document (0042,0012).
        charset
            Specific Character Set of the data set: a plain text that is no UTF-8 is in it.
        identity
            The file's.

        Returns
        -------
        bytes or None
            Without padding; None where it is of another kind, malformed, or something is still found in it.

        Raises
        ------
        SafetyRefused
            A detector failed.
        """
        wanted = format_of_type(mime)
        if not wanted or len(raw) > _LONGEST:
            return None
        codecs = codecs_of(charset) if charset.strip(b"\0 ") else ()
        try:
            new = b"".join(self._cleaned(raw.rstrip(b"\0"), wanted, codecs, identity))
        except (Unfit, UnicodeEncodeError):
            return None
        if identity.needles.search(new) is not None or any(map(identity.left, strings(new))):
            return None
        return new

    def _cleaned(
        self, data: bytes, wanted: str, codecs: tuple[str, ...], identity: Identity
    ) -> Iterator[bytes]:
        plain = codecs[0] if wanted == "text" and len(codecs) == 1 and codecs[0] != "iso8859" else ""
        stream, reading = opened(data, f"document.{'xml' if wanted == 'xml' else 'txt'}", plain)
        with stream:
            if not reading.is_text or reading.format.name != wanted:
                raise Unfit("unsupported-text")
            cleaner = self._cleaner(identity)
            yield reading.mark
            for number, record in enumerate(reading.records()):
                cleaned = cleaner.clean(record, reading.format, first=not number)
                cleaner.prove(cleaned.record, reading.format, cleaned)
                yield cleaned.record.encode(reading.encoding.codec)

    def _cleaner(self, identity: Identity) -> Cleaner:
        # Texts know the pseudonyms of DICOM files, so these two parts of the program meet here, at run time.
        from medcli.privacy.text.cleaner import Cleaner
        from medcli.privacy.text.replace import Replacer

        return Cleaner(
            self._finder,
            Replacer(self._policy, self._names),
            self._names,
            fields=Fields((), self._policy.known_fields),
            identities=_Alone(Patient(identity.patient_id, identity.issuer, identity.known.facts)),
            recognisers=self._recognisers,
            days=identity.days,
        )


class _Alone(Identities):
    """One patient, whatever a text names."""

    def __init__(self, patient: Patient) -> None:
        super().__init__()
        self._patient = patient

    def __bool__(self) -> bool:
        return True

    def of(self, links: Iterable[str]) -> list[Patient]:  # noqa: ARG002 - as of any patients
        """The patient."""
        return [self._patient]
