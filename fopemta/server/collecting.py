"""Put the drop folder together (composition): its collector, and how its messages are judged."""

from __future__ import annotations

import attrs

from fopemta.config.model import Configuration
from fopemta.inbound.context import InboundServices
from fopemta.inbound.local_intake import LocalIntake
from fopemta.interfaces import IMailReactor
from fopemta.pickup.collector import Collector
from fopemta.pickup.doorbell import Doorbell
from fopemta.pickup.folder import DropFolder
from fopemta.queue.made_here import MadeHere
from fopemta.queue.unaccepted import UnacceptedReports
from fopemta.server.following import Reconfigured
from fopemta.server.kept import SharedState
from fopemta.server.mail_service import Attendant


@attrs.frozen(eq=False)
class Collecting:
    """`targets` use the configuration; `attendants` collect.  Both are empty if this process does not collect."""

    targets: tuple[Reconfigured, ...] = ()
    attendants: tuple[Attendant, ...] = ()

    @classmethod
    def of(
        cls,
        configuration: Configuration,
        reactor: IMailReactor,
        services: InboundServices,
        made_here: MadeHere,
        kept: SharedState,
    ) -> Collecting:
        """With several workers, the first one collects.  Opens nothing."""
        first = kept.partners is None or kept.partners.number == 1
        if configuration.node.drop == "off" or not first:
            return cls()
        machine = kept.machine
        intake = LocalIntake(configuration, services)
        reports = UnacceptedReports(services.spool, configuration, machine.now, made_here)
        folder = DropFolder(configuration.node.drop, machine.now)
        collector = Collector(
            folder,
            intake,
            services.spool,
            services.queue,
            reports.tell,
            reactor,
            services.ids,
            machine.now,
            lambda: reports.config.retry.lifetime,
            machine.in_threads(reactor),
        )
        return cls((intake, reports), (Doorbell(folder, collector, reactor),))
