"""Write the generated parts of README and docs anew, or say which of them are stale.

A generated part stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``; its text comes from the program
itself: the profile in words, the help pages, the tables' headers. Knows how a part is made and where it goes. Refuses
to touch anything between other lines.

    python tools/docs.py            write
    python tools/docs.py --check    write nothing; exit 1 and name the stale files
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

_PART = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def pages() -> list[Path]:
    """Every page that may hold a generated part."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def weave(text: str) -> str:
    """`text` with its generated parts made anew.

    Raises
    ------
    KeyError
        Where a part is asked for that nothing makes.
    """
    return _PART.sub(lambda match: f"{match[1]}\n{PARTS[match[2]]().strip()}\n\n{match[3]}", text)


def words(profile: str = "basic") -> str:
    """The profile in words, as ``--dry-run`` prints them."""
    from medcli.privacy.describe import words as described
    from medcli.privacy.policy import Policy

    return "\n".join(f"- {line}" for line in described(Policy(profile=profile)))


def what_options_change() -> str:
    """For each retain option the lines that it changes in the description of the basic profile."""
    from medcli.privacy.describe import words as described
    from medcli.privacy.policy import RETAIN, Policy

    plain = described(Policy())
    blocks = []
    for name in RETAIN:
        lines = described(Policy(retain=frozenset([name])))
        changed = [line for line, before in zip(lines, plain, strict=True) if line != before]
        blocks.append("\n".join([f"`--retain {name}`", "", *(f"- {line}" for line in changed[1:])]))
    return "\n\n".join(blocks)


def retain_options() -> str:
    """The retain options, their codes, and how many attributes of the table each of them speaks of."""
    from medcli.privacy import profiles
    from medcli.privacy.policy import RETAIN

    meanings = profiles.code_meanings()
    rows = list(profiles.rows("e1_1"))
    lines = []
    for name, (column, code) in RETAIN.items():
        kept = Counter(row.get(column, "") for row in rows)
        lines.append((f"`{name}`", code, meanings[code], str(kept["K"] or ""), str(kept["C"] or "")))
    return _table(("`--retain`", "Code", "PS3.16 CID 7050", "K", "C"), lines)


def clean_options() -> str:
    """The clean options that are built, their codes, and how many attributes of the table each of them speaks of."""
    from medcli.privacy import profiles
    from medcli.privacy.policy import CLEAN, CLEAN_COLUMNS

    meanings, rows = profiles.code_meanings(), list(profiles.rows("e1_1"))
    lines = [
        (f"`{name}`", CLEAN[name], meanings[CLEAN[name]], str(sum(row.get(column) == "C" for row in rows)))
        for name, column in CLEAN_COLUMNS.items()
    ]
    return _table(("`--clean`", "Code", "PS3.16 CID 7050", "C"), lines)


def technical_text() -> str:
    """What the text attributes outside Table E.1-1 that basic keeps are about."""
    from medcli.privacy import profiles

    return _counted(profiles.technical().values())


def kept_bytes() -> str:
    """What the attributes of bytes outside Table E.1-1 that are kept are about."""
    from medcli.privacy import profiles

    return _counted(
        row["what"] + (" (strict removes it)" if row["strict"] == "remove" else "")
        for row in profiles.rows("technical_binary")
    )


def pixel_gate() -> str:
    """What is withheld because its pixels or its sound commonly identify, by the reason."""
    from pydicom.uid import UID

    from medcli.privacy import profiles

    kinds = {
        "sop_class": "SOP Class",
        "modality": "Modality",
        "conversion_type": "Conversion Type",
        "image_type": "a value of Image Type",
        "colour": "three samples or a palette, and SOP Class",
        "audio": "SOP Class",
    }
    grouped: dict[tuple[str, str], list[str]] = {}
    for row in profiles.rows("burned_in"):
        value, reason = row["value"], row["reason"].rpartition(": ")[2]
        shown = UID(value).name if value[:2] == "1." else value
        grouped.setdefault((kinds[row["kind"]], reason), []).append(shown.replace(" Storage", ""))
    lines = [(kind, ", ".join(dict.fromkeys(values)), reason) for (kind, reason), values in grouped.items()]
    return _table(("Looked at", "Value", "Why"), lines)


