"""The comparison page: labels of the multi-way cut beside those of other methods.

    python -m benchmarks.labels [--data digits real fashion scenes proposals] [--scenes RUN ...]
                                [--features FILE.npz] [--cache DIR] [--methods NAME ...]
                                [--json OUT] [--page OUT.md]

Methods and how each one's settings are chosen without true labels: label_methods.py. Data sets:
labelled_data.py. A group of cases is a data set with so many labelled rows a class (or with image
tags), over seeds. Every method labels the same rows from the same probabilities and neighbours.

Accuracy in percent of the rows that the classifier was not given; intervals are of 95 %, Student's
t over the seeds of a group. Balanced accuracy is the mean over classes: where most rows are of one
class, as in scenes, accuracy rewards giving all rows that label. The results file keeps data sets
that are not measured again, and with `--methods` those methods of the same case that are not.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

import liid_cut
from benchmarks import records
from benchmarks.label_methods import (
    COMPACT,
    DEFAULT,
    METHODS,
    PAPER_K,
    Given,
    Outcome,
    Setting,
    choose,
)
from benchmarks.labelled_data import (
    FASHION_MNIST,
    LabelledData,
    digits,
    fashion_mnist_deep,
    generated_proposals,
    mil_proposals,
    stored_features,
    with_weak_classifier,
)

DATA = {
    "digits": "digits",
    "real": "real features",
    "fashion": "Fashion-MNIST",
    "scenes": "scenes",
    "proposals": "generated proposals",
}
HERE = Path(__file__).parent
MOST_NEIGHBORS = 10
OURS = "liid_cut"
BY_POINTS = 2.0


def compact(feats: NDArray[Any]) -> NDArray[np.float32]:
    """At most `COMPACT` principal directions of the rows, not centred, in float32."""
    wide = np.asarray(feats, dtype=np.float32)
    if wide.shape[1] <= COMPACT:
        return wide
    _, directions = np.linalg.eigh((wide.T @ wide).astype(np.float64))
    return wide @ directions[:, -COMPACT:].astype(np.float32)


def measure(data: LabelledData, given: Given, names: Iterable[str] | None = None) -> dict[str, Any]:
    """Accuracy of methods (None: of all) at every setting, and which setting each would take."""
    row: dict[str, Any] = {}
    for name in METHODS if names is None else names:
        method = METHODS[name]
        start = time.process_time()
        found: dict[Setting, Outcome] = {}
        try:
            for setting in method.settings:
                found[setting] = method.run(given, setting)
        except ImportError as error:
            row[name] = {"missing": str(error)}
            continue
        seconds = (time.process_time() - start) / len(found)
        paper = {s: outcome for s, outcome in found.items() if s.k in (None, PAPER_K)}
        row[name] = {
            "scores": {str(s): 100 * data.accuracy(outcome.labels) for s, outcome in found.items()},
            "balanced": {
                str(s): 100 * data.balanced_accuracy(outcome.labels) for s, outcome in found.items()
            },
            "k3": str(choose(method, given, paper)),
            "own": str(choose(method, given, found)),
            "cpu_s": seconds,
        }
    return row


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and half width of its 95 % confidence interval; the half width is nan for one value."""
    mean = float(values.mean())
    if len(values) < 2:
        return mean, float("nan")
    spread = float(values.std(ddof=1)) / np.sqrt(len(values))
    return mean, float(student.ppf(0.975, len(values) - 1)) * spread


def accuracies(
    cases: list[dict[str, Any]], name: str, column: str, score: str = "scores"
) -> NDArray[np.float64] | None:
    """A method's accuracy (``score`` ``"balanced"``: balanced) in each case; None: it did not run.

    ``"k3"``: at k = 3; ``"own"``: at the setting that it chose; ``"best"``: at the one setting that
    is best on average by the true labels.
    """
    found = [case["methods"].get(name, {"missing": ""}) for case in cases]
    if any("missing" in one for one in found):
        return None
    if column == "best":
        every = np.array([list(one[score].values()) for one in found])
        return np.asarray(every[:, every.mean(axis=0).argmax()])
    return np.array([one[score][one[column]] for one in found])


