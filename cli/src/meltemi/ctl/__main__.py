"""``python -m meltemi.ctl``: the command without its script."""

from meltemi.ctl.main import run

if __name__ == "__main__":
    run()
