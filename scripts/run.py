"""`make run`: the daemon in the foreground, a repository adopted, the next steps printed.

It has a home of its own in demo/, so that it neither sees nor touches a daemon that is installed on this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from rhctl.port_probe import is_port_taken

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
HOME = ROOT / "demo" / "home"
DEMO = ROOT / "demo" / "project"
WITHIN_S = 30.0


def rhctl(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run rhctl on the demo's home."""
    command = [str(BIN / "rhctl"), *arguments, "--home", str(HOME), "--no-start", "--json"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def make_demo() -> Path:
    """Return a small git repository to adopt."""
    if not (DEMO / ".git").exists():
        DEMO.mkdir(parents=True, exist_ok=True)
        (DEMO / "README.md").write_text("# A demo project\n")
        git = ["git", "-c", "user.name=demo", "-c", "user.email=demo@example.com", "-c", "commit.gpgsign=false"]
        for step in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "start"]):
            subprocess.run([*git, *step], cwd=DEMO, check=True)
    return DEMO


def adopt(repo: Path, daemon: subprocess.Popen[bytes]) -> dict[str, str]:
    """Adopt the repository as soon as the daemon answers."""
    until = time.monotonic() + WITHIN_S
    while daemon.poll() is None and time.monotonic() < until:
        done = rhctl("adopt", str(repo))
        if done.returncode != 3:
            break
        time.sleep(0.05)
    else:
        sys.exit(daemon.poll() or 1)
    answer = json.loads(done.stdout)
    if "error" in answer:
        daemon.terminate()
        sys.exit(f"run: {answer['error']['message']}\n  {answer['error']['next_step']}")
    return dict(answer)


def main() -> int:
    """Run until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repo", type=Path, help="a repository of your own instead of the demo")
    parser.add_argument("--port", type=int, default=8765)
    args = parser.parse_args()
    repo = args.repo.expanduser().resolve() if args.repo is not None else make_demo()  # not every shell expands REPO=~
    if not repo.is_dir():
        sys.exit(f"run: there is no folder {repo}\n  Check the spelling of REPO.")
    if is_port_taken("127.0.0.1", args.port):
        sys.exit(f"run: port {args.port} is in use by another program\n  Choose another one: make run PORT=8766")
    print(f"starting rhd on port {args.port}, with a home of its own in demo/home", flush=True)
    HOME.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Its own process group, so that Ctrl-C reaches it once, from us.
    daemon = subprocess.Popen([str(BIN / "rhd"), "--home", str(HOME), "--port", str(args.port)], start_new_session=True)
    signal.signal(signal.SIGTERM, lambda *_: daemon.terminate())
    try:
        done = adopt(repo, daemon)
        shown = os.path.relpath(BIN, Path.cwd())
        print(
            f"""
rhd serves {done["path"]} as {done["slug"]}

  health        curl http://127.0.0.1:{args.port}/health
  status        {shown}/rhctl status --home demo/home
  passphrase    {shown}/rhctl passphrase show {done["slug"]} --home demo/home
  ChatGPT       {shown}/rhctl setup chatgpt {done["slug"]} --home demo/home
  Codex         {shown}/rhctl setup codex {done["slug"]} --home demo/home
  changes       {shown}/rhctl events -f --home demo/home

Press Ctrl-C to stop. For daily use, install it: see README.md.
""",
            flush=True,
        )
        return daemon.wait()
    except KeyboardInterrupt:
        daemon.terminate()
        return daemon.wait()


if __name__ == "__main__":
    sys.exit(main())
