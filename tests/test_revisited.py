"""The study of the notebook that readers can repeat: its figures, and what it leaves alone."""

import random
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt

import fastebm as fe
from fastebm import revisited


def test_the_figures_of_the_page():
    model, shown = revisited.notebook_run()
    # Both checks of the notebook pass, and the density is far off all the same.
    assert abs(shown.mean() - revisited.DATA.mean()) < 0.2 and abs(shown.std() - revisited.DATA.std()) < 0.1
    far = revisited.divergence(model)
    assert 0.2 < far < 0.5 and revisited.divergence(revisited.cold().energy) > 0.2
    assert revisited.divergence(revisited.warm().energy) < 0.6 * far
    assert revisited.divergence(revisited.good().energy) < 0.005
    assert revisited.divergence(revisited.best()) < 0.003
    assert revisited.divergence(revisited.TRUTH) == pytest.approx(0, abs=1e-12)
    assert revisited.left(revisited.TRUTH) == pytest.approx(0.55, abs=1e-3)
    assert revisited.TEMPERATURE == pytest.approx(0.0657, abs=1e-4)


def test_pictures():
    for draw in (revisited.draw_first_look, revisited.draw_budget, revisited.draw_recipe):
        draw()
    assert len(plt.get_fignums()) == 3
    plt.close("all")


def test_the_global_generator_is_left_alone():
    random.seed(5)
    before = random.getstate()
    data = revisited._seeded(lambda: fe.notebook.sample_real(2400))
    assert np.array_equal(data, revisited.DATA) and random.getstate() == before
    code = (
        "import random, sys; random.seed(5); s = random.getstate(); from fastebm.revisited import *; "
        "sys.exit(random.getstate() != s or 'matplotlib' in sys.modules or len(DATA) != 2400)"
    )
    root = Path(fe.__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, timeout=120).returncode == 0
