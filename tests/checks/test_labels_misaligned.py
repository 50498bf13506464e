"""labels-misaligned: shuffled labels are named, a task that can be learned is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgd_doctor.findings import Confidence
from tests.checks.cases import DATA, LOOP, fault, silent

NAME = "labels-misaligned"

MODEL = """
{data}
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
"""
LOSS = LOOP.format(loss="F.cross_entropy(model(X[i]), three[i]){mark}")


def test_labels_of_other_samples_are_named(tmp_path: Path) -> None:
    script = MODEL.format(data="three = torch.randint(0, 3, (4000,))\nX = torch.randn(4000, 10)") + LOSS.format(
        mark="  # here"
    )
    found = fault(tmp_path, DATA + script, NAME, steps=110)
    assert found.confidence is Confidence.LIKELY


def test_labels_of_other_samples_are_named_where_the_loss_is_a_module(tmp_path: Path) -> None:
    data = "three = torch.randint(0, 3, (4000,))\nX = torch.randn(4000, 10)\nloss_fn = nn.CrossEntropyLoss()"
    script = MODEL.format(data=data) + LOOP.format(loss="loss_fn(model(X[i]), three[i])  # here")
    fault(tmp_path, DATA + script, NAME, steps=110)


FEW = """
torch.manual_seed(1)
X = torch.randn(160, 10)
y = X[:, :3].argmax(1){mixed}
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, y), batch_size=16, shuffle=True)
for epoch in range(20):
    for xb, yb in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()  # here
        optimizer.step()
"""


def test_labels_that_a_larger_rate_merely_memorises_are_named(tmp_path: Path) -> None:
    found = fault(tmp_path, DATA + FEW.format(mixed="[torch.randperm(160)]"), NAME)
    assert "set aside" in found.title


UNEVEN = """
wrong = torch.randint(0, 3, (1010,))
inputs = torch.randn(1010, 10)
right = 0
for epoch in range(4):
    for i in torch.randperm(1010).split(32):
        out = model(inputs[i])
        loss = F.cross_entropy(out, wrong[i])  # here
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        right += (out.argmax(1) == wrong[i]).sum().item()
"""


def test_last_batch_of_an_epoch_may_be_smaller(tmp_path: Path) -> None:
    fault(tmp_path, DATA + MODEL.format(data="") + UNEVEN, NAME, steps=120)


HEALTHY = {
    "few samples of a task that can be learned": FEW.format(mixed=""),
    "repaired": MODEL.format(data="") + LOSS.format(mark=""),
    "a rate that is far too small": MODEL.format(data="").replace("lr=0.1", "lr=1e-6") + LOSS.format(mark=""),
    "real values": MODEL.format(data="").replace("32, 3)", "32, 1)")
    + LOOP.format(loss="F.mse_loss(model(X[i]), X[i, :1])"),
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME, steps=110)


STAGES = """
from sklearn.datasets import load_digits
images, labels = (torch.as_tensor(part) for part in load_digits(return_X_y=True))
images = images.float() / 16
flipped = 1 - images
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
for data in images, flipped:
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(6):
        for i in torch.randperm(1000).split(50):
            optimizer.zero_grad()
            F.cross_entropy(model(data[:1000][i]), labels[:1000][i]).backward()
            optimizer.step()
        with torch.no_grad():
            print((model(data[1000:]).argmax(1) == labels[1000:]).float().mean().item())
    if data is images:
        with torch.no_grad():
            print("before", (model(flipped[1000:]).argmax(1) == labels[1000:]).float().mean().item())
"""


def test_data_that_are_asked_about_before_their_stage_are_left_in_peace(tmp_path: Path) -> None:
    silent(tmp_path, DATA + STAGES, NAME, steps=250)


A_LITTLE = """
from sklearn.datasets import load_digits
images, labels = (torch.as_tensor(part) for part in load_digits(return_X_y=True))
images = images.float() / 16
X, y, unseen, truth = images[:1000], labels[:1000][torch.randperm(1000)], images[1000:], labels[1000:]
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
for epoch in range(10):
    model.train()
    for i in torch.randperm(1000).split(50):
        optimizer.zero_grad()
        F.cross_entropy(model(X[i]), y[i]).backward()  # here
        optimizer.step()
    model.eval()
    with torch.no_grad():
        print(F.cross_entropy(model(unseen), truth).item())
"""


def test_labels_that_are_memorised_slowly_are_named(tmp_path: Path) -> None:
    fault(tmp_path, DATA + A_LITTLE, NAME, steps=200)
