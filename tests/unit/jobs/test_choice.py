"""Which options of a cluster go together, what they mean, and which variables travel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medcli.ask.spec import AskSpec
from medcli.data.articles.spec import ArticlesSpec
from medcli.data.datasets.spec import DatasetSpec
from medcli.data.images.spec import ImagesSpec
from medcli.errors import SetupError, UsageError
from medcli.instruct.spec import InstructSpec
from medcli.jobs.choice import runner_for
from medcli.privacy.spec import ScrubSpec
from medcli.settings import fingerprint, travelling

HERE = Path("a")


def scrub(**options: Any) -> ScrubSpec:
    return ScrubSpec((HERE,), Path("b"), **options)


def ask(**options: Any) -> AskSpec:
    return AskSpec(questions=HERE, output=Path("b"), **options)


MADE = [
    scrub,
    ask,
    lambda **options: ImagesSpec(HERE, Path("b"), **options),
    lambda **options: ArticlesSpec(Path("b"), HERE, **options),
    lambda **options: InstructSpec(HERE, Path("b"), "m", **options),
    lambda **options: DatasetSpec(("vqa-rad",), Path("b"), **options),
]


@pytest.mark.parametrize("make", MADE)
def test_options_of_a_cluster_want_one(make: Any) -> None:
    for name, value in (("ray_address", "h:1"), ("ray_workers", 2), ("ray_cpus", 2.0)):
        with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} belongs to --runner ray"):
            make(**{name: value})
        assert getattr(make(runner="ray", **{name: value}), name) == value
    with pytest.raises(UsageError, match="no address of a Ray Client"):
        make(runner="ray", ray_address="ray://h:1")


@pytest.mark.parametrize("make", [scrub, *MADE[2:4]])
def test_a_runner_that_there_is_not_is_refused(make: Any) -> None:
    with pytest.raises(UsageError, match="--runner is one of: local, ray"):
        make(runner="slurm")


def test_what_is_for_this_machine_does_not_go_with_a_cluster() -> None:
    for options, words in (({"workers": 2}, "--workers"), ({"dry_run": True}, "--dry-run")):
        with pytest.raises(UsageError, match=words):
            scrub(runner="ray", **options)
    for more in ({"workers": 2, "devices": "cpu"}, {"devices": "cuda:0"}):
        with pytest.raises(UsageError, match="--devices and --workers are for this machine"):
            ask(runner="ray", **more)
    with pytest.raises(UsageError, match="--ray-gpus says nothing to --backend openai"):
        ask(runner="ray", backend="openai", base_url=("http://h/v1",), ray_gpus=1.0)
    for name, value in (("max_cost", 1.0), ("cache", HERE), ("batch", True)):
        with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} is kept by one worker"):
            InstructSpec(HERE, Path("b"), "m", runner="ray", ray_workers=2, **{name: value})
        InstructSpec(HERE, Path("b"), "m", runner="ray", **{name: value})
    with pytest.raises(UsageError, match="packages are read on this machine"):
        ImagesSpec(HERE, Path("b"), archives=HERE, runner="ray")


@pytest.mark.parametrize("make", MADE)
def test_where_the_work_is_done_does_not_shape_the_product(make: Any) -> None:
    assert fingerprint(make()) == fingerprint(make(runner="ray", ray_workers=3, ray_cpus=2.0))


def test_the_runner_of_a_cluster_is_told_what_was_said() -> None:
    pytest.importorskip("ray")
    made: Any = runner_for(
        scrub(runner="ray", ray_address="h:1", ray_workers=3, ray_cpus=0.5),
        lambda: pytest.fail("local"),
        gpus=None,
    )
    needs = made._needs
    assert (made._address, needs.workers, needs.cpus, needs.gpus, needs.per_node) == (
        "h:1",
        3,
        0.5,
        None,
        False,
    )


def test_secrets_and_proxies_travel_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = travelling()
    (tmp_path / "key").write_text("from a file\n")
    wanted = {"MEDCLI_API_KEY": "k", "OPENAI_API_KEY": "o", "AWS_PROFILE": "p", "https_proxy": "http://u:p@h"}
    for name, value in (wanted | {"MEDCLI_SCRUB_OUTPUT": "x", "MY_KEY": "y"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MEDCLI_DETECTOR_KEY_FILE", str(tmp_path / "key"))
    assert travelling() == before | wanted | {"MEDCLI_DETECTOR_KEY": "from a file"}
    monkeypatch.setenv("MEDCLI_DETECTOR_KEY_FILE", str(tmp_path / "none"))
    with pytest.raises(SetupError, match="MEDCLI_DETECTOR_KEY_FILE"):
        travelling()
