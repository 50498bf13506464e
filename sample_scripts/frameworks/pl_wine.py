import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

seed_everything(3)
data = load_wine()
X = torch.tensor(StandardScaler().fit_transform(data.data), dtype=torch.float32)
y = torch.tensor(data.target)
train = DataLoader(TensorDataset(X, y), batch_size=16, shuffle=True)


class Net(LightningModule):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(13, 64)
        self.fc2 = nn.Linear(64, 64)
        self.fc3 = nn.Linear(64, 3)
        self.criterion = nn.CrossEntropyLoss()

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return self.fc3(x)

    def training_step(self, batch, batch_idx):
        inputs, target = batch
        loss = self.criterion(self.forward(inputs), target)
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        opt = torch.optim.SGD(self.parameters(), lr=6.0, momentum=0.9)
        sched = torch.optim.lr_scheduler.StepLR(opt, 20, gamma=0.5)
        return [opt], [sched]


trainer = Trainer(max_epochs=40, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
model = Net()
trainer.fit(model, train)
with torch.no_grad():
    print("accuracy", (model(X).argmax(1) == y).float().mean().item())
