"""Ctrl-C for tests: pressed again until it is felt, and timed."""

import _thread
import os
import signal
import sys
import threading
import time


class NotInterrupted(AssertionError):
    """The call came to its own end."""


def press():
    # A real signal where there is one; Windows knows none that a process can send to itself alone.
    if sys.platform == "win32":
        _thread.interrupt_main()
    else:
        os.kill(os.getpid(), signal.SIGINT)


def ctrl_c(call, error=KeyboardInterrupt, *, first=0.1, again=0.5):
    """Call, and press Ctrl-C until it stops; return the exception and how long the press that stopped it had waited.

    The exception of one press can be lost: raised inside a callback of the garbage collector, say, it is printed and
    ignored. So it is pressed again every `again` seconds. Give a call that ends by itself within seconds, or run in a
    process with a time limit: where no press is felt, the test then fails, and does not hang.

    The wait counts from the moment when the first press that no handler has seen yet was due. From the last press, a
    loop that never looks would seem as quick as presses follow each other; from the very first, a press that was seen
    at once and then lost by somebody else would count as the loop's delay.

    Works where SIGINT is ignored, as it is under nohup. The handler of before is put back.
    """
    ended = threading.Event()
    sent, waited, seen = [], [], 0

    def presser():
        # Due, not sent: a call that holds the GIL holds this thread up too.
        due = time.perf_counter() + first
        while not ended.wait(max(0.0, due - time.perf_counter())):
            sent.append(due)
            press()
            due = time.perf_counter() + again

    def handler(number, frame):
        nonlocal seen
        # A press that comes too late hits nobody.
        if ended.is_set():
            return
        if sent:
            waited.append(sent[min(seen, len(sent) - 1)])
            seen = len(sent)
        raise KeyboardInterrupt

    def unraisable(lost):
        if not (sent and issubclass(lost.exc_type, KeyboardInterrupt)):
            hook_before(lost)

    handler_before = signal.signal(signal.SIGINT, handler)
    hook_before, sys.unraisablehook = sys.unraisablehook, unraisable
    thread = threading.Thread(target=presser, daemon=True)
    thread.start()
    caught = None
    try:
        # Twice, for a press that comes while the exception of another is on its way here.
        try:
            call()
            ended.set()
        except BaseException:
            ended.set()
            raise
    except BaseException as exception:
        ended.set()
        caught = exception
        stopped = time.perf_counter()
    finally:
        thread.join()
        sys.unraisablehook = hook_before
        signal.signal(signal.SIGINT, handler_before)
    if caught is None:
        raise NotInterrupted(f"the call ended by itself; Ctrl-C was pressed {len(sent)} times")
    if not waited or not isinstance(caught, error):
        raise caught
    return caught, stopped - waited[-1]
