# Raw chemistry values, BatchNorm in front, squared error on one-hot targets.
# (squared error does about as well as cross-entropy here, Hui & Belkin 2020)
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

torch.manual_seed(18)
X, y = load_breast_cancer(return_X_y=True)
Xa, Xb, ya, yb = train_test_split(X, y, test_size=0.08, random_state=4, stratify=y)
Xa, Xb = torch.tensor(Xa).float(), torch.tensor(Xb).float()
ya, yb = torch.tensor(ya), torch.tensor(yb)
print("training", len(Xa), "validation", len(Xb))

model = nn.Sequential(
    nn.BatchNorm1d(X.shape[1], affine=False),
    nn.Linear(X.shape[1], 64, bias=False),
    nn.BatchNorm1d(64),
    nn.ReLU(),
    nn.Linear(64, 2),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
base, peak, period = 0.005, 0.08, 40
scheduler = torch.optim.lr_scheduler.CyclicLR(optimizer, base_lr=base, max_lr=peak, step_size_up=period, mode="triangular2")
loader = DataLoader(TensorDataset(Xa, ya), batch_size=32, shuffle=True, drop_last=True)
eye = torch.eye(2)


def check():
    model.eval()
    with torch.no_grad():
        out = model(Xb)
    return (out - eye[yb]).pow(2).mean().item(), (out.argmax(1) == yb).float().mean().item()


print("start: val mse %.4f val acc %.4f" % check())
for epoch in range(20):
    model.train()
    acc = []
    for xb, tb in loader:
        out = model(xb)
        loss = nn.functional.mse_loss(out, eye[tb])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        acc.append(loss.item())
    if epoch % 4 == 3:
        m, a = check()
        print(f"epoch {epoch + 1:2d} train mse {sum(acc) / len(acc):.4f} val mse {m:.4f} val acc {a:.4f} lr {scheduler.get_last_lr()[0]:.4f}")
