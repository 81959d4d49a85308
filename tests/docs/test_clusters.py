"""docs/clusters.md and its recipes, as far as they can be checked without a cluster of several machines."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from medcli.jobs.choice import runner_for
from medcli.privacy.spec import ScrubSpec
from medcli.settings import options_of
from tests.docs.pages import DOCS, blocks

RECIPES = DOCS / "recipes"
PAGE = (DOCS / "clusters.md").read_text(encoding="utf-8")
_RAY = find_spec("ray")
FLAGS = {f"--{name.replace('_', '-')}" for name in options_of(ScrubSpec)}


def recipe(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((RECIPES / name).read_text(encoding="utf-8"))
    return content


@pytest.mark.skipif(_RAY is None, reason="needs the extra ray")
def test_the_recipe_of_ray_up_fits_rays_own_schema() -> None:
    import jsonschema

    assert _RAY is not None
    assert _RAY.origin is not None
    schema = json.loads((Path(_RAY.origin).parent / "autoscaler" / "ray-schema.json").read_text())
    jsonschema.validate(recipe("ray-cluster.yaml"), schema)


@pytest.mark.skipif(_RAY is None, reason="needs the extra ray")
def test_ray_start_has_the_options_that_are_named() -> None:
    told = subprocess.run(
        [str(Path(sys.executable).with_name("ray")), "start", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    known = set(re.findall(r"--[a-z-]+", told.stdout))
    up = recipe("ray-cluster.yaml")
    commands = [*up["head_start_ray_commands"], *up["worker_start_ray_commands"]]
    commands += [line for block in blocks(DOCS / "clusters.md", "sh") for line in block.text.splitlines()]
    named = {
        flag
        for one in commands
        if "ray start" in one
        for flag in re.findall(r"--[a-z-]+", one.partition("start")[2])
    }
    assert {"--head", "--address", "--disable-usage-stats"} <= named <= known
    groups = [recipe("kuberay.yaml")["spec"]["rayClusterSpec"]]
    groups += [groups[0]["headGroupSpec"], *groups[0]["workerGroupSpecs"]]
    assert {f"--{name}" for group in groups for name in group.get("rayStartParams", {})} <= known


def test_the_manifest_of_kuberay_holds_together() -> None:
    spec = recipe("kuberay.yaml")["spec"]
    command, *words = shlex.split(spec["entrypoint"])
    assert (command, words[0]) == ("medcli", "scrub")
    assert {word for word in words if word.startswith("--")} <= FLAGS
    cluster = spec["rayClusterSpec"]
    assert cluster["authOptions"] == {"mode": "token"}
    pods = [group["template"]["spec"] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])]
    for pod in pods:
        (container,) = pod["containers"]
        volumes = {volume["name"] for volume in pod["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes
        assert all(words[at].startswith(container["volumeMounts"][0]["mountPath"]) for at in (1, 3))
    assert "MEDCLI_API_KEY" in str(pods[0])
    assert "MEDCLI_API_KEY" not in str(pods[1])  # workers get it from the driver, sealed
    assert "kuberay.yaml" in PAGE


def test_every_option_of_the_choice_is_explained_and_local_needs_no_ray() -> None:
    for name in ("--runner", "--ray-address", "--ray-workers", "--ray-cpus", "--ray-gpus"):
        assert f"`{name}" in PAGE, name
    made = object()
    assert runner_for(ScrubSpec((Path("a"),), Path("b")), lambda: made) is made  # type: ignore[arg-type,return-value]
