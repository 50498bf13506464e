import torch
import torch.nn as nn
import torch.nn.functional as F


class Path(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.cell = nn.RNNCell(2, hidden, nonlinearity="relu")
        self.read = nn.Linear(hidden, 2)
        nn.init.normal_(self.cell.weight_hh, std=1.45 / hidden ** 0.5)

    def forward(self, moves):
        h = moves.new_zeros(len(moves), self.cell.hidden_size)
        for t in range(moves.size(1)):
            h = self.cell(moves[:, t], h)
        return self.read(h)


def walks(n, steps, seed):
    g = torch.Generator().manual_seed(seed)
    moves = torch.randn(n, steps, 2, generator=g)
    return moves, moves[:, -12:].mean(1) * 2


def main():
    torch.manual_seed(15)
    moves, ends = walks(640, 36, 1)
    test_moves, test_ends = walks(160, 36, 2)
    net = Path(40)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    for epoch in range(8):
        for rows in torch.randperm(640).split(32):
            optimizer.zero_grad()
            loss = F.mse_loss(net(moves[rows]), ends[rows])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
        with torch.no_grad():
            error = F.mse_loss(net(test_moves), test_ends).item()
        print(f"epoch {epoch}: test mse {error:.4f}")


main()
