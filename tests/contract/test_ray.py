"""What is said of the Ray runner alone: its secrets, its nodes, its troubles. Real clusters of Ray's own programs."""

from __future__ import annotations

import base64
import contextlib
import os
import subprocess
import sys
import threading
import time
import types
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from medcli.errors import SetupError
from medcli.jobs import Outcome, RayRunner, Row
from medcli.jobs.runners import bridge, sealing
from medcli.jobs.runners.cluster import Needs
from medcli.jobs.runners.on_ray import Cluster
from tests import ray_nodes
from tests.contract.test_pieces import Load, Worker
from tests.contract.test_runners import do, product, ran
from tests.contract.toy import ToySpec, expected

KEY = bytes.fromhex("c4a5e2b1907f3d6c8e11aa55f00d97b36c2e4a5f81d0b7935e6f1a2c3d4b5e8f")
WORD = "Quittenbaum^Adelheid"
API_KEY = "sk-5a3f0e9c7d2b4816a0c1"


class Keeper:
    """Factory and worker that hold a key, as scrub's do, and see a secret of the environment."""

    def __init__(self, size: int = 0) -> None:
        self.key, self.size = KEY, size

    def __enter__(self) -> Keeper:
        assert os.environ["MEDCLI_TEST_KEY"] == API_KEY
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self, payload: str) -> tuple[Row]:
        for stream in (sys.stdout, sys.stderr):  # what a library might do
            stream.write(f"{payload} {self.key.hex()}\n")
            stream.flush()
        if "raise" in payload:
            raise KeyError(payload + self.key.hex())
        value = f"{payload} {os.environ['MEDCLI_TEST_KEY']} ".encode() + self.key
        return (Row("", "done", value=value + b"x" * self.size),)


def forms(secret: bytes) -> list[bytes]:
    """The ways in which bytes can stand in a file; base64 from each of its three places."""
    shifted = [base64.b64encode(b"\0" * shift + secret)[4:-4] for shift in range(3)]
    return [secret, secret.hex().encode(), secret.hex().upper().encode(), *shifted]


FORMS = [form for secret in (KEY, WORD.encode(), API_KEY.encode()) for form in forms(secret)]


def found_in(folder: Path, pids: list[int]) -> set[str]:
    """Where one of the secrets stands: files, command lines, environments, shared memory, and memory."""
    places = [path for path in folder.rglob("*") if path.is_file()]
    for pid in pids:
        places += [Path(f"/proc/{pid}/{name}") for name in ("cmdline", "environ")]
        with contextlib.suppress(OSError):
            places += [path for path in Path(f"/proc/{pid}/fd").iterdir() if "plasma" in os.readlink(path)]
    found = set()
    for place in places:
        with contextlib.suppress(OSError):
            content = place.read_bytes()
            found |= {str(place) for form in FORMS if form in content}
    return found


def in_memory(pid: int) -> bool:
    """Whether one of the secrets stands in the memory of a process."""
    with open(f"/proc/{pid}/maps") as lines, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in lines:
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            if "r" not in line.split()[1] or end - start > 1 << 30:
                continue
            with contextlib.suppress(OSError, ValueError, OverflowError):
                memory.seek(start)
                content = memory.read(end - start)
                if any(form in content for form in FORMS):
                    return True
    return False


def processes(node: ray_nodes.Node) -> list[int]:
    """Those of the cluster, and the bridge."""
    bridges = [kept._process.pid for kept in bridge._KEPT.values()]
    return [*ray_nodes.below(node.pid), *bridges]


def test_a_run_on_a_cluster_ends_as_any_other_and_leaves_no_secret(
    tmp_path: Path, ray_cluster: ray_nodes.Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ToySpec(items=120, mood=("7=raise", "20=kill", "90=many"))
    report, _ = do(tmp_path, "ray-2", spec)
    assert product(tmp_path) == expected(spec, but=(7, 20))
    assert report.kinds == {"made": 118, "bug": 1, "worker-died": 1, "twin": 1, "odd": 1}
    assert max(ran(tmp_path).values()) <= 3

    monkeypatch.setenv("MEDCLI_TEST_KEY", API_KEY)
    payloads = [f"{WORD} {number}" for number in range(50)] + [f"{WORD} raise"]
    batches = RayRunner(ray_cluster.address, Needs(2, 0.5)).map(Keeper(), iter(enumerate(payloads)))
    rows = {one.ticket: one.rows[0] for batch in batches for one in batch}
    assert [rows[number].value for number in range(50)] == [
        f"{WORD} {number} {API_KEY} ".encode() + KEY for number in range(50)
    ]
    assert rows[50].kind == "bug"
    assert found_in(ray_cluster.logs, processes(ray_cluster)) == set()


def test_without_ray_the_command_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['ray'] = None; from medcli.cli import main; sys.exit(main(sys.argv[1:]))"
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "a").write_text("x")
    command = ["scrub", str(tmp_path / "inbox"), "--output", str(tmp_path / "out"), "--runner", "ray"]
    told = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout) == (3, "")
    assert told.stderr == (
        "Error: The Ray runner needs the extra 'ray', which is not installed.\nHint: pip install 'medcli[ray]'\n"
    )


