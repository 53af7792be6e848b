"""Fits that are interrupted again and again in one process, as in a notebook: the last is not.

``python -m tests.stress.interrupted library|estimator|kernel SEED DELAY …``
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings

import numpy as np

import xpnet
import xpnet.estimators
from xpnet.fused import FEW

FOREVER = 10**9


def by_library(rng):
    hidden, output = str(rng.choice(["relu", "gelu"])), str(rng.choice(["softmax", "exp"]))
    X = rng.random((6, 200)).astype(rng.choice([np.float32, np.float64]))
    Y = np.eye(3, dtype=X.dtype)[np.argmax(X[:3], axis=0)].T
    net = xpnet.Network((6, 7, 3), hidden=hidden, output=output)
    optimizer = (xpnet.optim.adam, xpnet.optim.nesterov)[rng.integers(2)](0.01)

    def fit(epochs):
        result = xpnet.fit(net, net.init(0, like=X), X, Y, optimizer=optimizer, epochs=epochs)
        assert result.stopped == ("interrupted" if epochs == FOREVER else "all epochs done")
        assert np.isfinite(xpnet.evaluate(net, result.params, X, Y)["cost"])

    return fit


def by_estimator(rng):
    X = rng.random((200, 6))
    solver = str(rng.choice(["adam", "sgd", "lbfgs"]))
    settings = {"tol": 0.0, "n_iter_no_change": FOREVER, "solver": solver}

    def fit(epochs):
        model = xpnet.MLPClassifier((7,), max_iter=epochs, **settings)
        assert np.isfinite(model.fit(X, np.argmax(X, axis=1)).predict_proba(X)).all()

    return fit


def one_kernel(rng):
    """What is compiled soonest, for more samples than go forward without."""
    X = rng.random((3, FEW + 1))
    net = xpnet.Network((3, 2, 1))
    return lambda epochs: xpnet.predict(net, net.init(0, like=X), X)


MAKERS = {"library": by_library, "estimator": by_estimator, "kernel": one_kernel}


def main(kind, seed, *delays):
    fit = MAKERS[kind](np.random.default_rng(int(seed)))
    for delay in map(float, delays):
        interrupt = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT))
        try:
            interrupt.start()
            fit(FOREVER)
            interrupt.join()
        except KeyboardInterrupt:
            pass
        interrupt.join()
    fit(2)
    sys.stdout.write("trained after all\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore", UserWarning)  # that a fit was interrupted, or did not converge
    main(*sys.argv[1:])