def groups(cases: Iterable[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Cases by data set and group."""
    parts: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for case in cases:
        parts.setdefault((case["data"], case["group"]), []).append(case)
    return parts


def means(
    cases: list[dict[str, Any]], name: str, column: str, score: str = "scores"
) -> dict[str, float]:
    """A method's mean accuracy on each data set, each of its groups counting alike."""
    values: dict[str, list[float]] = {}
    for (data, _), part in groups(cases).items():
        found = accuracies(part, name, column, score)
        values.setdefault(data, []).append(float("nan") if found is None else float(found.mean()))
    return {data: float(np.mean(value)) for data, value in values.items()}


def overview(cases: list[dict[str, Any]], column: str, score: str = "scores") -> str:
    """Means by data set and over all of them, each data set counting alike."""
    base = np.mean(list(means(cases, "argmax", column, score).values()))
    lines: list[tuple[str, ...]] = []
    for name in METHODS:
        by_data = means(cases, name, column, score)
        if not lines:
            names = (DATA[data] for data in by_data)
            lines.append(("method", *names, "all", "- argmax"))
        every = float(np.mean(list(by_data.values())))
        cells = [_number(value) for value in (*by_data.values(), every)]
        lines.append((name, *cells, _number(every - base, "+")))
    return records.markdown_table(lines)


def group_table(cases: list[dict[str, Any]]) -> str:
    """All methods on one group."""
    head = ("method", "k = 3", "- argmax", "own setting", "which")
    head = (*head, "balanced, own", "best in hindsight", "CPU s")
    base = accuracies(cases, "argmax", "own")
    assert base is not None
    lines: list[tuple[str, ...]] = [head]
    for name in METHODS:
        at_3, own, best = (accuracies(cases, name, column) for column in ("k3", "own", "best"))
        balanced = accuracies(cases, name, "own", "balanced")
        if at_3 is None or own is None or best is None or balanced is None:
            lines.append((name, *["-"] * (len(head) - 1)))
            continue
        chosen = [case["methods"][name]["own"] for case in cases]
        usual = max(dict.fromkeys(chosen), key=chosen.count)
        often = f"{usual} ({chosen.count(usual)} of {len(chosen)})" if usual else "-"
        seconds = np.mean([case["methods"][name]["cpu_s"] for case in cases])
        lines.append(
            (
                name,
                _with_interval(at_3),
                _with_interval(at_3 - base, "+"),
                _with_interval(own),
                often,
                _with_interval(balanced),
                f"{best.mean():.2f}",
                f"{seconds:.2f}",
            )
        )
    return records.markdown_table(lines)


def _number(value: float, sign: str = "") -> str:
    return "-" if np.isnan(value) else f"{value:{sign}.2f}"


def _with_interval(values: NDArray[np.float64], sign: str = "") -> str:
    mean, half = interval(values)
    return f"{mean:{sign}.2f} ± {_number(half)}"


def verdict(cases: list[dict[str, Any]], score: str = "scores") -> str:
    """Whether the default call beats the argmax by two points, and everybody else."""
    lines = []
    for column, words in (("k3", "At k = 3"), ("own", "At settings chosen without true labels")):
        every = {
            name: float(np.mean(list(means(cases, name, column, score).values())))
            for name in METHODS
        }
        every = {name: value for name, value in every.items() if not np.isnan(value)}
        gain = every[DEFAULT] - every["argmax"]
        others = {name: value for name, value in every.items() if not name.startswith(OURS)}
        best = max(others, key=lambda name: others[name])
        lead = every[DEFAULT] - others[best]
        met = "met" if gain >= BY_POINTS and lead > 0 else "**not met**"
        best_of_ours = max(
            (name for name in every if name.startswith(OURS)), key=lambda name: every[name]
        )
        lines.append(
            f"- {words}, the default call is {gain:+.2f} points from the argmax and {lead:+.2f} "
            f'from the best other method ("{best}"): target of {BY_POINTS:+g} and above 0 {met}. '
            f'Best of ours: "{best_of_ours}", {every[best_of_ours] - every["argmax"]:+.2f} from '
            f"the argmax and {every[best_of_ours] - others[best]:+.2f} from the best other method."
        )
    return "\n".join(lines)


def verdicts(cases: list[dict[str, Any]]) -> str:
    """By both accuracies."""
    return (
        f"By accuracy:\n\n{verdict(cases)}\n\nBy balanced accuracy:\n\n{verdict(cases, 'balanced')}"
    )


def page(cases: list[dict[str, Any]], command: str, left_out: list[str]) -> str:
    """What LABELS.md holds."""
    cases = sorted(cases, key=lambda case: list(DATA).index(case["data"]))
    parts = [
        "# Labels: the multi-way cut beside other methods\n\n"
        f"Written by `{command}`. Accuracy in percent of the rows whose label\nthe classifier was "
        "not given; intervals are of 95 %, Student's t over seeds. Methods and the rules by which "
        "they\nchoose settings without true labels: [label_methods.py](label_methods.py); which "
        "data, and what the choice of our\nrules had seen of them: [README.md](README.md).",
        verdicts(cases),
        f"## Means at k = 3\n\n{overview(cases, 'k3')}",
        f"## Means at each method's own setting, chosen without true labels\n\n"
        f"{overview(cases, 'own')}",
        f"## Balanced accuracy at k = 3\n\n{overview(cases, 'k3', 'balanced')}",
        f"## Balanced accuracy at each method's own setting\n\n"
        f"{overview(cases, 'own', 'balanced')}",
        "## Means at the best setting in hindsight (chosen by the true labels: for comparison "
        f"only)\n\n{overview(cases, 'best')}",
    ]
    for (data, group), part in groups(cases).items():
        title = f"## {DATA[data]}: {group}, {len(part)} seeds"
        size = part[0]
        about = f"{size['rows']:,} rows, {size['features']:,} features, {size['labels']} labels."
        parts.append(f"{title}\n\n{about}\n\n{group_table(part)}")
    if left_out:
        parts.append("## Left out\n\n" + "\n".join(f"- {line}" for line in left_out))
    return "\n\n".join(parts) + "\n"


def data_sets(
    options: argparse.Namespace, left_out: list[str]
) -> Iterator[tuple[str, str, int, LabelledData]]:
    """Data set, group, seed and case, those of one data set in a row."""
    seeds = range(options.seeds)
    if "digits" in options.data:
        for few in (5, 20, 50):
            for seed, data in enumerate(digits([few], seeds)):
                yield "digits", f"{few} labelled a class", seed, data
    if "real" in options.data:
        if options.features.exists():
            stored = next(stored_features(options.features))
            for few in options.per_class:
                for seed in seeds:
                    case = with_weak_classifier("", stored.feats, stored.truth, few, seed)
                    yield "real", f"{few} labelled a class", seed, case
        else:
            left_out.append(f"{DATA['real']}: {options.features} is not there")
    if "fashion" in options.data:
        try:
            for few in options.per_class:
                file = options.cache / "fashion-mnist.npz"
                for seed, data in enumerate(fashion_mnist_deep([few], seeds, file)):
                    yield "fashion", f"{few} labelled a class", seed, data
        except ImportError as error:
            left_out.append(f"{DATA['fashion']}: {error}")
        except FileNotFoundError:
            left_out.append(f"{DATA['fashion']}: {FASHION_MNIST} is not there")
    if "scenes" in options.data:
        if not options.scenes:
            left_out.append(f"{DATA['scenes']}: no run was given by --scenes")
        for seed, folder in enumerate(options.scenes):
            file = options.cache / f"{folder.name}.npz"
            without, tagged = mil_proposals(folder, file, options.images)
            yield "scenes", "without image tags", seed, without
            yield "scenes", "with image tags", seed, tagged
    if "proposals" in options.data:
        for noise in (1.5, 2.0, 2.5):
            made = generated_proposals([noise], seeds, tags=options.tags)
            for seed, data in enumerate(made):
                yield (
                    "proposals",
                    f"noise {noise:g}, without image tags",
                    seed,
                    data._replace(allowed=None),
                )
                yield "proposals", f"noise {noise:g}, with image tags", seed, data


def run(options: argparse.Namespace, left_out: list[str]) -> Iterator[dict[str, Any]]:
    """Measure every case; neighbours are searched once for the same features."""
    feats: Any = None
    for data_set, group, seed, data in data_sets(options, left_out):
        if data.feats is not feats:
            feats = data.feats
            table = liid_cut.find_neighbors(
                feats, MOST_NEIGHBORS, zero_rows="isolate", neighbors="exact", n_jobs=1
            )
            narrow = compact(feats)
        given = Given.of(data, table, narrow, options.time_limit)
        yield {
            "data": data_set,
            "group": group,
            "seed": seed,
            "rows": len(data.probs),
            "features": feats.shape[1],
            "labels": data.probs.shape[1],
            "methods": measure(data, given, options.methods),
        }


def joined(case: dict[str, Any], before: list[dict[str, Any]]) -> dict[str, Any]:
    """The case with the methods that it had before and that were not measured again.

    Raises
    ------
    ValueError
        It had other data: the argmax, which is measured anew, is another.
    """
    key = ("data", "group", "seed")
    for old in before:
        if [old[name] for name in key] == [case[name] for name in key]:
            if old["methods"]["argmax"]["scores"] != case["methods"]["argmax"]["scores"]:
                raise ValueError(f"{[case[name] for name in key]}: the argmax is not as it was")
            kept = {name: one for name, one in old["methods"].items() if name in METHODS}
            return case | {"methods": kept | case["methods"]}
    return case


def main(arguments: list[str] | None = None) -> int:
    """Measure, write the results and the page; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.labels", description="Label accuracy beside other methods."
    )
    parser.add_argument(
        "--data", nargs="*", choices=DATA, default=["digits", "real", "fashion", "scenes"]
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--per-class", type=int, nargs="+", default=[5, 50],
        help="labelled rows a class of real features and Fashion-MNIST",
    )  # fmt: skip
    parser.add_argument(
        "--features",
        type=Path,
        default=Path("../shared/data/real_features_10k.npz"),
        help=".npz with feats, labels, probs_*",
    )
    parser.add_argument(
        "--scenes", type=Path, nargs="+", default=[], metavar="RUN", help="of liid-mil run"
    )
    parser.add_argument("--images", type=int, default=400, help="of each run")
    parser.add_argument("--tags", type=Path, help=".npz with image tags for generated proposals")
    parser.add_argument(
        "--cache", type=Path, default=HERE / "cache", help="features that take long to compute"
    )
    parser.add_argument(
        "--methods", nargs="+", choices=METHODS, default=list(METHODS), metavar="NAME",
        help="measure these alone, and the argmax, to see that the data are as they were",
    )  # fmt: skip
    parser.add_argument("--time-limit", type=float, default=2.0, help="seconds a cut")
    parser.add_argument("--json", type=Path, default=HERE / "results" / "label_accuracy.json")
    parser.add_argument("--page", type=Path, default=HERE / "LABELS.md")
    options = parser.parse_args(arguments)
    options.methods = list(dict.fromkeys(["argmax", *options.methods]))

    left_out: list[str] = []
    before = records.read(options.json)["data"]["cases"] if options.json.exists() else []
    cases = before
    measured = set()
    for case in run(options, left_out):
        if len(options.methods) < len(METHODS):
            case = joined(case, before)
        if case["data"] not in measured:
            measured.add(case["data"])
            cases = [other for other in cases if other["data"] != case["data"]]
        cases.append(case)
        values = {
            name: one["scores"][one["own"]]
            for name, one in case["methods"].items()
            if "scores" in one
        }
        cells = ", ".join(f"{name} {value:.1f}" for name, value in values.items())
        print(f"{DATA[case['data']]}, {case['group']}, seed {case['seed']}: {cells}", flush=True)
    if not cases:
        parser.error("none of the data sets is there: " + "; ".join(left_out))
    command = "python -m benchmarks.labels"
    records.write(options.json, command, {"time_limit_s": options.time_limit, "cases": cases})
    options.page.write_text(page(cases, command, left_out))
    print(f"\n{verdicts(cases)}\n\n{options.page}, {options.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
