import torch
import torch.nn as nn


class KeywordNet(nn.Module):
    def __init__(self, n_words=6, width=16):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv1d(12, width, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(width, width, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool1d(4),
        )
        self.fc = nn.Linear(width * 4, n_words)

    def forward(self, x):
        return self.fc(self.conv(x).flatten(1))


def fake_spectrograms(n, n_words=6, frames=24, seed=0):
    g = torch.Generator().manual_seed(100)
    templates = torch.randn(n_words, 12, frames, generator=g)
    g.manual_seed(seed)
    words = torch.randint(0, n_words, (n,), generator=g)
    shift = torch.randint(0, 4, (n,), generator=g)
    clips = torch.stack([torch.roll(templates[w], int(s), dims=1) for w, s in zip(words, shift)])
    return 0.5 * clips + torch.randn(n, 12, frames, generator=g), words
