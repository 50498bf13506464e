# ensemble of small MLPs trained in parallel with torch.func, diabetes data
import torch
from torch import nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap
from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import train_test_split

torch.manual_seed(0)
E, STEPS, LR = 10, 400, 0.05

X, y = load_diabetes(return_X_y=True)
Xa, Xb, ya, yb = train_test_split(X, y, test_size=0.25, random_state=3)
xm, xs, ym, ys = Xa.mean(0), Xa.std(0), ya.mean(), ya.std()
t = lambda a: torch.tensor(a, dtype=torch.float32)
Xtr, Xte, ytr, yte = t((Xa - xm) / xs), t((Xb - xm) / xs), t((ya - ym) / ys), t((yb - ym) / ys)


def make():
    return nn.Sequential(nn.Linear(10, 12), nn.Tanh(), nn.Linear(12, 1))


models = [make() for _ in range(E)]
params, buffers = stack_module_state(models)
params = {k: v.detach() for k, v in params.items()}
base = make().to("meta")


def loss_fn(p, b, x, target):
    pred = functional_call(base, (p, b), (x,)).squeeze(-1)
    l2 = sum((w ** 2).sum() for w in p.values())
    return ((pred - target) ** 2).mean() + 0.01 * l2


step_fn = vmap(grad_and_value(loss_fn), in_dims=(0, 0, 0, 0))

for step in range(STEPS):
    # every member gets its own bootstrap batch
    idx = torch.randint(0, len(Xtr), (E, 128))
    grads, losses = step_fn(params, buffers, Xtr[idx], ytr[idx])
    params = {k: params[k] - LR * grads[k] for k in params}
    if step % 100 == 0:
        print(step, [round(v, 3) for v in losses.tolist()[:4]])

pred = vmap(lambda p, b: functional_call(base, (p, b), (Xte,)).squeeze(-1))(params, buffers).mean(0)
r2 = 1 - ((pred - yte) ** 2).sum() / ((yte - yte.mean()) ** 2).sum()
ridge = RidgeCV(alphas=[0.1, 1, 10, 100]).fit(Xtr.numpy(), ytr.numpy()).score(Xte.numpy(), yte.numpy())
print("ridge R2 %.4f" % ridge)
print("ensemble R2 %.4f" % r2.item())
