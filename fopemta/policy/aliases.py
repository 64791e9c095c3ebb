r"""Aliases of local domains (pure): names that stand for other addresses.

    postmaster: anna, bob@elsewhere.test
    sales: anna, bob,
        "first last"@example.org     # a line that begins with a blank continues the previous one
    anna: \anna, archive@example.org

A target without a domain is at the domain of the alias; after a backslash it is the mailbox itself, even if its name is
an alias.  Commands, files and included lists, which other servers support here, are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import attrs

from fopemta.address.mailbox import Mailbox
from fopemta.address.written import NotWritten, written_local_part
from fopemta.policy.circles import circles
from fopemta.policy.mailbox_name import mailbox_name
from fopemta.settings.place import NotValid, printable
from fopemta.settings.words import mailbox_of

# The most targets of one name, counting repeated names again each time: more is refused when the file is read, so that
# no recipient is left out when mail comes.
MOST_TARGETS = 10_000
MOST_STEPS = 50_000
# The most addresses stored for the aliases of one message: all is computed at once, and this many take a tenth of a
# second.
MOST_BY_ALIASES = 20_000

_COMMENT = re.compile(r"(?:^|\s)#.*")
# Target forms of other servers that would run or write something with our privileges.
_REFUSED = {"|": "commands", "/": "files", ":include:": "lists of other files"}

# Whether mail for a domain is delivered on this machine.
IsLocal: TypeAlias = Callable[[str], bool]


@attrs.frozen
class Target:
    """`domain` None is the domain of the alias; `final`: not expanded again."""

    local_part: str
    domain: str | None = None
    final: bool = False

    def at(self, domain: str) -> Mailbox:
        """The address, for an alias at `domain`."""
        return Mailbox(self.local_part, self.domain or domain)


@attrs.frozen
class Alias:
    """The targets of a name, and its line in the file; `weight` is the cost of expanding it, in stored addresses."""

    line: int
    targets: tuple[Target, ...]
    weight: int = 1


@attrs.frozen
class Aliases:
    """Aliases by name, in lower case."""

    by_name: Mapping[str, Alias] = attrs.Factory(dict)

    def __len__(self) -> int:
        return len(self.by_name)

    def of(self, recipient: Mailbox) -> Alias | None:
        """The alias for an address of a local domain; "name+detail" is treated as "name" if it has no entry."""
        local_part = recipient.compared
        return self.by_name.get(local_part) or self.by_name.get(local_part.partition("+")[0])

    def weight(self, recipient: Mailbox) -> int:
        """The weight for an address of a local domain; 0 if it is no alias."""
        alias = self.of(recipient)
        return 0 if alias is None else alias.weight


NO_ALIASES = Aliases()


# --- reading ---------------------------------------------------------------------------------------------------------


def parse(text: str, is_local: IsLocal) -> Aliases | tuple[str, ...]:
    """Parse an alias file; or return everything that is wrong with it, each with its line."""
    by_name: dict[str, Alias] = {}
    wrong: list[str] = []
    for number, line in _logical_lines(text):
        try:
            name, alias = _alias(number, line)
            if name in by_name:
                raise NotValid(f"{name} is already in line {by_name[name].line}")
            by_name[name] = alias
        except NotValid as error:
            wrong.append(f"line {number}: {error}")
    if not wrong:
        wrong += _nameless(by_name, is_local)
        wrong += _loops(by_name, is_local)
    if wrong:
        return tuple(map(printable, wrong))
    trees = _trees(by_name, is_local)
    wrong += [
        f"line {by_name[name].line}: {name} stands for more than {MOST_TARGETS:,} addresses, or leads to"
        " them by too many names"
        for name, tree in trees.items()
        if tree.too_large
    ]
    return tuple(map(printable, wrong)) or Aliases(
        {name: attrs.evolve(by_name[name], weight=trees[name].steps) for name in by_name}
    )


def _nameless(by_name: Mapping[str, Alias], is_local: IsLocal) -> Iterator[str]:
    """Targets on this machine that no mailbox can have: they would be refused after the mail was accepted."""
    known = Aliases(by_name)
    for alias in by_name.values():
        for each in alias.targets:
            here = each.domain is None or is_local(each.domain)
            mailbox = Mailbox(each.local_part, each.domain or "")
            if here and (each.final or known.of(mailbox) is None) and mailbox_name(mailbox) is None:
                yield f"line {alias.line}: no mailbox here has such a name: {each.local_part[:80]}"


@attrs.frozen
class _Tree:
    """The complete expansion of a name, with repetitions: `names` on the way including itself; `targets` at the ends;
    `steps` counts the names between it and each of them.
    """

    names: int
    targets: int
    steps: int

    @property
    def too_large(self) -> bool:
        return self.targets > MOST_TARGETS or self.steps > MOST_STEPS


_TOO_LARGE = _Tree(1, MOST_TARGETS + 1, MOST_STEPS + 1)


def _trees(by_name: Mapping[str, Alias], is_local: IsLocal) -> Mapping[str, _Tree]:
    """The expansion of each name; there are no loops."""
    trees: dict[str, _Tree] = {}
    left = list(by_name)
    while left:
        name = left[-1]
        nested = _names(by_name, name, is_local)
        unknown = [each for each in nested if each not in trees]
        if unknown:
            left += unknown
            continue
        left.pop()
        below = [trees[each] for each in nested]
        names = 1 + sum(each.names for each in below)
        targets = len(by_name[name].targets) - len(nested) + sum(each.targets for each in below)
        tree = _Tree(names, targets, names + targets - 1 + sum(each.steps for each in below))
        trees[name] = _TOO_LARGE if tree.too_large else tree
    return trees


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Each logical line with the number of its first line."""
    first, begun = 0, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        said = _COMMENT.sub("", line)
        if not said.strip():
            continue
        if begun and not said[0].isspace():
            yield first, "".join(begun)
            begun = []
        # Joined at the end: a long list may have each target on a line of its own.
        first = first if begun else number
        begun.append(said)
    if begun:
        yield first, "".join(begun)


