"""The README: its Python runs, its commands exist, its links lead somewhere."""

import os
import random
import re
import shlex
import tomllib
from pathlib import Path

import matplotlib
import pytest

import fastebm

matplotlib.use("Agg")

from fastebm.cli.commands import _parser

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_python_blocks_run(capsys):
    import matplotlib.pyplot as plt

    state = random.getstate()
    code = blocks("python")
    assert len(code) >= 3
    space = {"__name__": "readme"}
    try:
        for block in code:
            exec(compile(block, "README.md", "exec"), space)
        # The drop-in line brings the notebook's names.
        assert callable(space["train_ebm"]) and callable(space["sample_real"])
    finally:
        random.setstate(state)
        plt.close("all")
    assert "[" in capsys.readouterr().out


def test_ten_lines():
    assert len([line for line in blocks("python")[0].splitlines() if line.strip()]) <= 10


def test_commands_exist(tmp_path, monkeypatch):
    parser = _parser()
    commands = re.findall(
        r"(?:^|\s)fastebm ((?:demo|fit|score|sample|info|doctor|completion)[^\n`]*)", "\n".join(blocks("sh"))
    )
    assert {shlex.split(c)[0] for c in commands} >= {"fit", "score", "sample"}
    for command in commands:
        parser.parse_args(shlex.split(command))
    assert "fastebm demo" in README


def test_extras_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {e for found in re.findall(r"'\.\[([a-z,]+)\]'", README) for e in found.split(",")}
    assert wanted and wanted <= set(project["optional-dependencies"])
    # The name on the index belongs to another project.
    assert not re.search(r"pip install\s+(-U\s+)?['\"]?fastebm", README, re.IGNORECASE)


def test_each_command_is_one_line():
    first, second, *_ = blocks("sh")
    assert first.count("\n") == second.count("\n") == 1
    assert "venv" in first and "demo" in first and "pytest" in second


def test_the_second_command_builds_nothing():
    assert not re.search(r"install\s+(-e\s+)?'?\.", blocks("sh")[1])
    listed = (ROOT / "tests" / "requirements.txt").read_text(encoding="utf-8").splitlines()[1:]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert listed == project["optional-dependencies"]["test"]


def test_links_lead_somewhere():
    if not (ROOT / "src").exists():
        pytest.skip("the tests were copied away from the checkout: the README's files are not here")
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if "://" not in target:
            assert os.path.exists(ROOT / target), target


def test_the_citation_names_this_version():
    if not (ROOT / "CITATION.cff").exists():
        pytest.skip("the tests were copied away from the checkout: CITATION.cff is not here")
    said = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.*)$", said, re.MULTILINE).group(1) == fastebm.__version__


def test_the_japanese_readme_has_the_same_content():
    """The same commands and the same Python, comments apart; its own links lead somewhere."""
    if not (ROOT / "README.ja.md").exists():
        pytest.skip("the tests were copied away from the checkout: the Japanese README is not here")
    japanese = (ROOT / "README.ja.md").read_text(encoding="utf-8")

    def code(text):
        return re.sub(r"  #.*", "", "\n".join(re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL)))

    assert code(japanese) == code(README)
    headings = [re.findall(r"^#+", text, re.MULTILINE) for text in (README, japanese)]
    assert headings[0] == headings[1]
    targets = [set(re.findall(r"\]\(([^)#]+)\)", text)) for text in (README, japanese)]
    assert targets[0] - {"README.ja.md"} <= targets[1]
    assert all(os.path.exists(ROOT / target) for target in targets[1])


def test_no_page_and_no_message_installs_the_stranger_of_our_name():
    places = [*(ROOT / "docs").rglob("*.rst"), *(ROOT / "src").rglob("*.py"), *ROOT.glob("*.md")]
    for path in places:
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not re.search(r"pip install (?:[^&#`()]* )?['\"]?fastebm\b(?! demo)", line), (
                f"{path}: {line}"
            )
            assert "install fastebm with" not in line, f"{path}: {line}"
