"""Standardising the inputs in the source: where it goes, and when it is better left alone."""

from __future__ import annotations

from textwrap import dedent

import pytest

from sgd_doctor.findings import Edit
from sgd_doctor.fix import edit_source

STATISTICS = [
    "{0}_mean, {0}_std = {0}.mean(0), {0}.std(0)",
    "{0}_std[{0}_std < 1e-8] = 1.0  # a constant feature stays at 0",
    "{0} = ({0} - {0}_mean) / {0}_std",
]

DONE = {
    "loader": (
        """
        X = torch.tensor(data)
        #+ X
        loader = DataLoader(TensorDataset(X, y), batch_size=2)
        for epoch in range(3):
            for i, (xb, yb) in enumerate(tqdm(loader)):
                xb, yb = xb.to(device), yb.to(device)
                out = model(xb)  # here
        """
    ),
    "batch of a loader": (
        """
        X, y = make_regression()
        #+ X
        train_set, val_set = random_split(TensorDataset(X, y), [1, 2])
        for batch in DataLoader(dataset=train_set):
            out = model(batch[0].view(-1, 4))  # here
            loss = criterion(out, batch[1])
        """
    ),
    "numpy before the split": (
        """
        X = np.random.rand(9, 4) * 100
        y = X @ w
        X = torch.tensor(X, dtype=torch.float32)
        X_train, X_val = X[:8], X[8:]
        #+ X_train
        #= X_val X_train
        for epoch in range(3):
            out = model(X_train[idx])  # here
            model(X_val)
        """
    ),
    "target computed from the inputs": (
        """
        X = torch.rand(9, 4) * 100
        y = (X[:, 0] > 50).long()
        #+ X
        print(X.shape)
        for i in range(0, len(X), 4):
            out = model(X[i : i + 4])  # here
        """
    ),
    "functions": (
        """
        def train(model, X, y):
            for step in range(3):
                i = torch.randint(3)
                loss = f(model(X[i]), y[i])  # here

        def evaluate(model, X, y):
            return (model(X) - y).sum()

        def main():
            X_tr = torch.rand(3, 4)
            #+ X_tr
            X_te = torch.rand(3, 4)
            y_te = X_te.sum(1)
            #= X_te X_tr
            train(model, X_tr, y)
            evaluate(model, X_te, y_te)
        """
    ),
    "own module": (
        """
        class Classifier(nn.Module):
            pass
        xs = torch.from_numpy(table).float()
        #+ xs
        f = Classifier().to(device)
        for _ in range(9):
            f(xs)  # here
        """
    ),
    "semicolons": (
        """
        def main():
            xs = torch.tensor(a); ys = torch.tensor(b)
            #+ xs
            for _ in range(9):
                model(xs)  # here
        """
    ),
}

REFUSED = {
    "target computed inside the loop": """
        X = torch.rand(3, 4)
        for s in range(9):
            xb = X[i]
            loss = f(model(xb), xb.sum(1))  # here
        """,
    "another input of unknown origin": """
        X = torch.rand(3, 4)
        for s in range(9):
            model(X)  # here
        model(torch.tensor([[5.1, 3.5]]))
        """,
    "integers": """
        X = torch.randint(0, 9, (3, 4))
        for s in range(9):
            model(X)  # here
        """,
    "unknown kind": """
        X = read()
        for s in range(9):
            model(X)  # here
        """,
    "assigned in a branch": """
        if big:
            X = torch.rand(3, 4)
        for s in range(9):
            model(X)  # here
        """,
    "the names are taken": """
        X = torch.rand(3, 4)
        X_mean = 3
        for s in range(9):
            model(X)  # here
        """,
    "target computed after the data was cut": """
        X = torch.rand(3, 4)
        X_val = X[2:]
        y = X @ w
        for s in range(9):
            model(X)  # here
        model(X_val)
        """,
    "already done": """
        X = torch.rand(3, 4)
        X = (X - X.mean(0)) / X.std(0)
        for s in range(9):
            model(X)  # here
        """,
    "own data set": """
        loader = DataLoader(Mine("a.csv"))
        for x, y in loader:
            model(x)  # here
        """,
    "two training calls": """
        def train(X):
            for s in range(9):
                model(X)  # here
        train(torch.rand(3, 4))
        train(torch.rand(3, 4))
        """,
}

OWN = """
class Mine(Dataset):
    def __init__(self, x, y):
        self.x = x
        {inserted}
        self.y = y
    def __len__(self):
        return len(self.x)
    def __getitem__(self, i):
        return self.x[i].float(), self.y[i]
table = np.loadtxt("a.csv")
train = Mine(table[:, :3], table[:, 3])
for x, y in DataLoader(train, batch_size=8):
    out = model(x)  # here
"""