def tables() -> str:
    """The data files of the profiles: what each says, its edition and how many rows it has."""
    lines = []
    for path in sorted((ROOT / "medcli" / "privacy" / "profiles").glob("*.tsv")):
        head = [
            line.removeprefix("#").strip()
            for line in path.read_text(encoding="utf-8").splitlines()
            if line.startswith("#")
        ]
        facts = dict(line.split(": ", 1) for line in head if ": " in line)
        lines.append((f"`{path.name}`", head[0], facts.get("edition", ""), facts.get("rows", "")))
    return _table(("File", "What it says", "Edition", "Rows"), lines)


def instruct_rules() -> str:
    """The rules that samples are held to, and what becomes of what breaks them."""
    import inspect

    from medcli.instruct.checks import RULES

    mending = {
        "cut": "words are cut or put right, else the pair goes",
        "pair": "the pair goes",
        "sample": "the sample goes",
    }
    lines = [
        (
            f"`{rule.name}`",
            inspect.getdoc(rule.find).partition("\n\n")[0].replace("\n", " "),
            mending[rule.mending],
        )
        for rule in RULES
    ]  # type: ignore[union-attr]
    return _table(("Rule", "What holds", "What becomes of what breaks it"), lines)


def commands() -> str:
    """Every help page."""
    return "\n\n".join(f"## {title}\n\n```text\n{page}\n```" for title, page in _help_pages())


def _help_pages() -> Iterator[tuple[str, str]]:
    """Title and text of each help page, as a terminal of 80 columns shows it."""
    import click

    from medcli import cli

    os.environ["COLUMNS"] = "80"
    context = click.Context(cli.medcli)
    groups = {name: cli.medcli.get_command(context, name) for name in cli.COMMANDS}
    inner = {name: list(one.commands) for name, one in groups.items() if isinstance(one, click.Group)}
    paths = ([name, *rest] for name in cli.COMMANDS for rest in ([], *([one] for one in inner.get(name, ()))))
    for path in ([], *paths):
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown):
            cli.main([*path, "--help"])
        yield " ".join(["medcli", *path]), shown.getvalue().strip()


def _counted(reasons: Iterable[str]) -> str:
    ordered = sorted(Counter(reasons).items(), key=lambda pair: (-pair[1], pair[0]))
    return _table(("Attributes", "About"), [(str(count), reason) for reason, count in ordered])


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


PARTS: dict[str, Callable[[], str]] = {
    "commands": commands,
    "kept-bytes": kept_bytes,
    "options-in-words": what_options_change,
    "pixel-gate": pixel_gate,
    "profile-basic": words,
    "profile-strict": lambda: words("strict"),
    "retain-options": retain_options,
    "clean-options": clean_options,
    "instruct-rules": instruct_rules,
    "tables": tables,
    "technical-text": technical_text,
}
"""Names of the generated parts, and what makes each."""


def main(arguments: list[str]) -> int:
    """Write or check; return the exit code."""
    if arguments not in ([], ["--check"]):
        print("usage: python tools/docs.py [--check]", file=sys.stderr)
        return 2
    stale = 0
    for path in pages():
        old = path.read_text(encoding="utf-8")
        new = weave(old)
        if new == old:
            continue
        stale += 1
        print(f"{'stale' if arguments else 'written'}: {path.relative_to(ROOT).as_posix()}")
        if not arguments:
            path.write_text(new, encoding="utf-8")
    if arguments and stale:
        print("Say: make docs", file=sys.stderr)
    return 1 if arguments and stale else 0


if __name__ == "__main__":
    for name in [name for name in os.environ if name.startswith("MEDCLI_")]:
        del os.environ[name]  # settings of whoever writes the docs are none of the program's
    sys.exit(main(sys.argv[1:]))
