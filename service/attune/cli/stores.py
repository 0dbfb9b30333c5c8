"""The way from a command to the store itself, for commands that work without a service."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from attune import config
from attune.settings import Settings


def located(config_file: Path | None, flags: Mapping[str, object]) -> Settings:
    """Read the settings, with the URL of the store that is to be used.

    Args:
        config_file: See `attune.config.load`.
        flags: See `attune.config.load`.

    Returns:
        The settings; `store.url` is never empty.

    Raises:
        SettingError: A setting is wrong.
        StoreUnavailableError: No URL is set, and no store runs in the data directory.
    """
    settings = config.load(config_file, os.environ, flags)
    if settings.store.url:
        return settings
    from attune.store.data_dir import running_url  # noqa: PLC0415 - not needed with a URL

    url = running_url(settings.store.data_dir)
    return replace(settings, store=replace(settings.store, url=url))
