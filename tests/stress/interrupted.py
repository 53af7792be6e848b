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

FOREVER = 10**9


def by_library(rng, epochs):
    hidden, output = rng.choice(["relu", "tanh", "gelu"]), rng.choice(["softmax", "sigmoid"])
    dtype = rng.choice([np.float32, np.float64])
    X = rng.random((6, 200)).astype(dtype)
    Y = np.eye(3, dtype=dtype)[np.argmax(X[:3], axis=0)].T
    net = xpnet.Network((6, 7, 3), hidden=str(hidden), output=str(output))
    optimizer = (xpnet.optim.adam, xpnet.optim.nesterov)[rng.integers(2)](0.01)
    result = xpnet.fit(net, net.init(0, like=X), X, Y, optimizer=optimizer, epochs=epochs)
    assert result.stopped == ("interrupted" if epochs == FOREVER else "all epochs done"), result
    assert np.isfinite(xpnet.evaluate(net, result.params, X, Y)["cost"])


def by_estimator(rng, epochs):
    X = rng.random((200, 6))
    y = np.argmax(X[:, :3], axis=1)
    solver = str(rng.choice(["adam", "sgd", "lbfgs"]))
    settings = {"max_iter": epochs, "tol": 0.0, "n_iter_no_change": FOREVER, "solver": solver}
    model = xpnet.MLPClassifier((7,), **settings).fit(X, y)
    assert np.isfinite(model.predict_proba(X)).all()


def one_kernel(rng, epochs):
    X = rng.random((3, 2))
    net = xpnet.Network((3, 2, 1))
    assert np.isfinite(xpnet.predict(net, net.init(0, like=X), X)).all()


FITS = {"library": by_library, "estimator": by_estimator, "kernel": one_kernel}


def main(kind, seed, *delays):
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(int(seed))
    for delay in map(float, delays):
        try:
            interrupt = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT))
            interrupt.start()
            FITS[kind](rng, FOREVER)
            interrupt.join()
        except KeyboardInterrupt:
            pass
        interrupt.join()
    for _ in range(3):
        FITS[kind](rng, 2)
    sys.stdout.write("trained after all\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
