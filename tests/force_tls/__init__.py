"""Force TLS from rule to report: the queue, the delivery manager and servers in memory, on a clock that tests move."""
