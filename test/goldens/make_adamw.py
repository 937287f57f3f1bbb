"""Makes test/goldens/adamw.json with PyTorch: values after each step of AdamW, and learning rates of transformers.

    python make_adamw.py OUT

adamw.json holds
  torch, transformers   the versions that made it (the committed file: torch 2.15.0, transformers 5.24.0)
  adamw                 lr, weight_decay, clip; start; gradients[step] (before clipping); norms[step], as clip_grad_norm_
                        returns them; values[step] after the step. Of the values the first half decays.
  schedules             by name, the factors of the learning rate in each of the steps, with warm-up

Needs: pip install torch transformers
"""

import json
import sys
from pathlib import Path

import torch
import transformers

COUNT, STEPS, LR, DECAY, CLIP = 12, 6, 0.05, 0.1, 1.5
SCHEDULE_STEPS, WARMUP = 12, 3


def adamw() -> dict:
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(COUNT, generator=generator)
    gradients = torch.randn(STEPS, COUNT, generator=generator) * torch.logspace(-3, 0, STEPS).unsqueeze(1)
    halves = [torch.nn.Parameter(half.clone()) for half in start.chunk(2)]
    groups = [dict(params=[halves[0]], weight_decay=DECAY), dict(params=[halves[1]], weight_decay=0.0)]
    optimizer = torch.optim.AdamW(groups, lr=LR)
    norms, values = [], []
    for gradient in gradients:
        for half, part in zip(halves, gradient.chunk(2)):
            half.grad = part.clone()
        norms.append(torch.nn.utils.clip_grad_norm_(halves, CLIP).item())
        optimizer.step()
        values.append(torch.cat([half.detach() for half in halves]).tolist())
    given = dict(lr=LR, weight_decay=DECAY, clip=CLIP, start=start.tolist(), gradients=gradients.tolist())
    return dict(**given, norms=norms, values=values)


def factors(schedule, warmup: int) -> list:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = schedule(optimizer, warmup, SCHEDULE_STEPS)
    rates = []
    for _ in range(SCHEDULE_STEPS):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return rates


def schedules() -> dict:
    made = {
        "linear": transformers.get_linear_schedule_with_warmup,
        "cosine": transformers.get_cosine_schedule_with_warmup,
    }
    return {name: {str(warmup): factors(schedule, warmup) for warmup in (0, WARMUP)} for name, schedule in made.items()}


if __name__ == "__main__":
    versions = dict(torch=torch.__version__.split("+")[0], transformers=transformers.__version__)
    golden = dict(**versions, adamw=adamw(), schedules=schedules())
    Path(sys.argv[1]).write_text(json.dumps(golden, indent=1) + "\n")
