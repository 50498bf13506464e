"""Scripts whose processes leave them: daemons, sessions of their own, servers, schedulers."""

from __future__ import annotations

from tests.test_ends_on_time import changed

DAEMONS = {
    "double fork into a session of its own": changed(
        head="""
import os, time
if not os.fork():
    os.setsid()
    if not os.fork():
        os.closerange(0, 64)
        time.sleep(1000)
    os._exit(0)
os.wait()
"""
    ),
    "program in a session of its own": changed(
        head="import subprocess\nsubprocess.Popen(['sleep', '1000'], start_new_session=True)"
    ),
    "program without the environment": changed(
        head="import subprocess\nsubprocess.Popen(['env', '-i', 'setsid', 'sleep', '1000'])"
    ),
    "daemon at a step": changed(
        head="import os, time",
        tail="if step == 5 and not os.fork():\n    os.setsid(); os.closerange(0, 64); time.sleep(1000)",
    ),
    "server": changed(
        head="""
import http.server, multiprocessing, threading
def serve():
    http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler).serve_forever()
threading.Thread(target=serve, daemon=True).start()
multiprocessing.get_context("fork").Process(target=serve).start()
"""
    ),
}
