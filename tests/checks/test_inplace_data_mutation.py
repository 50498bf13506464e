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


HEALTHY = {"repaired": SCRIPT.format(body="x = (x - mean) / std")}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_pattern_is_left_in_peace(tmp_path: Path, kind: str) -> None:
    silent(tmp_path, DATA + HEALTHY[kind], NAME, steps=150)
