"""Checkpoints, arrays and data loader workers; ``argv[2]`` is how the workers start."""
# ruff: noqa: SIM115, PT018  (a script as people write them, not a test)

import json
import os
import pathlib
import sys
import traceback

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset


class Writing(Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, index):
        with open(f"worker_{index}.txt", "w") as file:
            file.write(str(index))
        with open("log.csv", "a") as file:
            file.write(f"{index},0\n")
        assert os.path.exists(f"worker_{index}.txt")
        return torch.full((1000,), float(index))


def checkpoints():
    model = torch.nn.Linear(3, 1)
    torch.save(model.state_dict(), "best.pt")
    torch.save({"step": 1}, pathlib.Path("folder") / "step.pt") if os.path.isdir("folder") else None
    os.makedirs("folder", exist_ok=True)
    torch.save({"step": 1}, pathlib.Path("folder") / "step.pt")
    torch.save({"old": 1}, "old_format.pt", _use_new_zipfile_serialization=False)
    loaded = torch.load("best.pt")
    assert torch.equal(loaded["weight"], model.weight)
    assert torch.equal(torch.load("best.pt", mmap=True)["weight"], model.weight)
    assert torch.load("folder/step.pt") == {"step": 1}
    assert torch.load("old_format.pt") == {"old": 1}
    with open("by_file.pt", "wb") as file:
        torch.save([1], file)
    assert torch.load("by_file.pt") == [1]
    torch.save([2], "tmp.pt")
    os.replace("tmp.pt", "best.pt")
    assert torch.load("best.pt") == [2]


def programs():
    scripted = torch.jit.trace(torch.nn.Linear(2, 1), torch.zeros(1, 2))
    scripted.save("traced.pt")
    torch.jit.save(scripted, "traced_2.pt")
    assert torch.jit.load("traced.pt")(torch.zeros(1, 2)).shape == (1, 1)
    assert torch.jit.load("traced_2.pt")(torch.zeros(1, 2)).shape == (1, 1)


def arrays():
    np.save("data.npy", np.arange(4))
    assert np.load("data.npy").tolist() == [0, 1, 2, 3]
    np.savez("data.npz", a=np.ones(2))
    assert np.load("data.npz")["a"].sum() == 2
    np.savetxt("data.txt", np.ones(2))
    np.arange(3).tofile("raw.bin")
    assert np.fromfile("raw.bin", dtype=np.int64).tolist() == [0, 1, 2]
    mapped = np.memmap("keep/a.bin", dtype=np.uint8, mode="r+")
    mapped[0] = 65
    mapped.flush()
    assert open("keep/a.bin", "rb").read(2) == b"A1"
    fresh = np.memmap("fresh.bin", dtype=np.uint8, mode="w+", shape=(4,))
    fresh[:] = 7
    fresh.flush()
    assert open("fresh.bin", "rb").read() == b"\x07" * 4
    shared = torch.from_file("keep/a.bin", shared=True, size=10, dtype=torch.uint8)
    shared[1] = 66
    assert open("keep/a.bin", "rb").read(2) == b"AB"


def other_formats():
    try:
        from safetensors.torch import load_file, save_file
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return
    save_file({"w": torch.ones(3)}, "best.safetensors")
    save_file({"w": torch.zeros(2)}, "best.safetensors")
    assert load_file("best.safetensors")["w"].tolist() == [0, 0]
    with SummaryWriter("runs/new") as writer:
        writer.add_scalar("loss", 0.5, 1)
    events = [name for name in os.listdir("runs/new") if name.startswith("events")]
    assert len(events) == 1 and os.path.getsize(f"runs/new/{events[0]}") > 0


def workers():
    loader = DataLoader(Writing(), batch_size=2, num_workers=2, multiprocessing_context=sys.argv[2])
    total = sum(batch.sum().item() for batch in loader)
    assert total == 15_000.0
    assert all(open(f"worker_{index}.txt").read() == str(index) for index in range(6))
    lines = open("log.csv").read().splitlines()
    assert lines[:2] == ["step,loss", "1,0.7"] and len(lines) == 8, lines


def main():
    failures = {}
    steps = (checkpoints, programs, arrays, other_formats, workers)
    for function in steps:
        try:
            function()
        except BaseException:
            failures[function.__name__] = traceback.format_exc()
    pathlib.Path(sys.argv[1]).write_text(json.dumps({"tried": len(steps), "failures": failures}))


if __name__ == "__main__":
    main()
