"""What the command line says of itself: --help, completion, doctor."""

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from fastebm import cli
from fastebm.cli import completion, doctor
from fastebm.cli.commands import _parser
from fastebm.cli.help import EXAMPLES

ROOT = Path(__file__).resolve().parents[1]
OFFERED = completion.commands(_parser())


def main(capsys, *words):
    """(status, stdout)."""
    try:
        status = cli.main(list(words))
    except SystemExit as leaving:
        status = leaving.code
    return status, capsys.readouterr().out


# ---- help ----


@pytest.mark.parametrize("command", OFFERED)
def test_help_ends_with_examples_and_exit_status(command, capsys):
    status, said = main(capsys, command, "--help")
    assert status == 0 and "examples:\n  " in said and "exit status:\n  0: done; " in said
    assert said.index("options:") < said.index("examples:") < said.index("exit status:")


@pytest.mark.parametrize("command", EXAMPLES)
def test_examples_are_commands_that_parse(command):
    assert command in OFFERED
    for line in EXAMPLES[command]:
        found = re.findall(r"(?:^|[\s(])(fastebm [^|&()>#]+)", line)
        assert found and any(words.split()[1] == command for words in found), line
        for words in found:
            _parser().parse_args(shlex.split(words)[1:])


def silent_about_defaults(actions):
    """Options that have a default, which their help does not name."""
    told = [a for a in actions if a.option_strings and a.default not in (None, False, argparse.SUPPRESS)]
    return [action.option_strings[-1] for action in told if "default" not in (action.help or "")]


@pytest.mark.parametrize("command", OFFERED)
def test_help_names_every_default(command):
    assert not silent_about_defaults(OFFERED[command][1])


def test_a_default_that_is_not_named_is_seen():
    parser = argparse.ArgumentParser()
    parser.add_argument("--wells", default=2, help="number of wells")
    parser.add_argument("--seed", default=1, help="seed (default 1)")
    assert silent_about_defaults(parser._actions) == ["--wells"]


@pytest.mark.parametrize("command", ["demo", "fit", "score", "sweep", "sample", "doctor"])
def test_quiet_is_taken(command):
    assert any("--quiet" in action.option_strings for action in OFFERED[command][1])


# ---- completion ----


def completed(words):
    """What bash offers for the last word."""
    quoted = " ".join(map(shlex.quote, words))
    ask = (
        f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _fastebm; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    done = subprocess.run(
        ["bash", "-c", completion.script(_parser(), "bash") + ask], capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not here")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["fastebm", "sc"], ["score"]),
        (["fastebm", "fit", "--mod"], ["--model"]),
        (["fastebm", "fit", "data.csv", "--covariance", ""], ["diag", "full"]),
        (["fastebm", "completion", ""], ["bash", "zsh", "fish"]),
        (["fastebm", "fit", "dat"], []),  # names of files, by bash itself
    ],
)
def test_bash_completes(words, offered):
    assert completed(words) == offered


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_every_command_option_and_choice_is_in_the_script(shell, capsys):
    status, text = main(capsys, "completion", shell)
    assert status == 0 and "fastebm" in text
    for name, (_, actions) in OFFERED.items():
        assert re.search(rf"\b{name}\b", text)
        for action in actions:
            for flag in action.option_strings:
                assert (f"-l {flag[2:]}" if shell == "fish" and flag.startswith("--") else flag[1:]) in text
            assert not action.choices or " ".join(action.choices) in text


@pytest.mark.parametrize(("shell", "check"), [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")])
def test_the_script_is_one_of_its_shell(shell, check, tmp_path):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here: its script is read by nobody")
    path = tmp_path / "script"
    path.write_text(completion.script(_parser(), shell))
    done = subprocess.run([shell, check, str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_quotes_and_brackets_in_help_are_no_syntax():
    parser = argparse.ArgumentParser()
    command = parser.add_subparsers().add_parser("go", help="don't [stop]: 100%% of it")
    command.add_argument("--now", action="store_true", help="don't [wait]: 100%%")
    for shell in completion.SHELLS:
        assert "100%" in completion.script(parser, shell) or shell == "bash"
        assert "%%" not in completion.script(parser, shell)


# ---- doctor ----


def test_doctor_finds_this_installation_sound(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "EXTRAS", doctor.EXTRAS[:2])
    status, said = main(capsys, "doctor", "--json")
    found = json.loads(said)
    assert status == 0 and found["sound"] is True
    assert [c["check"] for c in found["checks"]] == list(doctor.CHECKS)
    assert all(c["ok"] for c in found["checks"]), found["checks"]
    levels = found["checks"][0]["said"]
    assert all(level in levels for level in found["info"]["isa_available"])


def test_doctor_says_what_is_wrong(capsys, monkeypatch):
    checks = {"threads": lambda: (False, "1 and 2 give different bytes"), "files": lambda: 1 / 0}
    monkeypatch.setattr(doctor, "CHECKS", {"training": lambda: (True, "fine"), **checks})
    monkeypatch.setattr(doctor, "EXTRAS", (("no-such-package", "no_such_package", "nothing"),))
    status, said = main(capsys, "doctor")
    assert status == 1 and "WRONG  threads: 1 and 2 give different bytes" in said
    assert "WRONG  files: ZeroDivisionError: division by zero" in said
    assert "no-such-package not installed; for nothing: pip install no-such-package" in said
    status, said = main(capsys, "doctor", "--quiet")
    assert status == 1 and len(said.splitlines()) == 2 and "fine" not in said


def test_doctor_reports_a_package_that_cannot_be_imported(capsys, monkeypatch, tmp_path):
    (tmp_path / "broken_package.py").write_text("raise ImportError('its library is missing')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(doctor, "CHECKS", {})
    monkeypatch.setattr(doctor, "EXTRAS", (("broken", "broken_package", "a test"),))
    status, said = main(capsys, "doctor", "--quiet")
    assert status == 1 and said == "WRONG  broken cannot be imported: ImportError: its library is missing\n"


def test_a_level_with_other_bytes_is_seen(monkeypatch):
    answers = iter(["aa\n", "bb\n"])
    monkeypatch.setattr(
        doctor, "info", lambda: {"isa": "one", "isa_available": ["one", "two"], "n_threads": 1}
    )
    monkeypatch.setattr(
        doctor.subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, 0, next(answers), "")
    )
    ok, said = doctor.levels()
    assert not ok and "different bytes" in said


def test_a_level_that_crashes_is_seen(monkeypatch):
    monkeypatch.setattr(doctor, "info", lambda: {"isa": "one", "isa_available": ["one"], "n_threads": 1})
    monkeypatch.setattr(doctor.sys, "executable", shutil.which("false") or sys.executable)
    ok, said = doctor.levels()
    assert not ok and "one fails with status" in said


def test_doctor_knows_every_package_that_an_extra_brings():
    if not (ROOT / "pyproject.toml").exists():
        pytest.skip("the tests were copied away from the checkout: pyproject.toml is not here")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    wanted = {
        re.match(r"[\w-]+", package).group()
        for name, packages in extras.items()
        if name not in ("test", "docs", "lint", "notebook")
        for package in packages
    }
    assert wanted <= {name for name, _, _ in doctor.EXTRAS}
