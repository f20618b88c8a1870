"""Runs inside a container, as `python -c … ARGUMENTS`: starts Celery's beat, for which the next entry is due at once.

It needs Celery, and the image's site-packages. All else is as the arguments, the application and its schedule say.
"""

from __future__ import annotations

import heapq
import sys
from importlib import import_module
from typing import Any


def make_due(scheduler: Any, build_state: Any) -> None:
    """Let a class of schedulers take the entry that is next for due, but only once; Celery's own jobs come last."""
    is_due_by_itself, populate, seen = scheduler.is_due, scheduler.populate_heap, list[object]()

    def populate_heap(self: Any, *arguments: Any, **options: Any) -> None:
        populate(self, *arguments, **options)
        if self._heap and not seen:
            # Since Celery 5.7 an entry is not asked whether it is due before its time in the heap.
            place = min(range(len(self._heap)), key=lambda at: rank(self._heap[at]))
            self._heap[place] = self._heap[place]._replace(time=0)
            heapq.heapify(self._heap)

    def is_due(self: Any, entry: Any) -> Any:
        if seen:
            return is_due_by_itself(self, entry)
        seen.append(entry)
        return build_state(True, 60.0)  # noqa: FBT003 - celery.schedules.schedstate(is_due, next)

    scheduler.populate_heap, scheduler.is_due = populate_heap, is_due


def rank(event: Any) -> tuple[bool, float, int]:
    """Return what puts an event of the heap before another: whose job is the application's, then which is next."""
    return event.entry.task.startswith("celery."), event.time, event.priority


def main() -> None:
    """Start beat."""
    make_due(import_module("celery.beat").Scheduler, import_module("celery.schedules").schedstate)
    sys.argv = ["celery", *sys.argv[1:]]
    import_module("celery.__main__").main()


if __name__ == "__main__":
    main()