def _alias(number: int, line: str) -> tuple[str, Alias]:
    name, colon, rest = line.partition(":")
    name = name.strip()
    if not colon or not name or "@" in name:
        raise NotValid('must be as "name: target, target", the name without a domain')
    targets = [_target(each.strip()) for each in rest.split(",") if each.strip()]
    if not targets:
        raise NotValid(f"{name} has no targets")
    return Mailbox(_local_part(name), "").compared, Alias(number, tuple(targets))


def _target(text: str) -> Target:
    for start, what in _REFUSED.items():
        if text.lstrip('"').lower().startswith(start):
            raise NotValid(f"{what} are no targets here, addresses alone: {text[:80]}")
    final, text = text.startswith("\\"), text.removeprefix("\\")
    if "@" not in text:
        return Target(_local_part(text), None, final)
    address = mailbox_of(text)
    return Target(address.local_part, address.domain, final)


def _local_part(text: str) -> str:
    try:
        return written_local_part(text)
    except NotWritten as error:
        raise NotValid(f"must be a local part: {text[:80]}") from error


def _loops(by_name: Mapping[str, Alias], is_local: IsLocal) -> Iterator[str]:
    """Each alias loop, reported once."""
    for circle in circles(by_name, lambda name: _names(by_name, name, is_local)):
        yield f"line {by_name[circle[0]].line}: leads back to itself: {' -> '.join(circle)}"


def _names(by_name: Mapping[str, Alias], name: str, is_local: IsLocal) -> list[str]:
    """The aliases among the targets of `name`."""
    found = []
    for each in by_name[name].targets:
        if not each.final and (each.domain is None or is_local(each.domain)):
            local_part = Mailbox(each.local_part, "").compared
            found += [known for known in (local_part, local_part.partition("+")[0]) if known in by_name][:1]
    return found


# --- expanding -------------------------------------------------------------------------------------------------------


def expand(recipient: Mailbox, aliases: Aliases, is_local: IsLocal) -> Mapping[Mailbox, tuple[Mailbox, ...]]:
    """The final recipients for `recipient`, in the order of the file: itself if it is no alias; each with the aliases
    between, by the first path if there are several.

    Always terminates: an expanded name is not expanded again.
    """
    found: dict[Mailbox, tuple[Mailbox, ...]] = {}
    seen: set[tuple[str, str]] = set()
    local: dict[str, bool] = {}
    # The next one is last.
    left: list[tuple[Mailbox, bool, tuple[Mailbox, ...]]] = [(recipient, False, ())]
    while left:
        address, final, before = left.pop()
        domain = address.domain
        if domain not in local:
            local[domain] = is_local(domain)
        alias = aliases.of(address) if local[domain] and not final else None
        if alias is None:
            found.setdefault(address, before)
        elif (key := (address.compared, domain)) not in seen:
            seen.add(key)
            # Shared by all its targets.
            chain = (*before, address) if len(seen) > 1 else ()
            left += [(each.at(domain), each.final, chain) for each in reversed(alias.targets)]
    return found or {recipient: ()}
