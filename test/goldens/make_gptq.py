"""Writes gptq.json: GPTQ as its authors have it (IST-DASLab/gptq, gptq.py and quant.py; AutoGPTQ's static groups), in PyTorch.

    python make_gptq.py

Needs: pip install torch
"""

import json
from pathlib import Path

import torch


def grid(x, bits, sym):
    """quant.py, Quantizer.find_params, per row; x is [rows, group]."""
    high = 2**bits - 1
    zero = torch.zeros(x.shape[0])
    low, top = torch.minimum(x.min(1)[0], zero), torch.maximum(x.max(1)[0], zero)
    if sym:
        top = torch.maximum(low.abs(), top)
        low = torch.where(low < 0, -top, low)
        low = torch.where(top > 0, -top, low)
    empty = (low == 0) & (top == 0)
    low[empty], top[empty] = -1, 1
    scale = ((top - low) / high).half().float()  # as containers hold it
    zero = torch.full_like(scale, (high + 1) / 2) if sym else torch.round(-low / scale)
    return scale, zero


def gptq(w, h, bits, group, asymmetric, actOrder, staticGroups, damp, blocksize=128):
    w, h = w.clone(), h.clone()
    columns = w.shape[1]
    dead = torch.diag(h) == 0
    h[dead, dead] = 1
    w[:, dead] = 0
    static = [grid(w[:, i : i + group], bits, not asymmetric) for i in range(0, columns, group)]
    perm = torch.argsort(torch.diag(h), descending=True, stable=True) if actOrder else torch.arange(columns)
    w, h = w[:, perm], h[perm][:, perm]
    h[range(columns), range(columns)] += damp * torch.mean(torch.diag(h))
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(h))
    upper = torch.linalg.cholesky(inverse, upper=True)
    q = torch.zeros_like(w)
    for i1 in range(0, columns, blocksize):
        i2 = min(i1 + blocksize, columns)
        errors = torch.zeros(w.shape[0], i2 - i1)
        for i in range(i1, i2):
            d = upper[i, i]
            if staticGroups:
                scale, zero = static[perm[i] // group]
            elif i % group == 0:
                scale, zero = grid(w[:, i : i + group], bits, not asymmetric)
            code = torch.clamp(torch.round(w[:, i] / scale) + zero, 0, 2**bits - 1)
            q[:, i] = scale * (code - zero)
            error = (w[:, i] - q[:, i]) / d
            w[:, i:i2] -= error.unsqueeze(1) * upper[i, i:i2].unsqueeze(0)
            errors[:, i - i1] = error
        w[:, i2:] -= errors @ upper[i1:i2, i2:]
    return q[:, torch.argsort(perm)]


def problem(out, inner, tokens):
    """Whole numbers from a formula that the test repeats: neighbouring inputs hang together."""
    t, i = torch.arange(tokens).unsqueeze(1), torch.arange(inner).unsqueeze(0)
    z = ((t * 7919 + i * i * 131 + t * i * 17) % 101 - 50).double()
    x = z + torch.roll(z, 1, 1)
    o = torch.arange(out).unsqueeze(1)
    w = ((o * 7907 + i * 613 + o * i * 29 + o * o * i * 7) % 199 - 99).float() / 100
    return (x.T @ x).float(), w


def main():
    h, w = problem(out=8, inner=160, tokens=400)  # more than one block of 128
    cases = []
    for asymmetric, actOrder, staticGroups, group in [
        (False, False, False, 160),
        (True, False, False, 32),
        (False, True, False, 32),
        (True, True, True, 32),
    ]:
        for bits in (4, 3):
            options = dict(bits=bits, group=group, asymmetric=asymmetric, actOrder=actOrder, staticGroups=staticGroups, damp=0.01)
            values = gptq(w, h, **options)
            cases.append(dict(options=options, values=[round(v, 4) for v in values.flatten().tolist()]))
    result = dict(made_by=f"make_gptq.py, torch {torch.__version__}", cases=cases)
    (Path(__file__).parent / "gptq.json").write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
