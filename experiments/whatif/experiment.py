"""Many policies and seeds, side by side on the machine's cores, each result kept as it is done.

Called by `stadspuls whatif`. With a folder, a run that was stopped goes on where it stopped: results are kept under a name made from
everything that decides them, this package's own source included.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.whatif.outcome import Outcome
from experiments.whatif.policies import POLICIES
from experiments.whatif.recorded import Recorded
from experiments.whatif.scenario import Scenario
from experiments.whatif.simulate import World, simulate, world_of
from models.domain.failures import UserError
from processors.plan import worth

ITERATIONS = 150
POLL_SECONDS = 0.5

_done_days: Any = None
"""In a worker process: the counter of simulated days that all workers share."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """What to simulate. `days` are counted ones; `iterations` of the router per fraction and day. With `recorded`, the arrivals are a
    city's own, and seeds differ in sensors' errors and breakdowns only."""

    scenario: Scenario
    days: int
    seeds: tuple[int, ...]
    policies: tuple[str, ...]
    iterations: int = ITERATIONS
    recorded: Recorded | None = None

    def __post_init__(self) -> None:
        unknown = [name for name in self.policies if name not in POLICIES]
        if unknown:
            raise UserError(f"there is no policy {unknown[0]!r}; known are {', '.join(POLICIES)}")
        if not self.policies or not self.seeds or self.days < 1:
            raise UserError("a what-if needs at least one policy, one seed and one day")

    @property
    def simulated_days(self) -> int:
        """Days to simulate in all, warm-ups included."""
        return len(self.seeds) * len(self.policies) * (self.days + self.scenario.warm_up_days)


Progress = Callable[[int, int], None]
"""Told (days done, days in all), now and then."""


def run(experiment: Experiment, jobs: int, folder: Path | None, progress: Progress) -> list[Outcome]:
    """All outcomes, by seed and policy in the given order."""
    tasks = [(seed, policy) for seed in experiment.seeds for policy in experiment.policies]
    found = {task: outcome for task in tasks if folder and (outcome := _kept(folder, experiment, *task)) is not None}
    left = [task for task in tasks if task not in found]
    each = experiment.days + experiment.scenario.warm_up_days
    before = len(found) * each
    progress(before, experiment.simulated_days)
    for task, outcome in _simulated(experiment, left, jobs, lambda days: progress(before + days, experiment.simulated_days)):
        found[task] = outcome
        if folder:
            _keep(folder, experiment, outcome)
    progress(experiment.simulated_days, experiment.simulated_days)
    return [found[task] for task in tasks]


def _simulated(
    experiment: Experiment, tasks: Sequence[tuple[int, str]], jobs: int, days_done: Callable[[int], None]
) -> Iterator[tuple[tuple[int, str], Outcome]]:
    if jobs == 1 or len(tasks) == 1:
        done = 0

        def one_more() -> None:
            nonlocal done
            done += 1
            days_done(done)

        for task in tasks:
            yield task, simulate_seed(experiment, *task, one_more)
        return
    context = multiprocessing.get_context("spawn")
    counter = context.Value("q", 0)
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(counter,)) as pool:
        waiting: dict[Future[Outcome], tuple[int, str]] = {pool.submit(_work, experiment, *task): task for task in tasks}
        while waiting:
            finished, _ = wait(waiting, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            days_done(counter.value)
            for future in finished:
                yield waiting.pop(future), future.result()


def _begin(counter: Any) -> None:
    global _done_days
    _done_days = counter


def _work(experiment: Experiment, seed: int, policy: str) -> Outcome:
    def one_more() -> None:
        with _done_days.get_lock():
            _done_days.value += 1

    return simulate_seed(experiment, seed, policy, one_more)


def simulate_seed(experiment: Experiment, seed: int, policy: str, day_done: Callable[[], None]) -> Outcome:
    """One policy in the city of one seed."""
    world: World = world_of(experiment.scenario, experiment.days, seed, experiment.recorded)
    return simulate(world, POLICIES[policy], experiment.iterations, day_done)


def _name(experiment: Experiment, seed: int, policy: str) -> str:
    source = hashlib.sha256()
    for path in (*sorted(Path(__file__).parent.glob("*.py")), Path(worth.__file__)):
        if path.name not in ("report.py", "pictures.py", "comparison.py"):
            source.update(path.read_bytes())
    if experiment.recorded:
        source.update(experiment.recorded.hourly_l.tobytes())
        source.update(repr((experiment.recorded.ids, experiment.recorded.places)).encode())
    decides = repr((experiment.scenario, experiment.days, experiment.iterations, seed, policy, source.hexdigest()))
    return f"{policy}-{seed}-{hashlib.sha256(decides.encode()).hexdigest()[:12]}.json"


def _kept(folder: Path, experiment: Experiment, seed: int, policy: str) -> Outcome | None:
    path = folder / "runs" / _name(experiment, seed, policy)
    return Outcome(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def _keep(folder: Path, experiment: Experiment, outcome: Outcome) -> None:
    path = folder / "runs" / _name(experiment, outcome.seed, outcome.policy)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(outcome.to_json()), encoding="utf-8")
    partial.replace(path)
