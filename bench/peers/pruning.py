"""SparseGPT and ALPS of one layer in NumPy, as their authors' code computes them: `pruning.py FOLDER SPARSITY`.

FOLDER holds weights.bin [out, in] and moment.bin [in, in] in float32 and shape.json {"rows", "columns"}.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

folder, sparsity = Path(sys.argv[1]), float(sys.argv[2])
shape = json.loads((folder / "shape.json").read_text())
rows, columns = shape["rows"], shape["columns"]
dense = np.fromfile(folder / "weights.bin", dtype=np.float32).reshape(rows, columns)
moment = np.fromfile(folder / "moment.bin", dtype=np.float32).reshape(columns, columns)


def error(weights):
    difference = (weights - dense).astype(np.float64)
    return float(np.sum((difference @ moment.astype(np.float64)) * difference))


def sparsegpt():
    w, h = dense.copy(), moment.copy()
    h[np.diag_indices(columns)] += 0.01 * np.mean(np.diag(h))
    u = np.linalg.cholesky(np.linalg.inv(h)).T
    for i1 in range(0, columns, 128):
        i2 = min(i1 + 128, columns)
        block, inverse = w[:, i1:i2].copy(), u[i1:i2, i1:i2]
        errors = np.zeros_like(block)
        scores = block**2 / np.diag(inverse) ** 2
        threshold = np.sort(scores.ravel())[int(scores.size * sparsity)]
        mask = scores <= threshold
        for i in range(i2 - i1):
            kept = np.where(mask[:, i], 0, block[:, i])
            errors[:, i] = (block[:, i] - kept) / inverse[i, i]
            block[:, i:] -= np.outer(errors[:, i], inverse[i, i:])
            block[:, i] = kept
        w[:, i1:i2] = block
        w[:, i2:] -= errors @ u[i1:i2, i2:]
    return w


def alps():
    h = moment.copy()
    h[np.diag_indices(columns)] += 0.01 * np.mean(np.diag(h))
    scale = np.sqrt(np.diag(h)) + 1e-8
    h /= np.outer(scale, scale)
    b = (dense * scale).T
    values, q = np.linalg.eigh(h.astype(np.float64))
    values, q = values.astype(np.float32), q.astype(np.float32)
    g = h @ b
    kept = round((1 - sparsity) * b.size)

    def project(a):
        d = a.copy()
        order = np.argpartition(np.abs(a).ravel(), a.size - kept)
        d.ravel()[order[: a.size - kept]] = 0
        return d

    start = project(b)
    rho, grown, v, d, seen = 0.1, False, np.zeros_like(b), start, start != 0
    for iteration in range(1, 301):
        w = q @ ((q.T @ (g - v + rho * d)) / (values + rho)[:, None])
        d = project(w + v / rho)
        v = v + rho * (w - d)
        if iteration % 3:
            continue
        support = d != 0
        changed = np.count_nonzero(support ^ seen)
        seen = support
        if changed >= 0.1 * kept:
            rho, grown = rho * 1.3, True
        elif changed >= 0.005 * kept:
            rho, grown = rho * 1.2, True
        elif not grown:
            rho, d, v = rho / 5, start, np.zeros_like(b)
        elif changed == 0 or (iteration >= 30 and changed < 3e-4 * kept):
            break
        else:
            rho *= 1.1
    mask = d != 0
    r = np.where(mask, g - h @ d, 0)
    p, rz = r, np.sum(r * r, axis=0)
    whole = rz.sum()
    for _ in range(10):
        if rz.sum() <= 1e-8 * whole:
            break
        hp = h @ p
        a = rz / np.maximum(np.sum(p * hp, axis=0), 1e-30)
        d = d + a * p
        r = np.where(mask, r - a * hp, 0)
        new = np.sum(r * r, axis=0)
        p, rz = r + new / np.maximum(rz, 1e-30) * p, new
    return d.T / scale


result = {"numpy": np.__version__}
for name, method in {"sparsegpt": sparsegpt, "alps": alps}.items():
    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        weights = method()
        seconds.append(time.perf_counter() - begun)
    result[name] = {"seconds": min(seconds), "error": error(weights), "kept": int(np.count_nonzero(weights))}
print(json.dumps(result))
