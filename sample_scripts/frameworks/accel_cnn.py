import torch
import torch.nn as nn
import torch.nn.functional as F
from accelerate import Accelerator
from accelerate.utils import set_seed
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc = nn.Linear(32 * 4, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc(x.flatten(1))


def main():
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    set_seed(11)
    images, labels = load_digits(return_X_y=True)
    images = torch.tensor(images, dtype=torch.float32).view(-1, 1, 8, 8) / 16 * 2 - 1
    data = TensorDataset(images, torch.tensor(labels))
    loader = DataLoader(data, batch_size=32, shuffle=True)
    model = CNN()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    for epoch in range(10):
        model.train()
        hits = total = 0
        for x, target in loader:
            with accelerator.accumulate(model):
                logits = model(x)
                loss = F.cross_entropy(logits, target)
                accelerator.backward(loss)
                optimizer.step()
                optimizer.zero_grad()
            hits += (logits.argmax(1) == target).sum().item()
            total += len(target)
        accelerator.print(f"epoch {epoch} loss {loss.item():.3f} acc {hits / total:.3f}")


if __name__ == "__main__":
    main()
