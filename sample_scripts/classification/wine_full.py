import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from torch import nn


def build(n_features, n_classes):
    return nn.Sequential(nn.Linear(n_features, 20), nn.ReLU(), nn.Linear(20, n_classes))


def train_model(model, x, y, epochs=150, lr=0.2):
    loss_function = nn.CrossEntropyLoss()
    opt = torch.optim.SGD(model.parameters(), lr=lr)
    for epoch in range(epochs):
        loss = loss_function(model(x), y)
        model.zero_grad()
        loss.backward()
        opt.step()
        if epoch % 30 == 0:
            print("full batch epoch", epoch, "loss", loss.item())
    return model


def score(model, x, y):
    return (model(x).argmax(dim=1) == y).float().mean().item()


if __name__ == "__main__":
    data = load_wine()
    x = torch.tensor(StandardScaler().fit_transform(data.data), dtype=torch.float32)
    y = torch.tensor(data.target)
    mix = torch.randperm(len(x))
    x, y = x[mix], y[mix]
    m = train_model(build(13, 3), x[:130], y[:130])
    print("accuracy", score(m, x[130:], y[130:]))
