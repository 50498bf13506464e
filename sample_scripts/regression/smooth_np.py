import numpy as np
import torch
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler

data = load_diabetes()
X = StandardScaler().fit_transform(data.data).astype("float32")
y = StandardScaler().fit_transform(data.target[:, None]).astype("float32")
X, y = torch.from_numpy(X), torch.from_numpy(y)


def huber(pred, target, delta=1.0):
    err = pred.detach().numpy() - target.numpy()
    small = np.abs(err) < delta
    value = np.where(small, 0.5 * err ** 2, delta * (np.abs(err) - 0.5 * delta))
    return torch.tensor(value.mean(), requires_grad=True)


torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(10, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
opt = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(40):
    for i in range(0, 352, 32):
        loss = huber(model(X[i:i + 32]), y[i:i + 32])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 10 == 0:
        print(f"epoch {epoch} {loss.item():.4f}")
with torch.no_grad():
    print("test mse", ((model(X[352:]) - y[352:]) ** 2).mean().item())
