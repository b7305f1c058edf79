"""What the end of every --help says: examples, and the exit status."""

from __future__ import annotations

import argparse

EXAMPLES = {
    "demo": ["fastebm demo", "fastebm demo --seed 3 --out picture.svg", "fastebm demo --json --no-picture"],
    "describe": [
        "fastebm describe data.csv",
        "fastebm describe data.xlsx --sheet measured --columns height,weight",
        "fastebm describe data.txt --separator ';' --decimal , --json",
    ],
    "fit": [
        "fastebm fit data.csv --model auto --out model.npz --plot fit.png --report report.html",
        "fastebm fit data.csv --columns height,weight --wells auto --covariance full --out model.npz",
        "fastebm fit data.csv --model network --max-seconds 60 --out model.npz",
        "cut -d, -f2 data.csv | fastebm fit - --wells 3 --json",
    ],
    "score": [
        "fastebm score model.npz new.csv",
        "fastebm score model.npz new.csv --out scores.csv",
        "fastebm score model.npz new.csv --flag 1% --out flags.csv",
        "fastebm score model.npz new.csv --out - | sort -g | head -5",
    ],
    "impute": [
        "fastebm impute model.npz gaps.csv --out filled.csv",
        "fastebm impute model.npz gaps.csv --how draw --seed 2 --na=-999 --out filled.csv",
    ],
    "sample": [
        "fastebm sample model.npz --n 10",
        "fastebm sample model.npz --n 100000 --seed 7 --out samples.npy",
    ],
    "sweep": [
        "fastebm sweep data.csv --set n_steps=1,5,30 --set learning_rate=0.01,0.1 --plot sweep.png",
        "fastebm sweep data.csv --recipe notebook --set sampler__noise_std=0.085,0.3317 --repeats 3",
    ],
    "compare": [
        "fastebm compare data.csv",
        "fastebm compare data.csv --columns height,weight --methods auto,gm-full --json",
    ],
    "info": ["fastebm info", "fastebm info --json"],
    "doctor": ["fastebm doctor", "fastebm doctor --quiet && echo sound"],
    "completion": [
        "source <(fastebm completion bash)                     # now; in ~/.bashrc for good",
        "fastebm completion zsh > ~/.zfunc/_fastebm            # a folder of $fpath",
        "fastebm completion fish > ~/.config/fish/completions/fastebm.fish",
    ],
}
STATUS = {0: "done", 2: "bad input or usage, nothing was written", 130: "interrupted"}
# Of single commands.
MORE_STATUS = {"doctor": {1: "something is wrong with the installation"}}


def ending(name: str) -> str:
    """The last paragraphs of a command's --help."""
    status = sorted((STATUS | MORE_STATUS.get(name, {})).items())
    examples = "".join(f"  {line}\n" for line in EXAMPLES.get(name, []))
    said = "; ".join(f"{number}: {meaning}" for number, meaning in status)
    return (f"examples:\n{examples}\n" if examples else "") + f"exit status:\n  {said}"


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the examples."""

    def __init__(self, prog):
        super().__init__(prog, max_help_position=28)
