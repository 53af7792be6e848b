"""The part of a report on a regression: its errors, as the template shows them."""

from __future__ import annotations

from typing import Any

import numpy as np

from xpnet.report import figures
from xpnet.report.records import Evaluation
from xpnet.report.scores import mean_absolute_error, r2_score, root_mean_squared_error

_SAMPLES = 12


def of_numbers(evaluation: Evaluation) -> dict[str, Any]:
    """Return what the template shows of predicted numbers."""
    y, predictions = evaluation.y, evaluation.predictions
    residuals = y - predictions
    largest = np.argsort(-np.abs(residuals), kind="stable")[:_SAMPLES]
    # Of one sample there is nothing to compare its error with.
    r2 = f"{r2_score(y, predictions):.4f}" if len(y) > 1 else "–"
    return {
        "summary": {f"R² on {evaluation.name}": r2},
        "scores": {
            "R²": r2,
            "mean absolute error": f"{mean_absolute_error(y, predictions):.6g}",
            "root mean squared error": f"{root_mean_squared_error(y, predictions):.6g}",
            "mean residual": f"{residuals.mean():.6g}",
            "standard deviation of the true values": f"{y.std():.6g}",
        },
        "drawings": [
            figures.predicted(y, predictions),
            figures.residuals(predictions, residuals),
            figures.spread(residuals),
        ],
        "largest": [
            [
                evaluation.row(k),
                *(f"{value:.6g}" for value in (y[k], predictions[k], residuals[k])),
                *evaluation.sample(k),
            ]
            for k in largest.tolist()
        ],
    }
