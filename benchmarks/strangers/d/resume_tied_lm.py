"""Character model with tied embeddings; stops half-way, resumes from a checkpoint."""
import io
import torch
from torch import nn

TEXT = ("the quick brown fox jumps over the lazy dog while the slow green turtle walks under the old bridge. "
        "a gentle rain falls on the quiet town and the children run home before the night comes. ") * 25
CHARS = sorted(set(TEXT))
IDS = torch.tensor([CHARS.index(c) for c in TEXT])


class TiedGRU(nn.Module):
    def __init__(self, vocab, d=48):
        super().__init__()
        self.emb = nn.Embedding(vocab, d)
        self.rnn = nn.GRU(d, d, batch_first=True)
        self.out = nn.Linear(d, vocab)
        self.out.weight = self.emb.weight
        nn.init.normal_(self.emb.weight, std=0.1)

    def forward(self, ids, state=None):
        h, state = self.rnn(self.emb(ids), state)
        return self.out(h), state


def streams(ids, n, span):
    """n parallel streams, cut in consecutive spans (order matters: state is carried)."""
    k = (len(ids) - 1) // n
    x, y = ids[: n * k].view(n, k), ids[1: n * k + 1].view(n, k)
    for s in range(0, k - span + 1, span):
        yield x[:, s:s + span], y[:, s:s + span]


def make():
    model = TiedGRU(len(CHARS))
    opt = torch.optim.Adam(model.parameters(), lr=4e-3)
    sched = torch.optim.lr_scheduler.ExponentialLR(opt, 0.97)
    return model, opt, sched


def run(model, opt, sched, epochs, first):
    for e in range(first, first + epochs):
        state, total, n = None, 0.0, 0
        for x, y in streams(IDS, 16, 25):
            if state is not None:
                state = state.detach()
            logits, state = model(x, state)
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            total += loss.item()
            n += 1
        sched.step()
        if e % 3 == 0:
            print(f"epoch {e} nats per char {total / n:.4f}")
    return total / n


def main():
    torch.manual_seed(29)
    model, opt, sched = make()
    run(model, opt, sched, 8, 1)
    buf = io.BytesIO()
    torch.save({"model": model.state_dict(), "opt": opt.state_dict(), "sched": sched.state_dict(), "epoch": 8}, buf)
    buf.seek(0)

    model, opt, sched = make()
    ck = torch.load(buf)
    model.load_state_dict(ck["model"])
    opt.load_state_dict(ck["opt"])
    sched.load_state_dict(ck["sched"])
    print("resumed after epoch", ck["epoch"])
    final = run(model, opt, sched, 10, ck["epoch"] + 1)
    print(f"final nats per char {final:.4f}")


if __name__ == "__main__":
    main()
