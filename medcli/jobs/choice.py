"""Where a command's work is done: the options that say so, each written once, and the runner that they mean.

A Spec calls the functions for its fields, as in ``runner: str = choice.runner()``, and hands itself to
:func:`runner_for`. Knows which of the options go together; refuses to know Ray.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from medcli.errors import UsageError
from medcli.settings import option

if TYPE_CHECKING:
    from medcli.jobs.model import Runner
    from medcli.jobs.retry import Retry

RUNNERS = ("local", "ray")
NO_CLIENT = (
    "--ray-address is no address of a Ray Client.",
    "Run medcli on a node of the cluster, or submit it as a job; then say auto.",
)
_OF_RAY = ("ray_address", "ray_workers", "ray_cpus", "ray_gpus")


def runner() -> Any:
    """``--runner``."""
    return option(
        "Where the work is done: on this machine, or on a Ray cluster.",
        default="local",
        choices=RUNNERS,
        shapes_product=False,
    )


def ray_address() -> Any:
    """``--ray-address``."""
    return option(
        "HOST:PORT of the cluster's head; auto: what RAY_ADDRESS says, or the cluster that this machine is a node of;"
        " local: one on this machine, for this run.",
        default="auto",
        metavar="ADDRESS",
        shapes_product=False,
    )


def ray_workers(each: str = "CPU") -> Any:
    """``--ray-workers``; in words, what there is one worker for unless it is said."""
    return option(
        f"Workers on the cluster at most. Default: one for each {each}.",
        default=None,
        metavar="N",
        minimum=1,
        shapes_product=False,
    )


def ray_cpus() -> Any:
    """``--ray-cpus``."""
    return option(
        "CPUs that a worker takes.",
        default=1.0,
        metavar="N",
        minimum=0.0,
        maximum=1024.0,
        shapes_product=False,
    )


def ray_gpus() -> Any:
    """``--ray-gpus``."""
    return option(
        "GPUs that a worker takes, or a share of one as 0.5. Default: 1 where the cluster has any.",
        default=None,
        metavar="N",
        minimum=0.0,
        maximum=1024.0,
        shapes_product=False,
    )


def idle(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the options that say nothing beside ``--runner``, and the words for why."""
    if values["runner"] == "ray":
        return {}
    return {name: "belongs to --runner ray" for name in _OF_RAY if name in values}


def idle_names(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of :func:`idle`; a Spec's ``idle`` where it has no other options of that sort."""
    return tuple(idle(values))


def check(spec: Any) -> None:
    """Refuse an option that says nothing, or a runner that there is not.

    Raises
    ------
    UsageError
        With its name.
    """
    if spec.runner not in RUNNERS:
        raise UsageError(f"--runner is one of: {', '.join(RUNNERS)}.")
    known = {field.name: field.default for field in fields(spec)}
    for name, why in idle(known | {"runner": spec.runner}).items():
        if getattr(spec, name) != known[name]:
            raise UsageError(f"--{name.replace('_', '-')} {why}.", hint="Add --runner ray, or leave it out.")
    if spec.runner == "ray" and spec.ray_address.startswith("ray://"):
        raise UsageError(NO_CLIENT[0], hint=NO_CLIENT[1])


def runner_for(
    spec: Any,
    local: Callable[[], Runner],
    *,
    retry: Retry | None = None,
    chunk: int = 32,
    concurrency: int = 16,
    gpus: float | None = 0.0,
    per_node: bool = False,
    default: int | None = None,
) -> Runner:
    """Make the runner that a Spec asks for.

    Parameters
    ----------
    spec
        Has the fields of this module.
    local
        Makes the runner of this machine.
    retry
        For transient errors; the Ray runner's own default if none.
    chunk
        Tasks handed to a worker at once at most.
    concurrency
        Of asynchronous workers: items in flight at most, for each of them.
    gpus
        That a worker takes; None for one where the cluster has any.
    per_node
        Whether there is one worker for each node unless ``--ray-workers`` says otherwise, as where work waits on a
        network.
    default
        Workers where ``--ray-workers`` does not say; None for as many as the cluster has room for.

    Raises
    ------
    MissingExtra
        If Ray is wanted and not installed.
    """
    if spec.runner != "ray":
        return local()
    from medcli.jobs.runners.cluster import Needs, RayRunner

    needs = Needs(spec.ray_workers or default, spec.ray_cpus, gpus, per_node)
    options: dict[str, Any] = {} if retry is None else {"retry": retry}
    return RayRunner(spec.ray_address, needs, chunk=chunk, concurrency=concurrency, **options)
