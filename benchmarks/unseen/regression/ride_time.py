import numpy as np
import torch
import torch.nn.functional as F

rs = np.random.RandomState(4)
hours = rs.uniform(0, 24, 2000)
km = rs.gamma(2.0, 3.0, 2000)
rain = rs.binomial(1, 0.3, 2000)
minutes_all = 4 + 2.1 * km + 6 * np.exp(-((hours - 8.5) ** 2) / 4) + 8 * np.exp(-((hours - 17.5) ** 2) / 5) + 5 * rain + rs.normal(0, 1.5, 2000)
table = np.stack([np.sin(hours * np.pi / 12), np.cos(hours * np.pi / 12), (km - km.mean()) / km.std(), rain - 0.3], 1)
target = (minutes_all - minutes_all.mean()) / minutes_all.std()

feats_all = torch.from_numpy(table).float()
target_all = torch.from_numpy(target).float()
fit, held = slice(0, 1600), slice(1600, None)

torch.manual_seed(4)
model = torch.nn.Sequential(
    torch.nn.Linear(4, 64), torch.nn.SiLU(),
    torch.nn.Linear(64, 64), torch.nn.SiLU(),
    torch.nn.Linear(64, 1),
)
opt = torch.optim.AdamW(model.parameters(), 2e-3)
for epoch in range(40):
    order = torch.randperm(1600)
    for chunk in order.split(100):
        feats, minutes = feats_all[fit][chunk], target_all[fit][chunk]
        loss = F.huber_loss(model(feats), minutes)
        opt.zero_grad()
        loss.backward()
        opt.step()
with torch.no_grad():
    guess = model(feats_all[held]).flatten()
print("held-out mse %.4f" % ((guess - target_all[held]) ** 2).mean())
