import torch
from torch import nn

STEPS, SPEAKERS = 12, 5


def recordings(n, seed):
    g = torch.Generator().manual_seed(seed)
    who = torch.randint(0, SPEAKERS, (n, STEPS // 3), generator=g).repeat_interleave(3, dim=1)
    voice = torch.eye(SPEAKERS)[who] + 0.5 * torch.randn(n, STEPS, SPEAKERS, generator=g)
    return voice, who


encoder = nn.GRU(SPEAKERS, 32)
decoder = nn.Linear(32, SPEAKERS)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=4e-3)
criterion = nn.CrossEntropyLoss()


def forward(voice):
    states, _ = encoder(voice.transpose(0, 1))
    scores = decoder(states)
    return scores.reshape(-1, SPEAKERS)


voice, who = recordings(800, 0)
test_voice, test_who = recordings(200, 1)
for epoch in range(8):
    for rows in torch.randperm(800).split(32):
        loss = criterion(forward(voice[rows]), who[rows].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        accuracy = (forward(test_voice).argmax(1) == test_who.reshape(-1)).float().mean()
    print(f"epoch {epoch}  loss {loss.item():.4f}  accuracy {accuracy:.4f}")