def test_own_data_set_with_one_instance() -> None:
    source = OWN.replace("        {inserted}\n", "")
    inserted = [
        "x_mean, x_std = self.x.mean(0), self.x.std(0)",
        "x_std[x_std < 1e-8] = 1.0  # a constant feature stays at 0",
        "self.x = (self.x - x_mean) / x_std",
    ]
    edited = standardise(source)
    assert edited == OWN.replace("{inserted}", ("\n" + " " * 8).join(inserted))
    assert standardise(edited) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.y = y", "self.y = self.x.sum(1)"),
        ("out = model(x)", "out, z = model(x), x.sum()"),
        ("train = Mine", "val = Mine(table, table)\ntrain = Mine"),
        ('np.loadtxt("a.csv")', "read()"),
    ],
)
def test_own_data_set_that_is_not_simple(old: str, new: str) -> None:
    assert standardise(OWN.replace("        {inserted}\n", "").replace(old, new)) is None


def plain_and_expected(marked: str) -> tuple[str, str]:
    """The source without its marks, and with what the marks stand for."""
    plain, expected = [], []
    for line in dedent(marked).lstrip("\n").splitlines():
        indent, mark, rest = line.partition("#+ ")[0], line.lstrip()[:3], line.lstrip()[3:]
        if mark == "#+ ":
            expected += [indent + text.format(rest) for text in STATISTICS]
        elif mark == "#= ":
            other, first = rest.split()
            expected.append(line.partition("#= ")[0] + f"{other} = ({other} - {first}_mean) / {first}_std")
        else:
            plain.append(line)
            expected.append(line)
    return "\n".join(plain) + "\n", "\n".join(expected) + "\n"


def standardise(source: str) -> str | None:
    line = next(number for number, text in enumerate(source.splitlines(), 1) if "# here" in text)
    return edit_source(source, [Edit("standardise-inputs", {"forward_line": line})])


@pytest.mark.parametrize("name", sorted(set(DONE) - {"semicolons"}))
def test_inputs_are_standardised_with_the_training_statistics(name: str) -> None:
    source, expected = plain_and_expected(DONE[name])
    assert standardise(source) == expected


def test_inputs_assigned_beside_others_in_one_line() -> None:
    source, _ = plain_and_expected(DONE["semicolons"])
    edited = standardise(source)
    assert edited is not None
    assert "; xs = (xs - xs_mean) / xs_std; ys = torch.tensor(b)\n" in edited


@pytest.mark.parametrize("name", DONE)
def test_standardising_twice_does_nothing(name: str) -> None:
    edited = standardise(plain_and_expected(DONE[name])[0])
    assert edited is not None
    assert standardise(edited) is None


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_plain_is_left_alone(name: str) -> None:
    assert standardise(dedent(REFUSED[name])) is None


FRONT = {
    "a data set out of a function": (
        """
        import torch.nn as nn
        class Net(nn.Module):
            def forward(self, x):
                return self.fc(x)
        train, test = get_data()
        def fit(model, loader):
            for x, y in loader:
                out = model(x)  # here
        def main():
            model = Net().to(device)
            #> model = nn.Sequential(nn.BatchNorm1d(4, affine=False), model).to(device)
            fit(model, DataLoader(train))
            model.eval()
            print(model(test.x))
        """
    ),
    "nested models": (
        """
        import torch
        first = torch.nn.Linear(4, 8)
        #> first = torch.nn.Sequential(torch.nn.BatchNorm1d(4, affine=False), first)
        second = torch.nn.Linear(8, 1)
        def predict(rows):
            return second(first(rows))  # here
        """
    ),
}
NO_FRONT = {
    "attributes of the model are used": (
        """
        import torch.nn as nn
        net = build()
        for x, y in loader:
            loss = criterion(net(x), y) + net.fc1.weight.norm()  # here
        """
    ),
    "two arguments": (
        """
        import torch.nn as nn
        net = build()
        for x, mask, y in loader:
            out = net(x, mask)  # here
        """
    ),
    "a model for each round": (
        """
        import torch.nn as nn
        for fold in range(3):
            net = build()
            for x, y in loader:
                out = net(x)  # here
        """
    ),
}


def in_front(source: str) -> str | None:
    line = next(number for number, text in enumerate(source.splitlines(), 1) if "# here" in text)
    return edit_source(source, [Edit("standardise-inputs", {"forward_line": line, "features": 4, "layer": "Linear"})])


@pytest.mark.parametrize("name", FRONT)
def test_a_layer_in_front_standardises_what_cannot_be_reached(name: str) -> None:
    lines = dedent(FRONT[name]).strip("\n").split("\n")
    plain = "\n".join(line for line in lines if "#> " not in line) + "\n"
    expected = "\n".join(
        line.replace("#> ", "") + "  # standardises the features" if "#> " in line else line for line in lines
    )
    assert in_front(plain) == expected + "\n"
    assert in_front(expected + "\n") is None


@pytest.mark.parametrize("name", NO_FRONT)
def test_no_layer_in_front_of_what_is_more_than_a_function(name: str) -> None:
    assert in_front(dedent(NO_FRONT[name])) is None
