"""How independent pieces of work are run: here in turn; a caller that may start processes passes something faster.

What is spread is the same pure function over many values, so where it runs changes no result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")


class Spread(Protocol):
    """Called by the backtest with a function of a module (so that another process finds it) and pieces that it may take lazily."""

    def __call__(self, work: Callable[[Piece], Result], pieces: Iterable[Piece], /) -> Iterator[Result]:
        """Results in the order of the pieces; what `work` raises is raised here."""
        ...


def in_turn(work: Callable[[Piece], Result], pieces: Iterable[Piece], /) -> Iterator[Result]:
    """One after the other, in this process."""
    return map(work, pieces)
