"""Training side by side: xpnet, its peers, and the floor, on equal work in one run."""

from __future__ import annotations

from bench.peers.cell import Cell, Trial
from bench.peers.table import PEERS, Peer

__all__ = ["PEERS", "Cell", "Peer", "Trial"]
