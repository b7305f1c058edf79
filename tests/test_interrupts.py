"""The Ctrl-C that other tests press: it is felt in spite of what swallows it, and one that is not felt fails."""

import gc
import hashlib
import signal
import sys
import time

import pytest
from interrupts import NotInterrupted, ctrl_c
from processes import run_script


def wait(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        time.sleep(0.01)


def holds_the_gil():
    """About a second in C that looks at no signal."""
    sum(range(40_000_000))


def without_the_gil():
    """About a second in C that looks at no signal and lets other threads run."""
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 2_000_000)


def test_a_press_is_felt_at_once():
    error, waited = ctrl_c(lambda: wait(10))
    assert type(error) is KeyboardInterrupt
    assert 0 <= waited < 0.2


def test_a_press_that_the_garbage_collector_loses_is_repeated():
    lost = []

    def callback(phase, info):
        # Stands for the callbacks of other libraries: the exception cannot leave it.
        if phase == "start" and not lost:
            lost.append(phase)
            wait(10)

    def call():
        gc.collect()
        wait(10)

    gc.callbacks.append(callback)
    try:
        _, waited = ctrl_c(call, again=0.2)
    finally:
        gc.callbacks.remove(callback)
    # The press that was lost had not been left waiting by the call.
    assert lost and waited < 0.2


def test_a_press_that_the_call_swallows_is_repeated():
    swallowed = []

    def call():
        while len(swallowed) < 3:
            try:
                wait(10)
            except KeyboardInterrupt as error:
                swallowed.append(error)
        wait(10)

    _, waited = ctrl_c(call, again=0.2)
    assert len(swallowed) == 3 and waited < 0.2


@pytest.mark.parametrize("blind", [holds_the_gil, without_the_gil])
def test_a_loop_that_does_not_look_cannot_hide_behind_the_next_press(blind):
    # Pressed every 20 ms, it would seem to answer within 20 ms if the wait were that of the last press.
    _, waited = ctrl_c(blind, first=0.05, again=0.02)
    assert waited > 0.2


def test_a_call_that_ends_by_itself_fails():
    with pytest.raises(NotInterrupted, match="pressed 0 times"):
        ctrl_c(lambda: None)

    def deaf():
        end = time.perf_counter() + 0.3
        while time.perf_counter() < end:
            try:
                wait(0.3)
            except KeyboardInterrupt:
                pass

    with pytest.raises(NotInterrupted, match=r"pressed [1-9]"):
        ctrl_c(deaf)


def test_other_exceptions_arrive_as_themselves():
    with pytest.raises(ZeroDivisionError):
        ctrl_c(lambda: 1 // 0)

    class Stopped(KeyboardInterrupt):
        pass

    with pytest.raises(KeyboardInterrupt):
        ctrl_c(lambda: wait(10), Stopped)


@pytest.mark.parametrize("before", [signal.SIG_IGN, signal.SIG_DFL, signal.default_int_handler], ids=repr)
def test_the_handler_of_before_does_not_matter_and_comes_back(before):
    hook, outer = sys.unraisablehook, signal.signal(signal.SIGINT, before)
    try:
        ctrl_c(lambda: wait(10))
        assert signal.getsignal(signal.SIGINT) is before and sys.unraisablehook is hook
    finally:
        signal.signal(signal.SIGINT, outer)


@pytest.mark.skipif(sys.platform == "win32", reason="a Windows process inherits no ignored SIGINT")
def test_in_a_process_that_was_started_with_sigint_ignored():
    script = "from interrupts import ctrl_c; import time; print(ctrl_c(lambda: time.sleep(10))[1] < 5)"
    ignore = lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)  # noqa: E731
    assert run_script(script, preexec_fn=ignore) == "True\n"
