# first try at the digits data, no regularisation for now
import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import TensorDataset, DataLoader
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

torch.manual_seed(0)
data, target = load_digits(return_X_y=True)
data = StandardScaler().fit_transform(data).astype(np.float32)
perm = np.random.RandomState(0).permutation(len(data))
tr, te = perm[:1400], perm[1400:]

train_loader = DataLoader(TensorDataset(torch.from_numpy(data[tr]), torch.from_numpy(target[tr])), batch_size=32, shuffle=True)
test_x, test_y = torch.from_numpy(data[te]), torch.from_numpy(target[te])


class MyModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 100)
        self.fc2 = nn.Linear(100, 10)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


model = MyModel()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)

num_epochs = 14
for epoch in range(num_epochs):
    for i, (inputs, labels) in enumerate(train_loader):
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        correct = (model(test_x).argmax(dim=1) == test_y).float().mean()
    print("Epoch", epoch, "loss", round(loss.item(), 4), "acc", round(correct.item(), 4))
