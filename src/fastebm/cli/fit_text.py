"""What `fastebm fit` prints of a fit of wells."""

from __future__ import annotations

from shutil import get_terminal_size

from .figures import counted, padded, width_of

# Signs before the first column of a well, and of a column where there is room.
MARGIN, ROOMY = 16, 24


def blocks(names, wells, width: int) -> list[str]:
    """The wells, a line each, as many columns beside each other as the width holds; the rest below.

    Parameters
    ----------
    names : sequence of str
        Of the columns.
    wells : list of (int, float, list of str)
        Number, weight, and a text per column of every well.
    width : int
        Signs of a line; a single column may be wider.

    Examples
    --------
    >>> print("\n".join(blocks(["a", "b"], [(1, 1.0, ["0 ± 1", "5 ± 2"])], 24)))
    well   weight          a
       1   1.0000      0 ± 1
    <BLANKLINE>
    well   weight          b
       1   1.0000      5 ± 2
    """
    texts = [[name, *(cells[i] for _, _, cells in wells)] for i, name in enumerate(names)]
    sizes = [2 + max(6, *map(width_of, column)) for column in texts]
    if MARGIN + sum(max(ROOMY, size) for size in sizes) <= width:
        sizes = [max(ROOMY, size) for size in sizes]
    parts: list[list[int]] = [[]]
    for i, size in enumerate(sizes):
        if parts[-1] and MARGIN + sum(sizes[j] for j in parts[-1]) + size > width:
            parts.append([])
        parts[-1].append(i)
    margins = [f"{'well':>4}{'weight':>9}   ", *(f"{j:>4}{weight:>9.4f}   " for j, weight, _ in wells)]
    lines = []
    for part in parts:
        lines += [""] * (part is not parts[0])
        for k, margin in enumerate(margins):
            lines.append(margin + "".join(padded(texts[i][k], sizes[i]) for i in part))
    return lines


def as_text(summary) -> str:
    """The table that `fastebm fit` prints."""
    facts, names = summary.as_dict(), summary.table.names
    dropped = f" ({facts['n_dropped']:,} with missing cells left out)" if facts["n_dropped"] else ""
    lines = [f"{summary.source}: {facts['n_rows']:,} rows{dropped}, {counted(facts['n_wells'])}", ""]
    lines += blocks(names, summary.wells(), get_terminal_size((80, 24)).columns)
    lines += ["", *summary.correlations()]
    if facts["degrees_of_freedom"] is not None:
        lines.append(
            "tails           "
            + ", ".join(f"{df:.3g}" for df in facts["degrees_of_freedom"])
            + " degrees of freedom"
        )
    lines += [f"column          {name}: {said}" for name, said in facts["transforms"].items()]
    lines.append(f"log-likelihood  {facts['log_likelihood']:.4f} nats per row (on the rows fitted)")
    for row in facts["held_out"]:
        mark = "  <- chosen" if row["n_wells"] == facts["n_wells"] else ""
        lines.append(
            f"held out        {row['log_likelihood']:.4f} nats per row with {counted(row['n_wells'])}{mark}"
        )
    lines.append(f"fitted in       {summary.seconds:.2f} s")
    if summary.model.gained:
        lines.append(
            f"polished        by EM: {summary.model.gained:.2g} nats per row above the trained wells"
        )
    lines += facts["warnings"] + [f"not checked     {skipped}" for skipped in facts["not_checked"]]
    if not facts["warnings"] and not facts["not_checked"]:
        lines.append("warnings        none")
    return "\n".join(lines)
