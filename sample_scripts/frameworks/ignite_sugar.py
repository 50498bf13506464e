import torch
from ignite.engine import Engine, Events
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(5)
X, y = load_diabetes(return_X_y=True)
X = torch.tensor(StandardScaler().fit_transform(X), dtype=torch.float32)
y = torch.tensor((y - y.mean()) / y.std(), dtype=torch.float32)
loader = DataLoader(TensorDataset(X, y), batch_size=32, shuffle=True)

model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.SGD(model.parameters(), lr=0.01)
mse = nn.MSELoss()


def update(engine, batch):
    model.train()
    inputs, targets = batch
    outputs = model(inputs)
    loss = mse(outputs, targets.unsqueeze(1))
    loss.backward()
    opt.step()
    return loss.item()


trainer = Engine(update)
running = []


@trainer.on(Events.ITERATION_COMPLETED)
def keep(engine):
    running.append(engine.state.output)


@trainer.on(Events.EPOCH_COMPLETED(every=5))
def show(engine):
    print(engine.state.epoch, sum(running[-14:]) / 14)


trainer.run(loader, max_epochs=30)
