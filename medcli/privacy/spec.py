"""What `medcli scrub` can be asked for: the only home of its defaults, its checks and its help texts.

Knows which wishes contradict each other. Refuses to touch files beyond asking where they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medcli.errors import UsageError
from medcli.jobs import choice
from medcli.jobs.shards import shard_of
from medcli.privacy import places
from medcli.privacy.layout import LAYOUTS
from medcli.privacy.pixels.policy import FILLS, KEEP_TEXT, LOOKING, PixelPolicy
from medcli.privacy.policy import CLEAN, CLEAN_COLUMNS, PIXELS, PROFILES, RETAIN, Policy
from medcli.privacy.text import detectors
from medcli.privacy.text.formats.encodings import is_codec
from medcli.privacy.text.replace_policy import TextPolicy
from medcli.settings import option
from medcli.storage import Url

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["PATHS", "ScrubSpec"]

#: Options that are one path.
PATHS = (
    "output",
    "key_file",
    "confidential",
    "subjects",
    "rules",
    "state",
    "verify",
    "source",
    "text_policy",
    "known",
    "recognisers",
    "score",
    "regions",
    "review",
    "decisions",
    "shard_runs",
)
#: What shapes texts.
_TEXT = (
    "text_policy",
    "fields",
    "known_fields",
    "known",
    "encoding",
    "keep_names",
    "recognisers",
    "sensitivity",
    "detector",
    "trust_host",
)
_IDLE_IN_EXPLAIN = ("sources", "output", "shard", "shard_runs", "restart", "retry_failed", "dry_run", *_TEXT)
_IDLE_IN_VERIFY = (
    "sources",
    "output",
    "profile",
    "retain",
    "pixels",
    "keep_text",
    "fill",
    "regions",
    "review",
    "decisions",
    "confidential",
    "crosswalk",
    "state",
    "layout",
    "shard",
    "shard_runs",
    "restart",
    "retry_failed",
    "dry_run",
)
_IDLE_IN_SCORE = (
    *_IDLE_IN_VERIFY,
    "retain",
    "clean",
    "date_shift",
    "key_file",
    "subjects",
    "rules",
    "verify",
    "source",
)
_DAYS = re.compile(r"([+-]?\d{1,5})\.\.([+-]?\d{1,5})")


def _date_shift(text: str) -> tuple[int, int]:
    match = _DAYS.fullmatch(text)
    if match is None:
        raise ValueError("two whole numbers of days are needed, as in -3650..-30")
    low, high = int(match[1]), int(match[2])
    if low > high or low == high == 0:
        raise ValueError(
            "MIN must not be above MAX, and a day between them must not be zero, as in -3650..-30"
        )
    return low, high


def _range(value: object) -> tuple[int, int]:
    """The range of ``date_shift`` from its text, or from two numbers in a tuple or list."""
    if isinstance(value, list | tuple) and len(value) == 2 and all(type(day) is int for day in value):
        value = f"{value[0]}..{value[1]}"
    try:
        return _date_shift(value if isinstance(value, str) else "")
    except ValueError as error:
        raise UsageError(f"--date-shift is MIN..MAX: {error}.") from None


def _listed(values: Iterable[str]) -> tuple[str, ...]:
    """Names that commas separate or that were given one by one."""
    names = (name.strip() for value in values for name in value.split(","))
    return tuple(dict.fromkeys(name for name in names if name))


@dataclass(frozen=True, slots=True)
class ScrubSpec:
    """One wish to de-identify, to verify a release, or to have an attribute explained.

    The fields are the options of ``medcli scrub``; their help texts stand with them.

    Raises
    ------
    UsageError
        Where wishes contradict each other, or one is not among what there is.
    """

    sources: tuple[Path | Url, ...] = option(
        "Files, folders (with all that is in them), zip and tar archives; or URLs, as s3://bucket/inbox.",
        default=(),
        metavar="SOURCE...",
        positional=True,
        shapes_product=False,
        only_typed=True,
        urls=True,
    )
    output: Path | Url | None = option(
        "Folder of the release; it holds released files and nothing else. Or a URL, with --confidential on this machine.",
        default=None,
        metavar="DIR",
        shapes_product=False,
        urls=True,
    )
    profile: str = option(
        "PS3.15 Basic Profile; strict also removes texts that Table E.1-1 does not list.",
        default="basic",
        choices=PROFILES,
    )
    retain: tuple[str, ...] = option(
        "Option of PS3.15 Annex E that keeps more (repeatable).", default=(), choices=tuple(RETAIN)
    )
    clean: tuple[str, ...] = option(
        "Option of PS3.15 Annex E that cleans instead of removing (repeatable): descriptors, structured-content and"
        " graphics keep texts with identity replaced; pixel-data destroys text in pixels, as --pixels auto does,"
        " visual-features faces in photographs; scans of heads are withheld then.",
        default=(),
        choices=tuple(CLEAN),
    )
    pixels: str = option(
        "What to do with pixels that may show text: withhold the file; auto: find and destroy text in files whose header"
        " gives a reason to look; all: in all files; off: release it marked as not de-identified.",
        default="withhold",
        choices=PIXELS,
    )
    keep_text: tuple[str, ...] = option(
        "Text in pixels that may stay (repeatable): technique, by an allow-list of measures, scales, laterality and"
        " settings. Default: none.",
        default=(),
        choices=KEEP_TEXT,
    )
    fill: str = option(
        "What text in pixels is overwritten with: one dark value, or noise that does not depend on what it covers.",
        default="solid",
        choices=FILLS,
    )
    regions: Path | None = option(
        "Rectangles that are always filled, by device: a table, a CTP script or a deid recipe.",
        default=None,
        metavar="FILE",
        shapes_product=False,
    )
    review: Path | None = option(
        "Folder for a page on which a person looks at every image that was cleaned or withheld; confidential.",
        default=None,
        metavar="DIR",
        shapes_product=False,
    )
    decisions: Path | None = option(
        "What was decided on such a page: its images are done again, with rectangles filled or withheld.",
        default=None,
        metavar="FILE",
        shapes_product=False,
        only_typed=True,
    )
    date_shift: tuple[int, int] | None = option(
        "Days by which --retain modified-dates moves a patient's dates: drawn from this range, never zero."
        f" Default: {Policy().date_shift[0]}..{Policy().date_shift[1]}.",
        default=None,
        metavar="MIN..MAX",
        parse=_date_shift,
    )
    key_file: Path | None = option(
        "The key that all pseudonyms derive from; made, for its owner alone, where missing."
        " Default: key in the confidential folder.",
        default=None,
        metavar="FILE",
        shapes_product=False,
    )
    confidential: Path | None = option(
        "Folder for all that links old to new: key, files.csv, crosswalk, reports."
        " Default: OUTPUT-confidential.",
        default=None,
        metavar="DIR",
        shapes_product=False,
    )
    crosswalk: bool = option(
        "Write crosswalk.csv (kind,id_old,id_new) to the confidential folder.", default=False
    )
    subjects: Path | None = option(
        "CSV patient_id,issuer,subject_id,days: the study's own identifiers and date offsets;"
        " a patient not listed is withheld.",
        default=None,
        metavar="FILE",
        shapes_product=False,
    )
    rules: Path | None = option(
        "Table attribute,action,reason of local overrides, separated by tabs or commas; a private creator is"
        " creator:NAME.",
        default=None,
        metavar="FILE",
        shapes_product=False,
    )
    sensitivity: str = option(
        "How much of a text is taken for identity; high would rather take too much.",
        default="balanced",
        choices=("balanced", "high"),
    )
    fields: tuple[str, ...] = option(
        "Fields of JSON, columns of tables, elements of XML that are cleaned, as in text,findings.impression"
        " (repeatable). Default: all strings.",
        default=(),
        metavar="NAME,...",
    )
    known_fields: tuple[str, ...] = option(
        "Fields that hold known identity, as NAME=CATEGORY, or NAME= for one that does not (repeatable); beside the"
        " usual ones (patient_name, mrn, dob ...).",
        default=(),
        metavar="NAME=CATEGORY,...",
    )
    known: Path | None = option(
        "Table category,value,subject of known identity to look for in texts; confidential.",
        default=None,
        metavar="FILE",
        shapes_product=False,
    )
    text_policy: Path | None = option(
        "Table category,action: what replaces each category in texts (tag, surrogate, shift, mask, fixed, zip3, pool,"
        " keep).",
        default=None,
        metavar="FILE",
        shapes_product=False,
    )
    recognisers: Path | None = option(
        "YAML file of your own recognisers: name, category, patterns, words, context, score.",
        default=None,
        metavar="FILE",
        shapes_product=False,
    )
    detector: tuple[str, ...] = option(
        "Also ask a detector about each text (repeatable): presidio, hf:FOLDER, gliner:FOLDER, or llm:URL#MODEL. One that"
        " fails withholds the text.",
        default=(),
        metavar="NAME[:SOURCE]",
    )
    trust_host: tuple[str, ...] = option(
        "Host at which --detector llm may be asked (repeatable); texts are sent there as they are.",
        default=(),
        metavar="HOST",
        shapes_product=False,
    )
    encoding: str = option(
        "Encoding of texts that are neither UTF-8 nor marked, as in latin-1. Default: such texts are withheld.",
        default="",
        metavar="NAME",
    )
    keep_names: bool = option(
        "Texts keep their names and folders, where nothing in them identifies; others are withheld.",
        default=False,
    )
    state: Path | None = option(
        "Folder of the ledger, from which the same command resumes; best on a local disk."
        " Default: state in the confidential folder.",
        default=None,
        metavar="DIR",
        shapes_product=False,
    )
    layout: str = option(
        "study: patient/study/series/<new SOP Instance UID>.dcm; mirror: the input's shape, every name derived. Files of a"
        " DICOMDIR stay together, in fileset-*/, under names without .dcm.",
        default="study",
        choices=LAYOUTS,
    )
    workers: int | None = option(
        "Processes. Default: one for each processor.",
        default=None,
        metavar="N",
        minimum=1,
        shapes_product=False,
    )
    runner: str = choice.runner()
    ray_address: str = choice.ray_address()
    ray_workers: int | None = choice.ray_workers()
    ray_cpus: float = choice.ray_cpus()
    shard: tuple[int, int] | None = option(
        "Do only part I of N of the sources, counted from 0, into a confidential folder of its own at --output; medcli"
        " merge joins the parts into the release. Needs --key-file, the same for all.",
        default=None,
        metavar="I/N",
        parse=shard_of,
        shapes_product=False,
        only_typed=True,
    )
    shard_runs: Path | None = option(
        "With --shard: folder that holds the --output of each shard, once all were run: texts, which else are left to the"
        " merge, are cleaned by what all headers say of patients.",
        default=None,
        metavar="DIR",
        shapes_product=False,
        only_typed=True,
    )
    restart: bool = option(
        "Do every file again; what was released is replaced file by file.",
        default=False,
        shapes_product=False,
        only_typed=True,
    )
    retry_failed: bool = option("Also do withheld files again.", default=False, shapes_product=False)
    dry_run: bool = option(
        "Read and de-identify, write nothing; say in words what the profile does.",
        default=False,
        shapes_product=False,
        only_typed=True,
    )
    verify: Path | None = option(
        "Check this release again, write nothing.",
        default=None,
        metavar="RELEASE",
        shapes_product=False,
        only_typed=True,
    )
    source: Path | None = option(
        "With --verify: the folder that the release was made from; also search for its identities."
        " Needs --key-file.",
        default=None,
        metavar="DIR",
        shapes_product=False,
        only_typed=True,
    )
    score: Path | None = option(
        "Measure the recognisers on a labelled set (JSON lines: text, spans with start, end, label), write nothing.",
        default=None,
        metavar="GOLD",
        shapes_product=False,
        only_typed=True,
    )
    score_known: tuple[str, ...] = option(
        "With --score: feed what the spans of these labels or subtypes say as known identity of their text, as a header"
        " would; all for every span.",
        default=(),
        metavar="LABEL,...",
        shapes_product=False,
        only_typed=True,
    )
    explain: str = option(
        "Say what would happen to an attribute (keyword or gggg,eeee), and why.",
        default="",
        metavar="TAG",
        shapes_product=False,
        only_typed=True,
    )

    def __post_init__(self) -> None:
        if self.date_shift is not None:
            object.__setattr__(self, "date_shift", _range(self.date_shift))
        for name in ("fields", "known_fields", "score_known"):
            object.__setattr__(self, name, _listed(getattr(self, name)))
        self._check_built()
        self._check_pixels()
        if "full-dates" in self.retain and "modified-dates" in self.retain:
            raise UsageError("--retain full-dates and --retain modified-dates contradict each other.")
        if self.date_shift is not None and "modified-dates" not in self.retain and self.verify is None:
            raise UsageError("--date-shift means nothing without --retain modified-dates.")
        if self.explain and self.verify is not None:
            raise UsageError("--explain and --verify are two commands in one; give one of them.")
        if self.score_known and self.score is None:
            raise UsageError("--score-known means nothing without --score.")
        if self.score is not None:
            self._forbid("--score", (*_IDLE_IN_SCORE, "explain"))
        elif self.explain:
            self._forbid("--explain", _IDLE_IN_EXPLAIN)
        elif self.verify is not None:
            self._check_verify()
        else:
            self._check_run()

    @staticmethod
    def idle(values: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of the options that say nothing beside the mode and the runner that `values` ask for."""
        return (*ScrubSpec._idle(values), *choice.idle(values))

    @staticmethod
    def _idle(values: Mapping[str, Any]) -> tuple[str, ...]:
        """As :meth:`idle`, by the mode."""
        if values["score"] is not None:
            return tuple(name for name in _IDLE_IN_SCORE if name not in ("sources", "verify", "source"))
        if values["explain"]:
            return (*_IDLE_IN_EXPLAIN, *(("date_shift",) if "modified-dates" not in values["retain"] else ()))
        if values["verify"] is not None:
            compared = values["source"] is not None
            return (
                *_IDLE_IN_VERIFY,
                *(() if compared else _TEXT),
                *(() if compared else ("key_file", "subjects", "rules", "date_shift")),
            )
        return ("retry_failed",) if values["restart"] else ()

    def policy(self) -> Policy:
        """Profile, options and rules; reads the two tables where they were given.

        Raises
        ------
        InputError
            Where a table is wrong.
        """
        from medcli.privacy import lists

        return Policy(
            profile=self.profile,
            retain=frozenset(self.retain),
            clean=frozenset(name for name in self.clean if name in CLEAN_COLUMNS),
            pixels=self.pixels,
            date_shift=self.date_shift or Policy().date_shift,
            subjects=None if self.subjects is None else lists.read_subjects(self.subjects),
            rules=() if self.rules is None else lists.read_rules(self.rules),
            text=self.text(),
            look=self.look(),
        )

    def look(self) -> PixelPolicy:
        """What is done to text in pixels; reads the file of rectangles where it was given.

        Raises
        ------
        InputError
            Where that file is wrong.
        MissingExtra
            Where pixels are to be looked at and the detector is not installed.
        """
        if self.pixels not in LOOKING:
            return PixelPolicy()
        from medcli.privacy.pixels.detector import require
        from medcli.privacy.pixels.regions import read_regions

        require()
        regions = () if self.regions is None else read_regions(self.regions)
        faces = "visual-features" in self.clean
        if faces:
            from medcli.privacy.pixels.faces import require as require_faces

            require_faces()
        return PixelPolicy(fill=self.fill, keep_text=self.keep_text, regions=regions, faces=faces)

    def text(self) -> TextPolicy:
        """What is done to texts; reads the files where they were given.

        Raises
        ------
        InputError
            Where one is wrong.
        """
        from medcli.privacy import lists

        return TextPolicy(
            sensitivity=self.sensitivity,
            actions=() if self.text_policy is None else lists.read_text_policy(self.text_policy),
            fields=self.fields,
            known_fields=lists.known_fields(self.known_fields),
            encoding=self.encoding,
            keep_names=self.keep_names,
            known=() if self.known is None else lists.read_known_facts(self.known),
            detectors=tuple(self.detector),
            trusted=tuple(self.trust_host),
            recognisers="" if self.recognisers is None else lists.read_recognisers(self.recognisers),
        )

    def places(self) -> places.Places:
        """Where everything of a run lies."""
        assert self.output is not None
        if isinstance(self.output, Url):
            assert self.confidential is not None
            return places.Places.of_remote(self.output, self.confidential, self.key_file, self.state)
        if self.shard is not None:
            return places.Places.of_part(self.output, self.key_file, self.state)
        return places.Places.of(self.output, self.confidential, self.key_file, self.state)

    def _check_built(self) -> None:
        for name, value in (
            ("profile", PROFILES),
            ("layout", LAYOUTS),
            ("pixels", PIXELS),
            ("fill", FILLS),
        ):
            if getattr(self, name) not in value:
                raise UsageError(f"{_flag(name)} is one of: {', '.join(value)}.")
        for name, known in (("retain", tuple(RETAIN)), ("clean", tuple(CLEAN)), ("keep_text", KEEP_TEXT)):
            if set(getattr(self, name)) - set(known):
                raise UsageError(f"{_flag(name)} takes: {', '.join(known)}.")
        self._check_text()
        if self.workers is not None and (type(self.workers) is not int or self.workers < 1):
            raise UsageError("--workers is a whole number, 1 or more.")
        choice.check(self)
        if self.runner != "local" and (self.workers is not None or self.dry_run):
            name = "--dry-run" if self.dry_run else "--workers"
            raise UsageError(
                f"{name} is for this machine.", hint="Leave out --runner, or say --ray-workers instead."
            )

    def _check_text(self) -> None:
        if self.sensitivity not in ("balanced", "high"):
            raise UsageError("--sensitivity is one of: balanced, high.")
        if self.encoding and not is_codec(self.encoding):
            raise UsageError(
                "--encoding is no encoding of text that Python knows.", hint="As in latin-1 or cp1252."
            )
        for wish in self.detector:
            detectors.check(wish)

    def _check_pixels(self) -> None:
        """``--clean pixel-data`` and ``--pixels auto`` are one wish; ``all`` goes further, ``off`` against it."""
        looking = next((name for name in ("pixel-data", "visual-features") if name in self.clean), "")
        if looking:
            if self.pixels == "off":
                raise UsageError(f"--clean {looking} and --pixels off contradict each other.")
            if self.pixels == "withhold":
                object.__setattr__(self, "pixels", "auto")
        if self.pixels in LOOKING:
            if "pixel-data" not in self.clean:
                object.__setattr__(self, "clean", (*self.clean, "pixel-data"))
        elif self.keep_text or self.fill != "solid" or self.regions or self.review or self.decisions:
            raise UsageError(
                "--keep-text, --fill, --regions, --review and --decisions say something only where pixels are cleaned.",
                hint="Add --clean pixel-data.",
            )

    def _check_verify(self) -> None:
        self._forbid("--verify", _IDLE_IN_VERIFY)
        if (self.source is None) != (self.key_file is None):
            raise UsageError(
                "--verify with --source needs --key-file, and the other way round.",
                hint="medcli scrub --verify RELEASE --source DIR --key-file RELEASE-confidential/key",
            )
        if self.source is None:
            self._forbid("--verify without --source", _TEXT)
        if self.source is None and (self.subjects or self.rules or self.date_shift):
            raise UsageError(
                "--subjects, --rules and --date-shift say something to --verify only together with --source."
            )

    def _check_run(self) -> None:
        if self.source is not None:
            raise UsageError("--source goes with --verify.", hint="Name the sources without a flag.")
        if not self.sources:
            raise UsageError("Nothing to de-identify was named.", hint="medcli scrub SOURCE... --output DIR")
        if self.output is None:
            raise UsageError("--output is missing.", hint="medcli scrub SOURCE... --output DIR")
        if isinstance(self.output, Url) and (self.confidential is None or self.shard is not None):
            raise UsageError(
                "A release in a store needs --confidential on this machine, and a shard a folder of its own there.",
                hint="medcli scrub SOURCE... --output s3://bucket/release --confidential DIR",
            )
        self._check_shard()
        if self.review is not None:
            places.check_review(self.review, self.sources, self.places())
        if self.restart and self.retry_failed:
            raise UsageError("--restart does everything again; --retry-failed says nothing beside it.")
        places.check(
            self.sources,
            self.places(),
            {
                _flag(name): getattr(self, name)
                for name in (
                    "subjects",
                    "rules",
                    "known",
                    "text_policy",
                    "recognisers",
                    "regions",
                    "decisions",
                )
            },
        )

    def _check_shard(self) -> None:
        if self.shard is None:
            if self.shard_runs is not None:
                raise UsageError("--shard-runs goes with --shard.")
            return
        self._forbid("--shard", ("confidential", "decisions", "dry_run"))
        if self.key_file is None:
            raise UsageError(
                "--shard needs --key-file: all shards derive their pseudonyms from one key.",
                hint="Name one file for all of them; it is made where missing.",
            )

    def _forbid(self, flag: str, names: Iterable[str]) -> None:
        defaults = {field.name: field.default for field in fields(self)}
        for name in names:
            if getattr(self, name) != defaults[name]:
                shown = "SOURCE" if name == "sources" else _flag(name)
                raise UsageError(f"{shown} and {flag} do not go together.")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
