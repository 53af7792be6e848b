"""Data that a model is used on, read as those of its training were."""

from __future__ import annotations

from typing import Any

import numpy as np

from xpnet import data
from xpnet.cli.models.files import Model
from xpnet.cli.output import print_error
from xpnet.cli.training.summary import print_table_summary
from xpnet.exceptions import quoted


def load_labelled(model: Model, source: str, **options: Any) -> data.Dataset:
    """Return labelled data for `model`, and say how they were read; `options` of `data.load`."""
    task = model.preprocessing.task
    dataset = data.load(source, task=task, **_as_in_training(model), **options)
    print_table_summary(dataset, ask_about_index=False)
    _print_new_words(model, dataset.X_train, dataset.name)
    return dataset


def load_samples(model: Model, source: str, **options: Any) -> np.ndarray:
    """Return samples ``(m, n_x)`` for `model` to predict on; `options` of `data.load_samples`."""
    n_x = model.preprocessing.n_x
    X = data.load_samples(source, n_x, **_as_in_training(model), **options)
    _print_new_words(model, X, source)
    return X


def _as_in_training(model: Model) -> dict[str, Any]:
    preprocessing = model.preprocessing
    return {
        "columns": model.columns,
        "classes": preprocessing.classes,
        "gaps": preprocessing.fills_gaps,
    }


def _print_new_words(model: Model, X: np.ndarray, source: str) -> None:
    """Print in which columns words are new to `model`: it predicts all the same, but knows less."""
    encoding = model.preprocessing.encoding
    if encoding is None or model.columns is None:
        return
    for k, count in encoding.new_words(X).items():
        column = quoted(model.columns.features[k])
        print_error(
            f"{source}: {count} of {len(X)} samples have a word in column {column} that no "
            "training sample had; it counts as none"
        )
