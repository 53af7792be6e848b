"""The part of a report on a classifier: its scores and samples, as the template shows them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from xpnet.report import figures, images
from xpnet.report.records import Evaluation
from xpnet.report.scores import Classification

_MOST_CLASSES = 25
"""Of a confusion matrix: a larger one is not read any more."""

_MOST_LETTERS = 60
"""Of all names of classes side by side: longer ones stand upright above the columns."""

_PAIRS = 10
_SAMPLES = 12


def of_classes(evaluation: Evaluation, image: tuple[int, int] | None) -> dict[str, Any]:
    """Return what the template shows of a classifier on samples."""
    scores = Classification.of(evaluation.y, evaluation.predictions)
    wrong = scores.most_certain_wrong()
    accuracy = f"{scores.correct.mean():.2%}"
    return {
        "summary": {f"accuracy on {evaluation.name}": accuracy},
        "accuracy": accuracy,
        "wrong": f"{len(wrong):,}",
        "matrix": _matrix(scores) if len(evaluation.classes) <= _MOST_CLASSES else None,
        "upright": sum(map(len, evaluation.classes)) > _MOST_LETTERS,
        "confused": _confused(scores, evaluation.classes),
        "per_class": _per_class(scores, evaluation.classes),
        "calibration": figures.calibration(scores),
        "confidences": figures.confidences(scores),
        "calibration_error": f"{scores.calibration_error():.2%}",
        "confidence": f"{scores.confidence.mean():.2%}",
        "most_certain_wrong": _samples(evaluation, image, wrong),
        "least_certain": _samples(evaluation, image, scores.least_certain()),
    }


def _matrix(scores: Classification) -> list[list[dict[str, Any]]]:
    """Return the cells of the confusion matrix; the tint of each leaves its number readable."""
    totals = np.maximum(scores.confusion.sum(axis=1), 1)
    return [
        [
            {
                "m": int(m),
                "right": row == column,
                # The root, as a few mistakes among many samples are to be seen, too.
                "tint": f"{0.05 + 0.35 * np.sqrt(m / totals[row]):.2f}",
            }
            for column, m in enumerate(cells)
        ]
        for row, cells in enumerate(scores.confusion)
    ]


def _confused(scores: Classification, classes: tuple[str, ...]) -> list[str]:
    totals = scores.confusion.sum(axis=1)
    return [
        f"{classes[true]} taken for {classes[found]}: {m:,} of {totals[true]:,}"
        for true, found, m in scores.confused()[:_PAIRS]
    ]


def _per_class(scores: Classification, classes: Iterable[str]) -> list[list[str]]:
    """Return precision, recall, F1 and samples of each class, and the means of the classes."""
    rows = [
        [name, *map(_share, row[:3]), f"{row[3]:,.0f}"]
        for name, row in zip(classes, scores.per_class, strict=True)
    ]
    known = [column[~np.isnan(column)] for column in scores.per_class[:, :3].T]
    means = [_share(column.mean()) if len(column) else "–" for column in known]
    return [*rows, ["mean", *means, f"{len(scores.y):,}"]]


def _share(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.1%}"


def _samples(
    evaluation: Evaluation, image: tuple[int, int] | None, numbers: np.ndarray
) -> list[dict[str, Any]]:
    """Return the first samples of `numbers`, each as a row of a table and, if it is one, an image.

    A row is its number, its class, the two that the network finds most probable, and features.
    """
    highest = float(evaluation.X.max()) if image else 0.0
    samples = []
    for number in numbers[:_SAMPLES].tolist():
        P = evaluation.predictions[number]
        best = np.argsort(-P, kind="stable")[:2].tolist()
        true = evaluation.classes[int(evaluation.y[number])]
        guesses = [f"{evaluation.classes[k]}: {P[k]:.1%}" for k in best]
        samples.append(
            {
                "row": [evaluation.row(number), true, *guesses, *evaluation.sample(number)],
                "image": image and images.of_sample(evaluation.X[number], image, highest),
            }
        )
    return samples
