"""Names each step, says how long the rest will take, and how long it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Step:
    """One step of the demo; `expected_s` is what it takes on two cores, the base of the time left."""

    name: str
    expected_s: float


@dataclass
class Steps:
    """Runs steps in order and prints. A step's own progress goes through `progress`, on one line that is written again."""

    plan: tuple[Step, ...]
    began: float = field(default_factory=time.monotonic)
    done: int = 0
    took_s: dict[str, float] = field(default_factory=dict)
    _line: str = ""

    @contextmanager
    def next(self) -> Iterator[None]:
        """The next step of the plan, from its first to its last moment."""
        step = self.plan[self.done]
        self._print(f"[{self.done + 1}/{len(self.plan)}] {step.name} (about {_minutes(self.left_s())} to the end)")
        began = time.monotonic()
        yield
        self.took_s[step.name] = round(time.monotonic() - began, 1)
        self._end_line()
        self._print(f"      done in {self.took_s[step.name]:.0f} s")
        self.done += 1

    def left_s(self) -> float:
        """What the steps that are not done are expected to take, scaled by how fast this machine was so far."""
        spent = sum(self.took_s.values())
        expected = sum(step.expected_s for step in self.plan[: self.done])
        pace = min(4.0, max(0.5, spent / expected)) if expected > 20 else 1.0
        return pace * sum(step.expected_s for step in self.plan[self.done :])

    def say(self, text: str) -> None:
        """A line of its own below the step."""
        self._end_line()
        self._print(f"      {text}")

    def progress(self, text: str) -> None:
        """The step's progress. On a terminal the line is written over."""
        if sys.stdout.isatty():
            sys.stdout.write(f"\r      {text:<110}")
            sys.stdout.flush()
            self._line = text
        elif text != self._line:
            self._line = text
            self._print(f"      {text}")

    def _end_line(self) -> None:
        if self._line and sys.stdout.isatty():
            sys.stdout.write("\n")
        self._line = ""

    def _print(self, text: str) -> None:
        print(text, flush=True)


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"
