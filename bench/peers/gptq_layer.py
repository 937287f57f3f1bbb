"""GPTQ of a layer problem as its authors have it, in PyTorch: error in the outputs and seconds, as JSON.

    python gptq_layer.py FOLDER OUT INNER BITS GROUP REPEATS

FOLDER holds weights.bin [out, inner] and moment.bin [inner, inner], float32. Needs: pip install torch numpy
"""

import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "test" / "goldens"))
from make_gptq import gptq  # noqa: E402


def main():
    folder = Path(sys.argv[1])
    out, inner, bits, group, repeats = map(int, sys.argv[2:])
    read = lambda name, rows: torch.from_numpy(np.fromfile(folder / name, np.float32).reshape(rows, inner))
    w, h = read("weights.bin", out), read("moment.bin", inner)
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        q = gptq(w, h, bits=bits, group=group, asymmetric=False, actOrder=False, staticGroups=False, damp=0.01)
        seconds.append(time.perf_counter() - begun)
    d, w, h = (x.double() for x in (w - q, w, h))
    error = ((d @ h * d).sum() / (w @ h * w).sum()).sqrt().item()
    print(json.dumps(dict(error=error, seconds=statistics.median(seconds), torch=torch.__version__)))


if __name__ == "__main__":
    main()
