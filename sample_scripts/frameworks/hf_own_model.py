import torch
from sklearn.datasets import load_digits
from torch import nn
from transformers import Trainer, TrainingArguments

torch.manual_seed(1)
X, y = load_digits(return_X_y=True)
rows = [{"x": a, "labels": b} for a, b in zip(torch.tensor(X / 8 - 1).float(), torch.tensor(y))]


class DigitNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        self.loss = nn.CrossEntropyLoss()

    def forward(self, x, labels=None):
        logits = self.layers(x)
        if labels is None:
            return {"logits": logits}
        return {"loss": self.loss(logits, labels), "logits": logits}


args = TrainingArguments(
    "out", num_train_epochs=12, per_device_train_batch_size=32, learning_rate=0.3, weight_decay=0.01,
    logging_steps=80, save_strategy="no", report_to=[], use_cpu=True, disable_tqdm=True,
)
net = DigitNet()
Trainer(net, args, train_dataset=rows[:1500]).train()
net.eval()
with torch.no_grad():
    got = net(torch.stack([r["x"] for r in rows[1500:]]))["logits"].argmax(1)
print("test accuracy", (got == torch.tensor(y[1500:])).float().mean().item())
