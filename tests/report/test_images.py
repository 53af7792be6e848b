from __future__ import annotations

import io
from base64 import b64decode

import numpy as np
from matplotlib.image import imread

from xpnet.report import images


def pixels(address):
    kind, _, content = address.partition(",")
    assert kind == "data:image/png;base64"
    return imread(io.BytesIO(b64decode(content)))


def test_a_sample_from_black_to_white():
    shown = pixels(images.of_sample(np.array([0, 16, 8, 4]), (2, 2), 16.0))
    assert shown.shape == (2, 2, 4)
    assert shown[..., 0].round(1).tolist() == np.float32([[0.0, 1.0], [0.5, 0.3]]).tolist()


def test_weights_are_tiles_side_by_side():
    W = np.array([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [-2.0, 0.0, 0.0, 1.0]])
    shown = pixels(images.of_weights(W, (2, 2), columns=2))
    assert shown.shape == (5, 5, 4)
    red, green, blue, alpha = np.moveaxis(shown, -1, 0)
    assert blue[0, 0] > red[0, 0]
    assert red[0, 1] > blue[0, 1]
    assert green[0:2, 3:5].min() > 0.95  # a unit without weights is white
    assert alpha[2].max() == alpha[:, 2].max() == 0  # between tiles
