"""The page of a report: its parts, as the template shows them."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import pairwise
from typing import Any

import numpy as np

try:
    from jinja2 import Environment, StrictUndefined, Template
    from markupsafe import Markup, escape
except ImportError as error:
    message = "a report needs jinja2: pip install 'xpnet[cli]'"
    raise ModuleNotFoundError(message, name=error.name) from error

from xpnet.report import images
from xpnet.report.classification import of_classes
from xpnet.report.figures import learning_curves
from xpnet.report.records import Evaluation, TrainingRecord
from xpnet.report.regression import of_numbers
from xpnet.types import Params, count

_UNITS = 64
"""How many units' weights are shown."""

_ROWS = 20
"""How many epochs a table shows."""


def html(
    net: Any,
    params: Params,
    training: TrainingRecord,
    evaluation: Evaluation | None = None,
    image: tuple[int, int] | None = None,
) -> str:
    """Return a report as the text of one HTML file, which refers to no other.

    Parameters
    ----------
    net : Network
    params : Params
        On the host.
    training : TrainingRecord
    evaluation : Evaluation, optional
        Without it, the report does not say how well the network does.
    image : (height, width), optional
        Of the samples, where they are images.
    """
    classes = of_classes(evaluation, image) if evaluation and evaluation.classes else None
    numbers = of_numbers(evaluation) if evaluation and not evaluation.classes else None
    return _template().render(
        style=_read("style.css"),
        title=f"{training.data or 'A network'}: report of a training",
        summary=_summary(net, params, classes or numbers),
        training=training,
        curves=learning_curves(training.history),
        epochs=_epochs(training),
        evaluation=evaluation,
        count=f"{len(evaluation.y):,}" if evaluation else "",
        classes=classes,
        numbers=numbers,
        layers=_layers(net, params, evaluation),
        weights=_weights(params, image) if image else None,
        version=training.version,
    )


def _template() -> Template:
    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    environment.filters["breakable"] = _breakable
    return environment.from_string(_read("template.html"))


def _breakable(value: object) -> Markup:
    """Return a name or number as HTML that may go on in a new line after _ and /."""
    return Markup(re.sub("([_/])", r"\1<wbr>", str(escape(str(value)))))


def _read(name: str) -> str:
    return files("xpnet.report").joinpath(name).read_text(encoding="utf-8")


def _summary(net: Any, params: Params, scores: dict[str, Any] | None) -> dict[str, str]:
    """Return what is to be seen first."""
    return {
        **(scores["summary"] if scores else {}),
        "units": " → ".join(f"{n:,}" for n in net.sizes),
        "parameters": f"{count(params):,}",
    }


def _epochs(training: TrainingRecord) -> dict[str, Any]:
    """Return the history as a table, of a long one epochs at equal distances."""
    m = len(training.history)
    chosen = sorted({round(k) for k in np.linspace(0, m - 1, min(m, _ROWS))})
    rows = [training.history[k] for k in chosen]
    return {
        "names": [name.replace("_", " ") for name in rows[0]] if rows else [],
        "rows": [[_number(value) for value in row.values()] for row in rows],
    }


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _layers(net: Any, params: Params, evaluation: Evaluation | None) -> dict[str, Any]:
    """Return units, activation, parameters and norms of each layer, as a table."""
    grads = evaluation.grads if evaluation else None
    parts = (params, grads) if grads else (params,)
    names = [f"norm of {d}{name}" for d in ("", "d")[: len(parts)] for name in ("W", "b")]
    rows = [
        [
            number,
            f"{n_in:,} → {n_out:,}",
            activation,
            f"{(n_in + 1) * n_out:,}",
            *(f"{np.linalg.norm(array):.4g}" for part in parts for array in part[number - 1]),
        ]
        for number, ((n_in, n_out), activation) in enumerate(
            zip(pairwise(net.sizes), (*net.activations, net.output), strict=True), 1
        )
    ]
    head = ["layer", "units", "activation", "parameters", *names]
    return {"names": head, "rows": rows, "grads": grads}


def _weights(params: Params, image: tuple[int, int]) -> dict[str, Any]:
    """Return the weights of the first layer as images: of hidden units those of largest norm."""
    W = np.asarray(params[0].W, dtype=np.float64)
    if len(params) == 1:
        order = np.arange(min(len(W), _UNITS))
        words = f"The first {len(order)} outputs, in the order of the classes."
    else:
        order = np.argsort(-np.linalg.norm(W, axis=1), kind="stable")[:_UNITS]
        words = f"{len(order)} of {len(W):,} units, those with the largest weights first."
    return {
        "address": images.of_weights(W[order], image, columns=min(8, len(order))),
        "shown": len(order),
        "words": words,
    }
