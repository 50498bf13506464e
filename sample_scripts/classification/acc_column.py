import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn


class Logistic(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(n, 20), nn.ReLU(), nn.Linear(20, 1))

    def forward(self, x):
        return self.body(x)


def load():
    X, y = load_breast_cancer(return_X_y=True)
    a, b, ya, yb = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
    scaler = StandardScaler().fit(a)
    to = lambda v: torch.tensor(v, dtype=torch.float32)
    return to(scaler.transform(a)), to(ya), to(scaler.transform(b)), to(yb)


if __name__ == "__main__":
    torch.manual_seed(0)
    Xtr, ytr, Xte, yte = load()
    net = Logistic(30)
    opt = torch.optim.Adam(net.parameters(), lr=0.01)
    for epoch in range(15):
        net.train()
        for idx in torch.randperm(len(Xtr)).split(32):
            opt.zero_grad()
            loss = nn.functional.binary_cross_entropy_with_logits(net(Xtr[idx]).squeeze(1), ytr[idx])
            loss.backward()
            opt.step()
        net.eval()
        with torch.no_grad():
            predicted = (torch.sigmoid(net(Xte)) > 0.5).float()
            acc = (predicted == yte).float().mean().item()
        print(f"{epoch} loss={loss.item():.4f} acc={acc:.4f}")
