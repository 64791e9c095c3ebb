"""The whole server in one process, deterministic from a seed, judged by an oracle that shares no code with it.

`generator` makes a scenario of plain values (`inputs`), `world` runs it on the product's own composition root with
doubles for clock, disk, network, name service and peers, and `oracle` judges what was seen (`history`).
`docs/decisions/0024-simulation.md` says what it has found and how to replay a seed.
"""
