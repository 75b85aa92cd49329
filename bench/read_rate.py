"""A disk of a given speed: a control group of blkio (version 1), for root."""

import os
from pathlib import Path


class ReadRate:
    """Limits what commands read from the disk of a folder."""

    def __init__(self, bytes_per_second, folder):
        self.group = Path("/sys/fs/cgroup/blkio/stockpot-bench")
        self.group.mkdir(exist_ok=True)
        disk = os.stat(folder).st_dev
        (self.group / "blkio.throttle.read_bps_device").write_text(f"{os.major(disk)}:{os.minor(disk)} {bytes_per_second}\n")

    def command(self, words):
        return ["sh", "-c", f'echo $$ > {self.group}/tasks && exec "$@"', "sh", *words]
