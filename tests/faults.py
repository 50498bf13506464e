"""Scripts that fail, or that do to their own process what nobody expects; each with the report that it is to get."""

from __future__ import annotations

from textwrap import dedent
from typing import NamedTuple

HEAD = "import torch\nfrom torch import nn\ntorch.manual_seed(0)\n"
TRAIN = """\
m = nn.Linear(4, 1)
opt = torch.optim.SGD(m.parameters(), 1e-2)
for i in range(30):
    x = torch.randn(8, 4)
    loss = (m(x) - x.sum(1, keepdim=True)).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
"""


class Fault(NamedTuple):
    """A script, and the report it is to get.  ``check``: the first finding; ``steps``: optimizer steps seen."""

    text: str
    verdict: str = "healthy"
    ended: str = "finished"
    check: str | None = None
    steps: int = 30


def trains(*, before: str = "", each: str = "", after: str = "", **expected: object) -> Fault:
    """A loop of 30 steps with code around it."""
    inner = "".join(f"    {line}\n" for line in dedent(each).strip().splitlines())
    text = HEAD + dedent(before) + TRAIN + inner + dedent(after)
    return Fault(text, **expected)  # type: ignore[arg-type]  # the fields of Fault


def crashes(ended: str, steps: int, **parts: str) -> Fault:
    return trains(**parts, verdict="unhealthy", ended=ended, check="script-crashed", steps=steps)


