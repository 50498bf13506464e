"""inplace-data-mutation: data that shrink from epoch to epoch are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.cases import DATA, fault, silent

NAME = "inplace-data-mutation"

SCRIPT = """
X = X * 4 + 1
mean, std = X.mean(), X.std()


class Data(torch.utils.data.Dataset):
    def __len__(self):
        return 120

    def __getitem__(self, i):
        x = X[i]
        {body}  # here
        return x, three[i]


model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
loader = torch.utils.data.DataLoader(Data(), batch_size=20, shuffle=True)
for epoch in range(30):
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


def test_normalising_in_place_is_named(tmp_path: Path) -> None:
    fault(tmp_path, DATA + SCRIPT.format(body="x -= mean; x /= std"), NAME, steps=150)


ERASING = """
import numpy as np
rng = np.random.default_rng(0)


class Erased(torch.utils.data.Dataset):
    def __init__(self, rows, labels):
        self.rows, self.labels = rows, labels

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):  # here
        row = self.rows[i]{copy}
        first = rng.integers(0, 9)
        row[first : first + 2] = 0
        return torch.tensor(row), self.labels[i]


model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
loader = torch.utils.data.DataLoader(Erased(X.numpy(), three), batch_size=40, shuffle=True)
for epoch in range(30):
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad(); loss.backward(); optimizer.step()
"""
CACHING = """
class Cached(torch.utils.data.Dataset):
    def __init__(self):
        self.rows, self.known = torch.zeros(400, 10), torch.zeros(400)

    def __len__(self):
        return 400

    def __getitem__(self, i):
        if not self.known[i]:
            self.rows[i], self.known[i] = X[i], 1
        return self.rows[i], three[i]


model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(20):
    for x, y in torch.utils.data.DataLoader(Cached(), batch_size=40, shuffle=True):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad(); loss.backward(); optimizer.step()
"""


def test_rows_that_are_erased_more_and_more_are_named(tmp_path: Path) -> None:
    found = fault(tmp_path, DATA + ERASING.format(copy=""), NAME, steps=300)
    assert found.proof is not None


HEALTHY = {
    "repaired": SCRIPT.format(body="x = (x - mean) / std"),
    "erased in a copy": ERASING.format(copy=".copy()"),
    "filled as it is read": CACHING,
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME, steps=150)
