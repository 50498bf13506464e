"""Wine style grading with a bagged pair of nets whose predictions are averaged."""
import torch
from torch import nn
from sklearn.datasets import make_blobs
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


class Member(nn.Module):
    def __init__(self, d_in, n_out, width, act):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(d_in, width), act(), nn.Linear(width, width), act(), nn.Linear(width, n_out))

    def forward(self, x):
        return self.net(x)


class Ensemble(nn.Module):
    """averages the members in probability space"""

    def __init__(self, d_in, n_out):
        super().__init__()
        self.members = nn.ModuleList([Member(d_in, n_out, 48, nn.ReLU), Member(d_in, n_out, 32, nn.Tanh)])

    def forward(self, x):
        return torch.stack([m(x).softmax(-1) for m in self.members]).mean(0)


def data():
    x, y = make_blobs(3000, n_features=8, centers=24, cluster_std=3.0, random_state=6)
    y = y % 12
    x = StandardScaler().fit_transform(x)
    a, b, c, d = train_test_split(x, y, test_size=0.3, random_state=0)
    return (torch.tensor(a).float(), torch.tensor(c)), (torch.tensor(b).float(), torch.tensor(d))


def run(epochs=20, bs=64, lr=0.05):
    torch.manual_seed(9)
    (x, y), (xt, yt) = data()
    model = Ensemble(8, 12)
    nll = nn.NLLLoss()
    opt = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=1e-4)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, epochs)
    for e in range(epochs):
        model.train()
        total = 0.0
        for idx in torch.randperm(len(x)).split(bs):
            opt.zero_grad()
            p = model(x[idx])
            loss = nll(p, y[idx])
            loss.backward()
            opt.step()
            total += loss.item() * len(idx) / len(x)
        sched.step()
        model.eval()
        with torch.no_grad():
            q = model(xt)
            acc = (q.argmax(1) == yt).float().mean().item()
            true_p = q.gather(1, yt[:, None]).clamp_min(1e-12).log().mean().item()
        if e % 4 == 3:
            print(f"epoch {e + 1} loss {total:.4f} acc {acc:.4f} mean log p {true_p:.4f}")


if __name__ == "__main__":
    run()
