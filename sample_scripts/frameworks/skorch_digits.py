import numpy as np
import torch
from skorch import NeuralNetClassifier
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X, y = X.astype(np.float32), y.astype(np.int64)


class Module(nn.Module):
    def __init__(self, units=64):
        super().__init__()
        self.hidden = nn.Linear(64, units)
        self.out = nn.Linear(units, 10)

    def forward(self, X):
        X = torch.relu(self.hidden(X))
        return torch.softmax(self.out(X), dim=-1)


net = NeuralNetClassifier(Module, max_epochs=15, lr=0.2, batch_size=64, iterator_train__shuffle=True)
pipe = make_pipeline(StandardScaler(), net)
pipe.fit(X, y)
print(pipe.score(X, y))
