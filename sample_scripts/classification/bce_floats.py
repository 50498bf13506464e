import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset


class BinaryNet(nn.Module):
    def __init__(self, n_in):
        super(BinaryNet, self).__init__()
        self.layer_1 = nn.Linear(n_in, 16)
        self.layer_out = nn.Linear(16, 1)

    def forward(self, inputs):
        return self.layer_out(torch.relu(self.layer_1(inputs)))


def main():
    torch.manual_seed(0)
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    dataset = TensorDataset(torch.Tensor(X), torch.from_numpy(y))
    loader = DataLoader(dataset, batch_size=32, shuffle=True)
    model = BinaryNet(30)
    criterion = nn.BCEWithLogitsLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    for e in range(1, 6):
        epoch_acc = 0
        for X_batch, y_batch in loader:
            optimizer.zero_grad()
            y_pred = model(X_batch)
            loss = criterion(y_pred, y_batch.unsqueeze(1).float())
            epoch_acc += ((y_pred > 0) == y_batch.unsqueeze(1)).sum().item()
            loss.backward()
            optimizer.step()
        print(f"Epoch {e} | Acc: {epoch_acc / len(dataset):.3f}")


if __name__ == "__main__":
    main()
