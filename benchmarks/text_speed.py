"""Texts per CPU-second and start-up of the recognisers, at both sensitivities, beside Presidio without a model.

A figure is the median over the rounds; each round is one process that builds its recognisers, then searches every text
once. Start-up is its user and system time until it has searched a first text, less that of Python that does nothing.
The texts are made here, half of them with identity, 250 characters each; nobody is in them.

Two rows are the whole command on one JSON lines file of these texts: reading, finding, replacing, looking again,
writing, the proof and the ledger; once with the text alone, once with a name, a number and a date of birth beside each
text, which are then known and looked for. Their start-up is that of a run on the first text.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.machine import machine, sentence
from benchmarks.measure import ENVIRONMENT, ROOT
from benchmarks.table import keep, table, verdict

BAR, START = 1000, 0.15
LENGTH = 250
SCRUB = "medcli scrub"
HEAD = (
    "program",
    "start-up, CPU-seconds",
    "bar",
    "met",
    "texts per CPU-second",
    "bar",
    "met",
    "finds a text",
)

#: A process: read texts, build, search the first, search all; say seconds and finds.
RUN = """
import json, sys, time
texts = json.load(open(sys.argv[1]))
blank = time.process_time()
{build}
find(texts[0])
ready = time.process_time()
count = sum(len(find(text)) for text in texts)
print(json.dumps([ready - blank, len(texts) / (time.process_time() - ready), count / len(texts)]))
"""
#: The same for the command; {with_known} is 0 or 1.
COMMAND = """
import json, pathlib, sys, tempfile, time
texts = json.load(open(sys.argv[1]))
blank = time.process_time()
from medcli import scrub
who = [{{"patient_name": n, "dob": "1961-03-0" + str(d)}} for n in ("John Smith", "Maria Garcia") for d in (1, 2, 3)]
with tempfile.TemporaryDirectory() as folder:
    def run(name, some):
        path = pathlib.Path(folder, name + ".jsonl")
        with path.open("w") as file:
            for at, text in enumerate(some):
                known = {{**who[at % 6], "mrn": str(7 * at + 1000000)}} if {with_known} else {{}}
                print(json.dumps({{**known, "text": text}}), file=file)
        begun = time.process_time()
        scrub(path, output=pathlib.Path(folder, name), workers=1)
        return time.process_time() - begun
    run("first", texts[:1])
    start = time.process_time() - blank
    print(json.dumps([start, len(texts) / run("all", texts), 0]))
