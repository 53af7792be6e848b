"""A training that is kept in checkpoints, with all that it can depend on; says how it ended.

``python -m tests.stress.checkpointed library|estimator SEED EVERY FOLDER``, with "-" for no folder.
"""

from __future__ import annotations

import json
import sys
import warnings
from hashlib import sha256

import numpy as np
from sklearn.exceptions import ConvergenceWarning

import xpnet
from xpnet import optim
from xpnet.callbacks import EarlyStopping


def problem(rng):
    """A network, samples, their weights and validation samples, and the settings of a training."""
    n_x, n_y, m = (int(rng.integers(*bounds)) for bounds in ((5, 40), (2, 5), (1500, 4000)))
    dtype = rng.choice([np.float32, np.float64])
    X = rng.normal(size=(m + 200, n_x)).astype(dtype)
    Y = np.eye(n_y, dtype=dtype)[np.argmax(X[:, :n_y] + rng.normal(size=(m + 200, n_y)), axis=1)]
    hidden = [int(units) for units in rng.integers(16, 160, rng.integers(1, 4))]
    net = xpnet.Network((n_x, *hidden, n_y), str(rng.choice(["relu", "tanh"])), "softmax")
    size, epochs = int(rng.integers(16, 100)), int(rng.integers(30, 60))
    rate = optim.warmup(optim.cosine(2e-3, epochs * m // size), 50)
    name = str(rng.choice(sorted(optim.OPTIMIZERS)))
    made = optim.OPTIMIZERS[name].make(rate)
    settings = {
        "optimizer": optim.clip(made, 5.0) if rng.random() < 0.3 else made,
        "epochs": epochs,
        "batch_size": size,
        "seed": int(rng.integers(1000)),
        "dropout": 0.2,
        "l2": 1e-4,
        "sample_weight": rng.uniform(0.5, 2.0, (1, m)).astype(dtype),
        "validation": (X[m:].T, Y[m:].T),
        "callbacks": [EarlyStopping(patience=int(rng.integers(5, 20)))],
    }
    return net, net.init(0, like=X), X[:m].T, Y[:m].T, settings


def by_library(rng, checkpoint):
    """Fit; all that it leaves but the seconds."""
    *arguments, settings = problem(rng)
    result = xpnet.fit(*arguments, **settings, checkpoint=checkpoint, resume=bool(checkpoint))
    rows = [{name: row[name] for name in row if name != "seconds"} for row in result.history]
    return [tensor for layer in result.params for tensor in layer], rows, result.stopped


def by_estimator(rng, checkpoint):
    """The same of an estimator, with all that it counts."""
    m, early = int(rng.integers(1500, 4000)), bool(rng.random() < 0.5)
    X = rng.normal(size=(m, 10)).astype(rng.choice([np.float32, np.float64]))
    model = xpnet.MLPClassifier(
        (int(rng.integers(16, 100)),),
        solver=str(rng.choice(["adam", "sgd", "adamw"])),
        learning_rate=str(rng.choice(["constant", "adaptive", "invscaling"])),
        batch_size=int(rng.integers(16, 100)),
        dropout=float(rng.choice([0.0, 0.2])),
        early_stopping=early,
        n_iter_no_change=5,
        max_iter=60,
        random_state=int(rng.integers(1000)),
        checkpoint=checkpoint,
    )
    y = np.argmax(X[:, :3] + rng.normal(size=(m, 3)), axis=1)
    model.fit(X, y, sample_weight=rng.uniform(0.5, 2.0, m))
    counts = "loss_curve_", "validation_scores_", "best_loss_", "best_validation_score_", "t_"
    found = [getattr(model, name) for name in counts], model._rate.value
    return [*model.coefs_, *model.intercepts_], found, model.stopped_


FITS = {"library": by_library, "estimator": by_estimator}


def said_of(arrays, found, stopped):
    """One line: a digest, and how it ended."""
    digest = sha256(json.dumps(found).encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return f"{digest.hexdigest()} {stopped}"


def say(*lines):
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def main(kind, seed, every, folder):
    every = every if every == "epoch" else float(every)
    checkpoint = None if folder == "-" else xpnet.Checkpoints(folder, every=every)
    say("up")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("always", RuntimeWarning)
        try:
            ended = FITS[kind](np.random.default_rng(int(seed)), checkpoint)
        except OSError as error:
            sys.exit(f"xpnet: {error}")
    say(*(f"warned: {one.message}" for one in caught), said_of(*ended))


if __name__ == "__main__":
    main(*sys.argv[1:])
