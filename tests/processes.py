"""Python in a process of its own."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

HERE = str(Path(__file__).parent)


def run_script(script, *, timeout=60, preexec_fn=None, **environment):
    """Run a script that may import the helpers beside this file; return what it prints.

    It must succeed, and end by itself within `timeout` seconds.
    """
    # First on the path: neither the source tree nor an older copy of the helpers comes before them.
    paths = os.pathsep.join([HERE, *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "PYTHONPATH": paths, **environment},
        preexec_fn=preexec_fn,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
