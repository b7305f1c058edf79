"""The command impute: a table with empty cells in, the same table with all of them filled out."""

from __future__ import annotations

import sys
from warnings import catch_warnings, simplefilter

import numpy as np

from .._runtime.errors import FastEBMWarning
from ..answers import impute
from ..answers.place import place_of
from .fit import _encoded, _matching, _opened


def run(arguments, progress, output, print_json):
    """`fastebm impute`."""
    output.check_writable(arguments.out)
    model = _opened(arguments.model)
    place = place_of(model)
    table = _matching(arguments, place.names, place.n_features, progress)
    empty = np.isnan(table.x)
    with catch_warnings(record=True) as said:
        simplefilter("always", FastEBMWarning)
        x = impute(model, table.x, how=arguments.how, seed=arguments.seed)
    for one in said:
        print(f"fastebm: warning: {one.message}", file=sys.stderr)
    whole = arguments.json and arguments.out == "-"
    if not whole:
        output.write(arguments.out, _encoded(arguments.out, x, table.names))
        if arguments.out == "-":
            return
    filled = {name: int(n) for name, n in zip(table.names, empty.sum(axis=0), strict=True) if n}
    if arguments.json:
        print_json(
            {
                "data": arguments.data,
                "columns": list(table.names),
                "n_rows": len(x),
                "n_filled": int(empty.sum()),
                "filled": filled,
                "how": arguments.how,
            }
            | ({"rows": x.tolist()} if whole else {"files": {"out": arguments.out}})
        )
        return
    rows = int(empty.any(axis=1).sum())
    lines = [f"{arguments.data}: {int(empty.sum()):,} cells filled in {rows:,} of {len(x):,} rows"]
    lines += [f"{name:<15} {n:,}" for name, n in filled.items()] + [f"wrote           {arguments.out}"]
    output.say(arguments, "\n".join(lines))