FAULTS = {
    # -- ends before it should
    "crash at import": Fault("import torch\nimport no_such_module\n", "unhealthy", "crashed", "script-crashed", 0),
    "crash at step 0": crashes("crashed", 1, each="raise ValueError(i)"),
    "crash at step 17": crashes("crashed", 18, each="if i == 17: raise ValueError(i)"),
    "error whose text is HTML and control characters": crashes(
        "crashed", 30, after="raise RuntimeError('<img src=x onerror=alert(1)>\\x1b[2J\\x9b31m\\u202e ::error::')\n"
    ),
    "error whose text is no text": crashes("crashed", 30, after="raise RuntimeError('\\udcff\\ud800 \\0')\n"),
    "segmentation fault": crashes("killed", 17, each="if i == 16: import ctypes; ctypes.string_at(0)"),
    "killed": crashes("killed", 17, each="if i == 16: import os; os.kill(os.getpid(), 9)"),
    "out of memory": crashes(
        "crashed", 18, before="import resource\nresource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))\n",
        each="if i == 17: torch.zeros(1 << 33)",
    ),
    "loader worker dies": Fault(
        HEAD + dedent("""
            import os
            class Data(torch.utils.data.Dataset):
                def __len__(self): return 320
                def __getitem__(self, i): return os._exit(9) if i == 200 else torch.randn(4)
            m = nn.Linear(4, 1); opt = torch.optim.SGD(m.parameters(), 1e-2)
            for x in torch.utils.data.DataLoader(Data(), 8, num_workers=2):
                loss = (m(x) - x.sum(1, keepdim=True)).pow(2).mean()
                opt.zero_grad(); loss.backward(); opt.step()
        """),
        "unhealthy", "crashed", "script-crashed", 1,
    ),
    "NaN everywhere": trains(
        before="torch.randn = lambda *s: torch.full(s, float('nan'))\n", verdict="unhealthy", check="nan-in-data"
    ),
    # -- replaces itself, or trains where it is not watched
    "another program in its place": trains(after="import os, sys\nos.execv(sys.executable, [sys.executable, '-V'])\n"),
    "trains in a process of its own": Fault(
        HEAD + "import torch.multiprocessing as mp\ndef train(rank):\n"
        + "".join(f"    {line}\n" for line in TRAIN.splitlines())
        + "if __name__ == '__main__':\n    mp.start_processes(train, nprocs=1, start_method='fork')\n",
        "inconclusive", steps=0,
    ),
    "forks in the middle": trains(each="""
        if i == 12:
            import os
            pid = os.fork()
            if not pid:
                opt.step(); os._exit(0)
            os.waitpid(pid, 0)
    """),
    # -- breaks what is ours in its process
    "closes every descriptor": trains(
        before="import os\nos.closerange(3, 256)\nfiles = [open('/dev/null') for _ in range(9)]\n"
    ),
    "may write no file": trains(before="""
        import resource, signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
    """),
    "removes the temporary folder": trains(
        before="import shutil, tempfile\nshutil.rmtree(tempfile.gettempdir(), ignore_errors=True)\n"
    ),
    "closes its output and forgets its modules": trains(after="""
        import sys
        sys.stdout.close(); sys.stderr.close()
        for name in list(sys.modules):
            if not name.startswith(('torch', 'sgd', 'numpy', 'sys', 'builtins', '_', 'msgspec')):
                sys.modules.pop(name)
    """),
    "takes open away": trains(before="import builtins\n", after="builtins.open = builtins.print = None\n"),
    "empties its environment": trains(before="import os\nos.environ.clear()\n"),
    "makes warnings errors": trains(before="import warnings\nwarnings.simplefilter('error')\n"),
    "folder under it goes": trains(before="""
        import os, tempfile
        place = tempfile.mkdtemp(); os.chdir(place); os.rmdir(place)
    """),
    "alarm clock": trains(before="""
        import signal
        signal.signal(signal.SIGALRM, lambda *_: None)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    """, after="signal.setitimer(signal.ITIMER_REAL, 0)\n"),
    "ends at exit": trains(after="import atexit, os\natexit.register(os._exit, 0)\n"),
    "stops the clocks": trains(before="import time\n", each="""
        time.time = time.monotonic = time.perf_counter = lambda: 0.0
        time.sleep = None
    """),
    "gives its rights away": trains(before="import os\n", each="""
        if i == 3 and os.getuid() == 0:
            os.setgid(65534); os.setuid(65534)
    """),
    "leaves no room to call anything": trains(before="import sys\n", each="""
        if i == 3:
            sys.setrecursionlimit(len(__import__('inspect').stack()) + 40)
    """),
    "hears no signal and traces itself": trains(before="""
        import signal, sys
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        def tracer(frame, event, arg):
            return tracer
        sys.settrace(tracer); sys.setprofile(lambda *_: None)
    """),
    "error that cannot be told": crashes("crashed", 30, after="""
        class Sad(Exception):
            def __str__(self): raise SystemExit(0)
            __repr__ = __str__
        raise Sad
    """),
    "names of HTML and control characters": trains(after="""
        class Odd(nn.Module):
            def __getattr__(self, name):
                try: return super().__getattr__(name)
                except AttributeError: return self
            def __eq__(self, other): raise TypeError('no')
            __hash__ = nn.Module.__hash__
            def __bool__(self): raise TypeError('no')
            def __repr__(self): return '<img src=x onerror=alert(1)>' * 9999
            def forward(self, x): return getattr(self, '</code><script>\\x1b[2J')(x)
        odd = Odd()
        odd._modules['</code><script>\\x1b[2J'] = nn.Linear(4, 1)
        opt = torch.optim.SGD(odd.parameters(), 1e-2)
        for i in range(30):
            x = torch.randn(8, 4)
            loss = (odd(x) - x.sum(1, keepdim=True)).pow(2).mean()
            opt.zero_grad(); loss.backward(); opt.step()
    """),
    # -- prints
    "prints binary": trains(after="import sys\nsys.stdout.buffer.write(bytes(range(256)) * 1000)\n"),
    "prints 100 MB": trains(after="import sys\nfor _ in range(100):\n    sys.stdout.write('x' * (1 << 20))\n"),
    "is written in Latin-1": Fault("# -*- coding: latin-1 -*-\nname = 'Gr\xf6\xdfe'\n" + HEAD + TRAIN),
    # -- no step to see
    "function transforms alone": Fault(
        HEAD + dedent("""
            from torch.func import functional_call, grad, vmap
            m = nn.Linear(4, 1)
            p = {k: v.detach().clone() for k, v in m.named_parameters()}
            def cost(p, x, y): return (functional_call(m, p, (x,)) - y).pow(2).mean()
            for i in range(60):
                x = torch.randn(16, 4); y = x.sum(1, keepdim=True)
                g = grad(cost)(p, x, y); vmap(grad(cost), in_dims=(None, 0, 0))(p, x, y)
                p = {k: v - 0.1 * g[k] for k, v in p.items()}
        """),
        "inconclusive", steps=0,
    ),
}  # fmt: skip
