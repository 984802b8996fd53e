"""Measurements as a page of Markdown."""

from statistics import median

from cases import CASES, PARTS, Case, Part, aim

# Which peers stand beside unperturb, in the order of columns.
PEERS = ["PyTorch", "burn", "candle"]


def significant(value: float) -> str:
    """Three digits, or all before the point."""
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}"


def page(results: dict) -> str:
    parts = [section(PARTS[name], results[name]) for name in PARTS if name in results]
    return "\n".join([HEADER, *parts])


HEADER = """# Beside its peers

Written by `benches/peers/run`: the same work in each engine, in 32-bit floats, with the same number of threads, in
turn. Numbers are medians over the rounds; *x* is how many times as fast as the peer unperturb is, with what was aimed at
behind it, in bold where that is missed. Convolutions have 3x3 kernels and 64 channels in and out, on 32 pictures
of 32x32 pixels; with gradients they are three convolutions. The steps are those of resnet20 with option A shortcuts: classes of pictures;
a projected step of ascent that needs the gradient of the image only; a training step of SGD with Nesterov momentum.
"""


def section(part: Part, results: dict) -> str:
    peers = [peer for peer in PEERS if any(entry["label"] == peer for entry in results["engines"].values())]
    headers = ["", "unit", "unperturb"] + [cell for peer in peers for cell in (peer, "x")]
    rows = [row(part, case, peers, results) for case in CASES if case.name in results["cases"]]
    lines = [f"## {results['title']}", "", results["machine"], ""]
    lines += [f"- {entry['version']}{checked(entry)}" for entry in results["engines"].values()]
    lines += ["", f"Steps on {part.batch} pictures.", ""]
    lines += table(headers, rows)
    if part.name == "gpu":
        lines += ["", "Seconds to the first result, shaders compiled and kernels tuned, with no cache on disk:", ""]
        firsts = [first_row(case, peers, results) for case in CASES if case.name in results["cases"]]
        lines += table(["", "unperturb", *peers], firsts)
    return "\n".join(lines) + "\n"


def checked(entry: dict) -> str:
    if entry.get("error") is None:
        return ""
    return f", resnet20 off the golden file by {entry['error']:.0e} at most (square of the relative error)"


def row(part: Part, case: Case, peers: list[str], results: dict) -> list[str]:
    own, cells = best(case, "unperturb", results), []
    for peer in peers:
        found = best(case, peer, results)
        if not isinstance(found, float) or not isinstance(own, float):
            cells += [found if isinstance(found, str) else rate(part, case, found), ""]
            continue
        ratio, wanted = found / own, aim(part, peer, case)
        text = significant(ratio) if wanted is None else f"{significant(ratio)} (≥ {wanted:g})"
        cells += [rate(part, case, found), text if wanted is None or ratio >= wanted else f"**{text}**"]
    return [case.name, case.unit, rate(part, case, own), *cells]


def rate(part: Part, case: Case, seconds: float | str) -> str:
    return seconds if isinstance(seconds, str) else significant(case.rate(part.pictures(case), seconds))


def best(case: Case, label: str, results: dict) -> float | str:
    """Seconds of the fastest engine of that name, or why there are none."""
    found, reason = [], "–"
    for key, entry in results["engines"].items():
        measured = results["cases"][case.name].get(key, {})
        if entry["label"] != label:
            continue
        if measured.get("seconds"):
            found.append(median(measured["seconds"]))
        elif "failed" in measured:
            reason = measured["failed"]
    return min(found, default=reason)


def first_row(case: Case, peers: list[str], results: dict) -> list[str]:
    def cell(label: str) -> str:
        for key, entry in results["engines"].items():
            measured = results["cases"][case.name].get(key, {})
            if entry["label"] == label and measured.get("first"):
                return significant(measured["first"][0])
            if entry["label"] == label and "failed" in measured:
                return measured["failed"]
        return "–"

    return [case.name, *(cell(label) for label in ["unperturb", *peers])]


def table(headers: list[str], rows: list[list[str]]) -> list[str]:
    left = {"", "unit"}
    rule = ["---" if header in left else "---:" for header in headers]
    return ["| " + " | ".join(cells) + " |" for cells in [headers, rule, *rows]]