def test_an_address_where_nobody_answers_is_told(tmp_path: Path) -> None:
    address = f"127.0.0.1:{ray_nodes.free_port('127.0.0.1')}"
    with pytest.raises(SetupError, match=f"No Ray cluster could be reached at {address}") as told:
        do_nothing(address)
    assert "ray status" in told.value.hint


@pytest.mark.slow
def test_what_no_worker_can_find_is_told(ray_cluster: ray_nodes.Node) -> None:
    class Hidden(Worker):
        """Found by its name in the driver alone."""

    Hidden.__module__, Hidden.__qualname__ = "hidden", "Hidden"
    sys.modules["hidden"] = types.ModuleType("hidden")
    sys.modules["hidden"].Hidden = Hidden  # type: ignore[attr-defined]
    try:
        with pytest.raises(SetupError, match="does not find the program"):
            list(RayRunner(ray_cluster.address).map(Hidden(Path()), iter([(0, Load((1,)))])))
    finally:
        del sys.modules["hidden"]


def do_nothing(address: str) -> None:
    list(RayRunner(address).map(Worker(Path()), iter([(0, Load((1,)))])))


def test_sealed_messages_are_opened_once_in_their_order() -> None:
    driver, worker = sealing.Pair(), sealing.Pair()
    down, up = driver.agree(worker.public, driver=True), worker.agree(driver.public, driver=False)
    first, second = down.seal(b"one"), down.seal(b"two")
    with pytest.raises(sealing.Broken):
        up.open(second)
    assert (up.open(first), up.open(second)) == (b"one", b"two")
    for wrong in (first, second, up.seal(b"three")):
        with pytest.raises(sealing.Broken):
            up.open(wrong)
    other = sealing.Pair().agree(worker.public, driver=True)
    with pytest.raises(sealing.Broken):
        sealing.Pair().agree(driver.public, driver=False).open(other.seal(b"four"))
    with pytest.raises(sealing.Broken):
        driver.agree(b"short", driver=True)


def test_how_many_workers_there_are_and_what_they_take() -> None:
    eight, gpus = Cluster(2, 8.0, 0.0), Cluster(3, 12.0, 4.0)
    assert [Needs().limit(eight), Needs(cpus=2.0).limit(eight), Needs(per_node=True).limit(eight)] == [
        8,
        4,
        2,
    ]
    assert [Needs(5).limit(eight), Needs(cpus=0.0).limit(eight), Needs().limit(Cluster(0, 0.0, 0.0))] == [
        5,
        8,
        1,
    ]
    assert [Needs(gpus=None).limit(gpus), Needs(gpus=0.5).limit(gpus), Needs(gpus=None).limit(eight)] == [
        4,
        8,
        8,
    ]
    assert [Needs(gpus=None).places(one).gpus for one in (eight, gpus)] == [0.0, 1.0]


