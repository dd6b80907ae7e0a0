"""What turns a request of the service into a method of a client: one that blocks, or one to be awaited.

An operation is written once, as a function that makes an ``Exchange``; the mode of the client that it is
asked of says what calling it gives.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Generic, ParamSpec, TypeVar, overload

from artifactstore.client.requests import Exchange

P = ParamSpec("P")
T = TypeVar("T")


class Blocking:
    """The mode of a client whose methods return answers."""


class Awaited:
    """The mode of a client whose methods return what is to be awaited."""


ModeT = TypeVar("ModeT", Blocking, Awaited)


class OperationGroup(Generic[ModeT]):
    """Operations on one kind of thing.

    Args:
        perform: sends a request, and reads its answer.
    """

    def __init__(self, perform: Callable[[Exchange[Any]], Any]) -> None:
        self.perform = perform


class Operation(Generic[P, T]):
    """One method of a group; the function that it is made of makes its request."""

    def __init__(self, make: Callable[P, Exchange[T]]) -> None:
        self.make = make

    @overload
    def __get__(self, group: OperationGroup[Blocking], owner: object) -> Callable[P, T]: ...
    @overload
    def __get__(self, group: OperationGroup[Awaited], owner: object) -> Callable[P, Awaitable[T]]: ...
    @overload
    def __get__(self, group: None, owner: object) -> "Operation[P, T]": ...
    def __get__(self, group: OperationGroup[Any] | None, owner: object) -> Any:
        if group is None:
            return self

        @wraps(self.make)
        def call(*arguments: P.args, **keywords: P.kwargs) -> Any:
            return group.perform(self.make(*arguments, **keywords))

        return call
