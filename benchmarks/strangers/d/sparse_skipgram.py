"""Skip-gram with negative sampling, sparse gradients, topics as ground truth."""
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

VOCAB, TOPICS = 200, 5


class Corpus(IterableDataset):
    def __init__(self, n_batches, size, seed):
        self.n, self.size, self.seed = n_batches, size, seed

    def __iter__(self):
        g = torch.Generator().manual_seed(self.seed)
        for _ in range(self.n):
            topic = torch.randint(0, TOPICS, (self.size,), generator=g)
            centre = topic + TOPICS * torch.randint(0, VOCAB // TOPICS, (self.size,), generator=g)
            context = topic + TOPICS * torch.randint(0, VOCAB // TOPICS, (self.size,), generator=g)
            noise = torch.randint(0, VOCAB, (self.size, 4), generator=g)
            yield centre, context, noise


class SkipGram(nn.Module):
    def __init__(self, d=16):
        super().__init__()
        self.inp = nn.Embedding(VOCAB, d, sparse=True)
        self.out = nn.Embedding(VOCAB, d, sparse=True)
        nn.init.uniform_(self.inp.weight, -0.5 / d, 0.5 / d)
        nn.init.zeros_(self.out.weight)

    def forward(self, centre, context, noise):
        v = self.inp(centre)
        pos = (v * self.out(context)).sum(1)
        neg = (self.out(noise) @ v[:, :, None])[:, :, 0]
        ls = nn.functional.logsigmoid
        return -(ls(pos) + ls(-neg).sum(1)).mean()

    @torch.no_grad()
    def neighbour_purity(self):
        e = nn.functional.normalize(self.inp.weight, dim=1)
        sim = e @ e.T
        sim.fill_diagonal_(-2)
        near = sim.topk(5, dim=1).indices
        topic = torch.arange(VOCAB) % TOPICS
        return (topic[near] == topic[:, None]).float().mean().item()


def main():
    torch.manual_seed(9)
    loader = DataLoader(Corpus(200, 256, seed=9), batch_size=None)
    model = SkipGram()
    opt = torch.optim.SparseAdam(list(model.parameters()), lr=0.02)
    for epoch in range(4):
        s = n = 0
        for batch in loader:
            opt.zero_grad()
            loss = model(*batch)
            loss.backward()
            opt.step()
            s += loss.item()
            n += 1
        print(f"epoch {epoch} loss {s / n:.4f} neighbour purity {model.neighbour_purity():.4f}")


if __name__ == "__main__":
    main()
