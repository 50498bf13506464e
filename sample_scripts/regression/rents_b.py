import csv
import torch
import torch.nn as nn

rows = []
with open("data/rents.csv") as f:
    for row in csv.DictReader(f):
        rows.append([float(v) for v in row.values()])
table = torch.tensor(rows)
mean, std = table.mean(0), table.std(0)
table = (table - mean) / std
X, y = table[:, :4], table[:, 4:]
X_train, y_train, X_test, y_test = X[:700], y[:700], X[700:], y[700:]

torch.manual_seed(0)


class RentNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.layers(x)


class RentTrainer:
    def __init__(self, model, lr=0.05, batch_size=50):
        self.model = model
        self.batch_size = batch_size
        self.loss = nn.SmoothL1Loss()
        self.optim = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)

    def run_epoch(self):
        losses = []
        for pick in torch.randperm(len(X_train)).split(self.batch_size):
            prediction = self.model(X_train[pick])
            loss = self.loss(prediction, y_train[pick])
            self.optim.zero_grad()
            loss.backward()
            self.optim.step()
            losses.append(loss.item())
        return sum(losses) / len(losses)


trainer = RentTrainer(RentNet())
for epoch in range(20):
    print(f"Epoch {epoch}: {trainer.run_epoch():.4f}")

with torch.no_grad():
    errors = (trainer.model(X_test) - y_test) * std[4]
print(f"mean absolute test error {errors.abs().mean():.1f} EUR")
