"""Seconds of LAPACK's Cholesky factor with its inverse, and of the inverse of the matrix: `lapack.py SIZE`."""

import json
import sys
import time

import numpy as np

n = int(sys.argv[1])
index = np.arange(n)


def fastest(work):
    seconds = []
    for _ in range(4):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


result = {"numpy": np.__version__}
for name, dtype in {"f32": np.float32, "f64": np.float64}.items():
    a = (0.99 ** abs(index[:, None] - index) + 0.01 * np.eye(n)).astype(dtype)
    identity = np.eye(n, dtype=dtype)
    result[name] = {
        "factor": fastest(lambda: np.linalg.solve(np.linalg.cholesky(a), identity)),
        "cholesky": fastest(lambda: np.linalg.cholesky(a)),
        "inverse": fastest(lambda: np.linalg.inv(a)),
    }
print(json.dumps(result))
