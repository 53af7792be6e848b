"""Training side by side: xpnet, its peers, and the floor, on equal work in one run."""
