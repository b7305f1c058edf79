"""How many threads, and the pool they come from."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from .check import integer

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

# More threads than any machine has: a slip of the finger, not a wish.
MOST = 1024

_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None


def available() -> int:
    """Processors this process may use: its affinity, where the system tells."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def default() -> int:
    """FASTEBM_NUM_THREADS if it is set, otherwise every processor this process may use."""
    wanted = os.environ.get("FASTEBM_NUM_THREADS")
    if not wanted:
        return available()
    try:
        return integer(int(wanted), "FASTEBM_NUM_THREADS", 1, MOST)
    except ValueError:
        raise ValueError(f"FASTEBM_NUM_THREADS must be an integer from 1 to {MOST}, got {wanted!r}") from None


def resolve(n_threads: int | None) -> int:
    """Return the number of threads to use for an ``n_threads`` argument."""
    return default() if n_threads is None else integer(n_threads, "n_threads", 1, MOST)


def submit(function, copies: int) -> list[Future]:
    """Start copies of function() on the shared pool."""
    global _pool
    if copies < 1:
        return []
    # Imported with the first run that needs it: 10 ms that many programs never need.
    from concurrent.futures import ThreadPoolExecutor

    with _lock:
        if _pool is None or _pool._max_workers < copies:
            # An older, smaller pool ends by itself when its last task is done.
            _pool = ThreadPoolExecutor(max(copies, available()), thread_name_prefix="fastebm")
        return [_pool.submit(function) for _ in range(copies)]


def each(function, count: int, n_threads: int) -> list:
    """[function(0), function(1), ...]: on up to n_threads threads, of which the caller is one.

    What function raises is raised here, once every thread has ended.
    """
    if min(count, n_threads) < 2:
        return [function(i) for i in range(count)]
    results: list = [None] * count
    todo = iter(range(count))

    def work():
        # `next` of a range's iterator is one step of the interpreter: no two threads get the same.
        for i in todo:
            results[i] = function(i)

    helpers = submit(work, min(count, n_threads) - 1)
    try:
        work()
    finally:
        # Nothing is left to begin, also where the caller failed.
        for _ in todo:
            pass
        failures = [h.exception() for h in helpers]
    for failure in failures:
        if failure is not None:
            raise failure
    return results


def _forget_pool() -> None:
    global _pool, _lock
    _pool, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    # Threads do not survive a fork; a child that samples makes its own pool.
    os.register_at_fork(after_in_child=_forget_pool)
