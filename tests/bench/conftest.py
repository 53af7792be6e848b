"""Fixtures: measurements as the benchmarks write them, with numbers that are easy to check."""

from __future__ import annotations

import pytest

from bench.peers.tasks import FLOOR, OURS, PEER

MACHINE = {
    "processor": "a processor",
    "cores": 2,
    "system": "Linux",
    "python": "3.11.7",
    "blas": ["openblas 0.3, SkylakeX, 2 threads"],
    "versions": {"numpy": "2.4"},
}


@pytest.fixture
def cell_with():
    """A function that makes a training cell from each peer's median, in µs."""

    def cell_with(batch=128, task="training", steps=200, **microseconds):
        rows = [
            {
                "peer": name,
                "role": {"floor": FLOOR, "xpnet": OURS}.get(name, PEER),
                "seconds": median * 1e-6,
                "best": median * 0.5e-6,
                "rounds": [],
                "cost": None if name == "floor" else 0.25,
                "memory": None if name == "floor" else median * 1e6,
            }
            for name, median in microseconds.items()
        ]
        return {
            "task": task,
            "unit": "step",
            "sizes": [784, 30, 10],
            "batch": batch,
            "samples": steps // 2 * batch,
            "epochs": 2,
            "rows": rows,
        }

    return cell_with


@pytest.fixture
def peers_json(cell_with):
    """What ``python -m bench.peers`` writes."""
    cells = [
        cell_with(batch=32, floor=10, xpnet=20, torch=80, jax=40, scan=30),
        cell_with(batch=128, floor=20, xpnet=50, torch=100, jax=40),
        cell_with(batch=128, steps=16, floor=20, xpnet=60, torch=180, jax=90),
    ]
    return {"kind": "peers", "machine": MACHINE, "cells": cells}


@pytest.fixture
def benchmark_json():
    """A function that makes what pytest-benchmark writes on one device."""

    def benchmark_json(device, scale=1.0):
        medians = {"looped": (1, 8e-3), "vectorized": (1, 4e-5), "stacked": (64, 64e-5)}
        benchmarks = [
            {
                "stats": {"median": seconds * scale},
                "extra_info": {
                    "work": "64-32-10, batch 32",
                    "operation": "forward",
                    "kernels": kernels,
                    "networks": networks,
                    "library": "numpy",
                    "device": device,
                    "dtype": "float32",
                    "gflops": 1.5,
                },
            }
            for kernels, (networks, seconds) in medians.items()
        ]
        peers = {"stats": {"median": 1.0}, "extra_info": {"peer": "xpnet"}}
        return {"machine_info": {"described": MACHINE}, "benchmarks": [*benchmarks, peers]}

    return benchmark_json
