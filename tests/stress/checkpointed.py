"""A training that is kept in checkpoints, with all that it can depend on; says how it ended.

``python -m tests.stress.checkpointed SEED EVERY FOLDER``, with "-" for no folder.
"""

from __future__ import annotations

import json
import sys
import warnings
from hashlib import sha256

import numpy as np

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


def said_of(result):
    """One line: a digest of all but the seconds, and how it ended."""
    digest = sha256()
    for layer in result.params:
        for tensor in layer:
            digest.update(np.ascontiguousarray(tensor).tobytes())
    rows = [{name: row[name] for name in row if name != "seconds"} for row in result.history]
    digest.update(json.dumps(rows).encode())
    return f"{digest.hexdigest()} {result.steps} steps, {result.stopped}"


def say(*lines):
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def main(seed, every, folder):
    *arguments, settings = problem(np.random.default_rng(int(seed)))
    if folder != "-":
        every = every if every == "epoch" else float(every)
        settings |= {"checkpoint": xpnet.Checkpoints(folder, every=every), "resume": True}
    say("up")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        try:
            result = xpnet.fit(*arguments, **settings)
        except OSError as error:
            sys.exit(f"xpnet: {error}")
    say(*(f"warned: {one.message}" for one in caught), said_of(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
