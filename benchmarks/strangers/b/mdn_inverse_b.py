# Mixture density network for an inverse problem (Bishop's toy example, stretched).
import numpy as np
import torch
import torch.nn as nn

SEED = 8
torch.manual_seed(SEED)
np.random.seed(SEED)


class MDN(nn.Module):
    def __init__(self, n_hidden, n_gaussians):
        super(MDN, self).__init__()
        self.z_h = nn.Sequential(nn.Linear(1, n_hidden), nn.Tanh(),
                                 nn.Linear(n_hidden, n_hidden), nn.Tanh())
        self.z_pi = nn.Linear(n_hidden, n_gaussians)
        self.z_mu = nn.Linear(n_hidden, n_gaussians)
        self.z_sigma = nn.Linear(n_hidden, n_gaussians)

    def forward(self, x):
        z_h = self.z_h(x)
        pi = torch.softmax(self.z_pi(z_h), -1)
        mu = self.z_mu(z_h)
        sigma = torch.exp(self.z_sigma(z_h))
        return pi, mu, sigma


ONE_OVER_SQRT_2PI = 1.0 / np.sqrt(2.0 * np.pi)


def log_gaussian(y, mu, sigma):
    u = (y.expand_as(mu) - mu) / sigma
    return np.log(ONE_OVER_SQRT_2PI) - 0.5 * u * u - torch.log(sigma)


def mdn_loss(pi, mu, sigma, y):
    return -torch.logsumexp(torch.log(pi) + log_gaussian(y, mu, sigma), dim=1).mean()


def make_data(n):
    y = np.random.uniform(0, 30, (n, 1))
    x = 7 * np.sin(0.5 * y) + 0.5 * y + np.random.normal(0, 0.7, (n, 1))
    return torch.tensor((x - 7.5) / 7, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)


def log_likelihood(model, x, y):
    """stable evaluation with torch.distributions"""
    model.eval()
    with torch.no_grad():
        pi, mu, sigma = model(x)
        mix = torch.distributions.MixtureSameFamily(
            torch.distributions.Categorical(probs=pi, validate_args=False),
            torch.distributions.Normal(mu, sigma, validate_args=False), validate_args=False)
        return mix.log_prob(y.squeeze(1)).mean().item()


x_train, y_train = make_data(2000)
x_test, y_test = make_data(500)

network = MDN(n_hidden=40, n_gaussians=6)
optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)

for epoch in range(40):
    network.train()
    for idx in torch.randperm(len(x_train)).split(100):
        pi, mu, sigma = network(x_train[idx])
        loss = mdn_loss(pi, mu, sigma, y_train[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 10 == 9:
        print(epoch + 1, loss.item())

print("test log-likelihood: %.4f" % log_likelihood(network, x_test, y_test))
