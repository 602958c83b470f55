"""Several processes as one machine: the runtime's coordination service, and collectives over TCP.

One process runs the service, all of them connect to it, and a client that is made afterwards
knows the devices of all. On a CPU collectives go through gloo, on CUDA through NCCL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ms_func.runtime import extension


@dataclass
class Group:
    """The processes that this one has joined.

    Attributes:
        address: host and port of the service.
        count: number of processes.
        index: number of this one.
        local_devices: which accelerators of this host belong to this process; None for all.
        client: connection to the service.
        service: the service, in the process that runs it.
    """

    address: str
    count: int
    index: int
    local_devices: Sequence[int] | None
    client: Any
    service: Any

    def cpu_options(self) -> dict[str, Any]:
        """Options of a client of CPU devices, which exchange arrays by gloo."""
        return {
            "distributed_client": self.client,
            "node_id": self.index,
            "num_nodes": self.count,
            "collectives": extension.make_gloo_tcp_collectives(distributed_client=self.client),
        }

    def plugin_options(self) -> dict[str, Any]:
        """Options of a client of an accelerator."""
        options: dict[str, Any] = {"node_id": self.index, "num_nodes": self.count}
        if self.local_devices is not None:
            options["visible_devices"] = list(self.local_devices)
        return options

    def leave(self) -> None:
        """Disconnect; the process that runs the service waits for the others."""
        self.client.shutdown()
        if self.service is not None:
            self.service.shutdown()


def join(
    address: str, count: int, index: int, local_devices: Sequence[int] | None, *,
    timeout: int, heartbeat: int, ending: int, bind: str | None,
) -> Group:  # fmt: skip
    """Start the service in process 0 and connect to it; see `ms_func.distributed.initialize`."""
    service = None
    if index == 0:
        port = address.rpartition(":")[2]
        service = extension.get_distributed_runtime_service(
            bind or f"[::]:{port}", count, heartbeat_timeout=heartbeat, shutdown_timeout=ending
        )
    client = extension.get_distributed_runtime_client(
        address, index, init_timeout=timeout, shutdown_timeout=ending,
        heartbeat_timeout=heartbeat, use_compression=True,
    )  # fmt: skip
    client.connect()
    return Group(address, count, index, local_devices, client, service)
