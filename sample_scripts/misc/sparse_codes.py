import torch
import torch.nn as nn
import torch.nn.functional as F


class SparseAutoencoder(nn.Module):
    def __init__(self, inputs, codes):
        super().__init__()
        self.encoder = nn.Linear(inputs, codes)
        self.decoder = nn.Linear(codes, inputs)

    def forward(self, x):
        code = F.relu(self.encoder(x))
        return self.decoder(code), code


def activations(n, seed, dim=32, parts=12):
    g = torch.Generator().manual_seed(seed)
    basis = torch.randn(parts, dim, generator=torch.Generator().manual_seed(0))
    present = (torch.rand(n, parts, generator=g) < 0.2).float()
    return (present * torch.rand(n, parts, generator=g)) @ basis


def main():
    torch.manual_seed(0)
    train, test = activations(3000, 1), activations(500, 2)
    sae = SparseAutoencoder(32, 64)
    optimizer = torch.optim.SGD(sae.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(6):
        for batch in train[torch.randperm(len(train))].split(100):
            output, code = sae(batch)
            reconstruction = F.mse_loss(output, batch, reduction="sum")
            loss = reconstruction + 1e-5 * code.abs().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            test_error = F.mse_loss(sae(test)[0], test).item()
        print(f"epoch {epoch} test mse {test_error:.5f}")


if __name__ == "__main__":
    main()
