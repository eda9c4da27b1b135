"""An event loop that waits for nothing: it runs what is ready, in order, and its time is the world's."""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any


class ModelLoop(asyncio.AbstractEventLoop):
    """As much of an event loop as asyncio's own primitives need: ready callbacks and timers, no input or output.

    ``now`` is read for the time; ``run`` runs until nothing is ready any more.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._made = 0
        self._tasks: list[asyncio.Task[Any]] = []
        self.errors: list[dict[str, Any]] = []
        """What nobody caught; there must be none."""

    def run(self) -> None:
        """Run everything that is ready or due, and what that makes ready."""
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            self._wake()
            while self._ready:
                handle = self._ready.popleft()
                if not handle.cancelled():
                    handle._run()
                self._wake()
        finally:
            asyncio._set_running_loop(before)

    def tasks(self) -> list[asyncio.Task[Any]]:
        """All tasks that are not done, oldest first. One that ended in an error which nobody took is noted at once."""
        self.errors += [{"exception": each.exception()} for each in self._tasks if each.done() and each._log_traceback]
        self._tasks = [each for each in self._tasks if not each.done()]
        return self._tasks

    def cancel_all(self) -> None:
        """End every task, so that nothing of them is left behind."""
        while tasks := self.tasks():
            for task in tasks:
                task.cancel()
            self.run()

    def next_timer(self) -> float | None:
        """When the next timer is due."""
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def timers(self) -> list[asyncio.TimerHandle]:
        """All that is planned, soonest first."""
        return [handle for _, _, handle in sorted(self._timers, key=lambda each: each[:2]) if not handle.cancelled()]

    def _wake(self) -> None:
        while (due := self.next_timer()) is not None and due <= self._now():
            self._ready.append(heapq.heappop(self._timers)[2])

    # What asyncio calls.

    def time(self) -> float:
        return self._now()

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._made += 1
        heapq.heappush(self._timers, (when, self._made, handle))
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now() + delay, callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, **options)
        self._tasks.append(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.errors.append(context)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Asyncio tells of each cancelled timer; it is skipped when its time comes."""
