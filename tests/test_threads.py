"""How many threads a run uses, and what happens to them when the process forks."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import fastebm as fe


def test_environment_sets_the_default(monkeypatch):
    monkeypatch.setenv("FASTEBM_NUM_THREADS", "3")
    assert fe.info()["n_threads"] == 3
    monkeypatch.setenv("FASTEBM_NUM_THREADS", " 5 ")
    assert fe.info()["n_threads"] == 5


@pytest.mark.parametrize("unset", [None, ""])
def test_without_it_every_processor_of_the_process_counts(monkeypatch, unset):
    if unset is None:
        monkeypatch.delenv("FASTEBM_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("FASTEBM_NUM_THREADS", unset)
    expected = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert fe.info()["n_threads"] == expected


@pytest.mark.parametrize("bad", ["0", "-1", "two", "2.5", "1e3", "nan", "3,4", "1025"])
def test_bad_environment_is_an_error_that_names_it(monkeypatch, bad):
    monkeypatch.setenv("FASTEBM_NUM_THREADS", bad)
    # A run that is long enough to ask for threads.
    for call in (fe.info, lambda: fe.SGLD(0.1).sample(fe.WellMixture(), np.zeros(20_000), 200)):
        with pytest.raises(
            ValueError, match=f"FASTEBM_NUM_THREADS must be an integer from 1 to 1024, got '{bad}'"
        ):
            call()
    # An argument goes before the environment.
    assert fe.SGLD(0.1).sample(fe.WellMixture(), [0.0], 1, n_threads=1).shape == (1,)


def test_environment_does_not_change_the_result(monkeypatch):
    x0 = np.linspace(-2, 2, 6000)
    results = []
    for threads in ("1", "4"):
        monkeypatch.setenv("FASTEBM_NUM_THREADS", threads)
        results.append(fe.MALA(0.1).sample(fe.WellMixture(), x0, 100, seed=1))
    np.testing.assert_array_equal(*results)


def run_script(script):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_child_of_a_fork_samples_on_threads_of_its_own():
    # The parent's pool is at work when the child is made; a child that waited for it would hang.
    out = run_script(
        """
        import os, threading, warnings
        import numpy as np
        import fastebm as fe

        warnings.simplefilter("ignore", DeprecationWarning)
        energy, x0 = fe.WellMixture(), np.linspace(-2, 2, 20_000)
        run = lambda: fe.MALA(0.1).sample(energy, x0, 200, seed=1, n_threads=3)
        expected = run()
        busy = threading.Thread(target=run)
        busy.start()
        child = os.fork()
        if child == 0:
            os._exit(0 if np.array_equal(run(), expected) else 3)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        busy.join()
        print(status, np.array_equal(run(), expected))
        """
    )
    assert out == ["0", "True"]


def test_process_ends_after_threads_were_used():
    out = run_script(
        """
        import numpy as np
        import fastebm as fe
        fe.SGLD(0.1).sample(fe.WellMixture(), np.zeros(50_000), 200, n_threads=4)
        print("end")
        """
    )
    assert out == ["end"]
