import torch
import torch.nn as nn

torch.manual_seed(0)
x = torch.linspace(-2, 2, 400).unsqueeze(1)
y = x ** 2
model = nn.Sequential(
    nn.Linear(1, 32),
    nn.Tanh(),
    nn.Linear(32, 1),
    nn.Sigmoid(),
)
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for epoch in range(400):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    if epoch % 100 == 99:
        print(f"{epoch + 1}: loss = {loss.item():.5f}")
