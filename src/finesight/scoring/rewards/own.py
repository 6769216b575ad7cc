"""Reward functions of the user, by import string."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from finesight.errors import ConfigError
from finesight.schema.sample import Subclass
from finesight.scoring.rewards.reward import RewardFunction


def load_rewards(entries: Mapping[str, str]) -> dict[Subclass, RewardFunction]:
    """The reward functions of `{"qa": "package.module:function"}`, by subclass.

    Raises:
        ConfigError: an unknown subclass, something that cannot be imported, or that cannot be called.
    """
    return {_subclass(name): _function(name, place) for name, place in entries.items()}


def _subclass(name: str) -> Subclass:
    if name not in list(Subclass):
        raise ConfigError(f"reward for {name!r}: no such subclass; there are {', '.join(Subclass)}")
    return Subclass(name)


def _function(name: str, place: str) -> RewardFunction:
    module, colon, attribute = place.partition(":")
    if not module or not colon or not attribute:
        raise ConfigError(f"reward for {name}: {place!r} is not of the form package.module:function")
    try:
        found = import_module(module)
    except Exception as error:
        raise ConfigError(
            f"reward for {name}: {module} cannot be imported ({type(error).__name__}: {error}); "
            "install it, or put its folder on PYTHONPATH"
        ) from error
    function = getattr(found, attribute, None)
    if function is None:
        raise ConfigError(f"reward for {name}: {module} has no {attribute!r}; name a function that it has")
    if not callable(function):
        raise ConfigError(
            f"reward for {name}: {place} is not a function; it has to take sample, answer, settings"
        )
    return function  # type: ignore[no-any-return]
