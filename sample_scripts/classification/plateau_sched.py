import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1)
raw, lab = load_breast_cancer(return_X_y=True)
tr_x, te_x, tr_y, te_y = train_test_split(raw, lab, test_size=0.2, random_state=4, stratify=lab)
sc = StandardScaler().fit(tr_x)
to_t = lambda a: torch.tensor(sc.transform(a), dtype=torch.float32)
train_set = TensorDataset(to_t(tr_x), torch.tensor(tr_y))
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)

model = nn.Sequential(nn.Linear(30, 24), nn.ReLU(), nn.Linear(24, 2))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1, weight_decay=1e-3)
scheduler = ReduceLROnPlateau(optimizer, "min", patience=5, factor=0.5)

for epoch in range(30):
    running_loss = 0.0
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    avg_loss = running_loss / len(train_loader)
    scheduler.step(avg_loss)
    if epoch % 5 == 4:
        print(f"[{epoch + 1}/30] loss={avg_loss:.4f} lr={optimizer.param_groups[0]['lr']:.4g}")

with torch.no_grad():
    acc = (model(to_t(te_x)).argmax(1) == torch.tensor(te_y)).float().mean()
print("accuracy on held-out patients: %.3f" % acc)