"""
MEDCLI = "from medcli.privacy.text.finder import Finder\nfind = Finder(sensitivity={!r}).find"
#: Its e-mail recogniser asks the network for a list of domains unless the extractor is told not to.
PRESIDIO = """
import tldextract
tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NoOpNlpEngine
engine = AnalyzerEngine(nlp_engine=NoOpNlpEngine(models=[dict(lang_code="en", model_name="none")]))
find = lambda text: engine.analyze(text, language="en")
"""

WITH = (
    "My patient {name} (MRN {number}, DOB {date}) was seen at {place} on {date} for follow-up of a {size} mm nodule. ",
    "Please call {phone} or write to {mail} with the result of the biopsy that was taken on {date} in {city}. ",
    "Member ID ABC{number}, account {number}; Dr. {name} saw her on {date}, BP {bp}, and started metoprolol 25 mg. ",
)
WITHOUT = (
    "What is the next step for a {age}-year-old with BP {bp}, creatinine 1.{digit} and a {size} mm lesion in segment 7? ",
    "T2-weighted images show disc bulges at L4-5 and L5-S1; series {digit}, image {size}. No cord signal change. ",
    "Is apixaban {digit} mg twice daily safe after a stroke with an NIHSS of {digit}, and when should it be restarted? ",
    "Pain was {digit}/10 on exam, strength 5/5, reflexes 2/4. Baker cyst and Crohn disease are stable since 2019. ",
)
NAMES = ("John Smith", "Maria Garcia Lopez", "SMITH, JANE", "W. O'Neil", "Li Wei")
PLACES = ("St. Mary's Hospital", "Lakeside Imaging", "Dayton General")
CITIES = ("Dayton", "Springfield", "Cambridge")


def made(count: int) -> list[str]:
    """Texts, the same on every machine."""
    dice = random.Random(4)
    texts = []
    for at in range(count):
        text = ""
        while len(text) < LENGTH:
            text += dice.choice(WITHOUT if at % 2 else WITH + WITHOUT).format(
                name=dice.choice(NAMES),
                number=dice.randrange(10**5, 10**8),
                date=f"{dice.randrange(1, 13)}/{dice.randrange(1, 29)}/{dice.randrange(1940, 2025)}",
                place=dice.choice(PLACES),
                city=dice.choice(CITIES),
                phone=f"617-555-0{dice.randrange(100, 200)}",
                mail=f"a{dice.randrange(100)}@example.org",
                size=dice.randrange(3, 40),
                bp=f"{dice.randrange(100, 180)}/{dice.randrange(60, 100)}",
                age=dice.randrange(18, 90),
                digit=dice.randrange(1, 10),
            )
        texts.append(text[:LENGTH])
    return texts


def contenders(peers: Path | None) -> dict[str, tuple[str, str] | None]:
    """Program to (interpreter, how it is built); None where it is not installed."""
    found: dict[str, tuple[str, str] | None] = {
        f"medcli, {how}": (sys.executable, MEDCLI.format(how)) for how in ("balanced", "high")
    }
    for known, how in enumerate(("the texts alone", "identity beside each")):
        found[f"{SCRUB}, {how}"] = (sys.executable, COMMAND.format(with_known=known))
    python = peers / "bin" / "python" if peers else Path(sys.executable)
    asked = "from presidio_analyzer.nlp_engine import NoOpNlpEngine"
    there = subprocess.run([python, "-c", asked], capture_output=True, check=False).returncode == 0
    found["Presidio, no model"] = (str(python), PRESIDIO) if there else None
    return found


def once(interpreter: str, build: str, texts: Path) -> list[float]:
    """Start-up seconds, texts a second and finds a text of one process."""
    program = build if "sys.argv" in build else RUN.format(build=build)
    command = [interpreter, "-c", program, str(texts)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=ENVIRONMENT)
    seen: list[float] = json.loads(answer.stdout.splitlines()[-1])
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=2000, help="texts of 250 characters (2,000)")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each program (5)")
    parser.add_argument("--peers", type=Path, help="virtual environment that holds presidio-analyzer")
    parser.add_argument("--json", type=Path, help="file that takes the figures")
    arguments = parser.parse_args()
    facts, programs = machine(), contenders(arguments.peers)
    seen: dict[str, list[list[float]]] = {name: [] for name in programs}
    with tempfile.TemporaryDirectory(prefix="medcli-bench-") as folder:
        texts = Path(folder) / "texts.json"
        texts.write_text(json.dumps(made(arguments.texts)), encoding="utf-8")
        for _ in range(arguments.rounds + 1):
            for name, program in programs.items():
                if program:
                    seen[name].append(once(*program, texts))
    figures = {
        name: [median(column) for column in zip(*rounds[1:], strict=True)] if rounds else None
        for name, rounds in seen.items()
    }
    print(
        f"Text. {sentence(facts)}; {arguments.texts} texts of {LENGTH} characters, one process each,"
        f" median of {arguments.rounds} interleaved rounds\n"
    )
    print(table(HEAD, [line(name, found) for name, found in figures.items()]))
    keep(arguments.json, "text_speed", {"machine": facts, "figures": figures})


def line(name: str, found: list[float] | None) -> tuple[object, ...]:
    if found is None:
        return (name, "absent", "", "", "absent", "", "", "")
    start, rate, finds = found
    held = "medcli" in name and SCRUB not in name
    bars = (START, verdict(start, START, at_most=True)) if held else ("", "")
    rates = (BAR, verdict(rate, BAR)) if held else ("", "")
    return (name, f"{start:.3f}", *bars, f"{rate:.0f}", *rates, f"{finds:.1f}" if finds else "")


if __name__ == "__main__":
    main()
