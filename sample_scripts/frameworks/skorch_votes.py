import numpy as np
import torch
from skorch import NeuralNet
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler
from torch import nn

torch.manual_seed(2)
X, y = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X).astype(np.float32)
y = y.astype(np.int64)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(30, 24), nn.ReLU(), nn.Linear(24, 2))

    def forward(self, x):
        return nn.functional.softmax(self.body(x), dim=1)


net = NeuralNet(
    Classifier,
    criterion=nn.CrossEntropyLoss,
    optimizer=torch.optim.SGD,
    lr=0.02,
    max_epochs=30,
    batch_size=32,
    iterator_train__shuffle=True,
    train_split=None,
)
net.fit(X, y)
print("accuracy", (net.predict(X).argmax(1) == y).mean())
