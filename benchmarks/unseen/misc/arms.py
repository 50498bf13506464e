import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(51)
pays = torch.randn(6, 5)


def reward(context, arm):
    return (context @ pays).gather(1, arm[:, None])[:, 0] + 0.5 * torch.randn(len(arm))


policy = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 5))
opt = torch.optim.Adam(policy.parameters(), lr=1e-2)
baseline = 0.0
for episode in range(300):
    context = torch.randn(64, 6)
    choice = Categorical(logits=policy(context))
    arm = choice.sample()
    gain = reward(context, arm)
    loss = -((gain - baseline) * choice.log_prob(arm)).mean() - 0.01 * choice.entropy().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    baseline = 0.9 * baseline + 0.1 * gain.mean().item()
context = torch.randn(2000, 6)
with torch.no_grad():
    got = reward(context, policy(context).argmax(1)).mean()
best = (context @ pays).max(1).values.mean()
print(f"reward {got:.3f} of {best:.3f}")
