"""``medcli generate-instruct`` against real servers on loopback, most of which misbehave on purpose."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp")

import medcli as package
from medcli.records import PICTURE
from tests.ask.inputs import picture
from tests.instruct.inputs import caption, captions, medcli, options, read, start, worded
from tests.instruct.server import BatchServer, Server

ONCE_MORE = {
    "m-busy-after": "429",
    "m-busy": "0429",
    "m-failing": "500",
    "m-hanging": "hang",
    "m-halved": "cut",
    "m-garbled": "garbled",
    "m-schema": "schema",
    "m-empty": "empty-choices",
}
FINE = {"m-slow": "slow", "m-plain": "plain"}
LOST = {"m-refusing": "refusal", "m-refused": "refusal-field"}
MOODS = ONCE_MORE | FINE | LOST


def mixed(folder: Path, count: int) -> dict[int, str]:
    """Captions of which three in ten hold a word that the server minds; the words by number."""
    words = {
        number: list(MOODS)[number // 10 % len(MOODS)] for number in range(count) if number % 10 in (1, 4, 7)
    }
    captions(folder, count, lambda number: worded(number, words.get(number, "")))
    return words


def held_to(folder: Path, server: Server, words: dict[int, str], count: int) -> None:
    """Nothing is lost, everything is in order, and asked once more than it failed."""
    lost = {number for number, word in words.items() if word in LOST}
    order = [number for turn in range(count // 5) for number in range(turn * 5, turn * 5 + 5)]
    got = [int(row["id"].partition("_F")[2]) for row in read(folder)]
    assert got == [number for number in order if number not in lost]
    losses = read(folder, "train.rejected.jsonl")
    assert sorted(int(row["id"].partition("_F")[2]) for row in losses) == sorted(lost)
    assert {row["rule"] for row in losses} <= {"refusal"}
    expected = {number: 1 + (words.get(number) in ONCE_MORE) for number in range(count)}
    assert {int(number): asked for number, asked in server.asked.items()} == expected


def test_a_misbehaving_server_loses_nothing(tmp_path: Path) -> None:
    words = mixed(tmp_path, 120)
    with Server(moods=MOODS) as server:
        code, out, err = medcli(tmp_path, *options(tmp_path, server.url, "--timeout", "0.5", "--json"))
    assert (code, err) == (0, "")
    held_to(tmp_path, server, words, 120)
    facts = json.loads(out)
    assert facts["accepted"] == 120 - facts["rules"]["refusal"]
    rows = read(tmp_path, "train.provenance.jsonl")
    assert [row["id"] for row in rows] == [row["id"] for row in read(tmp_path)]
    assert all(row["model"] == "tiny-1" and re.fullmatch("[0-9a-f]{16}", row["prompt"]) for row in rows)
    assert all(row["seconds"] >= 0 and row["checks"]["rules"] > 10 for row in rows)
    assert sum(not row["request_id"] for row in rows) == sum(one == "m-slow" for one in words.values())
    assert sum(row["requests"] for row in rows) == len(rows) + sum(
        one == "m-schema" for one in words.values()
    )


@pytest.mark.slow
def test_two_thousand_samples_end_complete(tmp_path: Path) -> None:
    words = mixed(tmp_path, 2000)
    with Server(moods=MOODS) as server:
        server.delay = 0.01
        command = options(tmp_path, server.url, "--timeout", "1", "--concurrency", 64)
        with start(tmp_path, *command) as process:
            while len(server.order) < 700:
                assert process.poll() is None
                time.sleep(0.01)
            process.kill()
        before = Counter(server.asked)
        twice = len(server.order)
        code, _, err = medcli(tmp_path, *command)
        assert (code, err) == (0, "")
    # What was in flight, or answered in the 200 ms before, was asked again: a mood that was seen then is over.
    again = sum(server.asked.values()) - sum(1 + (words.get(number) in ONCE_MORE) for number in range(2000))
    assert again <= 64 + 0.2 * 1500
    assert sum(before.values()) == twice
    lost = {row["id"] for row in read(tmp_path, "train.rejected.jsonl")}
    got = [row["id"] for row in read(tmp_path)]
    refused = {caption(number)["pair_id"] for number, word in words.items() if word in LOST}
    assert lost <= refused
    assert set(got) | lost == {caption(number)["pair_id"] for number in range(2000)}
    assert len(got) + len(lost) == 2000


@pytest.mark.slow
def test_two_thousand_samples_are_asked_once_more_than_they_failed(tmp_path: Path) -> None:
    words = mixed(tmp_path, 2000)
    with Server(moods=MOODS) as server:
        code, _, err = medcli(tmp_path, *options(tmp_path, server.url, "--timeout", "2", "--concurrency", 64))
    assert (code, err) == (0, "")
    held_to(tmp_path, server, words, 2000)


def test_kill_9_asks_again_only_what_was_in_flight_or_not_yet_written(tmp_path: Path) -> None:
    captions(tmp_path, 260)
    with Server() as server:
        server.delay = 0.03  # four at a time: 130 a second, 27 within the 0.2 seconds between two commits
        command = options(tmp_path, server.url, "--concurrency", 4)
        for goal in (60, 150):
            with start(tmp_path, *command) as process:
                while len(server.order) < goal:
                    assert process.poll() is None
                    time.sleep(0.01)
                process.kill()
        assert medcli(tmp_path, *command)[0] == 0
        assert len(server.order) <= 260 + 2 * (4 + 40)
        killed = (tmp_path / "train.json").read_bytes()
        asked = len(server.order)
        assert medcli(tmp_path, *command)[0] == 0  # once more asks nothing
        assert len(server.order) == asked
        whole = options(tmp_path, server.url)
        whole[whole.index(tmp_path / "train.json")] = tmp_path / "whole.json"
        assert medcli(tmp_path, *whole)[0] == 0
    assert killed == (tmp_path / "whole.json").read_bytes()


@pytest.mark.parametrize("concurrency", [1, 16])
def test_max_samples_counts_accepted_ones_in_the_order_of_selection(tmp_path: Path, concurrency: int) -> None:
    captions(tmp_path, 60, lambda number: worded(number, "m-no" if number % 3 == 0 else ""))
    with Server(moods={"m-no": "refusal"}) as server:
        command = options(tmp_path, server.url, "--concurrency", concurrency, "--max-samples", 20)
        assert medcli(tmp_path, *command)[0] == 0
        wanted = [number for number in range(60) if number % 3][:20]
        assert [int(row["id"].partition("_F")[2]) for row in read(tmp_path)] == wanted
        assert sorted(map(int, server.order)) == list(range(wanted[-1] + 1))  # and not one more was asked
        command[-1] = 30  # a larger set goes on from there
        assert medcli(tmp_path, *command)[0] == 0
        wanted = [number for number in range(60) if number % 3][:30]
        assert [int(row["id"].partition("_F")[2]) for row in read(tmp_path)] == wanted
        assert sorted(map(int, server.order)) == list(range(wanted[-1] + 1))
        command[-1] = 10  # a smaller one asks nothing
        code, out, _ = medcli(tmp_path, *command, "--format", "jsonl")
        assert (code, len((tmp_path / "train.json").read_text().splitlines())) == (0, 10)
        assert len(server.order) == wanted[-1] + 1
        command[-1] = 100
        code, out, err = medcli(tmp_path, *command, "--json")
        assert (code, json.loads(out)["accepted"]) == (0, 40)
        assert "there are no more" in err


IDENTITIES = {
    "Maria Lopez-Garcia": "Photographed by Dr. Maria Lopez-Garcia.",
    "12 March 2021": "Taken on 12 March 2021.",
    "MRN 55501234": "The label reads MRN 55501234.",
    "j.smith@hospital.example": "Write to j.smith@hospital.example for it.",
    "+1 617 555 0199": "Call +1 617 555 0199.",
    "St. Mary's Hospital": "Courtesy of St. Mary's Hospital, Boston.",
}


def test_planted_identities_do_not_reach_the_server(tmp_path: Path) -> None:
    def planted(number: int) -> dict[str, Any]:
        value = list(IDENTITIES.values())[number % len(IDENTITIES)]
        said = caption(number)
        if number % 2:
            return {"fig_caption": f"{said['fig_caption']} {value}"}
        return {"in_text_mention": [value, {"tokens": f"As shown. {value}"}]}

    captions(tmp_path, 36, planted)
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    ours = (Path(package.__file__).parent / "instruct/prompts/conversation.toml").read_text()
    (prompts / "conversation.toml").write_text(
        ours.replace("Write a conv", "For Dr. Maria Lopez-Garcia, write a conv")
    )

    class Echo(Server):
        def write(self, body: dict[str, Any], number: int) -> str:
            content = json.loads(super().write(body, number))
            if number % 4 == 0:  # a model that repeats what stands in the place of identity, or makes some up
                content["turns"][1]["answer"] = (
                    "It belongs to [NAME_1]." if number % 8 else "Dr. John Whitfield took it."
                )
            return json.dumps(content)

    with Echo() as server:
        code, _, _ = medcli(tmp_path, *options(tmp_path, server.url, "--prompts", prompts))
    assert code == 0
    received = b"\n".join(server.received).decode()
    folder = "".join(path.read_text(errors="ignore") for path in tmp_path.glob("train.*") if path.is_file())
    folder += (tmp_path / "train.json.run/ledger.sqlite").read_text(errors="ignore")
    for value in (*IDENTITIES, "Lopez", "55501234"):
        assert value not in received
        assert value not in folder
    assert "[NAME_1]" in received
    assert "[NAME_1]" not in (tmp_path / "train.json").read_text()
    assert "Whitfield" not in folder
    rows = read(tmp_path)
    assert len(rows) == 36  # pairs went, samples stayed
    assert sum(len(row["conversations"]) == 2 for row in rows) == 9


def test_identities_may_go_where_the_gate_is_off(tmp_path: Path) -> None:
    captions(tmp_path, 2, lambda number: {"fig_caption": f"case {number}, by Dr. Maria Lopez-Garcia."})
    with Server() as server:
        assert (
            medcli(tmp_path, *options(tmp_path, server.url, "--gate", "remote", "--no-drop-duplicates"))[0]
            == 0
        )
    assert "Lopez-Garcia" in server.seen[-1]


def test_a_bad_schema_gets_one_repair_and_a_refusal_none(tmp_path: Path) -> None:
    words = {0: "m-once", 1: "m-always", 2: "m-refusing"}
    captions(tmp_path, 3, lambda number: worded(number, words[number]))
    moods = {"m-once": "schema", "m-always": "schema always", "m-refusing": "refusal always"}
    with Server(moods=moods) as server:
        code, out, _ = medcli(tmp_path, *options(tmp_path, server.url, "--json"))
    assert (code, json.loads(out)["rules"]) == (0, {"schema": 1, "refusal": 1})
    assert server.asked == {"0": 2, "1": 2, "2": 1}
    again = next(
        body for body in server.bodies if body["messages"][-1]["content"].startswith("That could not be read")
    )
    assert again["messages"][-2]["role"] == "assistant"
    rejected = {row["rule"]: row for row in read(tmp_path, "train.rejected.jsonl")}
    assert rejected["schema"]["reply"].startswith('{"turns"')
    assert rejected["refusal"]["reply"].startswith("I'm sorry")


def test_a_server_without_schemas_is_asked_without(tmp_path: Path) -> None:
    captions(tmp_path, 6)
    with Server(refuses=("response_format",)) as server:
        assert medcli(tmp_path, *options(tmp_path, server.url, "--concurrency", 1))[0] == 0
        assert len(read(tmp_path)) == 6
        assert all("response_format" not in body for body in server.bodies)
    with Server() as server:
        assert medcli(tmp_path, *options(tmp_path, server.url, "--restart"))[0] == 0
        schema = server.bodies[0]["response_format"]["json_schema"]
        assert schema["schema"]["required"] == ["turns"]
    with Server() as server:
        assert medcli(tmp_path, *options(tmp_path, server.url, "--restart", "--structured", "off"))[0] == 0
        assert all("response_format" not in body for body in server.bodies)
        assert '"User:"' in server.bodies[0]["messages"][0]["content"]


def test_every_kind_and_form(tmp_path: Path) -> None:
    captions(tmp_path, 100)
    kinds = "conversation=2,description,vqa-open,vqa-choice=2,alignment"
    with Server() as server:
        command = options(tmp_path, server.url, "--kind", kinds, "--skip-check", "length")
        code, out, _ = medcli(tmp_path, *command, "--json")
        assert (code, json.loads(out)["accepted"]) == (0, 100)
        llava = read(tmp_path)
        assert set(json.loads(out)["kinds"]) == {
            "conversation",
            "description",
            "vqa-open",
            "vqa-choice",
            "alignment",
        }
        assert medcli(tmp_path, *command, "--format", "messages")[0] == 0
    assert len(server.order) == 100
    texts = [[turn["value"] for turn in row["conversations"]] for row in llava]
    assert all(one[0].count(PICTURE) == 1 and PICTURE not in "".join(one[1:]) for one in texts)
    letters = Counter(one[1] for one in texts if "Answer with the letter" in one[0])
    assert set(letters) == set("ABCD")
    assert max(letters.values()) - min(letters.values()) <= 1
    rows = [json.loads(line) for line in (tmp_path / "train.json").read_text().splitlines()]
    assert [row["images"] for row in rows] == [[row["image"]] for row in llava]
    assert [turn["role"] for turn in rows[0]["messages"]][:2] == ["user", "assistant"]


def test_pictures_go_along_to_a_model_that_sees(tmp_path: Path) -> None:
    captions(tmp_path, 4)
    for number in range(3):
        picture(tmp_path / "images" / caption(number)["image"], number * 60)
    more = ["--images", tmp_path / "images", "--no-inline-mentions"]
    with Server() as server:
        code, out, _ = medcli(tmp_path, *options(tmp_path, server.url, *more, "--json"))
        assert (code, json.loads(out)["rules"]) == (0, {"image-missing": 1})
        shown = [body["messages"][-1]["content"] for body in server.bodies]
        assert all([part["type"] for part in one] == ["image_url", "text"] for one in shown)
        assert len({one[0]["image_url"]["url"] for one in shown}) == 3
        assert all("seen by all readers" not in one[1]["text"] for one in shown)
        assert [row["rule"] for row in read(tmp_path, "train.rejected.jsonl")] == ["image-missing"]
        code, _, err = medcli(tmp_path, *options(tmp_path, server.url))
        assert (code, "another setting of: inline-mentions, pictures" in err) == (2, True)
    remote = options(tmp_path, "http://server.invalid/v1", *more)
    remote[3] = tmp_path / "remote.json"
    code, _, _ = medcli(tmp_path, *remote)
    assert code == 6  # nobody knows what these pixels show


def test_a_budget_stops_before_it_is_exceeded(tmp_path: Path) -> None:
    captions(tmp_path, 60)
    prices = tmp_path / "prices.toml"
    prices.write_text('source = "test"\ndate = "2026-11-28"\n[models.tiny]\ninput = 10.0\noutput = 20.0\n')
    cost = (900 * 10 + 60 * 20) / 1e6
    with Server() as server:
        command = options(tmp_path, server.url, "--prices", prices, "--concurrency", 4)
        code, out, err = medcli(tmp_path, *command, "--max-cost", "0.35")
        assert (code, out) == (3, "")
        assert "--max-cost is reached" in err
        assert len(server.order) * cost <= 0.35
        part = read(tmp_path)
        assert 5 < len(part) <= len(server.order) < 60
        code, out, _ = medcli(tmp_path, *command, "--max-cost", "5", "--json")
        facts = json.loads(out)
        assert (code, facts["accepted"], len(server.order)) == (0, 60, 60)
        assert facts["cost"] == pytest.approx(60 * cost)
        assert [row for row in read(tmp_path) if row in part] == part
    code, _, err = medcli(tmp_path, *options(tmp_path, "http://127.0.0.1:9/v1", "--max-cost", "1"))
    assert (code, "there is none for the model 'tiny'" in err) == (2, True)


def test_a_dry_run_asks_nothing_and_says_what_it_would_take(tmp_path: Path) -> None:
    captions(tmp_path, 50)
    prices = tmp_path / "prices.toml"
    prices.write_text('source = "test"\ndate = "2026-11-28"\n[models.tiny]\ninput = 1.0\noutput = 2.0\n')
    command = ["generate-instruct", tmp_path / "captions.jsonl", "--model", "tiny", "--dry-run"]
    more = ["--prices", prices, "--rpm", 10, "--max-samples", 30, "--kind", "description"]
    code, out, _ = medcli(tmp_path, *command, *more, "--json")
    facts = json.loads(out)
    assert (code, facts["samples"], facts["kinds"]) == (0, 30, {"description": 30})
    assert 30 * 800 < facts["prompt_tokens"] < 30 * 3000
    expected = (facts["prompt_tokens"] * 1 + facts["completion_tokens"] * 2) / 1e6
    assert facts["cost"] == pytest.approx(expected, rel=0.01)
    assert facts["cost_at_most"] > facts["cost"]
    assert facts["minutes"] == 3.0
    code, out, _ = medcli(tmp_path, *command)
    assert (code, "No price is known" in out) == (0, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["captions.jsonl", "prices.toml"]


def test_a_wrong_key_stops_the_run_and_loses_nothing(tmp_path: Path) -> None:
    captions(tmp_path, 20)
    with Server(key="right") as server:
        code, out, err = medcli(tmp_path, *options(tmp_path, server.url), MEDCLI_API_KEY="wrong")
        assert (code, out) == (3, "")
        assert "refuses the key" in err
        assert "wrong" not in err
        assert not (tmp_path / "train.json").exists()
        assert medcli(tmp_path, *options(tmp_path, server.url), MEDCLI_API_KEY="right")[0] == 0
    assert len(read(tmp_path)) == 20


def test_several_servers_share_the_load_and_a_cache_is_shared_by_runs(tmp_path: Path) -> None:
    captions(tmp_path, 60)
    cache = ["--cache", tmp_path / "replies"]
    with Server() as first, Server() as second:
        first.delay = second.delay = 0.01
        command = options(tmp_path, first.url, "--base-url", second.url, *cache)
        assert medcli(tmp_path, *command)[0] == 0
        assert len(first.order) + len(second.order) == 60
        assert min(len(first.order), len(second.order)) > 10
        before = (tmp_path / "train.json").read_bytes()
        code, _out, _ = medcli(tmp_path, *command, "--restart", "--json")
        assert len(first.order) + len(second.order) == 60
    assert (code, (tmp_path / "train.json").read_bytes()) == (0, before)
    assert all(row["cached"] == 1 for row in read(tmp_path, "train.provenance.jsonl"))


def test_another_wish_is_not_resumed(tmp_path: Path) -> None:
    captions(tmp_path, 5)
    with Server() as server:
        assert medcli(tmp_path, *options(tmp_path, server.url))[0] == 0
        code, _, err = medcli(tmp_path, *options(tmp_path, server.url, "--temperature", 0))
        assert (code, "another setting of: temperature" in err) == (2, True)
        code, _, err = medcli(tmp_path, *options(tmp_path, server.url, "--temperature", 0, "--restart"))
        assert (code, err) == (0, "")


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--kind", "poem"], 2, "--kind names no kind"),
        (["--skip-check", "spelling"], 2, "--skip-check names no check"),
        (["--domain", "radio"], 4, "Left out: 3 other-domain."),
        (["--domain", "mri", "--domain", "radio"], 2, "no figure of the domain 'radio'"),
        (["--labels", "x.csv"], 2, "--labels belongs to --logic"),
        (["--repair"], 2, "--repair belongs to --check-only"),
        (["--images", "nowhere"], 2, "--images is no folder"),
        (["--prompts", "nowhere"], 2, "holds no prompts"),
        (["--license", "CC0"], 4, "no caption to be used"),
        (["--base-url", "ftp://x"], 2, "--base-url begins with"),
        (["--base-url", "http://me:pw@x"], 2, "holds a user or a password"),
        (["--report", "."], 2, "--report is a folder"),
        (["--gate", "off", "--detector", "presidio"], 2, "--gate off leaves nothing"),
    ],
)
def test_what_cannot_be_meant_is_said(tmp_path: Path, more: list[str], code: int, said: str) -> None:
    captions(tmp_path, 3)
    got, out, err = medcli(tmp_path, *options(tmp_path, "http://127.0.0.1:9/v1", *more))
    assert (got, out) == (code, "")
    assert said in err


def test_batches_are_handed_in_once_and_resumed(tmp_path: Path) -> None:
    captions(tmp_path, 90)
    with BatchServer() as server:
        server.stuck = True
        command = options(tmp_path, server.url, "--batch", "--max-samples", 60)
        with start(tmp_path, *command) as process:
            while not server.looks:
                assert process.poll() is None
                time.sleep(0.02)
            process.kill()
        server.stuck = False
        code, out, err = medcli(tmp_path, *command, "--json")
        assert (code, err) == (0, "")
    assert json.loads(out)["accepted"] == len(read(tmp_path)) == 60
    assert len(server.order) <= 2  # the first of each process is asked at once
    failed = [number for number, asked in server.asked.items() if asked > 1]
    assert 5 <= len(failed) <= 8
    assert Counter(server.rows) == Counter(
        int(number) for number in server.asked for _ in range(server.asked[number])
    ) - Counter(map(int, server.order))


def test_the_public_function_is_the_command(tmp_path: Path) -> None:
    captions(tmp_path, 8)
    with Server() as server:
        result = package.generate_instruct(
            tmp_path / "captions.jsonl",
            output=str(tmp_path / "train.json"),
            model="tiny",
            base_url=server.url,
            kind="alignment",
            skip_check="length",
        )
    assert (result.exit_code, result.facts["accepted"]) == (0, 8)
    with pytest.raises(package.errors.UsageError):
        package.generate_instruct(tmp_path / "captions.jsonl", output="x", model="m", colour="red")


@pytest.mark.slow
def test_transformers_serve_answers(tmp_path: Path) -> None:
    """A server that is not ours: a tiny model with random weights, whose replies are read and judged like any other's."""
    for name in ("torch", "transformers", "fastapi", "uvicorn"):
        pytest.importorskip(name)
    import subprocess
    import sys

    from tests.ask.inputs import environment
    from tests.unit.models import tiny

    tiny.llava(tmp_path / "tiny-llava")
    captions(tmp_path, 12)
    code = "import sys; from transformers.cli.transformers import main; main()"
    model, port = str(tmp_path / "tiny-llava"), "18733"
    where = ["--host", "127.0.0.1", "--port", port, "--device", "cpu"]
    env = environment(tmp_path, HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path), HF_HUB_OFFLINE="1")
    command = [sys.executable, "-c", code, "serve", model, *where]
    more = ["--examples", 0, "--max-new-tokens", 8, "--json"]
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            told = options(
                tmp_path, f"http://127.0.0.1:{port}/v1", *more, "--kind", "alignment=3,conversation"
            )
            told[told.index("tiny")] = model
            for _ in range(20):  # until it listens
                got, out, err = medcli(tmp_path, *told)
                if got != 3:
                    break
            assert got == 0, err
        finally:
            server.kill()
    facts = json.loads(out)
    assert (facts["failed"], facts["rules"]) == (
        0,
        {"schema": 12},
    )  # random words, cut off: each asked once more
    assert facts["requests"] == 24
    assert facts["completion_tokens"] == 24 * 8
    rejected = read(tmp_path, "train.rejected.jsonl")
    assert all(row["reply"] and row["about"]["prompt_tokens"] > 100 for row in rejected)
