"""Work spread over the cores of this machine, for commands that compute for minutes."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor

from models.fill_forecast.spread import Piece, Result, Spread, in_turn


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


class OverCores:
    """A `Spread` over fresh processes. Pieces are taken as workers get free, two ahead at most, so that they never lie in memory all at
    once. Processes are spawned, not forked: a forked child of a process with threads can hang."""

    def __init__(self, executor: ProcessPoolExecutor, workers: int) -> None:
        self._executor, self._ahead = executor, workers + 2

    def __call__(self, work: Callable[[Piece], Result], pieces: Iterable[Piece], /) -> Iterator[Result]:
        running: deque[Future[Result]] = deque()
        for piece in pieces:
            running.append(self._executor.submit(work, piece))
            if len(running) >= self._ahead:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


class Cores:
    """Context manager: a `Spread` over `workers` processes, or in turn where that is one."""

    def __init__(self, workers: int) -> None:
        self._executor = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) if workers > 1 else None
        self._workers = workers

    def __enter__(self) -> Spread:
        return in_turn if self._executor is None else OverCores(self._executor, self._workers)

    def __exit__(self, *_: object) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