@pytest.mark.slow
def test_no_secret_in_what_is_spilled_in_memory_or_in_tables(
    tmp_path: Path, ray_cluster: ray_nodes.Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Items too large for messages and, together, for the store; and the search finds what Ray is given plainly."""
    monkeypatch.setenv("MEDCLI_TEST_KEY", API_KEY)
    large = (30 << 20) + 7
    payloads = [f"{WORD} " * (large // len(WORD)) for _ in range(6)]
    runner = RayRunner(ray_cluster.address, Needs(2, 0.5), chunk=2)
    outcomes = runner.map(Keeper(large), iter(enumerate(payloads)))
    everywhere, seen = set(), 0
    for batch in outcomes:
        seen += len(batch)
        everywhere |= found_in(ray_cluster.logs, processes(ray_cluster))
    assert seen == 6
    assert everywhere == set()
    keeping = [
        pid
        for pid in ray_nodes.below(ray_cluster.pid)
        if _name(pid) in ("gcs_server", "raylet", "python", "ray")
    ]
    assert keeping
    assert [_name(pid) for pid in keeping if in_memory(pid)] == []

    plainly = (
        "import sys, time, ray; ray.init(address=sys.argv[1], log_to_driver=False)\n"
        "kept = [ray.put(bytes.fromhex(sys.argv[2]) * (40 << 15)) for _ in range(4)]\n"
        "print('put', flush=True); time.sleep(60)"
    )
    shown = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    with subprocess.Popen(
        [sys.executable, "-c", plainly, ray_cluster.address, KEY.hex()],
        stdout=subprocess.PIPE,
        env=os.environ | shown,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"put\n"
        found = found_in(ray_cluster.logs, processes(ray_cluster))
        process.kill()
    assert any("spill" in place for place in found), found
    assert any("/fd/" in place for place in found), found


def _name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip().partition(":")[0]
    return ""


@pytest.mark.slow
def test_only_what_kills_is_lost_of_a_payload_of_several_rows(
    tmp_path: Path, ray_cluster: ray_nodes.Node
) -> None:
    loads = [Load(tuple(range(8))), Load((*range(5), 100, 6, 7, 101)), Load((9,)), Load((102,))]
    batches = RayRunner(ray_cluster.address, Needs(2, 0.5), chunk=1).map(
        Worker(tmp_path), iter(enumerate(loads))
    )
    found = {one.ticket: one for batch in batches for one in batch}
    for ticket, load in enumerate(loads):
        assert [(row.key, row.state) for row in found[ticket].rows] == [
            (str(number), "failed" if number >= 100 else "done") for number in load.numbers
        ]


class Doomed:
    """Kills every process that it works in."""

    def __enter__(self) -> Doomed:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self, payload: int) -> tuple[Row]:
        os._exit(1)


class Stillborn(Doomed):
    def __enter__(self) -> Doomed:
        os._exit(1)


@pytest.mark.slow
@pytest.mark.parametrize("factory", [Doomed(), Stillborn()])
def test_workers_that_die_and_die_end_the_run_with_the_reason(
    ray_cluster: ray_nodes.Node, factory: Doomed
) -> None:
    seen: list[Outcome] = []
    with pytest.raises(
        SetupError, match="12 workers on the cluster died one after another: its process ended"
    ):
        take(seen, RayRunner(ray_cluster.address, Needs(2, 0.5)).map(factory, ((i, i) for i in range(1000))))
    assert seen == []  # nothing is written down for what somebody else's trouble did


def take(seen: list[Outcome], batches: Iterable[Sequence[Outcome]]) -> None:
    for batch in batches:
        seen += batch


@pytest.mark.slow
def test_a_node_that_is_lost_costs_no_item(tmp_path: Path) -> None:
    """Twelve workers on two nodes; one node is killed at once with all its processes."""
    spec = ToySpec(items=600, delay=0.03, mood=("7=fail", "300=many"))

    def kill() -> None:
        while len(ran(tmp_path)) < 150:
            time.sleep(0.01)
        nodes[1].kill()

    with ray_nodes.two_nodes(4, 2) as nodes:
        killer = threading.Thread(target=kill)
        killer.start()
        report, _ = do(tmp_path, "ray-12", spec)
        killer.join()
    assert product(tmp_path) == expected(spec, but=(7,))
    assert report.kinds == {"made": 599, "spoilt": 1, "twin": 1, "odd": 1}
    assert max(ran(tmp_path).values()) <= 2
    assert sum(ran(tmp_path).values()) > 600  # something was on that node


@pytest.mark.slow
def test_a_cluster_that_goes_away_ends_the_run_with_words(tmp_path: Path) -> None:
    spec = ToySpec(items=2000, delay=0.02)
    with ray_nodes.cluster(2) as node:

        def kill() -> None:
            while len(ran(tmp_path)) < 50:
                time.sleep(0.01)
            node.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(
            SetupError, match=r"The connection to the Ray cluster ended|died one after another"
        ):
            do(tmp_path, "ray-2", spec)
        killer.join()
    with ray_nodes.cluster(2):
        report, _ = do(tmp_path, "ray-2", spec)
    assert product(tmp_path) == expected(spec)
    assert report.resumed > 0


@pytest.mark.slow
def test_a_cluster_of_its_own_ends_with_the_command(tmp_path: Path) -> None:
    told = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.contract.toy",
            "toy",
            str(tmp_path),
            "--runner",
            "ray-2",
            "--items",
            "300",
        ],
        env=os.environ | {"TOY_CLUSTER": "local"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stderr) == (0, "")
    assert product(tmp_path) == expected(ToySpec(items=300))
    assert not [pid for pid in (tmp_path / "pids").read_text().split() if Path(f"/proc/{pid}").exists()]
