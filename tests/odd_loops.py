"""Loops as few people write them: odd tensors, odd outputs, odd ways to train.  Each is right as it stands."""

from __future__ import annotations

from textwrap import dedent

HEAD = "import torch\nfrom torch import nn\ntorch.manual_seed(0)\n"

_LOOPS = {
    "zero-d": """
        w = nn.Parameter(torch.tensor(0.5)); b = nn.Parameter(torch.tensor(0.0))
        opt = torch.optim.SGD([w, b], 0.1)
        for i in range(30):
            x = torch.tensor(float(i % 3)); loss = (w * x + b - 2 * x).pow(2)
            opt.zero_grad(); loss.backward(); opt.step()
    """,
    "empty tensors": """
        class M(nn.Module):
            def __init__(s):
                super().__init__()
                s.l, s.e, s.f = nn.Linear(4, 1), nn.Parameter(torch.empty(0, 4)), nn.Parameter(torch.empty(0))
            def forward(s, x): return s.l(x) + s.e.sum() + s.f.sum()
        m = M(); opt = torch.optim.Adam(m.parameters(), 1e-2)
        for i in range(30):
            x = torch.randn(8, 4)
            if i % 7 == 3:
                x = x[:0]
            y = x.sum(1, keepdim=True)
            loss = ((m(x) - y) ** 2).sum() / 8
            opt.zero_grad(); loss.backward(); opt.step()
    """,
    "empty batch mean": """
        m = nn.Linear(4, 3); opt = torch.optim.SGD(m.parameters(), 1e-2)
        for i in range(30):
            x = torch.randn(8 if i != 11 else 0, 4)
            y = torch.randint(0, 3, (len(x),))
            loss = nn.functional.cross_entropy(m(x), y, reduction="sum") / max(1, len(x))
            opt.zero_grad(); loss.backward(); opt.step()
    """,
    "complex": """
        m = nn.Sequential(nn.Linear(4, 8, dtype=torch.complex64), nn.Linear(8, 1, dtype=torch.complex64))
        opt = torch.optim.Adam(m.parameters(), 1e-2)
        for i in range(40):
            x = torch.randn(16, 4, dtype=torch.complex64); y = x.sum(1, keepdim=True)
            loss = (m(x) - y).abs().pow(2).mean()
            opt.zero_grad(); loss.backward(); opt.step()
    """,
    "half": """
        m = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1)).half()
        opt = torch.optim.SGD(m.parameters(), 1e-2)
        for i in range(40):
            x = torch.randn(16, 4).half(); y = x.sum(1, keepdim=True)
            loss = (m(x) - y).pow(2).mean()
            opt.zero_grad(); loss.backward(); opt.step()
    """,
    "bfloat16": """
        m = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1)).bfloat16()
        opt = torch.optim.SGD(m.parameters(), 1e-2)
        for i in range(40):
            x = torch.randn(16, 4).bfloat16(); y = x.sum(1, keepdim=True)
            loss = (m(x) - y).pow(2).mean()
            opt.zero_grad(); loss.backward(); opt.step()
    """,
    "float64": """
        torch.set_default_dtype(torch.float64)
        m = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
        opt = torch.optim.SGD(m.parameters(), 1e-2)
        for i in range(40):
            x = torch.randn(16, 4); y = x.sum(1, keepdim=True)
            loss = (m(x) - y).pow(2).mean()
            opt.zero_grad(); loss.backward(); opt.step()
    """,
    "quantised": """
        m = nn.Linear(4, 2); opt = torch.optim.SGD(m.parameters(), 1e-2)
        for i in range(30):
            q = torch.quantize_per_tensor(torch.randn(8, 4), 0.1, 10, torch.quint8)
            y = q.dequantize().sum(1).gt(0).long()
            loss = nn.functional.cross_entropy(m(q.dequantize()), y)
            opt.zero_grad(); loss.backward(); opt.step()
            with torch.no_grad():
                nn.quantized.FloatFunctional
                assert q.int_repr().dtype == torch.uint8
    """,
    "quantised model in eval": """
        m = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)); opt = torch.optim.SGD(m.parameters(), 0.3)
        kept = []
        for i in range(30):
            x = torch.randn(8, 4); y = x.sum(1).gt(0).long()
            loss = nn.functional.cross_entropy(m(x), y)
            opt.zero_grad(); loss.backward(); opt.step()
            if i % 10 == 5:
                q = torch.ao.quantization.quantize_dynamic(m, {nn.Linear}, dtype=torch.qint8)
                kept.append(q)
                with torch.no_grad():
                    print((q(x).argmax(1) == y).float().mean())
    """,
    "sparse inputs": """
        m = nn.Linear(50, 2); opt = torch.optim.SGD(m.parameters(), 1e-1)
        for i in range(30):
            d = torch.randn(8, 50) * (torch.rand(8, 50) < 0.1)
            s = d.to_sparse(); y = d.sum(1).gt(0).long()
            out = torch.sparse.mm(s, m.weight.t()) + m.bias
            loss = nn.functional.cross_entropy(out, y)
            opt.zero_grad(); loss.backward(); opt.step()
    """,
    "sparse csr module input": """
        import warnings; warnings.simplefilter("ignore")
        class M(nn.Module):
            def __init__(s): super().__init__(); s.w = nn.Parameter(torch.randn(50, 2) * 0.1)
            def forward(s, x): return x @ s.w
        m = M(); opt = torch.optim.SGD(m.parameters(), 1e-1)
        for i in range(30):
            d = torch.randn(8, 50) * (torch.rand(8, 50) < 0.1)
            s = d.to_sparse_csr(); y = d.sum(1).gt(0).long()
            loss = nn.functional.cross_entropy(m(s), y)
            opt.zero_grad(); loss.backward(); opt.step()
    """,
    "sparse embedding grads": """
        e = nn.EmbeddingBag(100, 8, sparse=True); l = nn.Linear(8, 2)
        o1 = torch.optim.SparseAdam(e.parameters(), 1e-2); o2 = torch.optim.Adam(l.parameters(), 1e-2)
        for i in range(30):
            ix = torch.randint(0, 100, (16, 5)); y = (ix.sum(1) > 250).long()
            loss = nn.functional.cross_entropy(l(e(ix)), y)
            o1.zero_grad(); o2.zero_grad(); loss.backward(); o1.step(); o2.step()
    """,
    "nested tensors": """
        import warnings; warnings.simplefilter("ignore")
        m = nn.Linear(4, 3); opt = torch.optim.SGD(m.parameters(), 1e-1)
        for i in range(30):
            parts = [torch.randn(n, 4) for n in (2, 3, 5)]
            x = torch.nested.nested_tensor(parts, layout=torch.jagged) if i % 2 else torch.nested.nested_tensor(parts)
            out = m(x)
            pooled = torch.stack([t.mean(0) for t in out.unbind()])
            y = torch.stack([t.mean(0)[:3] for t in parts]).argmax(1)
            loss = nn.functional.cross_entropy(pooled, y)
            opt.zero_grad(); loss.backward(); opt.step()
    """,
    "meta tensors": """
        big = nn.Linear(10_000, 10_000, device="meta")
        with torch.device("meta"):
            skeleton = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
        skeleton(torch.randn(2, 3, device="meta"))
        m = nn.Linear(4, 1); opt = torch.optim.SGD(m.parameters(), 1e-2)
        opt.add_param_group({"params": [p for p in skeleton.parameters()]})
        for i in range(30):
            x = torch.randn(8, 4); loss = (m(x) - x.sum(1, keepdim=True)).pow(2).mean()
            opt.zero_grad(); loss.backward(); opt.step()
    """,
    "returns dict": """
        class M(nn.Module):
            def __init__(s): super().__init__(); s.l = nn.Linear(4, 3)
            def forward(s, b): return {"logits": s.l(b["x"]["features"]), "extra": {"n": 3, "s": "text"}, "none": None}
        m = M(); opt = torch.optim.SGD(m.parameters(), 1e-1)
        for i in range(40):
            x = torch.randn(8, 4)
            batch = {"x": {"features": x, "ids": list("abcdefgh")}, "y": [x.argmax(1) % 3]}
            out = m(batch)
            losses = {"ce": nn.functional.cross_entropy(out["logits"], batch["y"][0])}
            losses["reg"] = 1e-4 * out["logits"].pow(2).mean()
            loss = sum(losses.values())
            opt.zero_grad(); loss.backward(); opt.step()
    """,
    "returns dataclass": """
        from dataclasses import dataclass, field
        from typing import NamedTuple, Any
        @dataclass(frozen=True, slots=True)
        class Out:
            logits: torch.Tensor
            meta: Any = None
        class Batch(NamedTuple):
            x: torch.Tensor
            y: torch.Tensor
        class M(nn.Module):
            def __init__(s): super().__init__(); s.l = nn.Linear(4, 3)
            def forward(s, b): return Out(s.l(b.x), object())
        m = M(); opt = torch.optim.SGD(m.parameters(), 1e-1)
        for i in range(40):
            x = torch.randn(8, 4); b = Batch(x, x.argmax(1) % 3)
            loss = nn.functional.cross_entropy(m(b).logits, b.y)
            opt.zero_grad(); loss.backward(); opt.step()
    """,
    "returns tuple, generator, nothing": """
        class A(nn.Module):
            def __init__(s): super().__init__(); s.l = nn.Linear(4, 3)
            def forward(s, x): return (s.l(x), (x, [None, "a"]), 3)
        class G(nn.Module):
            def __init__(s): super().__init__(); s.l = nn.Linear(3, 3)
            def forward(s, x):
                def parts():
                    yield s.l(x)
                return parts()
        class N(nn.Module):
            def __init__(s): super().__init__(); s.l = nn.Linear(3, 3)
            def forward(s, x, into): into.append(s.l(x))
        a, g, n = A(), G(), N()
        opt = torch.optim.SGD([*a.parameters(), *g.parameters(), *n.parameters()], 3e-1)
        for i in range(80):
            x = torch.randn(8, 4); box = []
            n(next(g(a(x)[0])), into=box)
            loss = nn.functional.cross_entropy(box[0], x.argmax(1) % 3)
            opt.zero_grad(); loss.backward(); opt.step()
    """,
    "channels last": """
        m = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.ReLU(), nn.Conv2d(8, 4, 3, bias=False))
        m = m.to(memory_format=torch.channels_last)
        opt = torch.optim.SGD(m.parameters(), 0.3)
        for i in range(40):
            x = torch.randn(8, 3, 8, 8).to(memory_format=torch.channels_last)
            loss = nn.functional.cross_entropy(m(x).mean((2, 3)), (x.mean((1, 2, 3)) > 0).long())
            opt.zero_grad(); loss.backward(); opt.step()
    """,
    "tensor subclass": """
        class T(torch.Tensor):
            pass
        m = nn.Linear(4, 1); opt = torch.optim.SGD(m.parameters(), 1e-2)
        for i in range(40):
            x = torch.randn(8, 4).as_subclass(T)
            loss = (m(x) - x.sum(1, keepdim=True)).pow(2).mean()
            opt.zero_grad(); loss.backward(); opt.step()
    """,
    "parametrized and weight norm": """
        from torch.nn.utils.parametrizations import weight_norm, spectral_norm, orthogonal
        m = nn.Sequential(weight_norm(nn.Linear(4, 8)), nn.ReLU(), spectral_norm(nn.Linear(8, 8)),
                          nn.ReLU(), orthogonal(nn.Linear(8, 1)))
        opt = torch.optim.Adam(m.parameters(), 1e-2)
        for i in range(40):
            x = torch.randn(16, 4); loss = (m(x) - x.sum(1, keepdim=True)).pow(2).mean()
            opt.zero_grad(); loss.backward(); opt.step()
    """,
    "jit script and trace": """
        m = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
        s = torch.jit.script(m)
        opt = torch.optim.Adam(s.parameters(), 1e-2)
        for i in range(40):
            x = torch.randn(16, 4); loss = (s(x) - x.sum(1, keepdim=True)).pow(2).mean()
            opt.zero_grad(); loss.backward(); opt.step()
    """,
    "user function mode": """
        from torch.overrides import TorchFunctionMode
        from torch.utils._python_dispatch import TorchDispatchMode
        class Log(TorchFunctionMode):
            n = 0
            def __torch_function__(self, f, types, args=(), kwargs=None):
                Log.n += 1
                return f(*args, **(kwargs or {}))
        class Count(TorchDispatchMode):
            n = 0
            def __torch_dispatch__(self, f, types, args=(), kwargs=None):
                Count.n += 1
                return f(*args, **(kwargs or {}))
        m = nn.Linear(4, 1); opt = torch.optim.SGD(m.parameters(), 1e-2)
        with Log(), Count():
            for i in range(40):
                x = torch.randn(8, 4); loss = (m(x) - x.sum(1, keepdim=True)).pow(2).mean()
                opt.zero_grad(); loss.backward(); opt.step()
        print(Log.n > 0, Count.n > 0)
    """,
    "backward generator": """
        a = nn.Linear(4, 1); opt = torch.optim.SGD(a.parameters(), 1e-2)
        for i in range(40):
            x = torch.randn(8, 4); loss = (a(x) - x.sum(1, keepdim=True)).pow(2)
            opt.zero_grad(); torch.autograd.backward((t for t in (loss[:4].mean(), loss[4:].mean())), ); opt.step()
    """,
    "backward keyword": """
        a = nn.Linear(4, 1); opt = torch.optim.SGD(a.parameters(), 1e-2)
        for i in range(40):
            x = torch.randn(8, 4); loss = (a(x) - x.sum(1, keepdim=True)).pow(2).mean()
            opt.zero_grad(); torch.autograd.backward(tensors=loss, grad_tensors=None); opt.step()
            g = torch.autograd.grad(outputs=a(x).sum(), inputs=list(a.parameters()))
    """,
    "training in a thread": """
        import threading
        def train():
            m = nn.Linear(4, 1); opt = torch.optim.SGD(m.parameters(), 1e-2)
            for i in range(40):
                x = torch.randn(8, 4); loss = (m(x) - x.sum(1, keepdim=True)).pow(2).mean()
                opt.zero_grad(); loss.backward(); opt.step()
        t = threading.Thread(target=train); t.start(); t.join()
    """,
    "many models": """
        for k in range(300):
            m = nn.Linear(4, 1); opt = torch.optim.SGD(m.parameters(), 1e-2)
            for i in range(3):
                x = torch.randn(8, 4); loss = (m(x) - x.sum(1, keepdim=True)).pow(2).mean()
                opt.zero_grad(); loss.backward(); opt.step()
    """,
    "lbfgs": """
        m = nn.Linear(4, 1); opt = torch.optim.LBFGS(m.parameters(), 0.1)
        x = torch.randn(64, 4); y = x.sum(1, keepdim=True)
        for i in range(10):
            def closure():
                opt.zero_grad(); loss = (m(x) - y).pow(2).mean(); loss.backward(); return loss
            opt.step(closure)
    """,
    "deep recursion": """
        import sys
        class Deep(nn.Module):
            def __init__(s, n):
                super().__init__(); s.l = nn.Linear(4, 4); s.inner = Deep(n - 1) if n else nn.Identity()
            def forward(s, x): return s.inner(torch.tanh(s.l(x)) + x)
        sys.setrecursionlimit(4000)
        m = Deep(150); opt = torch.optim.SGD(m.parameters(), 1e-3)
        for i in range(20):
            x = torch.randn(8, 4); loss = (m(x) - x.sum(1, keepdim=True)).pow(2).mean()
            opt.zero_grad(); loss.backward(); opt.step()
    """,
    "masked padded sequence": """
        from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
        r = nn.LSTM(4, 8, batch_first=True); l = nn.Linear(8, 2)
        opt = torch.optim.Adam([*r.parameters(), *l.parameters()], 1e-2)
        for i in range(20):
            x = torch.randn(6, 5, 4); n = torch.tensor([5, 4, 4, 3, 2, 1])
            o, _ = pad_packed_sequence(r(pack_padded_sequence(x, n, batch_first=True))[0], batch_first=True)
            loss = nn.functional.cross_entropy(l(o[:, 0]), (x[:, 0, 0] > 0).long())
            opt.zero_grad(); loss.backward(); opt.step()
    """,
    "optimizer with weird groups": """
        m = nn.Linear(4, 1)
        groups = [{"params": [m.weight], "name": object()}, {"params": [m.bias]}]
        opt = torch.optim.AdamW(groups, lr=torch.tensor(1e-2), foreach=False)
        for i in range(20):
            x = torch.randn(8, 4); loss = (m(x) - x.sum(1, keepdim=True)).pow(2).mean()
            opt.zero_grad(); loss.backward(); opt.step()
    """,
    "own optimizer not a subclass": """
        class Opt:
            def __init__(s, ps, lr): s.ps, s.lr = list(ps), lr
            def zero_grad(s):
                for p in s.ps: p.grad = None
            def step(s):
                with torch.no_grad():
                    for p in s.ps: p -= s.lr * p.grad
        m = nn.Linear(4, 1); opt = Opt(m.parameters(), 1e-2)
        for i in range(30):
            x = torch.randn(8, 4); loss = (m(x) - x.sum(1, keepdim=True)).pow(2).mean()
            opt.zero_grad(); loss.backward(); opt.step()
    """,
    "inference mode and eval": """
        m = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 2))
        opt = torch.optim.SGD(m.parameters(), 0.3)
        for i in range(30):
            m.train(); x = torch.randn(8, 4); y = (x.sum(1) > 0).long()
            loss = nn.functional.cross_entropy(m(x), y)
            opt.zero_grad(); loss.backward(); opt.step()
            m.eval()
            with torch.inference_mode():
                out = m(x); acc = (out.argmax(1) == y).float().mean()
    """,
    "anomaly and deterministic": """
        torch.use_deterministic_algorithms(True); torch.autograd.set_detect_anomaly(True)
        m = nn.Linear(4, 1); opt = torch.optim.SGD(m.parameters(), 1e-2)
        for i in range(30):
            x = torch.randn(8, 4); loss = (m(x) - x.sum(1, keepdim=True)).pow(2).mean()
            opt.zero_grad(); loss.backward(); opt.step()
    """,
    "saved tensor hooks": """
        m = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)); opt = torch.optim.SGD(m.parameters(), 1e-2)
        from torch.autograd.graph import save_on_cpu, saved_tensors_hooks
        with save_on_cpu(), saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
            for i in range(30):
                x = torch.randn(8, 4); loss = (m(x) - x.sum(1, keepdim=True)).pow(2).mean()
                opt.zero_grad(); loss.backward(); opt.step()
    """,
    "grad scaler cpu": """
        m = nn.Linear(4, 1); opt = torch.optim.SGD(m.parameters(), 1e-2)
        scaler = torch.amp.GradScaler("cpu")
        for i in range(30):
            x = torch.randn(8, 4)
            with torch.autocast("cpu", torch.bfloat16): out = m(x)
            loss = (out.float() - x.sum(1, keepdim=True)).pow(2).mean()
            opt.zero_grad(); scaler.scale(loss).backward(); scaler.unscale_(opt)
            nn.utils.clip_grad_norm_(m.parameters(), 1.0); scaler.step(opt); scaler.update()
    """,
    "optimizer in backward": """
        m = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
        opts = {p: torch.optim.SGD([p], 1e-2) for p in m.parameters()}
        def hook(p): opts[p].step(); opts[p].zero_grad()
        for p in m.parameters(): p.register_post_accumulate_grad_hook(hook)
        for i in range(30):
            x = torch.randn(8, 4); loss = (m(x) - x.sum(1, keepdim=True)).pow(2).mean(); loss.backward()
    """,
    "vector loss": """
        m = nn.Linear(4, 1); opt = torch.optim.SGD(m.parameters(), 1e-2)
        for i in range(30):
            x = torch.randn(8, 4); loss = (m(x) - x.sum(1, keepdim=True)).pow(2)
            opt.zero_grad(); loss.backward(gradient=torch.full_like(loss, 1 / 8)); opt.step()
    """,
    "flop counter": """
        from torch.utils.flop_counter import FlopCounterMode
        m = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1)); opt = torch.optim.SGD(m.parameters(), 1e-2)
        with FlopCounterMode(display=False) as c:
            for i in range(30):
                x = torch.randn(8, 4); loss = (m(x) - x.sum(1, keepdim=True)).pow(2).mean()
                opt.zero_grad(); loss.backward(); opt.step()
        print(c.get_total_flops())
    """,
    "fake tensors": """
        from torch._subclasses.fake_tensor import FakeTensorMode
        m = nn.Linear(4, 1); opt = torch.optim.SGD(m.parameters(), 1e-2)
        with FakeTensorMode():
            f = nn.Linear(4, 1); l = f(torch.randn(3, 4)).mean(); l.backward()
        for i in range(30):
            x = torch.randn(8, 4); loss = (m(x) - x.sum(1, keepdim=True)).pow(2).mean()
            opt.zero_grad(); loss.backward(); opt.step()
    """,
    "export and fx": """
        import torch.fx
        m = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
        g = torch.fx.symbolic_trace(m); e = torch.export.export(m, (torch.randn(3, 4),))
        opt = torch.optim.SGD(g.parameters(), 1e-2)
        for i in range(30):
            x = torch.randn(8, 4); loss = (g(x) - x.sum(1, keepdim=True)).pow(2).mean()
            opt.zero_grad(); loss.backward(); opt.step()
    """,
    "jvp and hessian": """
        from torch.func import jacrev, hessian, jvp
        m = nn.Linear(4, 1); opt = torch.optim.SGD(m.parameters(), 1e-2)
        for i in range(30):
            x = torch.randn(8, 4)
            j = jacrev(m)(x[0]); h = torch.autograd.functional.hessian(lambda v: m(v).pow(2).sum(), x[0])
            o, t = jvp(m, (x,), (torch.ones_like(x),))
            loss = (m(x) - x.sum(1, keepdim=True)).pow(2).mean() + 1e-3 * t.pow(2).mean()
            opt.zero_grad(); loss.backward(); opt.step()
    """,
}
LOOPS = {name: HEAD + dedent(text).lstrip("\n") for name, text in _LOOPS.items()}
